"""The options of srgan upscale."""

from typing import Annotated

import typer

Places = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="IN... OUT",
        help="Pictures, folders or URLs (s3://…) to enlarge; then a file, whose suffix sets the format, or a folder.",
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="Weights: a name, a .safetensors, .pth or .onnx file, hf://owner/repo/file or https://…; or bicubic, "
        "lanczos.",
    ),
]
Scale = Annotated[float | None, typer.Option("--scale", "-s", help="Scale factor, 1 to 16. [default: the model's]")]
FitSize = Annotated[
    str, typer.Option(metavar="WxH", help="Instead of --scale: the largest size that fits, such as 3840x2160.")
]
Strength = Annotated[
    float | None, typer.Option(min=0, max=1, help="From 0, most faithful, to 1, sharpest. [default: the model's]")
]
Seed = Annotated[
    int | None, typer.Option(min=0, help="Random seed of a generator that takes noise; each gives another result.")
]
SelfEnsemble = Annotated[
    bool, typer.Option("--self-ensemble", help="Average over 8 flips and rotations: more accurate, 8 times slower.")
]
Consistent = Annotated[
    bool, typer.Option("--consistent", help="Adjust the result until downscaling it gives the input again.")
]
Name = Annotated[str, typer.Option(help="File names in a folder, from {stem}, {suffix}, {scale} and {model}.")]
Form = Annotated[
    str,
    typer.Option(
        "--format", help="Format of stdout and of files in folders, such as png; y4m: raw video. [default: the input's]"
    ),
]
FromFile = Annotated[
    str,
    typer.Option(metavar="FILE", help="Read more inputs from this list, one per line or NUL-separated; - for stdin."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files, whatever they are.")]
NoClobber = Annotated[bool, typer.Option("--no-clobber", help="Keep existing files, whatever they are.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a line of JSON for each file.")]
Devices = Annotated[
    str, typer.Option(metavar="LIST", help="One worker process per device: all; 0,1 for two GPUs; or cpu,cpu.")
]
Precision = Annotated[
    str, typer.Option(help="auto, fp32, fp16 or bf16; auto uses half precision where device and model support it well.")
]
Compile = Annotated[
    bool,
    typer.Option(
        "--compile", help="Compile the model with torch.compile; takes about a minute, which many tiles on a GPU repay."
    ),
]
Tile = Annotated[int, typer.Option(min=0, help="Maximum side of a tile in input pixels; 0 disables tiling.")]
MaxMemory = Annotated[
    str, typer.Option(metavar="SIZE", help="Memory limit of each worker, such as 2G; tiles are sized to fit.")
]
VerifyTiles = Annotated[
    bool, typer.Option("--verify-tiles", help="First compare tiled and untiled results in the middle of the picture.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail if the output format would lose anything of the picture.")]
