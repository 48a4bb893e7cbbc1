"""Tiles on their way to a device, through the generator, and back."""

import threading
import time

import pytest
import torch
from generators import noise
from torch import Tensor, nn

from srgan_cli.networks import Generator
from srgan_cli.upscaling.precision import MixedPrecision
from srgan_cli.upscaling.tiles.transfer import GeneratorLock, TileTransfer

CPU = torch.device("cpu")
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]
pytestmark = pytest.mark.usefixtures("one_core")


class Nearest(Generator):
    """Nearest-neighbour enlargement; in half precision its values are `broken` instead, if given."""

    def __init__(self, broken: float | None = None) -> None:
        super().__init__(scale=2)
        self.broken, self.passes = broken, 0

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        half = torch.is_autocast_enabled(x.device.type)
        enlarged = nn.functional.interpolate(x, scale_factor=2)
        return enlarged if self.broken is None or not half else torch.full_like(enlarged, self.broken)


def whole(enlarged: Tensor) -> Tensor:
    return enlarged


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("mixed", [False, True])
def test_collecting_gives_the_crop_of_the_result_on_the_cpu(device: str, mixed: bool) -> None:
    tiles = [noise(3, 5, 4), noise(3, 5, 4) / 2, noise(3, 5, 4) / 4]
    transfer = TileTransfer(MixedPrecision(Nearest()) if mixed else Nearest(), torch.device(device))
    collects = [transfer.submit(tile, lambda enlarged: enlarged[:, 2:7, 1:]) for tile in tiles]
    for tile, collect in zip(tiles, collects, strict=True):
        expected = tile.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, 2:7, 1:]
        assert collect().device == CPU
        assert torch.equal(collect(), expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("broken", "passes"), [(None, 1), (float("nan"), 2), (0.0, 2)])
def test_a_tile_that_broke_in_half_precision_is_computed_once_more_when_it_is_collected(
    device: str, broken: float | None, passes: int
) -> None:
    generator = Nearest(broken)
    transfer = TileTransfer(MixedPrecision(generator, torch.bfloat16), torch.device(device))
    collect = transfer.submit(torch.full((3, 4, 4), 0.5), whole)
    assert generator.passes == 1
    torch.testing.assert_close(collect(), torch.full((3, 8, 8), 0.5))
    assert generator.passes == passes


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_submitting_does_not_wait_for_the_result() -> None:
    """The generator spins for half a second on the GPU; meanwhile the next tile can be prepared."""

    class Slow(Nearest):
        def forward(self, x: Tensor) -> Tensor:
            torch.cuda._sleep(10**9)
            return super().forward(x)

    transfer, tile = TileTransfer(Slow(), torch.device("cuda")), noise(3, 4, 4)
    transfer.submit(tile, whole)()  # loads what CUDA loads once
    began = time.monotonic()
    collect = transfer.submit(tile, whole)
    submitted = time.monotonic() - began
    assert torch.equal(collect(), tile.repeat_interleave(2, 1).repeat_interleave(2, 2))
    assert submitted < 0.5 * (time.monotonic() - began)


def test_only_a_gpu_has_a_tile_in_flight_while_another_is_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.Stream", lambda device: device)
    assert TileTransfer(Nearest(), torch.device("cuda")).prefetch == 1
    assert TileTransfer(Nearest(), CPU).prefetch == 0


def test_one_thread_at_a_time_runs_the_generator() -> None:
    running, most = [0], [0]

    class Watched(Nearest):
        def forward(self, x: Tensor) -> Tensor:
            running[0] += 1
            most[0] = max(most[0], running[0])
            time.sleep(0.01)
            running[0] -= 1
            return super().forward(x)

    transfer = TileTransfer(Watched(), CPU)
    threads = [threading.Thread(target=transfer.submit, args=(noise(3, 4, 4), whole)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_a_generator_that_fails_is_free_for_the_next_thread() -> None:
    class Failing(Nearest):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError(f"failed for {len(x)} picture")

    transfer = TileTransfer(Failing(), CPU)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="failed"):
            transfer.submit(noise(3, 4, 4), whole)


def test_each_thread_has_its_own_waiting_time() -> None:
    lock, holding, release = GeneratorLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            holding.set()
            release.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait(10)
    threading.Timer(0.1, release.set).start()
    with lock:
        assert lock.wait_seconds > 0.09
    holder.join()
    seen = list[float]()
    other = threading.Thread(target=lambda: seen.append(lock.wait_seconds))
    other.start()
    other.join()
    assert seen == [0]
