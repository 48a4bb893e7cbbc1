"""Enlarging the pictures of one file, and a limit on the pixels that are in memory at once."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path
from threading import Condition, Lock

from srgan_cli.batch.task import Task, TaskResult, UpscaleOptions
from srgan_cli.errors import PictureError, SrganError
from srgan_cli.image import sequence
from srgan_cli.image.codec.capabilities import check_size, format_of
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.image.geo.export import kept_files
from srgan_cli.image.io import check_samples, picture_losses
from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.image.sequence import ImageSequence, LossReporter
from srgan_cli.system.files import make_folder
from srgan_cli.system.progress import Progress
from srgan_cli.upscaling.back_projection import Consistency, back_project
from srgan_cli.upscaling.tiles.layers import Layers
from srgan_cli.upscaling.tiles.memory_limit import ReservedMemory, TilePlan, check_decode_memory
from srgan_cli.upscaling.upscaler import Upscaler

_LEVELS = 255
_CLASSES = "its values are classes, which are not blended: enlarged by nearest; convert it to RGB if it is a picture"
_INCONSISTENT = "downscaled again, it differs from the input by up to {:.1f} grey levels"
_Plans = dict[tuple[int, int], TilePlan]


class PixelBudget:
    """Pixels that threads may hold at once.  Requests are served in order; one that exceeds the budget runs alone."""

    def __init__(self, pixels: int) -> None:
        self.pixels, self.available = pixels, pixels
        self.entrance, self.changed = Lock(), Condition()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
        """Wait until so many pixels are available, and hold them."""
        share = min(pixels, self.pixels)
        with self.entrance, self.changed:
            self.changed.wait_for(lambda: self.available >= share)
            self.available -= share
        try:
            yield
        finally:
            with self.changed:
                self.available += share
                self.changed.notify_all()


@dataclass(frozen=True)
class Job:
    """Enlarges the pictures of a file and writes them to `target`."""

    task: Task
    upscaler: Upscaler
    options: UpscaleOptions
    target: Path
    report_losses: LossReporter
    progress: Progress
    check_cancelled: Callable[[], None]
    """Called after each tile and before each iteration of back-projection; what it raises ends the job."""
    claim: Callable[[], None]
    """Called when the output is complete, before it appears."""

    def run(self, pictures: ImageSequence, budget: PixelBudget) -> TaskResult:
        """Read, enlarge and write all pictures that the output format holds.  Raises SrganError."""
        if self.options.cog and (format_of(self.target) != "TIFF" or pictures.count > 1):
            message, hint = "--cog writes one picture as TIFF, not this output", "leave --cog out, or write a .tif"
            raise PictureError(message, hint, option="cog")
        self.report_losses(sequence.sequence_losses(self.target, pictures))
        pictures = sequence.fit_to_format(pictures, self.target)
        sizes = [self.upscaler.target(*size, self.options.scale) for size in filter(all, pictures.sizes)]
        for size in sizes:
            check_size(self.target, *size)
        consistencies, ranges = list[Consistency](), list[tuple[ValueRange, ...]]()
        with budget.reserve(sum(map(prod, pictures.sizes))):
            began = time.monotonic() - self.upscaler.wait_seconds
            reserved = self._reserve_memory(pictures, sizes)
            plans = self._plan_tiles(pictures.sizes, reserved)
            make_folder(self.target.parent)
            tiling_error = self._check_tiling(pictures, plans) if self.options.verify_tiles else None
            prepared = pictures.map(partial(self._prepare, report=ranges.append))
            sidecars = sequence.write_pictures(
                replace(pictures, frames=self._enlarged(prepared, plans, reserved, consistencies.append)),
                self.target,
                overwrite_sidecars=self._replaces_sidecars,
                cloud_optimised=self.options.cog,
                encoding=self.options.encoding,
                before_commit=self.claim,
            )
            seconds = time.monotonic() - self.upscaler.wait_seconds - began
        result = TaskResult(self.task, "enlarged", input_size=pictures.size, output_size=sizes[0], seconds=seconds)
        return replace(
            result,
            count=pictures.count,
            sidecars=tuple(path.name for path in sidecars),
            warnings=tuple(_INCONSISTENT.format(each.max_error) for each in consistencies if not each.is_consistent),
            tiling_error=tiling_error,
            value_ranges=tuple(ranges),
            consistency=min(consistencies, key=lambda each: each.psnr, default=None),
        )

    def _prepare(self, picture: ImageStream, *, report: Callable[[tuple[ValueRange, ...]], None]) -> ImageStream:
        """A picture as the network sees it; `report` gets the ranges of its bands."""
        check_samples(self.target, picture)
        if self.options.rgb_bands:
            picture = picture.map(lambda part: part.with_rgb_bands(self.options.rgb_bands))
        header = picture.header
        is_measured = header.has_own_units or header.valid is not None or len(header.pixels) > 3
        if self.options.consistent and (is_measured or header.bands.has_classes or header.value_ranges):
            message, hint = "--consistent takes photographs, and this is a measurement", "leave --consistent out"
            raise PictureError(message, hint, option="consistent")
        upscaler = self.upscaler.for_picture(header)
        picture = upscaler.prepare(picture)
        report(() if upscaler.is_kernel else picture.header.value_ranges)
        return picture

    @property
    def _replaces_sidecars(self) -> bool:
        """Whether files beside the output may be replaced: together with an output of an earlier run, or always."""
        policy = self.options.overwrite
        return policy == "overwrite" or (policy == "update" and self.target.exists())

    def _reserve_memory(self, pictures: ImageSequence, sizes: list[tuple[int, int]]) -> ReservedMemory:
        """Memory for anything but tiles.  Raises SrganError, before decoding, where the limit is too low."""
        decoding = max(pictures.decode_bytes)
        results = sequence.encode_bytes(sizes, self.target, back_projected=self.options.consistent)
        reserved = ReservedMemory(results + pictures.peak_decode_bytes)
        if decoding > results:
            check_decode_memory(decoding, reserved, self.upscaler.policy)
        return reserved

    def _plan_tiles(self, sizes: Iterable[tuple[int, int]], reserved: ReservedMemory) -> _Plans:
        """A plan for each size, the largest first, before any picture is decoded.  Raises SrganError as `plan` does."""
        known = sorted(filter(all, set(sizes)), key=prod, reverse=True)
        return {size: self.upscaler.plan(*size, scale=self.options.scale, reserved=reserved) for size in known}

    def _plan_for(self, picture: ImageStream, upscaler: Upscaler, plans: _Plans, reserved: ReservedMemory) -> TilePlan:
        """The plan made before decoding, or a new one for other layers and for further pictures of the same size."""
        size, layers = (picture.height, picture.width), Layers.of(picture.header)
        plan = plans.pop(size, None)
        if plan is None or plan.geometry.layers != layers or upscaler is not self.upscaler:
            return upscaler.plan(*size, scale=self.options.scale, layers=layers, reserved=reserved)
        return plan

    def _check_tiling(self, pictures: ImageSequence, plans: _Plans) -> float:
        first = next(pictures.streams())
        if self.upscaler.for_picture(first.header) is not self.upscaler:
            return 0
        error = self.upscaler.max_tiling_error(self.upscaler.prepare(first), plans[pictures.size])
        if error * _LEVELS > 1:
            message = f"tiled and untiled results differ by {error * _LEVELS:.2f} of {_LEVELS} levels"
            raise SrganError(message, "disable tiling with --tile 0")
        return error

    def _enlarged(
        self, pictures: ImageSequence, plans: _Plans, reserved: ReservedMemory, report: Callable[[Consistency], None]
    ) -> Iterator[ImageStream]:
        """One picture after the other.  Those that the format streams are computed while their bands are encoded."""
        for number, picture in enumerate(pictures.streams()):
            upscaler = self.upscaler.for_picture(picture.header)
            notes = [] if upscaler is self.upscaler else [_CLASSES]
            losses = partial(picture_losses, self.target, animated=pictures.animated)
            self.report_losses([*notes, *picture.header.notes, *losses(picture)])
            plan = self._plan_for(picture, upscaler, plans, reserved)
            advance = partial(self._advance, number, pictures.count)
            enlarged = upscaler.upscale_stream(picture, plan, progress=advance)
            if self.options.consistent:
                enlarged = replace(enlarged, bands=partial(self._back_projected, enlarged, picture, report))
            if not sequence.is_streamed(self.target, pictures.count):
                enlarged = ImageStream.from_picture(enlarged.to_picture())
            self.report_losses(losses(enlarged))
            if number == 0:
                place, size = enlarged.header.metadata.place, (enlarged.height, enlarged.width)
                name, overwrite = format_of(self.target), self._replaces_sidecars
                self.report_losses(kept_files(place, size, self.target, name, overwrite=overwrite))
            if self.options.cog:
                self.report_losses(sequence.cog_losses(picture.header.metadata))
            yield enlarged

    def _advance(self, number: int, count: int, done: int, total: int) -> None:
        """Report the progress of a picture as part of the file's progress."""
        self.check_cancelled()
        self.progress(number * total + done, count * total)

    def _back_projected(
        self, enlarged: ImageStream, original: ImageStream, report: Callable[[Consistency], None]
    ) -> Iterator[Picture]:
        """The picture after back-projection, as a single band; `report` gets its consistency when it is computed."""
        pictures = enlarged.to_picture(), original.to_picture()
        projected, consistency = back_project(*pictures, check_cancelled=self.check_cancelled)
        report(consistency)
        yield projected
