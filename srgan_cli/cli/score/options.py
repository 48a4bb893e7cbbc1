"""The options of srgan score."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

_METRICS = "psnr, ssim, ms-ssim, consistency, gradients, sqd, vggd, lpips, lpips-vgg, dists, niqe, fid or kid"
METRIC_WEIGHTS_VARIABLE = "SRGAN_METRIC_WEIGHTS"  # pretrained.FOLDER, which lies beside torch
Channels = StrEnum("Channels", "y rgb")
ProtocolName = StrEnum("ProtocolName", {"sr_y": "sr-y", "sr_y_grey": "sr-y-grey", "rgb": "rgb", "skimage": "skimage"})
Mismatch = StrEnum("Mismatch", "error crop resize skip")

Reference = Annotated[Path, typer.Argument(metavar="REF", help="The original picture, or a folder of them.")]
Candidates = Annotated[
    list[Path] | None, typer.Argument(metavar="[OUT]...", help="Pictures to judge, or folders of the same names.")
]
Baseline = Annotated[
    list[str] | None, typer.Option(help="bicubic, lanczos or a model: judge what it makes of the shrunk original.")
]
Factor = Annotated[
    int, typer.Option("--scale", "-s", min=0, help="The enlargement; also the border, unless that is given.")
]
Metrics = Annotated[list[str] | None, typer.Option(help=f"{_METRICS}; may be repeated. [default: psnr, ssim]")]
ProtocolOption = Annotated[ProtocolName, typer.Option(help="What is compared; sr-y-grey takes grey in full range.")]
Border = Annotated[int | None, typer.Option(min=0, help="Pixels cut from every side. [default: --scale]")]
ChannelsOption = Annotated[Channels | None, typer.Option(help="BT.601 luma, or all colours.")]
OnMismatch = Annotated[Mismatch, typer.Option(help="What to do with pictures of another size.")]
Features = Annotated[str, typer.Option(help="What fid and kid see with: inception, squeezenet, vgg16.")]
Patch = Annotated[int, typer.Option(min=0, help="fid and kid: side of patches; 0 for whole pictures.")]
MetricWeights = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        file_okay=False,
        envvar=METRIC_WEIGHTS_VARIABLE,
        help="Folder with the networks of metrics. [default: their libraries' hubs]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV, a line a picture and method.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown.")]
AsLatex = Annotated[bool, typer.Option("--latex", help="Print LaTeX.")]
Figure = Annotated[Path | None, typer.Option(help="Write crops side by side to this .png.")]
Crop = Annotated[str, typer.Option(help="x,y,w,h of the crops. [default: where methods disagree most]")]
Html = Annotated[Path | None, typer.Option(help="Write a page with sliders to this .html.")]
FailUnder = Annotated[list[str] | None, typer.Option(help="Exit 1 when a mean is lower, as psnr=28.")]
FailOver = Annotated[list[str] | None, typer.Option(help="Exit 1 when a mean is higher, as sqd=0.3.")]
Jobs = Annotated[int, typer.Option(min=0, help="Processes; 0 for all cores.")]
