"""srgan upscale."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from srgan_cli.cli.options import Debug, Device
from srgan_cli.errors import UsageError

if TYPE_CHECKING:
    from srgan_cli.batch import Result
    from srgan_cli.errors import SrganError
    from srgan_cli.plan import Plan
    from srgan_cli.upscaler import Upscaler


def upscale(
    places: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IN... OUT",
            help="Pictures and folders to enlarge; the file to write, whose suffix decides the format, or a folder.",
        ),
    ] = None,
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
    name: Annotated[
        str, typer.Option(help="Names in a folder: {stem}, {suffix}, {scale} and {model} are filled in.")
    ] = "{stem}{suffix}",
    device: Device = "auto",
    tile: Annotated[
        int, typer.Option(min=0, help="Longest side of a tile in input pixels; 0 takes the picture whole.")
    ] = 384,
    strict: Annotated[bool, typer.Option("--strict", help="Fail rather than drop anything of the picture.")] = False,
    debug: Debug = False,
) -> None:
    """Enlarge pictures, animations, documents of several pages, and folders of them with all below.

    One that cannot be read stops no other; the failures are summed up at the end.
    """
    from srgan_cli.batch import Batch, Wishes
    from srgan_cli.console import progress_bar
    from srgan_cli.plan import Naming, plan
    from srgan_cli.tiling import TilePolicy
    from srgan_cli.upscaler import Upscaler, check_scale

    inputs, out = _split(places or [])
    check_scale(scale)
    naming = Naming(name)
    upscaler = Upscaler.load(model, device, TilePolicy(tile), scale, strength, seed)
    naming = replace(naming, scale=scale or upscaler.generator.scale, model=upscaler.name)
    planned = plan(inputs, out, naming)
    tasks = planned.tasks
    report = _Report(upscaler, planned, debug)
    with progress_bar(tasks[0].source.name if len(tasks) == 1 else f"{len(tasks)} files") as progress:
        for result in Batch(upscaler, Wishes(scale, strict)).run(tasks, progress):
            report.tell(result)
    report.sum_up()


def _split(places: list[str]) -> tuple[list[str], str]:
    if len(places) < 2:
        raise UsageError(f"{'IN and ' if not places else ''}OUT is missing", "srgan upscale in.png out.png")
    return places[:-1], places[-1]


class _Report:
    """Says what became of each file, and at the end which ones failed."""

    def __init__(self, upscaler: "Upscaler", planned: "Plan", debug: bool) -> None:
        self.debug = debug
        self.upscaler, self.alone = upscaler, len(planned.tasks) + len(planned.problems) == 1
        self.done = 0
        self.failures: list[str] = []
        for problem in planned.problems:
            self._fail(problem, problem.message)

    def tell(self, result: "Result") -> None:
        """Raises the error of a file that was the only one."""
        from srgan_cli.console import say, warn

        for warning in result.warnings:
            warn(warning)
        if result.trace and self.debug:
            say(result.trace)
        if result.error:
            self._fail(result.error, str(result.task.source))
            return
        self.done += 1
        (height, width), (tall, wide) = result.size, result.enlarged
        say(
            f"{result.task.source.name} {width} x {height} -> {result.task.target.name} {wide} x {tall}"
            f"{f', {result.count} pictures' if result.count > 1 else ''}"
            f" ({self.upscaler.name} on {self.upscaler.device}, {result.seconds:.1f} s)"
        )

    def sum_up(self) -> None:
        """Name what failed.  Exits 1 if anything did."""
        from srgan_cli.console import say

        if not self.alone:
            say(f"{self.done} enlarged, {len(self.failures)} failed{':' if self.failures else ''}")
        for failure in self.failures:
            say(f"  {failure}")
        if self.failures:
            raise typer.Exit(1)

    def _fail(self, error: "SrganError", name: str) -> None:
        from srgan_cli.console import warn

        if self.alone:
            raise error
        self.failures.append(name)
        warn(error.message if name in error.message else f"{name}: {error.message}")
