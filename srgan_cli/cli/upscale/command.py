"""srgan upscale."""

from typing import TYPE_CHECKING

import typer

import srgan_cli.cli.upscale.options as own
from srgan_cli.cli.defaults import EXCLUSIVE
from srgan_cli.cli.fast_import import gc_paused
from srgan_cli.cli.options import Debug, Device, MaxPixels, NoConfig, Offline, On, check_exclusive, given_options
from srgan_cli.cli.stdio import STANDARD, is_stream, standard_names
from srgan_cli.errors import UsageError

if TYPE_CHECKING:
    from srgan_cli.batch.task import OverwritePolicy
    from srgan_cli.upscaling.scale import Size

_NOT_FOR_VIDEO = (
    *("name", "from_file", "no_clobber", "strict", "consistent", "rgb_bands", "verify_tiles", "cog", "devices", "on"),
    *("codec", "crf", "preset", "start", "duration", "deinterlace", "steady"),
)


def upscale(
    context: typer.Context,
    places: own.Places = None,
    model: own.Model = "srgan",
    purpose: own.Purpose = None,
    offline: Offline = False,
    scale: own.Scale = None,
    size: own.FitSize = "",
    strength: own.Strength = None,
    seed: own.Seed = None,
    self_ensemble: own.SelfEnsemble = False,
    consistent: own.Consistent = False,
    rgb_bands: own.RgbBands = "",
    name: own.Name = "{stem}{suffix}",
    form: own.Form = "",
    codec: own.Codec = "",
    crf: own.Crf = None,
    preset: own.Preset = "",
    start: own.Start = "",
    duration: own.Duration = "",
    deinterlace: own.Deinterlace = False,
    steady: own.Steady = False,
    from_file: own.FromFile = "",
    quality: own.Quality = None,
    lossless: own.Lossless = False,
    overwrite: own.Overwrite = False,
    no_clobber: own.NoClobber = False,
    as_json: own.AsJson = False,
    device: Device = "auto",
    devices: own.Devices = "",
    on: On = "",
    precision: own.Precision = "auto",
    compile: own.Compile = False,
    tile: own.Tile = 1024,
    max_memory: own.MaxMemory = "",
    max_pixels: MaxPixels = None,
    verify_tiles: own.VerifyTiles = False,
    cog: own.Cog = False,
    strict: own.Strict = False,
    no_config: NoConfig = False,
    debug: Debug = False,
) -> None:
    """Enlarge pictures, animations, multi-page documents and videos, or all pictures in a folder and its subfolders.

    A file that cannot be read does not stop the others; failures are listed at the end.  In an output folder, files
    that were made from the same input, weights and options are kept.  IN and OUT may be - for stdin and stdout.

    Exit codes: 0 success, 1 a file failed, 2 invalid usage, 129 hung up, 130 interrupted, 141 output closed,
    143 terminated.
    """
    with gc_paused():
        from srgan_cli.batch.naming import Naming, suffix_of
        from srgan_cli.batch.task import UpscaleOptions
        from srgan_cli.cli.upscale.request import UpscaleRequest, UpscalerFactory
        from srgan_cli.cli.upscale.run import run, run_video
        from srgan_cli.image.codec.capabilities import Encoding
        from srgan_cli.system.memory import retain_freed_memory
        from srgan_cli.upscaling.scale import check_scale
        from srgan_cli.upscaling.tiles.memory import parse_bytes
        from srgan_cli.upscaling.tiles.tiling import TilePolicy
        from srgan_cli.upscaling.video.options import VideoOptions, parse_time
        from srgan_cli.upscaling.video.pipe import is_video

    inputs, out = _split(places or [], from_file)
    video = is_video(inputs, out, form)
    check_scale(scale)
    _check(context, out, video=video)
    policy = TilePolicy(tile, parse_bytes(max_memory) if max_memory else None)
    if policy.max_memory is None:  # retained memory would count towards the limit
        retain_freed_memory()
    overwrite_policy: OverwritePolicy = "overwrite" if overwrite else "keep" if no_clobber else "update"
    request = UpscaleRequest(
        inputs=inputs,
        out=out,
        from_file=from_file,
        naming=Naming(name, "" if video else suffix_of(form)),
        options=UpscaleOptions(
            scale=_fit(size, name) or scale,
            strict=strict,
            cog=cog,
            overwrite=overwrite_policy,
            consistent=consistent,
            rgb_bands=_bands(rgb_bands),
            verify_tiles=verify_tiles,
            encoding=Encoding(quality, lossless),
            max_pixels=max_pixels,
        ),
        video=VideoOptions(
            codec=codec,
            crf=crf,
            preset=preset,
            start=parse_time(start or "0", "--start"),
            duration=parse_time(duration, "--duration") if duration else None,
            deinterlace=deinterlace,
            steady=steady,
        ),
        factory=UpscalerFactory(
            model=_choose_model(context, purpose, size) or model,
            offline=offline,
            policy=policy,
            scale=scale,
            strength=strength,
            seed=seed,
            self_ensemble=self_ensemble,
            precision=precision,
            compile=compile,
        ),
        device=device,
        devices=devices,
        on=on,
        as_json=as_json,
        debug=debug,
        given=context.params,
    )
    (run_video if video else run)(request)


