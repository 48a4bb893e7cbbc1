"""Reporting the result of each file, for people on stderr and for programs on stdout."""

import json
from collections import Counter
from dataclasses import replace
from operator import truediv
from typing import Any

import typer

from srgan_cli.batch.planning import BatchPlan
from srgan_cli.batch.task import Task, TaskResult
from srgan_cli.cli.console import info, warn, write_line
from srgan_cli.cli.stdio import SpooledFiles
from srgan_cli.cli.upscale.request import UpscaleRequest
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.image.dicom.file import SUFFIXES
from srgan_cli.system.distributed import World
from srgan_cli.system.remote_storage import Location
from srgan_cli.upscaling.upscaler import Upscaler


class Reporter:
    """Prints a line for each file, and a summary at the end.  The error of a single file is raised instead."""

    def __init__(
        self, request: UpscaleRequest, upscaler: Upscaler, files: SpooledFiles, plan: BatchPlan, world: World
    ) -> None:
        """The main process of `world` reports the errors of the plan.  Raises one that is the only task."""
        self.upscaler, self.files, self.plan = upscaler, files, plan
        self.arguments, self.model_label = request.arguments, request.model_label(upscaler)
        self.single = len(plan.tasks) + len(plan.errors) == world.size == 1
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self.has_warned = False
        for place, problem in plan.errors if world.is_main else ():
            self.report(TaskResult(Task(place, plan.folder or place), "failed", error=problem))

    @property
    def label(self) -> str:
        """The label of the progress bar."""
        tasks = self.plan.tasks
        return self._name(tasks[0].source) if len(tasks) == 1 else f"{len(tasks)} files"

    def report(self, result: TaskResult) -> None:
        """Print the result of a file.  Raises its error if it is the only one."""
        if result.error:
            self.files.name_in(result.error)
        if self.arguments.as_json:
            write_line(json.dumps(self._record(result)))
        for warning in result.warnings:
            warn(f"{self._name(result.task.target)}: {warning.removeprefix(f'{result.task.target.name}: ')}")
        if result.sidecars and str(result.task.target) in self.files.streams:
            warn(f"{self._name(result.task.target)}: the files that belong beside it are dropped")
            result = replace(result, sidecars=())
        for line in result.traceback.splitlines() if self.arguments.debug else ():
            info(line)
        if result.error and self.single:
            raise result.error
        if result.error:
            name, message = self.files.display_name(result.task.source), result.error.with_hint
            self.failures.append(name)
            warn(message if name in message else f"{name}: {message}")
            return
        self.counts[result.status] += 1
        if result.status == "enlarged":
            info(self._message(result))
            self._warn_of_diagnosis(result.task)
        elif self.single:
            info(f"{result.task.target} is kept as it is")

    def _warn_of_diagnosis(self, task: Task) -> None:
        """Say once what results in medicine are not for."""
        if not self.has_warned and {task.source.suffix.lower(), task.target.suffix.lower()} & set(SUFFIXES):
            info("enlarged medical pictures are not for diagnosis")
            self.has_warned = True

    def summarise(self, outcomes: list[tuple[dict[str, int], list[str]]]) -> None:
        """Print the counts and failures of all processes.  Exits with 1 if a file failed."""
        failures = [name for _, names in outcomes for name in names]
        counts = Counter({"enlarged": 0})
        for more, _ in outcomes:
            counts.update(more)
        if outcomes and not self.single:
            done = ", ".join(f"{count} {status}" for status, count in {**counts, "failed": len(failures)}.items())
            chosen = f"{self.plan.folder}/: " if self.plan.folder and not self.files.out else ""
            info(f"{chosen}{done}{':' if failures else ''}")
        for failure in failures:
            info(f"  {failure}")
        if failures:
            raise typer.Exit(1)

    def _name(self, path: Location) -> str:
        """The file's name alone if it is the only one and an output file was named, else its path."""
        name = self.files.display_name(path)
        return path.name if self.single and self.files.out and not self.plan.folder and name == str(path) else name

    def _message(self, result: TaskResult) -> str:
        (height, width), (tall, wide) = result.input_size, result.output_size
        source, target = self._name(result.task.source), self._name(result.task.target)
        beside = "".join(f" and {name}" for name in result.sidecars if target == result.task.target.name)
        agreed = f", {result.consistency.psnr:.1f} dB when downscaled again" if result.consistency else ""
        unit = "frame" if result.is_video else "picture"
        several = f", {result.count} {unit}{'s' * (result.count > 1)}" if result.count > 1 or result.is_video else ""
        if result.tiling_error is not None:
            several += f", tiled and untiled differ by {result.tiling_error * 255:.4f} of 255 levels"
        agreed += _ranges(result.value_ranges)
        return (
            f"{source} {width} x {height} -> {target} {wide} x {tall}{beside}{several}"
            f" ({self._model(result)} on {result.device}, {result.seconds:.1f} s{agreed})"
        )

    def _model(self, result: TaskResult) -> str:
        """The weights, the reason where they were chosen for this file, and what part of the factor is resampling."""
        label = result.model if result.reason else self.model_label
        reached = result.network_scale or self.upscaler.scale
        factor = max(map(truediv, result.output_size, result.input_size))
        if self.upscaler.sha256 and abs(factor - reached) >= 1 / 8:  # sizes are whole numbers
            label += f" {reached} times, then bicubic resampling {factor / reached:.3g} times,"
        return f"{label.removesuffix(',')}, chosen for {result.reason}," if result.reason else label

    def _record(self, result: TaskResult) -> dict[str, Any]:
        return {
            "in": self.files.argument(result.task.source),
            "out": self.files.argument(result.task.target),
            "status": result.status,
            "in_size": _width_and_height(result.input_size),
            "out_size": _width_and_height(result.output_size),
            "pictures": result.count,
            "model": result.model if result.reason else self.model_label,
            "sha256": result.sha256 or self.upscaler.sha256,
            "reason": result.reason or None,
            "seconds": round(result.seconds, 3),
            "consistency": result.consistency and result.consistency.to_json(),
            "value_ranges": next(iter(result.value_ranges), ()) or None,
            "page_ranges": result.value_ranges if len(set(result.value_ranges)) > 1 else None,
            "peak_memory": result.peak_memory,
            "sidecars": list(result.sidecars),
            "warnings": list(result.warnings),
            "error": result.error and result.error.message,
        }


def _ranges(pages: tuple[tuple[ValueRange, ...], ...]) -> str:
    """Which values of a measurement the network has seen as 0 to 1."""
    if not (ranges := dict.fromkeys(ends for bands in pages for ends in bands)):
        return ""
    (low, high), *more = ranges
    kind = "pages" if len(set(pages)) > 1 else "bands"
    others = f", and {len(more)} other ranges of further {kind}" if more else ""
    return f", with values {low:.6g} to {high:.6g}{others} as 0 to 1"


def _width_and_height(size: tuple[int, int]) -> list[int] | None:
    return [size[1], size[0]] if all(size) else None
