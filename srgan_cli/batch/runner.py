"""Many pictures, one stream of results, whoever enlarges them: this process, others beside it, or other machines."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Generator as Stream
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Lock
from typing import Protocol

from srgan_cli.batch.task import Task, TaskResult
from srgan_cli.system.progress import Progress

_UNITS_PER_TASK = 1000


class Worker(Protocol):
    """Where pictures are enlarged, several at once: a Bench, or one that is far away."""

    @property
    def concurrency(self) -> int:
        """How many files are worth having in hand at once."""

    def process(self, task: Task, progress: Progress, /) -> TaskResult:
        """What became of a task, with every error of its own in the result; raises what stops all others too."""

    def stop(self) -> None:
        """Have what is in hand given up soon."""

    def close(self) -> None:
        """Part from it; nothing is in hand any more."""


class BatchRunner:
    """Enlarges the pictures of many files.  Every hand of every worker takes the next one as soon as it is free."""

    def __init__(self, *workers: Worker) -> None:
        self.workers = workers

    def run(
        self,
        tasks: Sequence[Task],
        progress: Progress | None = None,
        share: Callable[[Sequence[Task]], Iterable[Task]] = iter,
    ) -> Stream[TaskResult]:
        """The results in the order of the tasks, as soon as they are there; then the workers are done.

        `share` gives those of the tasks that are this process's, one after the other, each when there is a free hand.
        When the caller closes the stream or is interrupted, what is being written is given up and nothing of it stays.
        """
        aggregator, queue = ProgressAggregator(len(tasks), progress), TaskQueue(share(tasks))
        # Those of all workers by turns, so that each has work from the beginning.
        slots = sorted((turn, index) for index, worker in enumerate(self.workers) for turn in range(worker.concurrency))
        pool = ThreadPoolExecutor(len(slots), "hand")
        try:
            for _, index in slots:
                pool.submit(_run_worker, self.workers[index], queue, aggregator)
            while future := queue.results.get():
                yield future.result()
        finally:
            queue.close()
            for worker in self.workers:
                worker.stop()
            pool.shutdown()
            for worker in self.workers:
                worker.close()


def _run_worker(worker: Worker, queue: "TaskQueue", aggregator: "ProgressAggregator") -> None:
    """What a hand does all day."""
    while item := queue.take():
        task, future = item
        try:
            future.set_result(worker.process(task, aggregator.task_progress()))
        except BaseException as error:  # whoever takes the results raises it, an interrupt too
            future.set_exception(error)


class TaskQueue:
    """Deals tasks out to whoever is free, and keeps the order of what comes of them."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks, self.lock = iter(tasks), Lock()
        self.results: SimpleQueue[Future[TaskResult] | None] = SimpleQueue()

    def take(self) -> tuple[Task, Future[TaskResult]] | None:
        """A task, and where its result belongs; None at the end."""
        with self.lock:
            future: Future[TaskResult] = Future()
            try:
                task = next(self.tasks, None)
            except Exception as error:  # whoever takes the results raises it
                task = None
                future.set_exception(error)
            self.results.put(None if task is None and not future.done() else future)
            return None if task is None else (task, future)

    def close(self) -> None:
        """Deal no more."""
        with self.lock:
            self.tasks = iter(())


class ProgressAggregator:
    """Tells how much of all tasks is done, in thousandths of a task."""

    def __init__(self, count: int, progress: Progress | None) -> None:
        self.total, self.progress = _UNITS_PER_TASK * count, progress
        self.done, self.lock = 0, Lock()

    def task_progress(self) -> Progress:
        """What tells how much of another task is done."""
        reported = 0

        def update(done: int, total: int) -> None:
            nonlocal reported
            with self.lock:
                self.done += _UNITS_PER_TASK * done // total - reported
                reported = _UNITS_PER_TASK * done // total
                if self.progress:
                    self.progress(self.done, self.total)

        return update
