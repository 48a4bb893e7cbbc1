"""The options of srgan score."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from srgan_cli.cli.options import (
    Debug,
    Device,
    MaxPixels,
    NoConfig,
    On,
    Overwrite,
    option,
    parse_whole_factor,
    split_list,
)

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
    baseline: list[str] | None = option(
        None,
        "A model, bicubic, lanczos or nearest, run on the downscaled originals. Repeatable, or as lanczos,srgan.",
        callback=split_list,
    )
    pair: str = option("", "Names in OUT, such as '{stem}_out'. [default: equal, or {stem}_x4]")
    sets: list[str] | None = option(
        None, "A data set with a group of columns of its own. Repeatable.", "--set", metavar="NAME REF OUT..."
    )
    by_folder: bool = option(False, "Take the folders in REF and OUT as data sets.")
    scale: int = option(
        4, "The enlargement, and the border unless --border is given.", "--scale", "-s", parser=parse_whole_factor
    )
    metric: list[str] | None = option(
        None, f"{_METRICS}. Repeatable, or as psnr,ssim. [default: psnr,ssim]", callback=split_list
    )
    protocol: ProtocolName = option(ProtocolName.sr_y, "What is compared; sr-y-grey takes grey pictures in full range.")
    border: int | None = option(None, "Pixels to cut from every side. [default: --scale]", min=0)
    channels: Channels | None = option(None, "BT.601 luma, RGB, or all bands as they are.")
    value_range: str = option("", "Range of values of the references. [default: see docs/scoring.md]")
    on_mismatch: Mismatch = option(Mismatch.error, "How to treat pictures of another size.")
    features: str = option("inception", "Network for fid and kid: inception, squeezenet or vgg16.")
    patch: int = option(0, "Side of the patches for fid and kid; 0 for whole pictures.", min=0)
    metric_weights: Path | None = option(
        None,
        "Folder with the networks of metrics. [default: download]",
        exists=True,
        file_okay=False,
        envvar=METRIC_WEIGHTS_VARIABLE,
    )
    as_json: bool = option(False, "Print JSON.", "--json")
    as_csv: bool = option(False, "Print CSV, one line per picture and method.", "--csv")
    as_markdown: bool = option(False, "Print Markdown.", "--markdown")
    as_latex: bool = option(False, "Print LaTeX.", "--latex")
    no_interval: bool = option(False, "Print means without their 95 % intervals.")
    figure: Path | None = option(None, "Write the same crop of every method to this .png.")
    crop: str = option("", "The crop, in pixels. [default: where the methods differ most]")
    html: Path | None = option(None, "Write a page with tables, plots and sliders to this .html.")
    overwrite: Overwrite = False
    fail_under: list[str] | None = option(None, "Exit with 1 if a mean is lower, such as psnr=28.", callback=split_list)
    fail_over: list[str] | None = option(None, "Exit with 1 if a mean is higher, such as sqd=0.3.", callback=split_list)
    max_pixels: MaxPixels = None
    jobs: int = option(0, "Number of processes; 0 for all cores.", min=0)
    on: On = ""
    device: Device = "auto"
    no_config: NoConfig = False
    debug: Debug = False

    @property
    def is_one_set(self) -> bool:
        """Whether there is one data set, which has no name."""
        return not (self.sets or self.by_folder)
