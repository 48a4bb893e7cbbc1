"""One picture file to another on one device: some are decoded and encoded while the network enlarges another."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from math import prod
from pathlib import Path
from threading import Condition, Event, Lock, local
from traceback import format_exception
from typing import Literal

from srgan_cli.back_projection import Agreement, back_project
from srgan_cli.codec.refusal import check_claim, check_pixels, trust_pixels
from srgan_cli.errors import SrganError, in_plain_words
from srgan_cli.files import make_folder, sweep
from srgan_cli.manifest import Manifest
from srgan_cli.memory import Reserve, check_decoded, keep_freed_within
from srgan_cli.networks import Generator
from srgan_cli.picture import Picture, Scan, check_size, dropped_by
from srgan_cli.places import Place, exists, fetched, is_remote, sent
from srgan_cli.plan import Task
from srgan_cli.progress import Progress
from srgan_cli.resident import give_back_freed, peak_resident
from srgan_cli.sequence import (
    Losses,
    Pictures,
    dropped_frames,
    fitting,
    held_bytes,
    open_pictures,
    streamed,
    write_pictures,
)
from srgan_cli.tiling import TilePolicy
from srgan_cli.upscaler import Scale, Upscaler

_ROOM = 2**23
_LEVELS = 255
_FILES_A_TIDYING = 32
Existing = Literal["update", "overwrite", "keep"]


def _unheard(_done: int, _total: int) -> None:
    """Progress that nobody follows."""


@dataclass(frozen=True)
class Wishes:
    """How pictures are to be enlarged.

    scale: None for the upscaler's own.  strict: nothing may be dropped.  existing: outputs that are there already are
    made anew unless the manifest holds them (at a URL: never), always, or never.  consistent: made small again, they
    are their inputs.  verify: tiles are compared with the whole first.
    max_pixels: of a picture; None for what Pillow allows, and for more where they are read in bands from a long file.
    """

    scale: Scale = None
    strict: bool = False
    existing: Existing = "update"
    consistent: bool = False
    verify: bool = False
    max_pixels: int | None = None


@dataclass(frozen=True)
class Result:
    """What became of one task; `kept` is an output that was there already.

    size and enlarged: height and width before and after.  count: the pictures in the file.  seconds: of work on it,
    without waiting for others.  warnings: a sentence for everything that was lost.  error: why it failed, and
    trace: where, for programmers.  seam: how far tiles were from the whole, 0…1, where that was asked for.
    device: where it was enlarged.  peak_memory: the most bytes that the process there has held so far, where known.
    agreement: how the output agrees with its input, the worst of its pictures, where that was wished for.
    """

    task: Task
    status: Literal["enlarged", "kept", "failed"]
    size: tuple[int, int] = (0, 0)
    enlarged: tuple[int, int] = (0, 0)
    count: int = 0
    seconds: float = 0
    warnings: tuple[str, ...] = ()
    error: SrganError | None = None
    trace: str = ""
    seam: float | None = None
    device: str = ""
    peak_memory: int | None = None
    agreement: Agreement | None = None


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


class _Turns:
    """Lets one hand at a time ask a generator, and counts how long each has waited for that.

    Hung on the generator itself, so that all else that is done to a picture goes on side by side.
    """

    def __init__(self, generator: Generator) -> None:
        self.lock, self.hand = Lock(), local()
        self.stopped = Event()
        self.hooks = (
            generator.register_forward_pre_hook(self._take, prepend=True),
            generator.register_forward_hook(self._give, always_call=True),
        )

    def __deepcopy__(self, _memo: object) -> "_Turns":
        return self  # copies of the generator queue up with it

    @property
    def waited(self) -> float:
        """Seconds that this hand has waited in all."""
        seconds: float = getattr(self.hand, "waited", 0.0)
        return seconds

    def stop(self) -> None:
        """Have what is in hand given up at its next tile."""
        self.stopped.set()

    def heed(self) -> None:
        """Raises SrganError when it is time to stop."""
        if self.stopped.is_set():
            raise SrganError("stopped")

    def release(self) -> None:
        """Leave the generator as it was."""
        for hook in self.hooks:
            hook.remove()

    def _take(self, *_: object) -> None:
        asked = time.monotonic()
        self.lock.acquire()
        self.hand.waited = self.waited + time.monotonic() - asked

    def _give(self, *_: object) -> None:
        self.lock.release()


class _Room:
    """Pixels that may be in hand at once; who comes first is let in first, and alone if it takes more."""

    def __init__(self, pixels: int) -> None:
        self.pixels, self.free = pixels, pixels
        self.door, self.changed = Lock(), Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        share = min(pixels, self.pixels)
        with self.door, self.changed:
            self.changed.wait_for(lambda: self.free >= share)
            self.free -= share
        try:
            yield
        finally:
            with self.changed:
                self.free += share
                self.changed.notify_all()
