"""What a person and a program are told about each file that was to be enlarged."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import typer

from srgan_cli.batch.task import Task, TaskResult
from srgan_cli.cli.console import info, warn, write_record
from srgan_cli.cli.upscale.streams import Streams

if TYPE_CHECKING:
    from srgan_cli.batch.planning import BatchPlan
    from srgan_cli.errors import SrganError
    from srgan_cli.system.distributed import World
    from srgan_cli.system.storage import Location
    from srgan_cli.upscaling.upscaler import Upscaler


class Reporter:
    """Says what became of each file, and at the end which ones failed.

    If there is but one, its error is raised.  as_json: a line on standard output for each besides.
    """

    def __init__(
        self,
        upscaler: "Upscaler",
        streams: Streams,
        plan: "BatchPlan",
        as_json: bool,
        debug: bool,
        world: "World",
    ) -> None:
        """In a world of several processes the leading one tells of the plan's problems and sums up.

        Raises the plan's problem where it was all that there was to do.
        """
        self.upscaler, self.streams, self.plan = upscaler, streams, plan
        self.as_json, self.debug = as_json, debug
        self.single = plan.is_single and world.size == 1
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        for place, problem in plan.errors if world.is_main else ():
            self.report(TaskResult(Task(place, plan.folder or place), "failed", error=problem))

    @property
    def label(self) -> str:
        """What is being worked on, in short."""
        tasks = self.plan.tasks
        return self._name(tasks[0].source) if len(tasks) == 1 else f"{len(tasks)} files"

    def report(self, result: TaskResult) -> None:
        """Raises the error of a file that was the only one."""
        if self.as_json:
            write_record(self._record(result))
        for warning in result.warnings:
            warn(f"{self._name(result.task.target)}: {warning.removeprefix(f'{result.task.target.name}: ')}")
        if result.traceback and self.debug:
            info(result.traceback)
        if result.error:
            self._fail(result.error, self.streams.display(str(result.task.source)))
            return
        self.counts[result.status] += 1
        if result.status == "enlarged":
            info(self._message(result))
        elif self.single:
            info(f"{result.task.target} is kept as it is")

    def _fail(self, error: "SrganError", name: str) -> None:
        """Note that something could not be done.  Raises the error if it was all that there was to do."""
        self.streams.name_in(error)
        if self.single:
            raise error
        self.failures.append(name)
        warn(error.message if name in error.message else f"{name}: {error.message}")

    def summarise(self, outcomes: list[tuple[dict[str, int], list[str]]]) -> None:
        """Count what processes did, and name what failed: told by each of them.  Exits 1 if anything failed."""
        failures = [name for _, names in outcomes for name in names]
        counts = Counter({"enlarged": 0})
        for more, _ in outcomes:
            counts.update(more)
        if outcomes and not self.single:
            done = ", ".join(f"{count} {status}" for status, count in {**counts, "failed": len(failures)}.items())
            info(f"{done}{':' if failures else ''}")
        for failure in failures:
            info(f"  {failure}")
        if failures:
            raise typer.Exit(1)

    def _name(self, path: "Location") -> str:
        """As short as it may be without being taken for another's."""
        shown = self.streams.display(str(path))
        return path.name if self.single and shown == str(path) else shown

    def _message(self, result: TaskResult) -> str:
        (height, width), (tall, wide) = result.input_size, result.output_size
        source, target = self._name(result.task.source), self._name(result.task.target)
        agreed = f", {result.consistency.psnr:.1f} dB made small again" if result.consistency else ""
        several = f", {result.count} pictures" if result.count > 1 else ""
        if result.tiling_error is not None:
            several += f", tiles within {result.tiling_error * 255:.4f} of 255 levels of the whole"
        return (
            f"{source} {width} x {height} -> {target} {wide} x {tall}{several}"
            f" ({self.upscaler.name} on {result.device}, {result.seconds:.1f} s{agreed})"
        )

    def _record(self, result: TaskResult) -> dict[str, Any]:
        return {
            "in": self.streams.display_path(result.task.source),
            "out": self.streams.display_path(result.task.target),
            "status": result.status,
            "in_size": _width_and_height(result.input_size),
            "out_size": _width_and_height(result.output_size),
            "pictures": result.count,
            "model": self.upscaler.name,
            "sha256": self.upscaler.sha256,
            "seconds": round(result.seconds, 3),
            "consistency": result.consistency and result.consistency.to_json(),
            "peak_memory": result.peak_memory,
            "warnings": list(result.warnings),
            "error": result.error and self.streams.name_in(result.error).message,
        }


def _width_and_height(size: tuple[int, int]) -> list[int] | None:
    return [size[1], size[0]] if all(size) else None
