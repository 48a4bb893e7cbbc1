"""Many pictures, one stream of results, whoever enlarges them: this process, others beside it, or other machines."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Generator as Stream
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Lock
from typing import Protocol

from srgan_cli.batch.task import Result, Task
from srgan_cli.system.progress import Progress

_WHOLE = 1000


class Worker(Protocol):
    """Where pictures are enlarged, several at once: a Bench, or one that is far away."""

    @property
    def hands(self) -> int:
        """How many files are worth having in hand at once."""

    def work(self, task: Task, progress: Progress, /) -> Result:
        """What became of a task, with every error of its own in the result; raises what stops all others too."""

    def stop(self) -> None:
        """Have what is in hand given up soon."""

    def close(self) -> None:
        """Part from it; nothing is in hand any more."""


class Batch:
    """Enlarges the pictures of many files.  Every hand of every worker takes the next one as soon as it is free."""

    def __init__(self, *workers: Worker) -> None:
        self.workers = workers

    def run(
        self,
        tasks: Sequence[Task],
        progress: Progress | None = None,
        share: Callable[[Sequence[Task]], Iterable[Task]] = iter,
    ) -> Stream[Result]:
        """The results in the order of the tasks, as soon as they are there; then the workers are done.

        `share` gives those of the tasks that are this process's, one after the other, each when there is a free hand.
        When the caller closes the stream or is interrupted, what is being written is given up and nothing of it stays.
        """
        meter, deal = _Meter(len(tasks), progress), _Deal(share(tasks))
        # Those of all workers by turns, so that each has work from the beginning.
        turns = sorted((turn, index) for index, worker in enumerate(self.workers) for turn in range(worker.hands))
        pool = ThreadPoolExecutor(len(turns), "hand")
        try:
            for _, index in turns:
                pool.submit(_work, self.workers[index], deal, meter)
            while future := deal.results.get():
                yield future.result()
        finally:
            deal.end()
            for worker in self.workers:
                worker.stop()
            pool.shutdown()
            for worker in self.workers:
                worker.close()


def _work(worker: Worker, deal: "_Deal", meter: "_Meter") -> None:
    """What a hand does all day."""
    while dealt := deal.next():
        task, future = dealt
        try:
            future.set_result(worker.work(task, meter.another()))
        except BaseException as error:  # whoever takes the results raises it, an interrupt too
            future.set_exception(error)


class _Deal:
    """Deals tasks out to whoever is free, and keeps the order of what comes of them."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks, self.lock = iter(tasks), Lock()
        self.results: SimpleQueue[Future[Result] | None] = SimpleQueue()

    def next(self) -> tuple[Task, Future[Result]] | None:
        """A task, and where its result belongs; None at the end."""
        with self.lock:
            future: Future[Result] = Future()
            try:
                task = next(self.tasks, None)
            except Exception as error:  # whoever takes the results raises it
                task = None
                future.set_exception(error)
            self.results.put(None if task is None and not future.done() else future)
            return None if task is None else (task, future)

    def end(self) -> None:
        """Deal no more."""
        with self.lock:
            self.tasks = iter(())


class _Meter:
    """Tells how much of all tasks is done, in thousandths of a task."""

    def __init__(self, count: int, progress: Progress | None) -> None:
        self.all, self.progress = _WHOLE * count, progress
        self.done, self.lock = 0, Lock()

    def another(self) -> Progress:
        """What tells how much of another task is done."""
        told = 0

        def tell(done: int, total: int) -> None:
            nonlocal told
            with self.lock:
                self.done += _WHOLE * done // total - told
                told = _WHOLE * done // total
                if self.progress:
                    self.progress(self.done, self.all)

        return tell