def _check(context: typer.Context, out: str, *, video: bool) -> None:
    """Raises UsageError for options that exclude each other."""
    from srgan_cli.image.geo.cog import require_rasterio
    from srgan_cli.upscaling.video.pipe import VIDEO

    for names in EXCLUSIVE:
        check_exclusive(context, *names)
    if context.params["cog"]:
        require_rasterio()
    if context.params["as_json"] and out == STANDARD:
        raise UsageError("standard output cannot hold both a picture and JSON", "name a file, or leave --json out")
    if video and context.params["form"] not in ("", VIDEO):
        raise UsageError(f"{out} asks for y4m, --format for {context.params['form']}", "leave --format out")
    if video and (refused := given_options(context, *_NOT_FOR_VIDEO)):
        raise UsageError(f"raw video takes no {refused[0]}", "leave it out")


def _choose_model(context: typer.Context, purpose: own.PurposeName | None, size: str) -> str:
    """The model for a purpose, which is printed; "" without a purpose.  Raises UsageError for broken factors."""
    if purpose is None:
        return ""
    from srgan_cli.cli.console import info

    scale = context.params["scale"] or 4
    if size or scale != int(scale):
        raise UsageError("--for pixels takes a whole factor", "give it by --scale, such as -s 4")
    info(f"--for pixels: nearest, every pixel becomes {scale:g} x {scale:g} pixels")
    return "nearest"


def _bands(numbers: str) -> tuple[int, ...]:
    """The numbers of three bands.  Raises UsageError."""
    found = tuple(int(number) for number in numbers.split(",") if number.strip().isdigit())
    if numbers and (len(set(found)) != 3 or numbers.count(",") != 2 or 0 in found):
        raise UsageError(f"--rgb-bands {numbers} does not name three bands", "write it as 4,3,2")
    return found


def _fit(size: str, name: str) -> "Size | None":
    from srgan_cli.upscaling.scale import Size

    if size and "{scale" in name:
        raise UsageError("with --size every picture has its own scale", "leave {scale} out of --name")
    return Size.parse(size) if size else None


def _split(places: list[str], from_file: str) -> tuple[list[str], str]:
    """The inputs and the output, which is "" if it goes beside the only input.

    Raises UsageError where one is missing or not possible.
    """
    if not places:
        raise UsageError(f"{'OUT' if from_file else 'IN'} is missing", "srgan upscale in.png out.png")
    if len(places) == 1 and not from_file:
        if is_stream(standard_names(places, "")[0][0]):
            raise UsageError("OUT is missing", f"srgan upscale {places[0]} out.png")
        return places, ""
    inputs, out = standard_names(places[:-1], places[-1])
    if from_file == STANDARD and STANDARD in inputs:
        raise UsageError("standard input cannot be both a list and a picture", "give the list as a file")
    if from_file and is_stream(out):
        raise UsageError("standard output holds one picture", "name a folder for many")
    return inputs, out
