"""Workers in other processes: the same results, and replacement when one dies."""

import json
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from batches import PATIENCE, assert_whole, descendants, load_with_a_warning, outputs, started, wait_until
from PIL import Image
from support import Outcome

from srgan_cli.batch.runner import run_batch
from srgan_cli.batch.task import Task, TaskResult, UpscaleOptions
from srgan_cli.batch.worker_processes import (
    ATTEMPTS,
    RemoteWorker,
    WorkerDied,
    WorkerProxy,
    WorkerSpec,
    start_process_workers,
)
from srgan_cli.errors import SrganError, UnknownModel
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

pytestmark = pytest.mark.usefixtures("one_core")
TWO = ("--devices", "cpu,cpu")


class MortalWorker(WorkerProxy[list[str]]):
    """Dies while it processes certain files, with all that it has in progress."""

    def __init__(self, *deadly: str, concurrency: int = 3) -> None:
        super().__init__(WorkerSpec(Upscaler.load, UpscaleOptions()), "cpu", concurrency)
        self.deadly, self.connections = deadly, [[]]

    def connect(self) -> list[str]:
        self.connections.append([])
        return self.connections[-1]

    def call(self, connection: list[str], method: str, *arguments: Task) -> TaskResult | None:
        if method == "stop":
            connection.append("stopped")
            return None
        (task,) = arguments
        connection.append(task.source.name)
        if task.source.name in self.deadly:
            connection.append("dead")
        if "dead" in connection:
            raise WorkerDied
        return TaskResult(task, "enlarged")

    def disconnect(self, connection: list[str]) -> None:
        connection.append("ended")


def tasks(*names: str) -> list[Task]:
    return [Task(Path("in", name), Path("out", name)) for name in names]


def test_a_file_that_kills_workers_fails_alone() -> None:
    worker = MortalWorker("c")
    results = list(run_batch([worker], tasks(*"abcdefgh")))
    assert [result.status for result in results] == [*["enlarged"] * 2, "failed", *["enlarged"] * 5]
    assert results[2].error is not None
    results[2].error.rename(Path("in/c"), "standard input")
    assert str(results[2].error) == f"the worker processing standard input crashed {ATTEMPTS} times"
    assert all("ended" in connection for connection in worker.connections[1:])


def test_a_stopped_worker_starts_no_task() -> None:
    worker = MortalWorker()
    results = run_batch([worker], tasks(*"abc"))
    next(results)
    results.close()
    assert all("stopped" in connection for connection in worker.connections[1:])
    with pytest.raises(SrganError, match="stopped"):
        worker.process(tasks("d")[0], lambda *_: None)


def test_progress_counts_tasks_whose_worker_died() -> None:
    seen: list[tuple[int, int]] = []
    list(
        run_batch(
            [MortalWorker("b", concurrency=1)], tasks(*"abc"), progress=lambda done, total: seen.append((done, total))
        )
    )
    assert seen == [(1000, 3000), (2000, 3000), (3000, 3000)]


def records(out: str) -> list[dict[str, Any]]:
    """The JSON of every file, without the fields that differ between runs."""
    return [json.loads(line) | {"out": "", "seconds": 0, "peak_memory": 0} for line in out.splitlines()]


def test_two_workers_report_and_write_the_same_as_one(
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
    """The worker processes of a command: the children of its fork server."""
    return [grandchild for child in descendants(pid) for grandchild in descendants(child)]


def test_a_killed_worker_is_replaced(mixture: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with started(mixture, weights, out, *TWO) as process:
        os.kill(workers(process.pid)[0], signal.SIGKILL)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "40 enlarged, 2 failed:" in err or "39 enlarged, 1 kept, 2 failed:" in err
    assert_whole(out, 40)
    assert not list(out.rglob(".*.srgan-*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_workers_end_with_an_interrupted_command(
    mixture: Path, weights: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    out = tmp_path / "out"
    with started(mixture, weights, out, *TWO) as process:
        wait_until(lambda: len(workers(process.pid)) == 2 or process.poll() is not None)
        assert process.poll() is None
        family = descendants(process.pid)
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, "Traceback" in err) == (code, False)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))
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
def test_unavailable_workers_are_an_error(
    srgan: Callable[..., Outcome], picture: Path, weights: Path, options: str, message: str
) -> None:
    outcome = srgan("upscale", *options.split(), picture, picture.with_name("out.png"), "-m", weights)
    assert outcome.code == 2
    assert message in outcome.err


def test_a_worker_that_cannot_be_set_up_ends_the_batch() -> None:
    spec = WorkerSpec(partial(Upscaler.load, "nosuch"), UpscaleOptions())
    with pytest.raises(UnknownModel, match="no weights named 'nosuch'") as caught:
        list(run_batch(start_process_workers(spec, ["cpu"], TilePolicy()), tasks("a")))
    assert caught.value.hint


def load_resampling(device: str) -> Upscaler:
    return Upscaler.load("bicubic", device=device, policy=TilePolicy(max_memory=2**36))


def test_workers_do_not_print_the_warnings_of_libraries(
    tmp_path: Path, picture: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    workers = start_process_workers(WorkerSpec(load_with_a_warning, UpscaleOptions()), ["cpu"], TilePolicy())
    (result,) = run_batch(workers, [Task(picture, tmp_path / "out.png")])
    assert (result.status, "obsolete" in capfd.readouterr().err) == ("enlarged", False)


def test_a_worker_accepts_frames_above_the_own_limit_of_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 75)
    task = Task(tmp_path / "a.webp", tmp_path / "out.webp")
    for max_pixels, status in ((None, "failed"), (200, "enlarged")):
        spec = WorkerSpec(load_resampling, UpscaleOptions(max_pixels=max_pixels))
        assert RemoteWorker(spec, "cpu", 1).process(task).status == status


def test_a_worker_that_is_stopped_while_it_loads_starts_no_task(tmp_path: Path) -> None:
    def load(device: str) -> Upscaler:
        worker.stop()
        return load_resampling(device)

    worker = RemoteWorker(WorkerSpec(load, UpscaleOptions()), "cpu", 1)
    for _ in range(2):
        with pytest.raises(SrganError, match="stopped"):
            worker.process(Task(tmp_path / "a.png", tmp_path / "out.png"))
