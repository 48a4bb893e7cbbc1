"""The options of srgan upscale."""

from typing import Annotated

import typer

Places = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="IN... OUT",
        help="Pictures, folders, s3://… to enlarge; the file to write, whose suffix decides the format, or a folder.",
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="Weights by name, .safetensors or .pth file, hf://owner/repo/file, https address; bicubic; lanczos.",
    ),
]
Scale = Annotated[
    float | None, typer.Option("--scale", "-s", help="How many times larger, 1 to 16. [default: the model's]")
]
FitSize = Annotated[str, typer.Option(metavar="WxH", help="Instead of --scale: as large as fits inside, as 3840x2160.")]
Strength = Annotated[
    float | None, typer.Option(min=0, max=1, help="From 0, most faithful, to 1, sharpest. [default: the model's]")
]
Seed = Annotated[
    int | None, typer.Option(min=0, help="Draw another plausible picture, from a generator that takes noise.")
]
SelfEnsemble = Annotated[
    bool, typer.Option("--self-ensemble", help="The mean over 8 flips and turns: closer, in 8 times the time.")
]
Consistent = Annotated[
    bool, typer.Option("--consistent", help="Change the result until, made small again, it is the input.")
]
Name = Annotated[str, typer.Option(help="Names in a folder: {stem}, {suffix}, {scale} and {model} are filled in.")]
Form = Annotated[
    str,
    typer.Option(
        "--format", help="Format of standard output and in folders, as png; y4m for raw video. [default: the input's]"
    ),
]
FromFile = Annotated[
    str, typer.Option(metavar="FILE", help="Also what is listed there, - for stdin; NUL or a line end between names.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Make all anew, also what would be the same.")]
NoClobber = Annotated[bool, typer.Option("--no-clobber", help="Leave every file alone that is there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a line of JSON for each file.")]
Devices = Annotated[
    str, typer.Option(metavar="LIST", help="One worker a device: all, or 0,1 for two GPUs, or cpu,cpu.")
]
Precision = Annotated[
    str, typer.Option(help="auto, fp32, fp16 or bf16; auto is half precision where device and network do it well.")
]
Compile = Annotated[
    bool,
    typer.Option(
        "--compile", help="Build the network by torch.compile first: takes a minute, for many tiles on a GPU."
    ),
]
Tile = Annotated[int, typer.Option(min=0, help="Longest side of a tile in input pixels; 0 takes the picture whole.")]
MaxMemory = Annotated[
    str, typer.Option(metavar="SIZE", help="The most memory for a worker, such as 2G; tiles are made to fit.")
]
VerifyTiles = Annotated[
    bool, typer.Option("--verify-tiles", help="First compare tiles with the whole in the middle of the picture.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail rather than drop anything of the picture.")]
