"""srgan upscale."""

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srgan_cli.cli.models import at_hand
from srgan_cli.cli.options import Debug, Device, Offline
from srgan_cli.cli.standard import STANDARD, Streams, listed, raw, streams
from srgan_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from srgan_cli.batch import Existing, Wishes
    from srgan_cli.upscaler import Size, Upscaler


# Options that change nothing in the pictures, or by what the weights' own digest tells.
_NO_MATTER = {
    *("places", "model", "strength", "name", "form", "from_file", "as_json", "overwrite", "no_clobber"),
    *("offline", "device", "debug"),
}
# Nor do these where tiled equals whole.
_TILING = {"tile", "max_memory", "verify_tiles"}


def upscale(
    context: typer.Context,
    places: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IN... OUT",
            help="Pictures and folders to enlarge; the file to write, whose suffix decides the format, or a folder.",
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="Weights by name, .safetensors or .pth file, hf://owner/repo/file, https address; bicubic; lanczos.",
        ),
    ] = "srgan",
    offline: Offline = False,
    scale: Annotated[
        float | None,
        typer.Option("--scale", "-s", help="How many times larger, 1 to 16. [default: the model's]"),
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Instead of --scale: as large as fits inside, as 3840x2160.")
    ] = "",
    strength: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="From 0, most faithful, to 1, sharpest. [default: the model's]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Draw another plausible picture, from a generator that takes noise.")
    ] = None,
    self_ensemble: Annotated[
        bool, typer.Option("--self-ensemble", help="The mean over 8 flips and turns: closer, in 8 times the time.")
    ] = False,
    consistent: Annotated[
        bool, typer.Option("--consistent", help="Change the result until, made small again, it is the input.")
    ] = False,
    name: Annotated[
        str, typer.Option(help="Names in a folder: {stem}, {suffix}, {scale} and {model} are filled in.")
    ] = "{stem}{suffix}",
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="Format of standard output and in folders, as png; y4m for raw video. [default: the input's]",
        ),
    ] = "",
    from_file: Annotated[
        str,
        typer.Option(metavar="FILE", help="Also what is listed there, - for stdin; NUL or a line end between names."),
    ] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make all anew, also what would be the same.")] = False,
    no_clobber: Annotated[bool, typer.Option("--no-clobber", help="Leave every file alone that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each file.")] = False,
    device: Device = "auto",
    precision: Annotated[
        str, typer.Option(help="auto, fp32, fp16 or bf16; auto is half precision where device and network do it well.")
    ] = "auto",
    tile: Annotated[
        int, typer.Option(min=0, help="Longest side of a tile in input pixels; 0 takes the picture whole.")
    ] = 384,
    max_memory: Annotated[
        str, typer.Option(metavar="SIZE", help="The most memory to take, such as 2G; tiles are made to fit.")
    ] = "",
    verify_tiles: Annotated[
        bool, typer.Option("--verify-tiles", help="First compare tiles with the whole in the middle of the picture.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail rather than drop anything of the picture.")] = False,
    debug: Debug = False,
) -> None:
    """Enlarge pictures, animations, documents of several pages, and folders of them with all below.

    One that cannot be read stops no other; the failures are summed up at the end.  In a folder, what was made from the
    same input, weights and options is not made again.  IN and OUT may be -, standard input and output.

    Exit codes: 0 all well, 1 something failed, 2 wrong usage, 130 interrupted, 141 output closed, 143 terminated.
    """
    from srgan_cli.batch import Batch, Wishes
    from srgan_cli.cli.outcome import Outcome
    from srgan_cli.console import progress_bar, warn
    from srgan_cli.manifest import Manifest, recipe
    from srgan_cli.memory import parse_bytes
    from srgan_cli.plan import Naming, plan, suffix_of
    from srgan_cli.tiling import TilePolicy
    from srgan_cli.upscaler import Upscaler, check_scale
    from srgan_cli.video import VIDEO

    inputs, out = _split(places or [], from_file)
    check_scale(scale)
    fit = _fit(size, scale, name)
    wishes = Wishes(fit or scale, strict, _existing(overwrite, no_clobber), consistent, verify_tiles)
    policy = TilePolicy(tile, parse_bytes(max_memory) if max_memory else None)

    def load() -> Upscaler:
        file = at_hand(model, offline)
        return Upscaler.load(file, device, policy, scale, strength, seed, self_ensemble, precision, warn)

    if as_json and out == STANDARD:
        raise UsageError("standard output cannot hold both a picture and JSON", "name a file, or leave --json out")
    if form == VIDEO:
        _refuse(context, "name", "from_file", "overwrite", "no_clobber", "strict", "consistent", "verify_tiles")
        _upscale_video(inputs, out, load, wishes, (as_json, debug))
        return
    naming = Naming(name, suffix_of(form))
    listing = listed(from_file) if from_file else None
    with streams(inputs, out, naming.suffix) as files:
        upscaler = load()
        naming = replace(naming, scale=scale or upscaler.scale, model=upscaler.name)
        no_matter = _NO_MATTER | (_TILING if upscaler.generator.exact_tiles else set())
        options = {key: value for key, value in context.params.items() if key not in no_matter}
        planned = plan(files.inputs, files.out, naming, listing, Manifest(Path(files.out)).made)
        made_with = {**options, "scale": float(naming.scale)}
        manifest = Manifest(planned.folder, recipe(upscaler, made_with)) if planned.folder else None
        batch = Batch(upscaler, wishes, manifest)
        outcome = Outcome(upscaler, files, planned, as_json, debug)
        with progress_bar(outcome.label) as progress, closing(batch.run(planned.tasks, progress)) as results:
            for result in results:
                outcome.tell(result)
        files.deliver()
        outcome.sum_up()


