"""srgan score."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from srgan_cli.cli.options import ARGUMENTS, takes
from srgan_cli.cli.score.options import METRIC_WEIGHTS_VARIABLE, ScoreArguments
from srgan_cli.errors import UsageError

if TYPE_CHECKING:
    from srgan_cli.batch.ray import RayExecutor
    from srgan_cli.scoring.plan import ScoringPlan
    from srgan_cli.scoring.protocol import Protocol
    from srgan_cli.scoring.report.summary import Report, Score
    from srgan_cli.scoring.sets import DataSet


@takes(ScoreArguments)
def score(context: typer.Context, arguments: ScoreArguments) -> None:
    """Print PSNR, SSIM and other scores of pictures against their originals.

    Pictures are paired by name without suffix. Several candidates give a row each; means of at least five pictures
    have 95 % confidence intervals. Exits with 1 if a picture has no partner or another size, a metric is not
    available, or a threshold is not met.
    """
    from srgan_cli.cli.console import warn
    from srgan_cli.scoring.gallery import plan_gallery
    from srgan_cli.scoring.report.text import output_format
    from srgan_cli.scoring.report.thresholds import failed_thresholds, parse_thresholds

    if arguments.metric_weights:
        os.environ[METRIC_WEIGHTS_VARIABLE] = str(arguments.metric_weights)  # worker processes inherit it
    _check_words(context)
    form = output_format(
        json=arguments.as_json, csv=arguments.as_csv, markdown=arguments.as_markdown, latex=arguments.as_latex
    )
    places = [arguments.reference, *(arguments.candidates or [])]
    files = arguments.figure, arguments.html, arguments.crop
    gallery = plan_gallery(*files, overwrite=arguments.overwrite, inputs=places)
    if (arguments.sets or arguments.by_folder) and (arguments.figure or arguments.html):
        option = "by-folder figure html"
        raise UsageError("--figure and --html show one data set", "leave out --set and --by-folder", option=option)
    thresholds = parse_thresholds(arguments.fail_under or [], arguments.fail_over or [])
    protocol = _protocol(arguments, [threshold.metric for threshold in thresholds])
    with _spooled(places) as (reference, *candidates):
        plans = _plans(arguments, protocol, reference, candidates, crop_side=gallery.crop_side)
        reports = _evaluate_and_print(arguments, plans, form)
        failed = {name: failed_thresholds(report, thresholds) for name, report in reports.items()}
        for name, report in reports.items():
            for message in [*report.notes, *report.errors, *failed[name]]:
                warn(f"{name}: {message}" if name else message)
            gallery.write(plans[name], report)
    if any(failed.values()) or not all(report.complete and report.mean for report in reports.values()):
        raise typer.Exit(1)


def _check_words(context: typer.Context) -> None:
    """Raises UsageError for a path before `--set`."""
    words = context.meta[ARGUMENTS]
    first_set = next((place for place, word in enumerate(words) if word.partition("=")[0] == "--set"), 0)
    early = context.command.make_parser(context).parse_args(words[:first_set])[0].get("reference")
    if isinstance(early, str):
        hint = "REF and --set exclude each other: leave it out, or name its set, too: --set NAME REF OUT"
        raise UsageError(f"{early} stands before --set", hint)


def _protocol(arguments: ScoreArguments, of_thresholds: list[str]) -> "Protocol":
    from srgan_cli.metrics import PIXEL_METRICS
    from srgan_cli.scoring.protocol import Protocol, named_protocol, parse_range

    named = named_protocol(
        arguments.protocol.value,
        scale=arguments.scale,
        border=arguments.border,
        metrics=tuple(dict.fromkeys(map(str.lower, [*(arguments.metric or PIXEL_METRICS), *of_thresholds]))),
        channels=arguments.channels.value if arguments.channels else "",
    )
    if (arguments.patch or arguments.features != Protocol.features) and not named.set_metrics:
        message = "--patch and --features are for fid and kid"
        raise UsageError(message, "add --metric fid, or leave them out", option="patch features")
    return replace(
        named,
        mismatch=arguments.on_mismatch.value,
        features=arguments.features,
        patch=arguments.patch,
        value_range=parse_range(arguments.value_range) if arguments.value_range else None,
    )


def _plans(
    arguments: ScoreArguments, protocol: "Protocol", reference: Path, candidates: list[Path], *, crop_side: int
) -> "dict[str, ScoringPlan]":
    """The plan of each data set, by its name."""
    from srgan_cli.scoring.methods import BaselineSettings
    from srgan_cli.scoring.plan import plan_scoring
    from srgan_cli.scoring.sets import method_names

    baselines, settings = arguments.baseline or [], BaselineSettings(arguments.scale, arguments.device)
    groups = _data_sets(arguments, reference, candidates)
    names = None if arguments.is_one_set else method_names(groups)
    plans = {}
    for group in groups:
        files = group.reference, group.candidates
        plan = plan_scoring(*files, baselines, protocol, settings, pair=arguments.pair, names=names)
        plans[group.name] = replace(plan, jobs=arguments.jobs, crop_side=crop_side, max_pixels=arguments.max_pixels)
    return plans


def _data_sets(arguments: ScoreArguments, reference: Path, candidates: list[Path]) -> "list[DataSet]":
    """The data sets that are asked for, or one without a name."""
    from srgan_cli.scoring.sets import DataSet, parse_sets, sets_in

    if arguments.sets:
        return parse_sets(arguments.sets, [reference, *candidates], has_baselines=bool(arguments.baseline))
    return sets_in(reference, candidates) if arguments.by_folder else [DataSet("", reference, candidates)]


@contextmanager
def _spooled(places: "list[Path]") -> "Iterator[list[Path]]":
    """The same files, with temporary ones in place of streams.  Raises SrganError for one that holds no picture."""
    from srgan_cli.cli.stdio import spool_stdio, standard_names

    with spool_stdio(standard_names(map(str, places), "")[0], "", "") as files:
        for stream in files.streams:
            from srgan_cli.image.io import picture_size  # imports torch

            picture_size(Path(stream))
        yield [Path(place) for place in files.inputs]


def _evaluate_and_print(arguments: ScoreArguments, plans: "dict[str, ScoringPlan]", form: str) -> "dict[str, Report]":
    """Score one plan and print its report, as JSON picture by picture; print one table of several plans."""
    from srgan_cli.cli.console import write_text
    from srgan_cli.cli.score.tables import show_report, show_sets
    from srgan_cli.scoring.report.text import RENDERERS, JsonStream, sets_to_text

    protocol, several = next(iter(plans.values())).protocol, not arguments.is_one_set
    stream = None if several or form != "json" else JsonStream(protocol, write_text)
    found = {name: _evaluate(plan, arguments.on, stream.add if stream else None) for name, plan in plans.items()}
    reports = {name: replace(report, has_intervals=not arguments.no_interval) for name, report in found.items()}
    first = next(iter(reports.values()))
    if stream:
        stream.close(first)
    elif form:
        write_text(sets_to_text(reports, form) if several else RENDERERS[form](first))
    elif several:
        show_sets(reports)
    elif first.mean:
        show_report(first)
    return reports


def _evaluate(plan: "ScoringPlan", on: str, on_score: "Callable[[Score], None] | None" = None) -> "Report":
    from srgan_cli.cli.console import progress_bar
    from srgan_cli.scoring.evaluate import evaluate

    with _pool_on(on) as pool, progress_bar("scoring") as progress:
        plan = replace(plan, jobs=plan.jobs or pool.size) if pool else plan
        return evaluate(plan, progress=progress, on_score=on_score, pool=pool)


@contextmanager
def _pool_on(on: str) -> "Iterator[RayExecutor | None]":
    """The workers of a Ray cluster, or None for processes on this machine."""
    if not on:
        yield None
        return
    from srgan_cli.batch.ray import RayExecutor, ray_session

    with ray_session(on):
        yield RayExecutor()
