"""Workers in other processes: the same results, and what happens when one is lost."""

import json
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from batches import assert_whole, descendants, outputs, started, wait_until
from support import Outcome

from srgan_cli.batch.runner import BatchRunner
from srgan_cli.batch.task import Task, TaskResult, UpscaleOptions
from srgan_cli.batch.workers import ATTEMPTS, WorkerDied, WorkerProxy, WorkerSpec, start_process_workers
from srgan_cli.errors import SrganError, UnknownModel
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

pytestmark = pytest.mark.usefixtures("one_core")
TWO = ("--devices", "cpu,cpu")


class Perishable(WorkerProxy[list[str]]):
    """Dies of the files that are named so, with all that it has in hand."""

    def __init__(self, *deadly: str, concurrency: int = 3) -> None:
        super().__init__(WorkerSpec(Upscaler.load, UpscaleOptions()), "cpu", concurrency)
        self.deadly, self.lines, self.halted = deadly, [[]], []

    def connect(self) -> list[str]:
        self.lines.append([])
        return self.lines[-1]

    def run_task(self, connection: list[str], task: Task) -> TaskResult:
        connection.append(task.source.name)
        if task.source.name in self.deadly:
            connection.append("dead")
        if "dead" in connection:
            raise WorkerDied
        return TaskResult(task, "enlarged")

    def send_stop(self, connection: list[str]) -> None:
        self.halted.append(connection)

    def disconnect(self, connection: list[str]) -> None:
        connection.append("ended")


def tasks(*names: str) -> list[Task]:
    return [Task(Path("in", name), Path("out", name)) for name in names]


def test_a_file_that_costs_lives_has_failed_in_the_end_and_takes_no_other_with_it() -> None:
    worker = Perishable("c")
    results = list(BatchRunner(worker).run(tasks(*"abcdefgh")))
    assert [result.status for result in results] == [*["enlarged"] * 2, "failed", *["enlarged"] * 5]
    assert f"crashed {ATTEMPTS} times" in str(results[2].error)
    assert all("ended" in line for line in worker.lines[1:])


def test_what_stops_is_not_begun_anew() -> None:
    worker = Perishable()
    results = BatchRunner(worker).run(tasks(*"abc"))
    next(results)
    results.close()
    assert worker.halted == worker.lines[1:]
    with pytest.raises(SrganError, match="stopped"):
        worker.process(tasks("d")[0], lambda *_: None)


def test_the_meter_counts_also_what_is_lost() -> None:
    seen: list[tuple[int, int]] = []
    list(
        BatchRunner(Perishable("b", concurrency=1)).run(
            tasks(*"abc"), progress=lambda done, total: seen.append((done, total))
        )
    )
    assert seen == [(1000, 3000), (2000, 3000), (3000, 3000)]


def records(out: str) -> list[dict[str, Any]]:
    """What is told of every file, but for what differs from run to run."""
    return [json.loads(line) | {"out": "", "seconds": 0, "peak_memory": 0} for line in out.splitlines()]


def test_two_workers_tell_and_write_what_one_does(
    srgan: Callable[..., Outcome], mixture: Path, weights: Path, tmp_path: Path
) -> None:
    for number in range(6, 40):
        (mixture / f"deep/{number}.png").unlink()
    one, two = tmp_path / "one", tmp_path / "two"
    alone = srgan("upscale", mixture, one, "-m", weights, "--json")
    beside = srgan("upscale", mixture, two, "-m", weights, "--json", *TWO)
    assert alone.code == beside.code == 1
    assert records(alone.out) == records(beside.out)
    assert alone.err.splitlines()[-3:] == beside.err.splitlines()[-3:]
    assert [path.read_bytes() for path in outputs(one)] == [path.read_bytes() for path in outputs(two)]
    again = srgan("upscale", mixture, two, "-m", weights)
    assert "0 enlarged, 6 kept, 2 failed:" in again.err


def workers(pid: int) -> list[int]:
    """Those that the helper process has started that this one has started."""
    return [grandchild for child in descendants(pid) for grandchild in descendants(child)]


def test_a_worker_that_is_killed_is_replaced(mixture: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with started(mixture, weights, out, *TWO) as process:
        os.kill(workers(process.pid)[0], signal.SIGKILL)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "40 enlarged, 2 failed:" in err or "39 enlarged, 1 kept, 2 failed:" in err
    assert_whole(out, 40)
    assert not list(out.rglob(".*.srgan-*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_who_is_interrupted_takes_its_workers_with_it(
    mixture: Path, weights: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    out = tmp_path / "out"
    with started(mixture, weights, out, *TWO) as process:
        family = descendants(process.pid)
        assert len(workers(process.pid)) == 2
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (code, False)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))
    assert not any(Path(f"/proc/{pid}").exists() for pid in family)
    assert len(outputs(out)) < 40
    if number != signal.SIGKILL:
        assert not list(out.rglob(".*.srgan-*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--devices cpu,tpu", "no device 'tpu'"),
        ("--devices 7", "no device 'cuda:7'"),
        ("--devices cpu,cpu --device cpu", "--device and --devices exclude each other"),
        ("--on cluster", "cannot run on 'cluster'"),
        ("--devices cpu memory://in", "memory:// is in one process alone"),
    ],
)
def test_workers_that_cannot_be_had_are_refused(
    srgan: Callable[..., Outcome], picture: Path, weights: Path, options: str, message: str
) -> None:
    outcome = srgan("upscale", *options.split(), picture, picture.with_name("out.png"), "-m", weights)
    assert outcome.code == 2
    assert message in outcome.err


def test_a_bench_that_cannot_be_set_up_ends_all_with_its_error() -> None:
    order = WorkerSpec(partial(Upscaler.load, "nosuch"), UpscaleOptions())
    with pytest.raises(UnknownModel, match="no weights named 'nosuch'") as caught:
        list(BatchRunner(*start_process_workers(order, ["cpu"], TilePolicy())).run(tasks("a")))
    assert caught.value.hint
