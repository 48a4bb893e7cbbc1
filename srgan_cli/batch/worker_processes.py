"""Workers in other processes, and their replacement when one dies."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.managers import BaseManager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch

from srgan_cli.batch.processor import ImageProcessor, default_concurrency, no_progress
from srgan_cli.batch.resume import Manifest
from srgan_cli.batch.runner import Worker
from srgan_cli.batch.task import Task, TaskResult, UpscaleOptions, cancelled_error
from srgan_cli.batch.weights_choice import WeightsChoice
from srgan_cli.errors import SrganError
from srgan_cli.image.codec.limits import set_pillow_limit
from srgan_cli.system.memory_usage import retain_freed_memory, return_freed_memory
from srgan_cli.system.processes import context, cores, init_worker, limit_kernel_caches
from srgan_cli.system.progress import Progress
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

if TYPE_CHECKING:
    from srgan_cli.batch.video_segments import SegmentProcessor
    from srgan_cli.upscaling.video.pipeline import VideoWork

ATTEMPTS = 3
_CRASH_HINT = "memory may have run out: try --max-memory"
_DEATH_ERRORS = (EOFError, ConnectionError)
Connection = TypeVar("Connection")


@dataclass(frozen=True)
class WorkerSpec:
    """What a worker needs to set itself up in another process."""

    load: Callable[..., Upscaler]
    """Returns the upscaler for a `device`."""
    options: UpscaleOptions
    compressed: str = ""
    """The name of the weights for compressed files; "" to use the same weights for all files."""
    folder: Path | None = None
    """The folder of the manifest, if there is one."""
    settings_digest: str = ""
    video: "VideoWork | None" = None
    """The video whose segments are the tasks; None for files."""
    working_directory: Path = field(default_factory=Path.cwd)
    """The folder that relative paths start from."""

    @property
    def manifest(self) -> Manifest | None:
        """The manifest as it is on disk now."""
        return Manifest(self.folder, self.settings_digest) if self.folder else None

    def processor(self, upscaler: Upscaler) -> "ImageProcessor | SegmentProcessor":
        """What processes the tasks with an upscaler in this process."""
        if self.video is None:
            choice = WeightsChoice(upscaler, self.compressed, partial(self.load, device=str(upscaler.device)))
            return ImageProcessor(upscaler, self.options, self.manifest, choice=choice)
        from srgan_cli.batch.video_segments import SegmentProcessor

        return SegmentProcessor(upscaler, self.video)

    def concurrency(self, device: str, policy: TilePolicy, processes_sharing: int = 1) -> int:
        """How many tasks to process at once on a type of device."""
        return 1 if self.video else default_concurrency(device, policy, processes_sharing)


class RemoteWorker:
    """An ImageProcessor in a worker process, set up when the first task arrives."""

    def __init__(self, spec: WorkerSpec, device: str, threads: int) -> None:
        self.spec, self.device, self.threads = spec, device, threads
        self.lock = Lock()
        self.processor: ImageProcessor | SegmentProcessor | None = None
        self.stopped = False

    def process(self, task: Task) -> TaskResult:
        """The result of a task.  Raises SrganError if the worker cannot be set up."""
        return self._start().process(task, no_progress)

    def stop(self) -> None:
        """Cancel all tasks, present and future."""
        self.stopped = True
        if self.processor:
            self.processor.stop()

    def _start(self) -> "ImageProcessor | SegmentProcessor":
        with self.lock:
            if self.processor is None and not self.stopped:
                torch.set_num_threads(self.threads)
                chdir_if_exists(self.spec.working_directory)
                limit_kernel_caches()
                set_pillow_limit(self.spec.options.max_pixels)
                upscaler = self.spec.load(device=self.device)
                retains = upscaler.policy.max_memory is None and not upscaler.is_kernel
                (retain_freed_memory if retains else return_freed_memory)()
                self.processor = self.spec.processor(upscaler)
            if self.processor is None or self.stopped:  # also if `stop` was called while the upscaler was loaded
                raise cancelled_error()
            return self.processor


class WorkerDied(Exception):  # noqa: N818 (says what happened)
    """The worker process no longer exists."""


class WorkerProxy(ABC, Generic[Connection]):
    """A worker elsewhere.  If it dies, it is replaced and its tasks are retried.

    A task whose worker died is retried alone, so that one bad file cannot kill other tasks.  It fails after ATTEMPTS.
    """

    def __init__(self, spec: WorkerSpec, device: str, concurrency: int, threads: int = 1) -> None:
        """`concurrency` is the number of files at once, `threads` the number of torch's threads in the worker."""
        self.concurrency = concurrency
        self.arguments = spec, device, threads
        self.lock, self.retry_lock = Lock(), Lock()
        self.connection: Connection | None = None
        self.stopped = False

    @abstractmethod
    def connect(self) -> Connection:
        """Start a RemoteWorker and connect to it."""

    @abstractmethod
    def call(self, connection: Connection, method: str, *arguments: Any) -> Any:
        """The result of a method of the worker.  Raises WorkerDied."""

    @abstractmethod
    def disconnect(self, connection: Connection) -> None:
        """End the worker, which may be dead already."""

    def process(self, task: Task, progress: Progress, /) -> TaskResult:
        """The result of a task.  Raises SrganError if the worker cannot be set up."""
        try:
            for attempt in range(ATTEMPTS):
                with self.retry_lock if attempt else nullcontext(), suppress(WorkerDied):
                    return self._attempt(task)
            message, hint = "the worker processing {path} crashed {times} times", _CRASH_HINT
            return TaskResult(task, "failed", error=SrganError(message, hint, path=task.source, times=ATTEMPTS))
        finally:
            progress(1, 1)

    def stop(self) -> None:
        """Cancel the tasks in progress, and start no more."""
        with self.lock, suppress(WorkerDied):
            self.stopped = True
            if self.connection is not None:
                self.call(self.connection, "stop")

    def close(self) -> None:
        """End the worker."""
        if self.connection is not None:
            self._discard(self.connection)

    def _attempt(self, task: Task) -> TaskResult:
        connection = self._connection()
        try:
            result: TaskResult = self.call(connection, "process", task)
        except WorkerDied:
            self._discard(connection)
            raise
        return result

    def _connection(self) -> Connection:
        with self.lock:
            if self.stopped:
                raise cancelled_error()
            if self.connection is None:
                self.connection = self.connect()
            return self.connection

    def _discard(self, connection: Connection) -> None:
        with self.lock:
            if self.connection is connection:
                self.connection = None
                self.disconnect(connection)


