"""srgan score."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

import srgan_cli.cli.score.options as own
from srgan_cli.cli.options import Debug, Device, MaxPixels, NoConfig, On, Overwrite
from srgan_cli.errors import UsageError

if TYPE_CHECKING:
    from srgan_cli.batch.ray import RayExecutor
    from srgan_cli.scoring.plan import ScoringPlan
    from srgan_cli.scoring.report.report import Report, Score
    from srgan_cli.scoring.sets import DataSet


def score(
    reference: own.Reference,
    candidates: own.Candidates = None,
    baseline: own.Baseline = None,
    pair: own.PairOption = "",
    sets: own.Sets = None,
    by_folder: own.ByFolder = False,
    scale: own.Factor = 4,
    metric: own.Metrics = None,
    protocol: own.ProtocolOption = own.ProtocolName.sr_y,
    border: own.Border = None,
    channels: own.ChannelsOption = None,
    value_range: own.ValueRange = "",
    on_mismatch: own.OnMismatch = own.Mismatch.error,
    features: own.Features = "inception",
    patch: own.Patch = 0,
    metric_weights: own.MetricWeights = None,
    as_json: own.AsJson = False,
    as_csv: own.AsCsv = False,
    as_markdown: own.AsMarkdown = False,
    as_latex: own.AsLatex = False,
    no_interval: own.NoInterval = False,
    figure: own.Figure = None,
    crop: own.Crop = "",
    html: own.Html = None,
    overwrite: Overwrite = False,
    fail_under: own.FailUnder = None,
    fail_over: own.FailOver = None,
    max_pixels: MaxPixels = None,
    jobs: own.Jobs = 0,
    on: On = "",
    device: Device = "auto",
    no_config: NoConfig = False,
    debug: Debug = False,
) -> None:
    """Print PSNR, SSIM and other scores of pictures against their originals.

    Pictures are paired by name without suffix. Several candidates give a row each, with 95 % confidence intervals.
    Exits with 1 if a picture has no partner or another size, a metric is not available, or a threshold is not met.
    """
    from srgan_cli.cli.console import warn
    from srgan_cli.metrics import PIXEL_METRICS
    from srgan_cli.scoring.gallery import plan_gallery
    from srgan_cli.scoring.methods import BaselineSettings
    from srgan_cli.scoring.plan import plan_scoring
    from srgan_cli.scoring.protocol import named_protocol, parse_range
    from srgan_cli.scoring.report.text import output_format
    from srgan_cli.scoring.report.thresholds import failed_thresholds, parse_thresholds
    from srgan_cli.scoring.sets import method_names

    if metric_weights:
        os.environ[own.METRIC_WEIGHTS_VARIABLE] = str(metric_weights)  # worker processes inherit it
    text_format = output_format(json=as_json, csv=as_csv, markdown=as_markdown, latex=as_latex)
    gallery = plan_gallery(figure, html, crop, overwrite=overwrite)
    if (sets or by_folder) and (figure or html):
        raise UsageError("--figure and --html show one data set", "leave out --set and --by-folder")
    thresholds = parse_thresholds(fail_under or [], fail_over or [])
    metrics = tuple(dict.fromkeys([*(metric or PIXEL_METRICS), *(threshold.metric for threshold in thresholds)]))
    chosen = replace(
        named_protocol(
            protocol.value, scale=scale, border=border, metrics=metrics, channels=channels.value if channels else None
        ),
        mismatch=on_mismatch.value,
        features=features,
        patch=patch,
        value_range=parse_range(value_range) if value_range else None,
    )
    with _spooled([reference, *(candidates or [])]) as (original, *results):
        groups = _data_sets(sets, by_folder, original, results, has_baselines=bool(baseline))
        names = method_names(groups) if groups[0].name else None
        settings = BaselineSettings(scale, device)
        plans = {
            group.name: replace(
                plan_scoring(
                    group.reference, group.candidates, baseline or [], chosen, settings, pair=pair, names=names
                ),
                jobs=jobs,
                crop_side=gallery.crop_side,
                max_pixels=max_pixels,
            )
            for group in groups
        }
        if names is None:
            reports = {"": _evaluate_and_print(plans[""], text_format, on, has_intervals=not no_interval)}
        else:
            reports = _evaluate_and_print_sets(plans, text_format, on, has_intervals=not no_interval)
        failed = {name: failed_thresholds(report, thresholds) for name, report in reports.items()}
        for name, report in reports.items():
            for message in [*report.notes, *report.errors, *failed[name]]:
                warn(f"{name}: {message}" if name else message)
            gallery.write(plans[name], report)
    if any(failed.values()) or not all(report.complete for report in reports.values()):
        raise typer.Exit(1)


def _data_sets(
    sets: list[str] | None, by_folder: bool, reference: Path, candidates: list[Path], *, has_baselines: bool
) -> "list[DataSet]":
    """The data sets that are asked for, or one without a name."""
    from srgan_cli.scoring.sets import DataSet, parse_sets, sets_in

    if sets:
        return parse_sets(sets, [reference, *candidates], has_baselines=has_baselines)
    return sets_in(reference, candidates) if by_folder else [DataSet("", reference, candidates)]


def _evaluate_and_print_sets(
    plans: "dict[str, ScoringPlan]", text_format: str, on: str, *, has_intervals: bool
) -> "dict[str, Report]":
    """Score the plans of several data sets and print one table of their means."""
    from srgan_cli.cli.console import write_text
    from srgan_cli.cli.score.tables import show_sets
    from srgan_cli.scoring.report.text import sets_to_text

    reports = {name: replace(_evaluate(plan, on), has_intervals=has_intervals) for name, plan in plans.items()}
    if text_format:
        write_text(sets_to_text(reports, text_format))
    else:
        show_sets(reports)
    return reports


@contextmanager
def _spooled(places: "list[Path]") -> "Iterator[list[Path]]":
    """The same files, with temporary ones in place of standard input and other streams.

    Raises SrganError where a stream holds no picture.
    """
    from srgan_cli.cli.stdio import spool_stdio, standard_names

    with spool_stdio(standard_names(map(str, places), "")[0], "", "") as files:
        for stream in files.streams:
            from srgan_cli.image.io import picture_size  # imports torch

            picture_size(Path(stream))
        yield [Path(place) for place in files.inputs]


def _evaluate_and_print(plan: "ScoringPlan", text_format: str, on: str, *, has_intervals: bool) -> "Report":
    """Score the plan and print its report; as JSON, each picture is printed as soon as it is scored.

    Where no picture was scored, there is no table.
    """
    from srgan_cli.cli.console import write_text
    from srgan_cli.cli.score.tables import show_report
    from srgan_cli.scoring.report.text import RENDERERS, JsonStream

    stream = JsonStream(plan.protocol, write_text) if text_format == "json" else None
    report = replace(_evaluate(plan, on, stream.add if stream else None), has_intervals=has_intervals)
    if stream:
        stream.close(report)
    elif text_format:
        write_text(RENDERERS[text_format](report))
    elif report.mean:
        show_report(report)
    return report


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
