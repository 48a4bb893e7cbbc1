"""One picture file to another on one device: some are decoded and encoded while the network enlarges another."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from math import prod
from pathlib import Path
from threading import Lock
from traceback import format_exception

from srgan_cli.batch.manifest import Manifest
from srgan_cli.batch.task import Result, Task, Wishes
from srgan_cli.batch.throttle import _Room, _Turns
from srgan_cli.errors import SrganError, in_plain_words
from srgan_cli.image.codec.errors import check_claim, check_pixels, trust_pixels
from srgan_cli.image.io import check_size, dropped_by
from srgan_cli.image.picture import Picture, Scan
from srgan_cli.image.sequence import (
    Losses,
    Pictures,
    dropped_frames,
    fitting,
    held_bytes,
    open_pictures,
    streamed,
    write_pictures,
)
from srgan_cli.system.files import make_folder, sweep
from srgan_cli.system.memory import give_back_freed, peak_resident
from srgan_cli.system.progress import Progress
from srgan_cli.system.storage import Place, exists, fetched, is_remote, sent
from srgan_cli.upscaling.back_projection import Agreement, back_project
from srgan_cli.upscaling.tiles.memory import Reserve, check_decoded, keep_freed_within
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

_ROOM = 2**23
_LEVELS = 255
_FILES_A_TIDYING = 32


def _unheard(_done: int, _total: int) -> None:
    """Progress that nobody follows."""


class Bench:
    """Where the pictures of files are enlarged; one that fails is told and stops no other.

    A few hands work here at once.  Each takes a file from reading to writing, and they share one generator that works
    for one at a time.  No more than `room` input pixels are in hand at once, but for a single file.
    """

    def __init__(
        self,
        upscaler: Upscaler,
        wishes: Wishes | None = None,
        manifest: Manifest | None = None,
        room: int = _ROOM,
    ) -> None:
        """`manifest` is that of the folder where the outputs go."""
        self.upscaler, self.wishes, self.manifest = upscaler, wishes or Wishes(), manifest
        self.room, self.turns = _Room(room), _Turns(upscaler.generator)
        trust_pixels(self.wishes.max_pixels)
        keep_freed_within(upscaler.policy)
        self.swept: set[Path] = set()
        self.finished = count(1)
        self.lock = Lock()

    @property
    def hands(self) -> int:
        """How many files are worth having in hand at once."""
        return hands(self.upscaler.device.type, self.upscaler.policy)

    def work(self, task: Task, progress: Progress = _unheard) -> Result:
        """What became of a task, with every error in the result; in `progress` it is 1 of 1 at the end."""
        result = _Work(self, task, progress).result()
        if next(self.finished) % _FILES_A_TIDYING == 0:
            give_back_freed()
        return result

    def sweep(self, folder: Place) -> None:
        """Take away what killed processes left in a folder, once; stores keep nothing that is not whole."""
        with self.lock:
            if not is_remote(folder) and folder not in self.swept:
                self.swept.add(folder)
                sweep(folder)

    def stop(self) -> None:
        """Have what is in hand given up at its next tile."""
        self.turns.stop()

    def close(self) -> None:
        """Leave the generator as it was."""
        self.turns.release()


def hands(device: str, policy: TilePolicy, sharers: int = 1) -> int:
    """How many files a bench should have in hand on a device of this type, where `sharers` share the cores.

    A CPU's network leaves little time for more than reading ahead; a GPU's asks for all cores.  Where memory is limited
    it is one.
    """
    if policy.max_memory is not None:
        return 1
    return 3 if device == "cpu" else max(3, (os.cpu_count() or 1) // sharers)


class _Work:
    """One file on its way."""

    def __init__(self, bench: Bench, task: Task, progress: Progress) -> None:
        self.bench, self.task, self.progress = bench, task, progress
        self.upscaler, self.wishes, self.manifest = bench.upscaler, bench.wishes, bench.manifest
        self.warnings: list[str] = []
        self.tell = Losses(Path(task.target.name), self.warnings.append, self.wishes.strict)
        self.target: Path
        self.agreements: list[Agreement] = []

    def result(self) -> Result:
        try:
            return self._done()
        except Exception as error:  # told in the result: one file stops no other
            return self._failed(error)
        finally:
            self.progress(1, 1)

    def _failed(self, error: Exception) -> Result:
        """The error without the frames that it went through: they hold pictures and open files."""
        trace = "".join(format_exception(error))
        known = in_plain_words(error).with_traceback(None)
        known.__context__ = known.__cause__ = None
        return Result(self.task, "failed", warnings=tuple(self.warnings), error=known, trace=trace)

    def _done(self) -> Result:
        task, existing = self.task, self.wishes.existing
        self.bench.sweep(task.target.parent)
        there = exists(task.target)
        if there and (existing == "keep" or (existing == "update" and is_remote(task.target))):
            return Result(task, "kept")
        with fetched(task.source) as source, sent(task.target) as self.target:
            pictures = open_pictures(source)
            kept = fitting(pictures, self.target)
            for size in kept.sizes:
                (check_pixels if self.wishes.max_pixels else check_claim)(source, *size)
            key = self.manifest.key(source) if self.manifest else ""
            if self.manifest and there and existing == "update" and self.manifest.holds(self.target, key):
                enlarged = self.upscaler.target(*pictures.size, self.wishes.scale)
                return Result(task, "kept", pictures.size, enlarged, pictures.count)
            self.tell(dropped_frames(self.target, pictures))
            result = self._enlarged(kept)
            if self.manifest:
                self.manifest.note(self.target, key)
        return replace(result, device=str(self.upscaler.device), peak_memory=peak_resident())

    def _enlarged(self, pictures: Pictures) -> Result:
        sizes = [self.upscaler.target(*size, self.wishes.scale) for size in filter(all, pictures.sizes)]
        for size in sizes:
            check_size(self.target, *size)
        with self.bench.room.taken(sum(map(prod, pictures.sizes))):
            began, waited = time.monotonic(), self.bench.turns.waited
            reserve = self._reserve(pictures, sizes)
            make_folder(self.target.parent)
            seam = self._seam(pictures, reserve) if self.wishes.verify else None
            write_pictures(pictures.each(self._enlarging(pictures.count, reserve)), self.target)
            seconds = time.monotonic() - began - (self.bench.turns.waited - waited)
        return Result(
            self.task,
            "enlarged",
            pictures.size,
            sizes[0],
            pictures.count,
            seconds,
            tuple(self.warnings),
            seam=seam,
            agreement=min(self.agreements, key=lambda found: found.decibels, default=None),
        )

    def _reserve(self, pictures: Pictures, sizes: list[tuple[int, int]]) -> Reserve:
        """What is promised to others than tiles; what memory does not suffice for is told before it is decoded."""
        decoding, results = max(pictures.held), held_bytes(sizes, self.target, self.wishes.consistent)
        reserve = Reserve(results + pictures.decoded)
        if decoding > results:
            check_decoded(decoding, reserve, self.upscaler.policy)
        for size in sorted(filter(all, set(pictures.sizes)), key=prod, reverse=True):
            self.upscaler.check_memory(*size, self.wishes.scale, reserve)
        return reserve

    def _seam(self, pictures: Pictures, reserve: Reserve) -> float:
        seam = self.upscaler.largest_seam(next(pictures.scans()), self.wishes.scale, reserve)
        if seam * _LEVELS > 1:
            differ = f"tiles differ from the whole by {seam * _LEVELS:.2f} of {_LEVELS} levels"
            raise SrganError(differ, "take the picture whole with --tile 0")
        return seam

    def _enlarging(self, count: int, reserve: Reserve) -> Callable[[Scan], Scan]:
        """Enlarges one picture after the other, band by band, and tells what each loses."""
        number = iter(range(count))

        def enlarge(picture: Scan) -> Scan:
            earlier = next(number)

            def advance(done: int, total: int) -> None:
                self.bench.turns.heed()
                self.progress(earlier * total + done, count * total)

            self.tell(picture.outline.notes)
            self.tell(dropped_by(self.target, picture))
            enlarged = self.upscaler.upscale_scan(picture, self.wishes.scale, advance, reserve)
            if self.wishes.consistent:
                enlarged = replace(enlarged, bands=partial(self._consistent, enlarged, picture))
            if not streamed(self.target, count):
                enlarged = Scan.of(enlarged.whole())
            self.tell(dropped_by(self.target, enlarged))
            return enlarged

        return enlarge

    def _consistent(self, enlarged: Scan, original: Scan) -> Iterator[Picture]:
        """The enlarged picture projected back, as a single band."""
        projected, agreement = back_project(enlarged.whole(), original.whole(), self.bench.turns.heed)
        self.agreements.append(agreement)
        if not agreement.holds:
            self.warnings.append(
                f"made small again, it is {agreement.deviation:.1f} grey levels off at the worst pixel"
            )
        yield projected
