"""Tiles of one picture, also when memory runs out and when one is in flight while the next is submitted."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from generators import OutOfMemory, noise, randomise
from torch import Tensor

from srgan_cli.errors import SrganError
from srgan_cli.image.picture import Picture
from srgan_cli.networks import Generator
from srgan_cli.networks.generators.srresnet import SRResNet
from srgan_cli.upscaling.compilation import CompiledGenerator
from srgan_cli.upscaling.precision import with_precision
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy
from srgan_cli.upscaling.tiles.transfer import TileTransfer
from srgan_cli.upscaling.upscaler import Upscaler

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_core")


class Random(SRResNet):
    """A generator in which every weight changes the result."""

    def __init__(self, noise: int = 0) -> None:
        super().__init__(2, channels=4, blocks=1, noise=noise)
        randomise(self, 0.2, 2)


class Blended(Random):
    """Its tiles are exact and are blended into each other nevertheless."""

    receptive_radius = 12
    blend = 6


class LateFailure(TileTransfer):
    """Reports on collecting that memory ran out for tiles of more than `limit` pixels, as a GPU may."""

    limit = 10**9

    def submit(self, tile: Tensor, crop: Callable[[Tensor], Tensor], *rest: Any) -> Callable[[], Tensor]:
        collect = super().submit(tile, crop, *rest)

        def fail() -> Tensor:
            raise torch.OutOfMemoryError("out of memory")

        return fail if tile.shape[-1] * tile.shape[-2] > self.limit else collect


def upscalers(generator: Generator, tile: int = 20, seed: int | None = None) -> tuple[Upscaler, Upscaler]:
    """One that collects each tile before the next is submitted, and one that collects it afterwards."""
    at_once, later = (
        Upscaler(with_precision(generator, CPU), CPU, policy=TilePolicy(tile), seed=seed) for _ in range(2)
    )
    later.transfer.prefetch = 1
    return at_once, later


@pytest.mark.parametrize("generator", [Random(), Blended()])
@pytest.mark.parametrize("scale", [None, 1.3, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("transparent", [False, True])
def test_collecting_later_does_not_change_the_result(
    generator: SRResNet, scale: float | None, channels: int, transparent: bool
) -> None:
    picture = Picture(noise(channels, 50, 70), noise(1, 50, 70) if transparent else None)
    at_once, later = (upscaler.upscale(picture, scale=scale) for upscaler in upscalers(generator))
    assert torch.equal(at_once.pixels, later.pixels)
    assert not transparent or torch.equal(at_once.alpha, later.alpha)


def test_collecting_later_does_not_change_the_noise() -> None:
    picture = Picture(noise(3, 50, 30))
    at_once, later = (upscaler.upscale(picture).pixels for upscaler in upscalers(Random(noise=2), seed=5))
    assert torch.equal(at_once, later)


@pytest.mark.parametrize(("ahead", "expected"), [(0, "scscsc"), (1, "sscscc")])
def test_a_tile_is_collected_after_the_next_is_submitted(ahead: int, expected: str) -> None:
    log = list[str]()

    class Logged(TileTransfer):
        def submit(self, tile: Tensor, crop: Callable[[Tensor], Tensor], *rest: Any) -> Callable[[], Tensor]:
            log.append("s")
            collect = super().submit(tile, crop, *rest)
            return lambda: (log.append("c"), collect())[1]

    upscaler = Upscaler(Random(), CPU, policy=TilePolicy(20))
    upscaler.transfer = Logged(upscaler.generator, CPU)
    upscaler.transfer.prefetch = ahead
    upscaler.upscale(Picture(noise(3, 10, 60)))
    assert "".join(log) == expected


@pytest.mark.parametrize(("generator", "limit"), [(Random(), 2200), (Blended(), 2500)])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("ahead", [0, 1])
def test_a_tile_whose_memory_ran_out_is_enlarged_in_pieces(
    generator: SRResNet, limit: int, transparent: bool, ahead: int
) -> None:
    picture = Picture(noise(3, 90, 100), noise(1, 90, 100) if transparent else None)
    whole = Upscaler(generator, CPU, policy=TilePolicy(0)).upscale(picture)
    warnings, progress = list[str](), list[tuple[int, int]]()
    upscaler = Upscaler(generator, CPU, policy=TilePolicy(50), warn=warnings.append)
    upscaler.transfer = LateFailure(upscaler.generator, CPU)
    upscaler.transfer.limit, upscaler.transfer.prefetch = limit, ahead
    found = upscaler.upscale(picture, progress=lambda *now: progress.append(now))
    assert (found.pixels - whole.pixels).abs().max() < 1e-4
    assert not transparent or (found.alpha - whole.alpha).abs().max() < 1e-4
    assert warnings == ["memory ran out at a tile of 50 x 45 pixels: going on with smaller ones"]
    assert progress[-1] == ((1 + transparent) * 9000, (1 + transparent) * 9000)


@pytest.mark.parametrize(
    "error",
    [lambda: torch.OutOfMemoryError("CUDA out of memory."), lambda: RuntimeError("allocator: can't allocate memory")],
)
def test_smaller_tiles_continue_where_memory_ran_out(error: Callable[[], Exception]) -> None:
    generator, picture = OutOfMemory(10**9, error), Picture(noise(3, 90, 100))
    expected = Upscaler(generator, CPU, policy=TilePolicy(0)).upscale(picture).pixels
    generator.limit, generator.read = 2200, []
    found = Upscaler(generator, CPU, policy=TilePolicy(50)).upscale(picture).pixels
    assert (found - expected).abs().max() < 1e-5
    assert len(generator.failed) == 1
    assert len(generator.read) == 1 + 4 * 4


def test_the_next_picture_of_the_same_size_does_not_fail_first() -> None:
    generator, picture, warnings = OutOfMemory(2200), Picture(noise(3, 90, 100)), list[str]()
    upscaler = Upscaler(generator, CPU, policy=TilePolicy(50), warn=warnings.append)
    first = upscaler.upscale(picture).pixels
    assert generator.failed
    generator.failed.clear()
    assert (upscaler.upscale(picture).pixels - first).abs().max() < 1e-5
    assert (upscaler.upscale(Picture(noise(3, 200, 100))).height, generator.failed) == (400, [])
    assert len(warnings) == 1


def test_the_smaller_tiles_are_not_used_for_pictures_that_fit() -> None:
    """Such a picture is cut as if memory had never run out."""
    generator, small = OutOfMemory(2200), Picture(noise(3, 34, 34))
    upscaler = Upscaler(generator, CPU, policy=TilePolicy(50))
    upscaler.upscale(Picture(noise(3, 90, 100)))
    generator.read.clear()
    upscaler.upscale(small)
    assert generator.read == [34 * 34]


@pytest.mark.parametrize("height", [90, 91])
def test_a_picture_that_was_to_be_taken_whole_does_not_fail_again(height: int) -> None:
    generator, warnings = OutOfMemory(3000), list[str]()
    upscaler = Upscaler(generator, CPU, policy=TilePolicy(0), warn=warnings.append)
    first = upscaler.upscale(Picture(noise(3, 90, 100)))
    assert warnings == ["memory ran out at a tile of 100 x 90 pixels: going on with smaller ones"]
    generator.failed.clear()
    again = upscaler.upscale(Picture(noise(3, height, 100)))
    assert not generator.failed
    assert height != 90 or (again.pixels - first.pixels).abs().max() < 1e-5


def test_too_little_memory_for_the_smallest_tile_is_an_error() -> None:
    with pytest.raises(SrganError, match=r"memory runs out even for tiles of 1[0-6] pixels"):
        Upscaler(OutOfMemory(0, MemoryError), CPU, policy=TilePolicy(50)).upscale(Picture(noise(3, 90, 100)))


def test_other_errors_are_raised() -> None:
    with pytest.raises(RuntimeError, match="shape mismatch"):
        Upscaler(OutOfMemory(0, lambda: RuntimeError("shape mismatch")), CPU).upscale(Picture(noise(3, 9, 9)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("build", [lambda generator: generator, CompiledGenerator], ids=["plain", "compiled"])
@pytest.mark.parametrize("transparent", [False, True])
def test_a_gpu_gives_what_the_cpu_gives(
    monkeypatch: pytest.MonkeyPatch, build: Callable[[Generator], Generator], transparent: bool
) -> None:
    monkeypatch.setattr("torch.backends.cudnn.allow_tf32", False)
    picture, gpu = Picture(noise(3, 150, 170), noise(1, 150, 170) if transparent else None), torch.device("cuda")
    expected = Upscaler(Random(), CPU, policy=TilePolicy(0)).upscale(picture, scale=1.7)
    on_gpu = Upscaler(with_precision(build(Random()), gpu, "fp32"), gpu, policy=TilePolicy(20))
    found = on_gpu.upscale(picture, scale=1.7)
    assert (found.pixels - expected.pixels).abs().max() < 1e-3
    assert not transparent or (found.alpha - expected.alpha).abs().max() < 1e-3
