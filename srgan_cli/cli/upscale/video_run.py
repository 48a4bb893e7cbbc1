"""Videos of srgan upscale: the segments of each are shared among the workers, as files are."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

from torch.distributed import PrefixStore, Store  # type: ignore[attr-defined]

from srgan_cli.batch.processor import failure
from srgan_cli.batch.runner import Worker, run_batch
from srgan_cli.batch.task import Task, TaskResult
from srgan_cli.batch.video_segments import SegmentTask, VideoPlan, join, late_losses, plan_video, resumable
from srgan_cli.batch.worker_processes import WorkerSpec
from srgan_cli.cli.console import frames_bar, info
from srgan_cli.cli.upscale.request import UpscaleRequest
from srgan_cli.errors import SrganError
from srgan_cli.image.sequence import LossReporter
from srgan_cli.system.distributed import World, shared_queue
from srgan_cli.system.files import file_stamp
from srgan_cli.system.remote_storage import exists, local_copy, upload_on_success
from srgan_cli.upscaling.upscaler import Upscaler

_Share = tuple[VideoPlan, list[SegmentTask]]  # a video, and those of its segments that are not enlarged yet


@dataclass(frozen=True)
class VideoRun:
    """Enlarges videos, one after the other, together with the other processes of `world`."""

    request: UpscaleRequest
    world: World
    store: Store
    upscaler: Upscaler
    spec: WorkerSpec
    start_workers: Callable[[WorkerSpec], list[Worker]]

    def results(self, tasks: list[Task]) -> Iterator[TaskResult]:
        """The results, in the main process; an error is part of a result."""
        for number, task in enumerate(tasks):
            store = PrefixStore(f"video {number}", self.store)
            if self.world.is_main:
                yield self._lead(task, store)
            elif (share := self.world.broadcast(cast(_Share | None, None))) is not None:
                self.world.collect(store, self._run(share, store))

    def _lead(self, task: Task, store: Store) -> TaskResult:
        warnings: list[str] = []
        sent: list[_Share | None] = []
        try:
            return self._enlarge(task, store, warnings, sent)
        except Exception as error:  # a bad file does not stop the others
            return failure(task, error, warnings)
        finally:
            if not sent:
                self.world.broadcast(None)

    def _enlarge(self, task: Task, store: Store, warnings: list[str], sent: list["_Share | None"]) -> TaskResult:
        began, manifest, options = time.monotonic(), self.spec.manifest, self.request.options
        if exists(task.target) and options.overwrite == "keep":
            return TaskResult(task, "kept")
        with local_copy(task.source) as source, upload_on_success(task.target) as target:
            key = manifest.key(source) if manifest else ""
            if manifest and options.overwrite == "update" and manifest.is_current(target, key):
                return TaskResult(task, "kept")
            report = LossReporter(Path(task.target.name), warnings.append, strict=options.strict)
            video, limit = self.request.video, options.max_pixels
            plan = plan_video(task, source, target, self.upscaler, options.scale, video, limit)
            report(plan.losses)
            digest = self.request.settings_digest(self.upscaler, self.upscaler.scale, for_video=True)
            with resumable(plan, f"{digest} {file_stamp(source)}"):
                self._enlarge_segments(plan, store, sent)
                report(late_losses(plan))
                if manifest:
                    manifest.claim(target)
                frames, damage = join(plan, source, target)
            if manifest and not damage:
                manifest.record(target, key)
        return self._result(plan, frames, damage, time.monotonic() - began, tuple(warnings))

    def _enlarge_segments(self, plan: VideoPlan, store: Store, sent: list["_Share | None"]) -> None:
        """Enlarge what is left, together with the other processes.  Raises SrganError as any of them did."""
        share = plan, plan.remaining
        if done := len(plan.segments) - len(plan.remaining):
            info(f"{plan.task.target}: goes on after {done} of {len(plan.segments)} segments")
        sent.append(self.world.broadcast(share))
        try:
            errors = self.world.collect(store, self._run(share, store))
        except KeyboardInterrupt:
            info(f"{plan.task.target}: finished segments are kept, and the same command goes on after them")
            raise
        for message, hint in filter(None, errors):
            raise SrganError(message, hint)

    def _result(
        self, plan: VideoPlan, frames: int, damage: SrganError | None, seconds: float, warnings: tuple[str, ...]
    ) -> TaskResult:
        source, encoder = plan.work.source, plan.work.encoder
        return TaskResult(
            plan.task,
            "failed" if damage else "enlarged",
            input_size=(source.height, source.width),
            output_size=(encoder.height, encoder.width),
            count=frames,
            seconds=seconds,
            warnings=warnings,
            error=damage,
            device=self.request.arguments.devices or self.request.arguments.on or str(self.upscaler.device),
            is_video=True,
        )

    def _run(self, share: "_Share", store: Store) -> tuple[str, str] | None:
        """Enlarge this process's share of the segments; returns the message and the hint of an error."""
        plan, tasks = share
        workers = self.start_workers(replace(self.spec, video=plan.work))
        frames = sum(task.segment.frames for task in tasks)
        with (
            frames_bar(plan.task.source.name, frames) if self.world.size == 1 else nullcontext() as progress,
            closing(run_batch(workers, tasks, progress=progress, share=partial(shared_queue, store))) as results,
        ):
            for result in results:
                if result.error:
                    return result.error.message, result.error.hint
        return None
