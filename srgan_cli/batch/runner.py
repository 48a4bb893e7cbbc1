"""Running the tasks of a batch on workers: in this process, in others, or on other machines."""

import time
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Generator as Stream
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Protocol

from srgan_cli.batch.task import Task, TaskResult
from srgan_cli.system.files import discard_unfinished, remove_stale_temporaries
from srgan_cli.system.progress import Progress
from srgan_cli.system.remote_storage import is_remote

_UNITS_PER_TASK = 1000
_PATIENCE = 0.1
Outcome = SimpleQueue[TaskResult | BaseException]
"""Receives one result or error.  A signal that interrupts `get` leaves no lock behind, as it may in a Future."""


class Worker(Protocol):
    """Enlarges files, several at once: an ImageProcessor, or a proxy of one elsewhere."""

    @property
    def concurrency(self) -> int:
        """How many files to process at once."""

    def process(self, task: Task, progress: Progress, /) -> TaskResult:
        """The result of a task.  The errors of its file are part of it; errors that are raised end the batch."""

    def stop(self) -> None:
        """Cancel the tasks in progress soon."""

    def close(self) -> None:
        """Release its resources, when no task is in progress."""


def run_batch(
    workers: Sequence[Worker],
    tasks: Sequence[Task],
    *,
    progress: Progress | None = None,
    share: Callable[[Sequence[Task]], Iterable[Task]] = iter,
) -> Stream[TaskResult]:
    """Enlarge many files; yields the results in the order of the tasks.  The workers are closed at the end.

    Each slot of each worker takes the next task when it is idle.  `share` yields the tasks assigned to this process,
    one per idle slot.
    When the caller closes the generator, tasks in progress are cancelled, and their outputs are not written.  An
    encoder that cannot be interrupted goes on in a thread, which does not keep the process from ending.
    """
    aggregator, queue = ProgressAggregator(len(tasks), progress), TaskQueue(share(tasks))
    # The first slots of all workers come first, so that each has work from the beginning.
    most = max((worker.concurrency for worker in workers), default=0)
    slots = [worker for turn in range(most) for worker in workers if turn < worker.concurrency]
    # Daemons, since an encoder cannot be interrupted: a process that must end does not wait for it.
    threads = [Thread(target=_run_worker, args=(worker, queue, aggregator), daemon=True) for worker in slots]
    try:
        for thread in threads:
            thread.start()
        while outcome := queue.outcomes.get():
            result = outcome.get()
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        queue.close()
        for worker in workers:
            worker.stop()
        finished = _join(threads)
        for worker in workers:
            worker.close()
        if not finished:
            _remove_temporaries(tasks)


def _join(threads: Sequence[Thread]) -> bool:
    """Wait at most _PATIENCE seconds for stopped threads; returns whether all have ended."""
    end = time.monotonic() + _PATIENCE
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _remove_temporaries(tasks: Sequence[Task]) -> None:
    """Delete what threads and processes have written that did not end: they cannot put it in place any more."""
    targets = [task.target for task in tasks if not is_remote(task.target)]
    discard_unfinished(targets)
    for folder in {target.parent for target in targets}:
        remove_stale_temporaries(folder)


def _run_worker(worker: Worker, queue: "TaskQueue", aggregator: "ProgressAggregator") -> None:
    """Take tasks for one slot of a worker until none is left."""
    while item := queue.take():
        task, outcome = item
        try:
            outcome.put(worker.process(task, aggregator.task_progress()))
        except BaseException as error:  # raised by `run_batch`, even a KeyboardInterrupt
            outcome.put(error)


class TaskQueue:
    """Hands out tasks and keeps their results in order."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks, self.lock = iter(tasks), Lock()
        self.outcomes: SimpleQueue[Outcome | None] = SimpleQueue()

    def take(self) -> tuple[Task, Outcome] | None:
        """The next task and what receives its result; None at the end."""
        with self.lock:
            outcome: Outcome = SimpleQueue()
            try:
                task = next(self.tasks, None)
            except Exception as error:  # raised by `run_batch`
                outcome.put(error)
                self.outcomes.put(outcome)
                return None
            self.outcomes.put(None if task is None else outcome)
            return None if task is None else (task, outcome)

    def close(self) -> None:
        """Hand out no more tasks."""
        with self.lock:
            self.tasks = iter(())


class ProgressAggregator:
    """Adds up the progress of all tasks, in thousandths of a task."""

    def __init__(self, count: int, progress: Progress | None) -> None:
        self.total, self.progress = _UNITS_PER_TASK * count, progress
        self.done, self.lock = 0, Lock()

    def task_progress(self) -> Progress:
        """A function that reports the progress of one more task."""
        reported = 0

        def update(done: int, total: int) -> None:
            nonlocal reported
            with self.lock:
                self.done += _UNITS_PER_TASK * done // total - reported
                reported = _UNITS_PER_TASK * done // total
                if self.progress:
                    self.progress(self.done, self.total)

        return update
