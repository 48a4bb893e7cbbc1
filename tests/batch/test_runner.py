"""Running many tasks: results in order, cancellation and limits."""

import copy
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from batches import PATIENCE, wait_until
from PIL import Image

from srgan_cli.batch.job import PixelBudget
from srgan_cli.batch.processor import ImageProcessor
from srgan_cli.batch.runner import run_batch
from srgan_cli.batch.task import Task, TaskResult, UpscaleOptions
from srgan_cli.image.ops import resize
from srgan_cli.networks import GENERATORS
from srgan_cli.system.files import atomic_write
from srgan_cli.system.memory_usage import rss
from srgan_cli.upscaling import back_projection
from srgan_cli.upscaling.tiles.memory_limit import OVERHEAD, TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.fixture
def upscaler() -> Upscaler:
    torch.manual_seed(0)
    return Upscaler(
        GENERATORS["srresnet"](scale=2, channels=4, blocks=1), torch.device("cpu"), policy=TilePolicy(8), name="tiny"
    )


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    """Five pictures, the third of which is none."""
    random = np.random.default_rng(0)
    for number in range(5):
        Image.fromarray(random.integers(0, 256, (10 + number, 20, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_text("no picture")
    (tmp_path / "out").mkdir()
    return [Task(tmp_path / f"{number}.png", tmp_path / f"out/{number}.png") for number in range(5)]


def test_results_are_in_order_and_a_bad_file_does_not_stop_the_others(upscaler: Upscaler, tasks: list[Task]) -> None:
    results = list(run_batch([ImageProcessor(upscaler)], tasks))
    assert [result.task for result in results] == tasks
    assert [result.status for result in results] == ["enlarged", "enlarged", "failed", "enlarged", "enlarged"]
    assert [result.input_size for result in results if not result.error] == [(n, 20) for n in (10, 11, 13, 14)]
    assert all(result.output_size == (2 * result.input_size[0], 2 * result.input_size[1]) for result in results)
    assert "not a picture" in str(results[2].error)
    assert sorted(path.name for path in tasks[0].target.parent.iterdir()) == ["0.png", "1.png", "3.png", "4.png"]


def test_results_equal_those_of_single_files(upscaler: Upscaler, tasks: list[Task], tmp_path: Path) -> None:
    list(run_batch([ImageProcessor(upscaler)], tasks))
    alone = Task(tasks[4].source, tmp_path / "alone.png")
    list(run_batch([ImageProcessor(upscaler, UpscaleOptions(scale=2))], [alone]))
    assert alone.target.read_bytes() == tasks[4].target.read_bytes()


def test_losses_are_warnings_of_their_file(upscaler: Upscaler, tmp_path: Path) -> None:
    Image.new("RGBA", (5, 5), (9, 9, 9, 0)).save(tmp_path / "clear.png")
    task = Task(tmp_path / "clear.png", tmp_path / "out.jpg")
    (result,) = run_batch([ImageProcessor(upscaler)], [task])
    assert result.warnings == ("out.jpg: JPEG has no transparency: the picture is flattened on white",)
    (refused,) = run_batch([ImageProcessor(upscaler, UpscaleOptions(strict=True))], [task])
    assert "no transparency" in str(refused.error)


def test_progress_reaches_the_total(upscaler: Upscaler, tasks: list[Task]) -> None:
    seen: list[tuple[int, int]] = []
    list(run_batch([ImageProcessor(upscaler)], tasks, progress=lambda done, total: seen.append((done, total))))
    assert {total for _, total in seen} == {5000}
    assert seen[-1][0] == 5000
    assert len(seen) > 5


def test_one_thread_at_a_time_runs_the_generator(upscaler: Upscaler, tasks: list[Task]) -> None:
    asking, most, hands = [0], [0], set()

    def ask(*_: object) -> None:
        asking[0] += 1
        most[0] = max(most[0], asking[0])
        hands.add(threading.current_thread())
        time.sleep(0.02)

    def answer(*_: object) -> None:
        asking[0] -= 1

    upscaler.generator.register_forward_pre_hook(ask)
    upscaler.generator.register_forward_hook(answer)
    list(run_batch([ImageProcessor(upscaler)], tasks))
    assert most == [1]
    assert len(hands) > 1


def test_the_generator_can_be_copied_while_a_batch_runs(upscaler: Upscaler, tasks: list[Task]) -> None:
    results = run_batch([ImageProcessor(upscaler)], tasks)
    next(results)
    copy.deepcopy(upscaler.generator)(torch.rand(1, 3, 4, 4))
    assert len(list(results)) == 4


def test_a_failing_generator_is_released_for_the_next_task(
    upscaler: Upscaler, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("sparks")

    monkeypatch.setattr(upscaler.generator, "forward", fail)
    assert [result.status for result in run_batch([ImageProcessor(upscaler)], tasks)] == ["failed"] * 5


def own_threads() -> set[threading.Thread]:
    """Without those of libvips, which Python counts forever once they have called back."""
    return {thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)}


def test_closing_the_results_cancels_the_batch(upscaler: Upscaler, tasks: list[Task]) -> None:
    before = own_threads()
    results = run_batch([ImageProcessor(upscaler)], tasks * 4)
    assert next(results).status == "enlarged"
    results.close()
    wait_until(lambda: own_threads() == before)
    assert all(path.name[0] != "." for path in tasks[0].target.parent.iterdir())


def test_an_interrupt_leaves_no_partial_output(
    upscaler: Upscaler, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Upscaler, "upscale_stream", interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(run_batch([ImageProcessor(upscaler)], tasks))
    assert not list(tasks[0].target.parent.iterdir())


def test_back_projection_is_cancelled_too(
    upscaler: Upscaler, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = ImageProcessor(upscaler, UpscaleOptions(consistent=True))
    monkeypatch.setattr(back_projection, "resize", lambda *given: (processor.stop(), resize(*given))[1])
    result = processor.process(tasks[0])
    assert str(result.error) == "stopped"
    assert not tasks[0].target.exists()


def test_a_page_that_does_not_fit_memory_is_an_error_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = Image.new("RGB", (16, 16)), Image.new("RGB", (2000, 2000))
    small.save(tmp_path / "in.tif", save_all=True, append_images=[large])
    plain = Upscaler.load("bicubic", policy=TilePolicy(384, rss() + OVERHEAD + 20 * 2**20))
    enlarged, enlarge = [], plain.upscale_stream
    monkeypatch.setattr(
        plain,
        "upscale_stream",
        lambda scan, plan, **options: enlarged.append(scan.height) or enlarge(scan, plan, **options),
    )
    result = ImageProcessor(plain).process(Task(tmp_path / "in.tif", tmp_path / "out.tif"))
    assert "this picture cannot be enlarged within" in str(result.error)
    assert enlarged == []
    assert ImageProcessor(plain).process(Task(tmp_path / "in.tif", tmp_path / "out.png")).status == "enlarged"
    assert enlarged == [16]


def held(budget: PixelBudget, pixels: int, log: list[str], name: str, until: threading.Event) -> threading.Thread:
    def hold() -> None:
        with budget.reserve(pixels):
            log.append(name)
            until.wait(PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    return thread


def test_a_request_beyond_the_budget_runs_alone_and_later_ones_wait_behind_it() -> None:
    budget, log, go = PixelBudget(10), [], threading.Event()
    threads = [held(budget, 4, log, "small", go)]
    wait_until(lambda: log == ["small"])
    threads.append(held(budget, 99, log, "huge", go))
    wait_until(budget.entrance.locked)
    threads.append(held(budget, 1, log, "next", go))
    assert log == ["small"]
    go.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert log == ["small", "huge", "next"]


def test_seconds_do_not_include_waiting(upscaler: Upscaler, tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    waited = iter([5.0, 1005.0])
    monkeypatch.setattr(Upscaler, "wait_seconds", property(lambda _: next(waited)))
    monkeypatch.setattr(Upscaler, "upscale_stream", lambda _upscaler, picture, *_, **__: picture)
    (result,) = run_batch([ImageProcessor(upscaler)], tasks[:1])
    assert -1000 < result.seconds < -990


def test_errors_hold_no_pictures(upscaler: Upscaler, tasks: list[Task]) -> None:
    (result,) = run_batch([ImageProcessor(upscaler)], tasks[2:3])
    assert result.error is not None
    assert (result.error.__traceback__, result.error.__cause__, result.error.__context__) == (None, None, None)
    assert "UnidentifiedImageError" in result.traceback


class _Encoder:
    """A worker whose encoder cannot be interrupted."""

    concurrency = 1

    def __init__(self) -> None:
        self.encoding, self.done = threading.Event(), threading.Event()

    def process(self, task: Task, _progress: object) -> TaskResult:
        with atomic_write(Path(task.target)):
            self.encoding.set()
            self.done.wait(60)
        return TaskResult(task, "enlarged")

    def stop(self) -> None:
        """Go on."""

    def close(self) -> None:
        """Hold no resources."""


def test_a_batch_that_is_closed_does_not_wait_for_an_encoder(tmp_path: Path) -> None:
    before = threading.active_count()
    encoder, tasks = _Encoder(), [Task(tmp_path / "a.png", tmp_path / f"{name}.png") for name in "ab"]
    results = run_batch([encoder], tasks)
    interruption = threading.Timer(0.2, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    interruption.start()
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert encoder.encoding.is_set()
    assert not list(tmp_path.iterdir())
    encoder.done.set()
    wait_until(lambda: threading.active_count() <= before)
    assert not list(tmp_path.iterdir())
