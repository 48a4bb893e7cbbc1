"""srgan upscale."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srgan_cli.cli.options import Debug, Device
from srgan_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from srgan_cli.picture import Picture
    from srgan_cli.progress import Progress
    from srgan_cli.sequence import Losses
    from srgan_cli.upscaler import Upscaler


def upscale(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The picture to enlarge.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write; its suffix decides the format.")],
    model: Annotated[
        str, typer.Option("--model", "-m", help="Shipped weights by name, or a .safetensors file.")
    ] = "srgan",
    scale: Annotated[
        float | None,
        typer.Option("--scale", "-s", help="How many times larger, 1 to 16. [default: the model's]"),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="From 0, most faithful, to 1, sharpest. [default: the model's]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Draw another plausible picture, from a generator that takes noise.")
    ] = None,
    device: Device = "auto",
    tile: Annotated[
        int, typer.Option(min=0, help="Longest side of a tile in input pixels; 0 takes the picture whole.")
    ] = 384,
    strict: Annotated[bool, typer.Option("--strict", help="Fail rather than drop anything of the picture.")] = False,
    debug: Debug = False,
) -> None:
    """Enlarge a picture, an animation or a document of several pages."""
    from srgan_cli.console import progress_bar, say, warn
    from srgan_cli.files import check_writable
    from srgan_cli.picture import check_size, output_format
    from srgan_cli.sequence import Losses, dropped_frames, fitting, open_pictures, write_pictures
    from srgan_cli.tiling import TilePolicy
    from srgan_cli.upscaler import Upscaler, check_scale

    check_scale(scale)
    output_format(target)
    check_writable(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target} is the input itself", "name another file to write")
    pictures = open_pictures(source)
    tell = Losses(target, warn, strict)
    tell(dropped_frames(target, pictures))
    upscaler = Upscaler.load(model, device, TilePolicy(tile), scale, strength, seed)
    height, width = upscaler.target(*pictures.size, scale)
    check_size(target, height, width)
    began = time.monotonic()
    kept = fitting(pictures, target)
    with progress_bar(source.name) as progress:
        write_pictures(kept.each(_enlarging(upscaler, scale, tell, kept.count, progress)), target)
    say(
        f"{source.name} {pictures.size[1]} x {pictures.size[0]} -> {target.name} {width} x {height}"
        f"{f', {kept.count} pictures' if kept.count > 1 else ''}"
        f" ({upscaler.name} on {upscaler.device}, {time.monotonic() - began:.1f} s)"
    )


def _enlarging(
    upscaler: "Upscaler", scale: float | None, tell: "Losses", count: int, progress: "Progress"
) -> "Callable[[Picture], Picture]":
    """Enlarges one picture after the other and tells what each loses; the bar goes over all of them."""
    from srgan_cli.picture import dropped_by

    number = iter(range(count))

    def enlarge(picture: "Picture") -> "Picture":
        earlier = next(number)
        tell(picture.notes)
        tell(dropped_by(tell.path, picture))
        enlarged = upscaler.upscale(picture, scale, lambda done, total: progress(earlier * total + done, count * total))
        tell(dropped_by(tell.path, enlarged))
        return enlarged

    return enlarge
