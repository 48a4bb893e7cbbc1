"""srgan score."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

import srgan_cli.cli.score.options as own
from srgan_cli.cli.options import Debug, Device, MaxPixels, On

if TYPE_CHECKING:
    from srgan_cli.batch.ray import RayExecutor


@contextmanager
def pool_on(on: str) -> "Iterator[RayExecutor | None]":
    """Ray's workers where it is asked for; without, the command has its own."""
    if not on:
        yield None
        return
    from srgan_cli.batch.ray import RayExecutor, ray_session

    with ray_session(on):
        yield RayExecutor()


def score(
    reference: own.Reference,
    candidates: own.Candidates = None,
    baseline: own.Baseline = None,
    scale: own.Factor = 4,
    metric: own.Metrics = None,
    protocol: own.ProtocolOption = own.ProtocolName.sr_y,
    border: own.Border = None,
    channels: own.ChannelsOption = None,
    on_mismatch: own.OnMismatch = own.Mismatch.error,
    features: own.Features = "inception",
    patch: own.Patch = 0,
    metric_weights: own.MetricWeights = None,
    as_json: own.AsJson = False,
    as_csv: own.AsCsv = False,
    as_markdown: own.AsMarkdown = False,
    as_latex: own.AsLatex = False,
    figure: own.Figure = None,
    crop: own.Crop = "",
    html: own.Html = None,
    fail_under: own.FailUnder = None,
    fail_over: own.FailOver = None,
    max_pixels: MaxPixels = None,
    jobs: own.Jobs = 0,
    on: On = "",
    device: Device = "auto",
    debug: Debug = False,
) -> None:
    """Print PSNR, SSIM and other scores of pictures against their originals.

    Pictures are paired by name without suffix.  Of several candidates, a row each with 95 % intervals.
    Exits 1 when a picture has no partner or another size, a metric cannot be had, or a limit is broken.
    """
    from srgan_cli.cli.console import print_scores, progress_bar, warn
    from srgan_cli.metrics import PIXEL_METRICS
    from srgan_cli.scoring.evaluate import Scoring
    from srgan_cli.scoring.gallery import plan_gallery
    from srgan_cli.scoring.methods import BaselineSettings
    from srgan_cli.scoring.plan import plan_scoring
    from srgan_cli.scoring.protocol import named_protocol
    from srgan_cli.scoring.report.text import output_format
    from srgan_cli.scoring.report.thresholds import failed_thresholds, parse_thresholds

    if metric_weights:
        os.environ[own.METRIC_WEIGHTS_VARIABLE] = str(
            metric_weights
        )  # the processes that share the work find them there too
    form = output_format(json=as_json, csv=as_csv, markdown=as_markdown, latex=as_latex)
    gallery = plan_gallery(figure, html, crop)
    limits = parse_thresholds(fail_under or [], fail_over or [])
    metrics = tuple(dict.fromkeys([*(metric or PIXEL_METRICS), *(limit.metric for limit in limits)]))
    chosen = replace(
        named_protocol(protocol.value, scale, border, metrics, channels.value if channels else None),
        mismatch=on_mismatch.value,
        features=features,
        patch=patch,
    )
    plan = plan_scoring(reference, candidates or [], baseline or [], chosen, BaselineSettings(scale, device))
    with pool_on(on) as pool, progress_bar("scoring") as progress:
        jobs = jobs or (pool.size if pool else 0)
        plan = replace(plan, jobs=jobs, crop_side=gallery.side, max_pixels=max_pixels)
        scoring = Scoring(plan, progress, pool)
        print_scores(scoring, form)
    report = scoring.report()
    gallery.write(scoring, report)
    broken = failed_thresholds(report, limits)
    for problem in [*report.errors, *broken]:
        warn(problem)
    if broken or not report.complete:
        raise typer.Exit(1)
