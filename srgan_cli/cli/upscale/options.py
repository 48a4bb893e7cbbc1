"""The options of srgan upscale."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from srgan_cli.cli.options import Debug, Device, MaxPixels, NoConfig, Offline, On, option, parse_factor

PurposeName = StrEnum("PurposeName", "photo drawing text pixels")


def _set_quiet(quiet: bool) -> bool:
    import srgan_cli.cli.console as console  # slow to import

    console.is_quiet = quiet
    return quiet


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
    model: str = option(
        "auto",
        "Weights: auto, a name, a .safetensors, .pth or .onnx file, hf://owner/repo/file or https://…; or "
        "bicubic, lanczos, nearest.",
        "--model",
        "-m",
    )
    purpose: PurposeName | None = option(
        None,
        "Instead of --model: photo cleans and sharpens photographs from the web; drawing and text keep outlines and "
        "letters exact; pixels repeats the pixels of pixel art, by a whole factor.",
        "--for",
    )
    offline: Offline = False
    scale: float | None = option(
        None, "Scale factor, 1 to 16. [default: the model's]", "--scale", "-s", parser=parse_factor
    )
    size: str = option("", "Instead of --scale: the largest size that fits, such as 3840x2160, or 3840x for a width.")
    strength: float | None = option(None, "From 0, most faithful, to 1, sharpest. [default: the model's]", min=0, max=1)
    seed: int | None = option(None, "Random seed of a generator that takes noise; each gives another result.", min=0)
    self_ensemble: bool = option(False, "Average over 8 flips and rotations: more accurate, 8 times slower.")
    consistent: bool = option(False, "Adjust the result until downscaling it gives the input again.")
    rgb_bands: str = option("", "The bands of a raster that a network sees as red, green and blue, such as 4,3,2.")
    name: str = option("{stem}{suffix}", "File names in a folder, from {stem}, {suffix}, {scale} and {model}.")
    form: str = option(
        "", "Format of stdout and of files in folders, such as png; y4m: raw video. [default: the input's]", "--format"
    )
    codec: str = option(
        "",
        "Video: h264, h265, vp9, av1, or an encoder of FFmpeg such as hevc_nvenc. "
        "[default: by container and bit depth]",
    )
    crf: float | None = option(
        None, "Video: quality, on the encoder's own scale; lower is better. [default: the codec's]", min=0
    )
    preset: str = option("", "Video: speed of the encoder, by its own names. [default: the codec's]")
    start: str = option("", "Video: skip this much, in seconds or as 1:02:03.")
    duration: str = option("", "Video: enlarge this much, in seconds or as 1:02:03.")
    deinterlace: bool = option(False, "Video: turn fields into frames; interlaced video is refused otherwise.")
    steady: bool | None = option(
        None,
        "Video: hold detail together over time, so that it does not flicker. [default: for networks]",
        "--steady/--no-steady",
    )
    from_file: str = option("", "Read more inputs from this list, one per line or NUL-separated; - for stdin.")
    quality: int | None = option(
        None, "Quality of JPEG, WebP, AVIF, HEIC and JPEG XL. [default: 91 to 95]", min=0, max=100
    )
    lossless: bool = option(False, "Write WebP, AVIF, HEIC and JPEG XL without loss.")
    overwrite: bool = option(False, "Replace existing files, whatever they are.")
    no_clobber: bool = option(False, "Keep existing files, whatever they are.")
    quiet: bool = option(False, "Print only warnings and errors.", "--quiet", "-q", callback=_set_quiet)
    as_json: bool = option(False, "Print a line of JSON for each file.", "--json")
    device: Device = "auto"
    devices: str = option("", "One worker process per device: all; 0,1 for two GPUs; or cpu,cpu.")
    on: On = ""
    precision: str = option("auto", "auto, fp32, fp16, bf16; auto is half precision where device and model allow it.")
    compile: bool = option(False, "Compile the model with torch.compile: a minute, which many tiles on a GPU repay.")
    tile: int = option(1024, "Maximum side of a tile in input pixels; 0 disables tiling.", min=0)
    max_memory: str = option("", "Memory limit of each worker, such as 2G; tiles are sized to fit.")
    max_pixels: MaxPixels = None
    verify_tiles: bool = option(False, "First compare tiled and untiled results in the middle of the picture.")
    cog: bool = option(False, "Write TIFFs cloud-optimised (COG), with tiles and overviews; needs rasterio.")
    strict: bool = option(False, "Fail if the output format would lose anything of the picture.")
    no_config: NoConfig = False
    debug: Debug = False
