"""Workers that are not in this process: what they are told, and what happens when one is lost."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from multiprocessing.managers import BaseManager
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

import torch

from srgan_cli.batch.manifest import Manifest
from srgan_cli.batch.processor import Bench, hands
from srgan_cli.batch.runner import Worker
from srgan_cli.batch.task import Result, Task, Wishes
from srgan_cli.errors import SrganError
from srgan_cli.system.processes import begin, context, cores
from srgan_cli.system.progress import Progress
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

ATTEMPTS = 3
_DEATH = (EOFError, ConnectionError)
Line = TypeVar("Line")


@dataclass(frozen=True)
class Order:
    """What is to be done at a bench, as other processes can be told.

    load: gives the upscaler for the name of a device.  folder: where a manifest is, if anywhere, and recipe what it
    tells its lines by.  start: the folder that paths are counted from.
    """

    load: Callable[[str], Upscaler]
    wishes: Wishes
    folder: Path | None = None
    recipe: str = ""
    start: Path = field(default_factory=Path.cwd)

    @property
    def manifest(self) -> Manifest | None:
        """The manifest, read anew."""
        return Manifest(self.folder, self.recipe) if self.folder else None


class Station:
    """A bench in another process, which is set up when the first task comes."""

    def __init__(self, order: Order, device: str, threads: int) -> None:
        self.order, self.device, self.threads = order, device, threads
        self.lock = Lock()
        self.bench: Bench | None = None
        self.stopped = False

    def work(self, task: Task) -> Result:
        """What became of a task.  Raises SrganError where the bench cannot be set up."""
        return self._ready().work(task)

    def stop(self) -> None:
        """Have what is in hand given up at its next tile, also what is to come."""
        self.stopped = True
        if self.bench:
            self.bench.stop()

    def _ready(self) -> Bench:
        with self.lock:
            if self.stopped:
                raise SrganError("stopped")
            if self.bench is None:
                torch.set_num_threads(self.threads)
                go_to(self.order.start)
                self.bench = Bench(self.order.load(self.device), self.order.wishes, self.order.manifest)
            return self.bench


class Lost(Exception):  # noqa: N818 (says what happened)
    """Whoever was asked is no more."""


class Distant(ABC, Generic[Line]):
    """A worker elsewhere.  When it is lost another one takes its place, and what it had in hand is done again.

    What has been lost once is done alone, so that a file that costs a worker its life takes no others with it; after
    ATTEMPTS it has failed.
    """

    def __init__(self, order: Order, device: str, hands: int, threads: int = 1) -> None:
        """`hands`: files in hand at once.  `threads`: of torch there."""
        self.hands = hands
        self.told = order, device, threads
        self.lock, self.alone = Lock(), Lock()
        self.line: Line | None = None
        self.stopped = False

    @abstractmethod
    def begin(self) -> Line:
        """A line to a new Station."""

    @abstractmethod
    def ask(self, line: Line, task: Task) -> Result:
        """What the Station makes of a task.  Raises Lost when it is no more."""

    @abstractmethod
    def halt(self, line: Line) -> None:
        """Tell the Station to stop.  Raises Lost when it is no more."""

    @abstractmethod
    def end(self, line: Line) -> None:
        """End the Station, which may be lost already."""

    def work(self, task: Task, progress: Progress, /) -> Result:
        """What became of a task.  Raises SrganError where the bench cannot be set up."""
        try:
            for attempt in range(ATTEMPTS):
                with self.alone if attempt else nullcontext(), suppress(Lost):
                    return self._attempt(task)
            return _failed(task, f"whoever enlarged {task.source} died, {ATTEMPTS} times")
        finally:
            progress(1, 1)

    def stop(self) -> None:
        """Have what is in hand given up at its next tile, and begin nothing anew."""
        with self.lock, suppress(Lost):
            self.stopped = True
            if self.line is not None:
                self.halt(self.line)

    def close(self) -> None:
        """End the Station."""
        if self.line is not None:
            self._bury(self.line)

    def _attempt(self, task: Task) -> Result:
        line = self._line()
        try:
            return self.ask(line, task)
        except Lost:
            self._bury(line)
            raise

    def _line(self) -> Line:
        with self.lock:
            if self.stopped:
                raise SrganError("stopped")
            if self.line is None:
                self.line = self.begin()
            return self.line

    def _bury(self, line: Line) -> None:
        with self.lock:
            if self.line is line:
                self.line = None
                self.end(line)


def go_to(folder: Path) -> None:
    """Count paths from a folder, where this machine has it; what is missing there is told file by file."""
    with suppress(OSError):
        os.chdir(folder)


@contextmanager
def noticing(*signs: type[Exception]) -> Iterator[None]:
    """Turns the errors that tell of a loss into Lost."""
    try:
        yield
    except signs as error:
        raise Lost from error


def _failed(task: Task, reason: str) -> Result:
    return Result(task, "failed", error=SrganError(reason, "memory may have run out: try --max-memory"))


class _Manager(BaseManager):
    """Holds a Station in a process of its own, and asks it for whoever calls."""


_Manager.register("Station", Station)


class Beside(Distant[tuple[_Manager, Any]]):
    """A worker in a process of its own on this machine."""

    def begin(self) -> tuple[_Manager, Any]:
        """A new process."""
        with noticing(*_DEATH):
            manager = _Manager(ctx=context(__name__))
            manager.start(begin)
            return manager, manager.Station(*self.told)  # type: ignore[attr-defined]

    def ask(self, line: tuple[_Manager, Any], task: Task) -> Result:
        """What its Station makes of a task."""
        with noticing(*_DEATH):
            result: Result = line[1].work(task)
            return result

    def halt(self, line: tuple[_Manager, Any]) -> None:
        """Tell its Station."""
        with noticing(*_DEATH):
            line[1].stop()

    def end(self, line: tuple[_Manager, Any]) -> None:
        """End the process."""
        line[0].shutdown()


def hire(order: Order, devices: Sequence[str], policy: TilePolicy) -> list[Worker]:
    """A worker for each device of this machine; those on the CPU share its cores."""
    threads = max(1, cores() // max(1, devices.count("cpu")))
    return [Beside(order, name, hands(name.partition(":")[0], policy, len(devices)), threads) for name in devices]