def _upscale_video(
    inputs: list[str], out: str, load: "Callable[[], Upscaler]", wishes: "Wishes", told: tuple[bool, bool]
) -> None:
    from srgan_cli.batch import Result
    from srgan_cli.cli.outcome import Outcome
    from srgan_cli.plan import Plan, Task
    from srgan_cli.video import upscale_video

    if len(inputs) > 1:
        raise UsageError("--format y4m takes one stream in and one out", "srgan upscale --format y4m - -")
    task = Task(Path(inputs[0]), Path(out))
    if STANDARD not in (inputs[0], out) and task.source.resolve() == task.target.resolve():
        raise UsageError(f"{out} is the input itself", "name another file to write")
    with raw(inputs[0], out) as (incoming, outgoing):
        upscaler, began = load(), time.monotonic()
        size, enlarged, count = upscale_video(incoming, outgoing, upscaler, wishes.scale)
    seconds = time.monotonic() - began
    outcome = Outcome(upscaler, Streams(inputs, out), Plan([task]), *told)
    outcome.tell(Result(task, "enlarged", size, enlarged, count, seconds))


def _refuse(context: typer.Context, *names: str) -> None:
    """Options that mean nothing to a video."""
    given = [f"--{name.replace('_', '-')}" for name in names if context.params[name] != _default(context, name)]
    if given:
        raise UsageError(f"--format y4m takes no {given[0]}", "leave it out")


def _default(context: typer.Context, name: str) -> object:
    return next(parameter.default for parameter in context.command.params if parameter.name == name)


def _fit(size: str, scale: float | None, name: str) -> "Size | None":
    from srgan_cli.upscaler import Size

    if size and scale:
        raise UsageError("--size and --scale exclude each other")
    if size and "{scale" in name:
        raise UsageError("under --size every picture has a scale of its own", "leave {scale} out of --name")
    return Size.parse(size) if size else None


def _existing(overwrite: bool, no_clobber: bool) -> "Existing":
    if overwrite and no_clobber:
        raise UsageError("--overwrite and --no-clobber exclude each other")
    return "overwrite" if overwrite else "keep" if no_clobber else "update"


def _split(places: list[str], from_file: str) -> tuple[list[str], str]:
    if len(places) < (1 if from_file else 2):
        raise UsageError(f"{'OUT' if places or from_file else 'IN and OUT'} is missing", "srgan upscale in.png out.png")
    *inputs, out = places
    if from_file == STANDARD and STANDARD in inputs:
        raise UsageError("standard input cannot be both a list and a picture", "give the list as a file")
    if from_file and out == STANDARD:
        raise UsageError("standard output holds one picture", "name a folder for many")
    return inputs, out