def chdir_if_exists(folder: Path) -> None:
    """Change to a folder if this machine has it.  If not, each file that is missing is reported."""
    with suppress(OSError):
        os.chdir(folder)


@contextmanager
def translate_death(*deaths: type[Exception]) -> Iterator[None]:
    """Turn errors of a broken connection into WorkerDied."""
    try:
        yield
    except deaths as error:
        raise WorkerDied from error


class _Manager(BaseManager):
    """Runs a RemoteWorker in another process and forwards calls to it."""


_Manager.register("RemoteWorker", RemoteWorker)


class _ProcessWorker(WorkerProxy[tuple[_Manager, Any]]):
    """A worker in another process of this machine."""

    def connect(self) -> tuple[_Manager, Any]:
        with translate_death(*_DEATH_ERRORS):
            manager = _Manager(ctx=context(__name__))
            manager.start(init_worker)
            return manager, manager.RemoteWorker(*self.arguments)  # type: ignore[attr-defined]

    def call(self, connection: tuple[_Manager, Any], method: str, *arguments: Any) -> Any:
        with translate_death(*_DEATH_ERRORS):
            return getattr(connection[1], method)(*arguments)

    def disconnect(self, connection: tuple[_Manager, Any]) -> None:
        connection[0].shutdown()


def start_process_workers(spec: WorkerSpec, devices: Sequence[str], policy: TilePolicy) -> list[Worker]:
    """One worker process per device; those on the CPU share its cores."""
    threads = max(1, cores() // max(1, devices.count("cpu")))
    return [
        _ProcessWorker(spec, name, spec.concurrency(name.partition(":")[0], policy, len(devices)), threads)
        for name in devices
    ]
