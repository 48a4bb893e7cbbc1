"""The options of srgan upscale."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from srgan_cli.cli.completion import complete_formats, complete_models_or_auto, complete_precisions
from srgan_cli.cli.options import Debug, Device, MaxPixels, NoConfig, Offline, On, parse_factor

PurposeName = StrEnum("PurposeName", "photo pixels")


@dataclass(frozen=True, kw_only=True)
class UpscaleArguments:
    """The arguments and options of srgan upscale."""

    places: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IN... [OUT]",
            help="Pictures, folders or URLs (s3://…) to enlarge; then a file, whose suffix sets the format, or a "
            "folder. A single IN may be alone: a.png goes to a_x4.png, photos/ to photos_x4/.",
        ),
    ] = None
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            autocompletion=complete_models_or_auto,
            help="Weights: auto, a name, a .safetensors, .pth or .onnx file, hf://owner/repo/file or https://…; or "
            "bicubic, lanczos, nearest.",
        ),
    ] = "auto"
    purpose: Annotated[
        PurposeName | None,
        typer.Option(
            "--for",
            help="Instead of --model: photo cleans and sharpens photographs of the web; pixels repeats the pixels of "
            "pixel art, by a whole factor.",
        ),
    ] = None
    offline: Offline = False
    scale: Annotated[
        float | None,
        typer.Option(
            "--scale", "-s", parser=parse_factor, metavar="NUMBER", help="Scale factor, 1 to 16. [default: the model's]"
        ),
    ] = None
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Instead of --scale: the largest size that fits, such as 3840x2160.")
    ] = ""
    strength: Annotated[
        float | None, typer.Option(min=0, max=1, help="From 0, most faithful, to 1, sharpest. [default: the model's]")
    ] = None
    seed: Annotated[
        int | None, typer.Option(min=0, help="Random seed of a generator that takes noise; each gives another result.")
    ] = None
    self_ensemble: Annotated[
        bool, typer.Option("--self-ensemble", help="Average over 8 flips and rotations: more accurate, 8 times slower.")
    ] = False
    consistent: Annotated[
        bool, typer.Option("--consistent", help="Adjust the result until downscaling it gives the input again.")
    ] = False
    rgb_bands: Annotated[
        str,
        typer.Option(
            metavar="LIST", help="The bands of a raster that a network sees as red, green and blue, such as 4,3,2."
        ),
    ] = ""
    name: Annotated[str, typer.Option(help="File names in a folder, from {stem}, {suffix}, {scale} and {model}.")] = (
        "{stem}{suffix}"
    )
    form: Annotated[
        str,
        typer.Option(
            "--format",
            autocompletion=complete_formats,
            help="Format of stdout and of files in folders, such as png; y4m: raw video. [default: the input's]",
        ),
    ] = ""
    codec: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Video: h264, h265, vp9, av1, or an encoder of FFmpeg such as hevc_nvenc. "
            "[default: by container and bit depth]",
        ),
    ] = ""
    crf: Annotated[
        float | None,
        typer.Option(min=0, help="Video: quality, on the encoder's own scale; lower is better. [default: the codec's]"),
    ] = None
    preset: Annotated[
        str, typer.Option(metavar="NAME", help="Video: speed of the encoder, by its own names. [default: the codec's]")
    ] = ""
    start: Annotated[str, typer.Option(metavar="TIME", help="Video: skip this much, in seconds or as 1:02:03.")] = ""
    duration: Annotated[
        str, typer.Option(metavar="TIME", help="Video: enlarge this much, in seconds or as 1:02:03.")
    ] = ""
    deinterlace: Annotated[
        bool,
        typer.Option("--deinterlace", help="Video: turn fields into frames; interlaced video is refused otherwise."),
    ] = False
    steady: Annotated[
        bool | None,
        typer.Option(
            "--steady/--no-steady",
            help="Video: hold detail together over time, so that it does not flicker. [default: for networks]",
        ),
    ] = None
    from_file: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="Read more inputs from this list, one per line or NUL-separated; - for stdin."
        ),
    ] = ""
    quality: Annotated[
        int | None,
        typer.Option(
            min=0, max=100, metavar="NUMBER", help="Quality of JPEG, WebP, AVIF, HEIC and JPEG XL. [default: 91 to 95]"
        ),
    ] = None
    lossless: Annotated[bool, typer.Option("--lossless", help="Write WebP, AVIF, HEIC and JPEG XL without loss.")] = (
        False
    )
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files, whatever they are.")] = False
    no_clobber: Annotated[bool, typer.Option("--no-clobber", help="Keep existing files, whatever they are.")] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each file.")] = False
    device: Device = "auto"
    devices: Annotated[
        str, typer.Option(metavar="LIST", help="One worker process per device: all; 0,1 for two GPUs; or cpu,cpu.")
    ] = ""
    on: On = ""
    precision: Annotated[
        str,
        typer.Option(
            autocompletion=complete_precisions,
            help="auto, fp32, fp16 or bf16; auto uses half precision where device and model support it well.",
        ),
    ] = "auto"
    compile: Annotated[
        bool,
        typer.Option(
            "--compile",
            help="Compile the model with torch.compile; takes about a minute, which many tiles on a GPU repay.",
        ),
    ] = False
    tile: Annotated[int, typer.Option(min=0, help="Maximum side of a tile in input pixels; 0 disables tiling.")] = 1024
    max_memory: Annotated[
        str, typer.Option(metavar="SIZE", help="Memory limit of each worker, such as 2G; tiles are sized to fit.")
    ] = ""
    max_pixels: MaxPixels = None
    verify_tiles: Annotated[
        bool,
        typer.Option("--verify-tiles", help="First compare tiled and untiled results in the middle of the picture."),
    ] = False
    cog: Annotated[
        bool, typer.Option("--cog", help="Write TIFFs cloud-optimised (COG), with tiles and overviews; needs rasterio.")
    ] = False
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if the output format would lose anything of the picture.")
    ] = False
    no_config: NoConfig = False
    debug: Debug = False
