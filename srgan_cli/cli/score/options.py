"""The options of srgan score."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from srgan_cli.cli.completion import complete_features, complete_metrics, complete_models
from srgan_cli.cli.options import Debug, Device, MaxPixels, NoConfig, On, Overwrite, parse_whole_factor

_METRICS = (
    "psnr, ssim, rmse, sam, ergas, ms-ssim, consistency, gradients, sqd, vggd, lpips, lpips-vgg, dists, niqe, "
    "fid or kid"
)
METRIC_WEIGHTS_VARIABLE = "SRGAN_METRIC_WEIGHTS"  # as in weights/backbones.py, which imports torch
Channels = StrEnum("Channels", "y rgb bands")
ProtocolName = StrEnum("ProtocolName", {"sr_y": "sr-y", "sr_y_grey": "sr-y-grey", "rgb": "rgb", "skimage": "skimage"})
Mismatch = StrEnum("Mismatch", "error crop resize skip")


@dataclass(frozen=True, kw_only=True)
class ScoreArguments:
    """The arguments and options of srgan score."""

    reference: Annotated[Path, typer.Argument(metavar="REF", help="The original picture, or a folder of originals.")]
    candidates: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[OUT]...", help="Pictures to score, or folders with pictures of the same names."),
    ] = None
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            autocompletion=complete_models,
            help="bicubic, lanczos, nearest or a model: score its result for the downscaled original. Repeatable.",
        ),
    ] = None
    pair: Annotated[str, typer.Option(help="Names in OUT, such as '{stem}_out'. [default: equal, or {stem}_x4]")] = ""
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME REF OUT...", help="A data set with a group of columns of its own. Repeatable."
        ),
    ] = None
    by_folder: Annotated[bool, typer.Option("--by-folder", help="Take the folders in REF and OUT as data sets.")] = (
        False
    )
    scale: Annotated[
        int,
        typer.Option(
            "--scale",
            "-s",
            parser=parse_whole_factor,
            metavar="NUMBER",
            help="The enlargement, and the border unless --border is given.",
        ),
    ] = 4
    metric: Annotated[
        list[str] | None,
        typer.Option(autocompletion=complete_metrics, help=f"{_METRICS}. Repeatable. [default: psnr, ssim]"),
    ] = None
    protocol: Annotated[
        ProtocolName, typer.Option(help="What is compared; sr-y-grey compares grey pictures in full range.")
    ] = ProtocolName.sr_y
    border: Annotated[int | None, typer.Option(min=0, help="Pixels to cut from every side. [default: --scale]")] = None
    channels: Annotated[Channels | None, typer.Option(help="BT.601 luma, RGB, or all bands as they are.")] = None
    value_range: Annotated[
        str, typer.Option(metavar="LOW,HIGH", help="Range of values of the references. [default: see docs/scoring.md]")
    ] = ""
    on_mismatch: Annotated[Mismatch, typer.Option(help="How to treat pictures of another size.")] = Mismatch.error
    features: Annotated[
        str,
        typer.Option(autocompletion=complete_features, help="Network for fid and kid: inception, squeezenet or vgg16."),
    ] = "inception"
    patch: Annotated[int, typer.Option(min=0, help="Side of the patches for fid and kid; 0 for whole pictures.")] = 0
    metric_weights: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            envvar=METRIC_WEIGHTS_VARIABLE,
            help="Folder with the networks of metrics. [default: download]",
        ),
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one line per picture and method.")] = False
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False
    as_latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX.")] = False
    no_interval: Annotated[bool, typer.Option("--no-interval", help="Print means without their 95 % intervals.")] = (
        False
    )
    figure: Annotated[Path | None, typer.Option(help="Write the same crop of every method to this .png.")] = None
    crop: Annotated[str, typer.Option(help="The crop, in pixels. [default: where the methods differ most]")] = ""
    html: Annotated[Path | None, typer.Option(help="Write a page with tables, plots and sliders to this .html.")] = None
    overwrite: Overwrite = False
    fail_under: Annotated[list[str] | None, typer.Option(help="Exit with 1 if a mean is lower, such as psnr=28.")] = (
        None
    )
    fail_over: Annotated[list[str] | None, typer.Option(help="Exit with 1 if a mean is higher, such as sqd=0.3.")] = (
        None
    )
    max_pixels: MaxPixels = None
    jobs: Annotated[int, typer.Option(min=0, help="Number of processes; 0 for all cores.")] = 0
    on: On = ""
    device: Device = "auto"
    no_config: NoConfig = False
    debug: Debug = False

    @property
    def is_one_set(self) -> bool:
        """Whether there is one data set, which has no name."""
        return not (self.sets or self.by_folder)
