"""srgan score."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srgan_cli.cli.options import Debug, Device, MaxPixels, On

if TYPE_CHECKING:
    from srgan_cli.on_ray import Pool

_METRICS = "psnr, ssim, ms-ssim, consistency, gradients, sqd, vggd, lpips, lpips-vgg, dists, niqe, fid or kid"
_FOLDER = "SRGAN_METRIC_WEIGHTS"  # pretrained.FOLDER, which lies beside torch
Channels = StrEnum("Channels", "y rgb")
ProtocolName = StrEnum("ProtocolName", {"sr_y": "sr-y", "sr_y_grey": "sr-y-grey", "rgb": "rgb", "skimage": "skimage"})
Mismatch = StrEnum("Mismatch", "error crop resize skip")


@contextmanager
def pool_on(on: str) -> "Iterator[Pool | None]":
    """Ray's workers where it is asked for; without, the command has its own."""
    if not on:
        yield None
        return
    from srgan_cli.on_ray import Pool, connected

    with connected(on):
        yield Pool()


def score(
    reference: Annotated[Path, typer.Argument(metavar="REF", help="The original picture, or a folder of them.")],
    candidates: Annotated[
        list[Path] | None, typer.Argument(metavar="[OUT]...", help="Pictures to judge, or folders of the same names.")
    ] = None,
    baseline: Annotated[
        list[str] | None, typer.Option(help="bicubic, lanczos or a model: judge what it makes of the shrunk original.")
    ] = None,
    scale: Annotated[
        int, typer.Option("--scale", "-s", min=0, help="The enlargement; also the border, unless that is given.")
    ] = 4,
    metric: Annotated[
        list[str] | None, typer.Option(help=f"{_METRICS}; may be repeated. [default: psnr, ssim]")
    ] = None,
    protocol: Annotated[ProtocolName, typer.Option(help="How pictures are compared; see docs/scoring.md.")] = (
        ProtocolName.sr_y
    ),
    border: Annotated[int | None, typer.Option(min=0, help="Pixels cut from every side. [default: --scale]")] = None,
    channels: Annotated[Channels | None, typer.Option(help="BT.601 luma, or all colours.")] = None,
    on_mismatch: Annotated[Mismatch, typer.Option(help="What to do with pictures of another size.")] = Mismatch.error,
    features: Annotated[
        str, typer.Option(help="What fid and kid see with: inception, squeezenet, vgg16.")
    ] = "inception",
    patch: Annotated[int, typer.Option(min=0, help="fid and kid: side of patches; 0 for whole pictures.")] = 0,
    metric_weights: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            envvar=_FOLDER,
            help="Folder with the networks of metrics. [default: their libraries' hubs]",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a line a picture and method.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX.")] = False,
    figure: Annotated[Path | None, typer.Option(help="Write crops side by side to this .png.")] = None,
    crop: Annotated[str, typer.Option(help="x,y,w,h of the crops. [default: where methods disagree most]")] = "",
    html: Annotated[Path | None, typer.Option(help="Write a page with sliders to this .html.")] = None,
    fail_under: Annotated[list[str] | None, typer.Option(help="Exit 1 when a mean is lower, as psnr=28.")] = None,
    fail_over: Annotated[list[str] | None, typer.Option(help="Exit 1 when a mean is higher, as sqd=0.3.")] = None,
    max_pixels: MaxPixels = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0 for all cores.")] = 0,
    on: On = "",
    device: Device = "auto",
    debug: Debug = False,
) -> None:
    """Print PSNR, SSIM and other scores of pictures against their originals.

    Pictures are paired by name without suffix.  Of several candidates, a row each with 95 % intervals.
    Exits 1 when a picture has no partner or another size, a metric cannot be had, or a limit is broken.
    """
    from srgan_cli.console import print_scores, progress_bar, warn
    from srgan_cli.metrics import CLASSIC
    from srgan_cli.scoring.candidates import Scale
    from srgan_cli.scoring.gallery import plan_gallery
    from srgan_cli.scoring.limits import broken_limits, parse_limits
    from srgan_cli.scoring.rendering import only_form
    from srgan_cli.scoring.report import named_protocol
    from srgan_cli.scoring.score import Scoring, plan_scoring

    if metric_weights:
        os.environ[_FOLDER] = str(metric_weights)  # the processes that share the work find them there too
    form = only_form(json=as_json, csv=as_csv, markdown=as_markdown, latex=as_latex)
    gallery = plan_gallery(figure, html, crop)
    limits = parse_limits(fail_under or [], fail_over or [])
    metrics = tuple(dict.fromkeys([*(metric or CLASSIC), *(limit.metric for limit in limits)]))
    chosen = replace(
        named_protocol(protocol.value, scale, border, metrics, channels.value if channels else None),
        mismatch=on_mismatch.value,
        features=features,
        patch=patch,
    )
    plan = plan_scoring(reference, candidates or [], baseline or [], chosen, Scale(scale, device))
    with pool_on(on) as pool, progress_bar("scoring") as progress:
        jobs = jobs or (pool.size if pool else 0)
        plan = replace(plan, jobs=jobs, place_side=gallery.side, max_pixels=max_pixels)
        scoring = Scoring(plan, progress, pool)
        print_scores(scoring, form)
    report = scoring.report()
    gallery.write(scoring, report)
    broken = broken_limits(report, limits)
    for problem in [*report.problems, *broken]:
        warn(problem)
    if broken or not report.complete:
        raise typer.Exit(1)
