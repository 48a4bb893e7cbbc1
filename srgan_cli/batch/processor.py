"""One picture file to another on one device: some are decoded and encoded while the network enlarges another."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from math import prod
from pathlib import Path
from threading import Event, Lock
from traceback import format_exception

from srgan_cli.batch.manifest import Manifest
from srgan_cli.batch.task import Task, TaskResult, UpscaleOptions
from srgan_cli.batch.throttle import PixelBudget
from srgan_cli.errors import SrganError, to_srgan_error
from srgan_cli.image.codec.limits import check_streamed_pixels
from srgan_cli.image.io import check_size, picture_losses
from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.image.sequence import (
    ImageSequence,
    LossReporter,
    encode_bytes,
    fit_to_format,
    is_streamed,
    open_pictures,
    sequence_losses,
    write_pictures,
)
from srgan_cli.system.files import make_folder, remove_stale_temporaries
from srgan_cli.system.memory import peak_rss, trim_heap
from srgan_cli.system.progress import Progress
from srgan_cli.system.storage import Location, exists, is_remote, local_copy, upload_on_success
from srgan_cli.upscaling.back_projection import Consistency, back_project
from srgan_cli.upscaling.tiles.memory import ReservedMemory, check_decode_memory
from srgan_cli.upscaling.tiles.plan import TilePlan
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

_MAX_PIXELS_IN_FLIGHT = 2**23
_LEVELS = 255
_FILES_PER_TRIM = 32
_Plans = dict[tuple[int, int], TilePlan]


def no_progress(_done: int, _total: int) -> None:
    """Progress that nobody follows."""


class ImageProcessor:
    """Where the pictures of files are enlarged; one that fails is told and stops no other.

    A few hands work here at once.  Each takes a file from reading to writing, and they share one generator that works
    for one at a time.  No more than `budget` input pixels are in hand at once, but for a single file.
    """

    def __init__(
        self,
        upscaler: Upscaler,
        options: UpscaleOptions | None = None,
        manifest: Manifest | None = None,
        max_pixels_in_flight: int = _MAX_PIXELS_IN_FLIGHT,
    ) -> None:
        """`manifest` is that of the folder where the outputs go."""
        self.upscaler, self.options, self.manifest = upscaler, options or UpscaleOptions(), manifest
        self.budget, self.stopped = PixelBudget(max_pixels_in_flight), Event()
        self.cleaned: set[Path] = set()
        self.finished = count(1)
        self.lock = Lock()

    @property
    def concurrency(self) -> int:
        """How many files are worth having in hand at once."""
        return default_concurrency(self.upscaler.device.type, self.upscaler.policy)

    def process(self, task: Task, progress: Progress = no_progress) -> TaskResult:
        """What became of a task, with every error in the result; in `progress` it is 1 of 1 at the end."""
        result = _Job(self, task, progress).run()
        if next(self.finished) % _FILES_PER_TRIM == 0:
            trim_heap()
        return result

    def clean(self, folder: Location) -> None:
        """Take away what killed processes left in a folder, once; stores keep nothing that is not whole."""
        with self.lock:
            if not is_remote(folder) and folder not in self.cleaned:
                self.cleaned.add(folder)
                remove_stale_temporaries(folder)

    def stop(self) -> None:
        """Have what is in hand given up at its next tile."""
        self.stopped.set()

    def check_cancelled(self) -> None:
        """Raise SrganError after `stop` was called."""
        if self.stopped.is_set():
            raise SrganError("stopped")

    def close(self) -> None:
        """Do nothing: the processor holds no resources."""


def default_concurrency(device: str, policy: TilePolicy, processes_sharing: int = 1) -> int:
    """How many files a bench should have in hand on a device of this type, where `processes_sharing` share the cores.

    A CPU's network leaves little time for more than reading ahead; a GPU's asks for all cores.  Where memory is limited
    it is one.
    """
    if policy.max_memory is not None:
        return 1
    return 3 if device == "cpu" else max(3, (os.cpu_count() or 1) // processes_sharing)


class _Job:
    """One file on its way."""

    def __init__(self, processor: ImageProcessor, task: Task, progress: Progress) -> None:
        self.processor, self.task, self.progress = processor, task, progress
        self.upscaler, self.options, self.manifest = processor.upscaler, processor.options, processor.manifest
        self.warnings: list[str] = []
        self.report_losses = LossReporter(Path(task.target.name), self.warnings.append, strict=self.options.strict)
        self.target: Path
        self.consistencies: list[Consistency] = []

    def run(self) -> TaskResult:
        try:
            return self._process()
        except Exception as error:  # told in the result: one file stops no other
            return self._failure(error)
        finally:
            self.progress(1, 1)

    def _failure(self, error: Exception) -> TaskResult:
        """The error without the frames that it went through: they hold pictures and open files."""
        trace = "".join(format_exception(error))
        known = to_srgan_error(error).with_traceback(None)
        known.__context__ = known.__cause__ = None
        return TaskResult(self.task, "failed", warnings=tuple(self.warnings), error=known, traceback=trace)

    def _process(self) -> TaskResult:
        task, overwrite = self.task, self.options.overwrite
        self.processor.clean(task.target.parent)
        target_exists = exists(task.target)
        if target_exists and (overwrite == "keep" or (overwrite == "update" and is_remote(task.target))):
            return TaskResult(task, "kept")
        with local_copy(task.source) as source, upload_on_success(task.target) as self.target:
            pictures = open_pictures(source, max_pixels=self.options.max_pixels)
            writable = fit_to_format(pictures, self.target)
            for size in writable.sizes:
                check_streamed_pixels(source, *size, max_pixels=self.options.max_pixels)
            key = self.manifest.key(source) if self.manifest else ""
            if self.manifest and target_exists and overwrite == "update" and self.manifest.is_current(self.target, key):
                enlarged = self.upscaler.target(*pictures.size, self.options.scale)
                return TaskResult(task, "kept", pictures.size, enlarged, pictures.count)
            self.report_losses(sequence_losses(self.target, pictures))
            result = self._upscale(writable)
            if self.manifest:
                self.manifest.record(self.target, key)
        return replace(result, device=str(self.upscaler.device), peak_memory=peak_rss())

    def _upscale(self, pictures: ImageSequence) -> TaskResult:
        sizes = [self.upscaler.target(*size, self.options.scale) for size in filter(all, pictures.sizes)]
        for size in sizes:
            check_size(self.target, *size)
        with self.processor.budget.reserve(sum(map(prod, pictures.sizes))):
            began, waited = time.monotonic(), self.upscaler.wait_seconds
            reserved = self._reserve_memory(pictures, sizes)
            plans = self._plan_tiles(pictures.sizes, reserved)
            make_folder(self.target.parent)
            tiling_error = self._check_tiling(pictures, plans) if self.options.verify_tiles else None
            write_pictures(pictures.map(self._upscale_each(pictures.count, plans, reserved)), self.target)
            seconds = time.monotonic() - began - (self.upscaler.wait_seconds - waited)
        return TaskResult(
            self.task,
            "enlarged",
            pictures.size,
            sizes[0],
            pictures.count,
            seconds,
            tuple(self.warnings),
            tiling_error=tiling_error,
            consistency=min(self.consistencies, key=lambda found: found.psnr, default=None),
        )

    def _reserve_memory(self, pictures: ImageSequence, sizes: list[tuple[int, int]]) -> ReservedMemory:
        """What is promised to others than tiles; what memory does not suffice for is told before it is decoded."""
        decoding, results = (
            max(pictures.decode_bytes),
            encode_bytes(sizes, self.target, back_projected=self.options.consistent),
        )
        reserve = ReservedMemory(results + pictures.peak_decode_bytes)
        if decoding > results:
            check_decode_memory(decoding, reserve, self.upscaler.policy)
        return reserve

    def _plan_tiles(self, sizes: Iterable[tuple[int, int]], reserved: ReservedMemory) -> _Plans:
        """Plan each size once, the largest first, before any picture is decoded.  Raises SrganError as `plan` does."""
        known = sorted(filter(all, set(sizes)), key=prod, reverse=True)
        return {size: self.upscaler.plan(*size, scale=self.options.scale, reserved=reserved) for size in known}

    def _plan_for(self, picture: ImageStream, plans: _Plans, reserved: ReservedMemory) -> TilePlan:
        """Return the plan made before decoding, or a new one for alpha and for further pictures of the same size."""
        size, has_alpha = (picture.height, picture.width), picture.header.alpha is not None
        plan = plans.pop(size, None)
        if plan is None or has_alpha:
            return self.upscaler.plan(*size, scale=self.options.scale, has_alpha=has_alpha, reserved=reserved)
        return plan

    def _check_tiling(self, pictures: ImageSequence, plans: _Plans) -> float:
        error = self.upscaler.max_tiling_error(next(pictures.streams()), plans[pictures.size])
        if error * _LEVELS > 1:
            differ = f"tiles differ from the whole by {error * _LEVELS:.2f} of {_LEVELS} levels"
            raise SrganError(differ, "take the picture whole with --tile 0")
        return error

    def _upscale_each(
        self, count: int, plans: _Plans, reserved: ReservedMemory
    ) -> Callable[[ImageStream], ImageStream]:
        """Enlarges one picture after the other, band by band, and tells what each loses."""
        number = iter(range(count))

        def upscale(picture: ImageStream) -> ImageStream:
            earlier = next(number)

            def advance(done: int, total: int) -> None:
                self.processor.check_cancelled()
                self.progress(earlier * total + done, count * total)

            self.report_losses(picture.header.notes)
            self.report_losses(picture_losses(self.target, picture))
            plan = self._plan_for(picture, plans, reserved)
            enlarged = self.upscaler.upscale_stream(picture, plan, progress=advance)
            if self.options.consistent:
                enlarged = replace(enlarged, bands=partial(self._back_project, enlarged, picture))
            if not is_streamed(self.target, count):
                enlarged = ImageStream.from_picture(enlarged.to_picture())
            self.report_losses(picture_losses(self.target, enlarged))
            return enlarged

        return upscale

    def _back_project(self, enlarged: ImageStream, original: ImageStream) -> Iterator[Picture]:
        """The enlarged picture projected back, as a single band."""
        projected, agreement = back_project(
            enlarged.to_picture(), original.to_picture(), check_cancelled=self.processor.check_cancelled
        )
        self.consistencies.append(agreement)
        if not agreement.is_consistent:
            self.warnings.append(
                f"made small again, it is {agreement.max_error:.1f} grey levels off at the worst pixel"
            )
        yield projected
