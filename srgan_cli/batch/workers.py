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
from srgan_cli.batch.processor import ImageProcessor, default_concurrency
from srgan_cli.batch.runner import Worker
from srgan_cli.batch.task import Task, TaskResult, UpscaleOptions
from srgan_cli.errors import SrganError
from srgan_cli.system.memory import retain_freed_memory
from srgan_cli.system.processes import context, cores, init_worker, limit_kernel_caches
from srgan_cli.system.progress import Progress
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

ATTEMPTS = 3
_DEATH_ERRORS = (EOFError, ConnectionError)
Connection = TypeVar("Connection")


@dataclass(frozen=True)
class WorkerSpec:
    """What is to be done at a bench, as other processes can be told.

    load: returns the upscaler for a `device` by name.  folder: where a manifest is, if anywhere, and recipe what it
    tells its lines by.  working_directory: the folder that paths are counted from.
    """

    load: Callable[..., Upscaler]
    options: UpscaleOptions
    folder: Path | None = None
    settings_digest: str = ""
    working_directory: Path = field(default_factory=Path.cwd)

    @property
    def manifest(self) -> Manifest | None:
        """The manifest, read anew."""
        return Manifest(self.folder, self.settings_digest) if self.folder else None


class RemoteWorker:
    """A bench in another process, which is set up when the first task comes."""

    def __init__(self, spec: WorkerSpec, device: str, threads: int) -> None:
        self.spec, self.device, self.threads = spec, device, threads
        self.lock = Lock()
        self.processor: ImageProcessor | None = None
        self.stopped = False

    def process(self, task: Task) -> TaskResult:
        """What became of a task.  Raises SrganError where the bench cannot be set up."""
        return self._start().process(task)

    def stop(self) -> None:
        """Have what is in hand given up at its next tile, also what is to come."""
        self.stopped = True
        if self.processor:
            self.processor.stop()

    def _start(self) -> ImageProcessor:
        with self.lock:
            if self.stopped:
                raise SrganError("stopped")
            if self.processor is None:
                torch.set_num_threads(self.threads)
                chdir_if_exists(self.spec.working_directory)
                limit_kernel_caches()
                upscaler = self.spec.load(device=self.device)
                if upscaler.policy.max_memory is None:
                    retain_freed_memory()
                self.processor = ImageProcessor(upscaler, self.spec.options, self.spec.manifest)
            return self.processor


class WorkerDied(Exception):  # noqa: N818 (says what happened)
    """Whoever was asked is no more."""


class WorkerProxy(ABC, Generic[Connection]):
    """A worker elsewhere.  When it is lost another one takes its place, and what it had in hand is done again.

    What has been lost once is done alone, so that a file that costs a worker its life takes no others with it; after
    ATTEMPTS it has failed.
    """

    def __init__(self, spec: WorkerSpec, device: str, concurrency: int, threads: int = 1) -> None:
        """`concurrency`: files in hand at once.  `threads`: of torch there."""
        self.concurrency = concurrency
        self.arguments = spec, device, threads
        self.lock, self.retry_lock = Lock(), Lock()
        self.connection: Connection | None = None
        self.stopped = False

    @abstractmethod
    def connect(self) -> Connection:
        """A line to a new Station."""

    @abstractmethod
    def run_task(self, connection: Connection, task: Task) -> TaskResult:
        """What the Station makes of a task.  Raises Lost when it is no more."""

    @abstractmethod
    def send_stop(self, connection: Connection) -> None:
        """Tell the Station to stop.  Raises Lost when it is no more."""

    @abstractmethod
    def disconnect(self, connection: Connection) -> None:
        """End the Station, which may be lost already."""

    def process(self, task: Task, progress: Progress, /) -> TaskResult:
        """What became of a task.  Raises SrganError where the bench cannot be set up."""
        try:
            for attempt in range(ATTEMPTS):
                with self.retry_lock if attempt else nullcontext(), suppress(WorkerDied):
                    return self._attempt(task)
            return _failed(task, f"whoever enlarged {task.source} died, {ATTEMPTS} times")
        finally:
            progress(1, 1)

    def stop(self) -> None:
        """Have what is in hand given up at its next tile, and begin nothing anew."""
        with self.lock, suppress(WorkerDied):
            self.stopped = True
            if self.connection is not None:
                self.send_stop(self.connection)

    def close(self) -> None:
        """End the Station."""
        if self.connection is not None:
            self._discard(self.connection)

    def _attempt(self, task: Task) -> TaskResult:
        connection = self._connection()
        try:
            return self.run_task(connection, task)
        except WorkerDied:
            self._discard(connection)
            raise

    def _connection(self) -> Connection:
        with self.lock:
            if self.stopped:
                raise SrganError("stopped")
            if self.connection is None:
                self.connection = self.connect()
            return self.connection

    def _discard(self, connection: Connection) -> None:
        with self.lock:
            if self.connection is connection:
                self.connection = None
                self.disconnect(connection)


def chdir_if_exists(folder: Path) -> None:
    """Count paths from a folder, where this machine has it; what is missing there is told file by file."""
    with suppress(OSError):
        os.chdir(folder)


@contextmanager
def translate_worker_death(*deaths: type[Exception]) -> Iterator[None]:
    """Turns the errors that tell of a loss into Lost."""
    try:
        yield
    except deaths as error:
        raise WorkerDied from error


def _failed(task: Task, reason: str) -> TaskResult:
    return TaskResult(task, "failed", error=SrganError(reason, "memory may have run out: try --max-memory"))


class _Manager(BaseManager):
    """Holds a Station in a process of its own, and asks it for whoever calls."""


_Manager.register("RemoteWorker", RemoteWorker)


class ProcessWorker(WorkerProxy[tuple[_Manager, Any]]):
    """A worker in a process of its own on this machine."""

    def connect(self) -> tuple[_Manager, Any]:
        """A new process."""
        with translate_worker_death(*_DEATH_ERRORS):
            manager = _Manager(ctx=context(__name__))
            manager.start(init_worker)
            return manager, manager.RemoteWorker(*self.arguments)  # type: ignore[attr-defined]

    def run_task(self, connection: tuple[_Manager, Any], task: Task) -> TaskResult:
        """What its Station makes of a task."""
        with translate_worker_death(*_DEATH_ERRORS):
            result: TaskResult = connection[1].process(task)
            return result

    def send_stop(self, connection: tuple[_Manager, Any]) -> None:
        """Tell its Station."""
        with translate_worker_death(*_DEATH_ERRORS):
            connection[1].stop()

    def disconnect(self, connection: tuple[_Manager, Any]) -> None:
        """End the process."""
        connection[0].shutdown()


def start_process_workers(spec: WorkerSpec, devices: Sequence[str], policy: TilePolicy) -> list[Worker]:
    """A worker for each device of this machine; those on the CPU share its cores."""
    threads = max(1, cores() // max(1, devices.count("cpu")))
    return [
        ProcessWorker(spec, name, default_concurrency(name.partition(":")[0], policy, len(devices)), threads)
        for name in devices
    ]
