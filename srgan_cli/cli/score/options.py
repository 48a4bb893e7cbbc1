"""The options of srgan score."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from srgan_cli.cli.completion import complete_features, complete_metrics, complete_models

_METRICS = (
    "psnr, ssim, rmse, sam, ergas, ms-ssim, consistency, gradients, sqd, vggd, lpips, lpips-vgg, dists, niqe, "
    "fid or kid"
)
METRIC_WEIGHTS_VARIABLE = "SRGAN_METRIC_WEIGHTS"  # as in weights/backbones.py, which imports torch
Channels = StrEnum("Channels", "y rgb bands")
ProtocolName = StrEnum("ProtocolName", {"sr_y": "sr-y", "sr_y_grey": "sr-y-grey", "rgb": "rgb", "skimage": "skimage"})
Mismatch = StrEnum("Mismatch", "error crop resize skip")

Reference = Annotated[Path, typer.Argument(metavar="REF", help="The original picture, or a folder of originals.")]
Candidates = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[OUT]...", help="Pictures to score, or folders with pictures of the same names."),
]
PairOption = Annotated[
    str, typer.Option("--pair", help="Names in OUT, such as '{stem}_out'. [default: equal, or {stem}_x4]")
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME REF OUT...", help="A data set with a group of columns of its own. Repeatable."),
]
ByFolder = Annotated[bool, typer.Option("--by-folder", help="Take the folders in REF and OUT as data sets.")]
Baseline = Annotated[
    list[str] | None,
    typer.Option(
        autocompletion=complete_models,
        help="bicubic, lanczos, nearest or a model: score its result for the downscaled original. Repeatable.",
    ),
]
Factor = Annotated[
    int, typer.Option("--scale", "-s", min=0, help="The enlargement, and the border unless --border is given.")
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(autocompletion=complete_metrics, help=f"{_METRICS}. Repeatable. [default: psnr, ssim]"),
]
ProtocolOption = Annotated[
    ProtocolName, typer.Option(help="What is compared; sr-y-grey compares grey pictures in full range.")
]
Border = Annotated[int | None, typer.Option(min=0, help="Pixels to cut from every side. [default: --scale]")]
ChannelsOption = Annotated[Channels | None, typer.Option(help="BT.601 luma, RGB, or all bands as they are.")]
ValueRange = Annotated[
    str, typer.Option(metavar="LOW,HIGH", help="Range of values of the references. [default: see docs/scoring.md]")
]
OnMismatch = Annotated[Mismatch, typer.Option(help="How to treat pictures of another size.")]
Features = Annotated[
    str, typer.Option(autocompletion=complete_features, help="Network for fid and kid: inception, squeezenet or vgg16.")
]
Patch = Annotated[int, typer.Option(min=0, help="Side of the patches for fid and kid; 0 for whole pictures.")]
MetricWeights = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        file_okay=False,
        envvar=METRIC_WEIGHTS_VARIABLE,
        help="Folder with the networks of metrics. [default: download]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV, one line per picture and method.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown.")]
AsLatex = Annotated[bool, typer.Option("--latex", help="Print LaTeX.")]
NoInterval = Annotated[bool, typer.Option("--no-interval", help="Print means without their 95 % intervals.")]
Figure = Annotated[Path | None, typer.Option(help="Write the same crop of every method to this .png.")]
Crop = Annotated[str, typer.Option(help="The crop, in pixels. [default: where the methods differ most]")]
Html = Annotated[Path | None, typer.Option(help="Write a page with tables, plots and sliders to this .html.")]
FailUnder = Annotated[list[str] | None, typer.Option(help="Exit with 1 if a mean is lower, such as psnr=28.")]
FailOver = Annotated[list[str] | None, typer.Option(help="Exit with 1 if a mean is higher, such as sqd=0.3.")]
Jobs = Annotated[int, typer.Option(min=0, help="Number of processes; 0 for all cores.")]
