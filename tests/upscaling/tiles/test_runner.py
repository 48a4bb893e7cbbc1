"""Canvases are filled tile after tile, also where each is collected only after the next has been sent."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from srgan_cli.image.picture import Picture
from srgan_cli.networks import Generator
from srgan_cli.networks.generators.srresnet import SRResNet
from srgan_cli.upscaling.compilation import CompiledGenerator
from srgan_cli.upscaling.precision import with_precision
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

CPU = torch.device("cpu")


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


class Restless(SRResNet):
    """A generator in which every weight counts."""

    def __init__(self, noise: int = 0) -> None:
        super().__init__(2, channels=4, blocks=1, noise=noise)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.2, generator=torch.Generator().manual_seed(2))


class Blended(Restless):
    """Its tiles are exact as far as they are faded into each other."""

    receptive_radius = 12
    blend = 6


def upscalers(generator: SRResNet, tile: int = 20, seed: int | None = None) -> tuple[Upscaler, Upscaler]:
    """One that collects each tile before the next is sent, and one that collects it afterwards."""
    at_once, later = (
        Upscaler(with_precision(generator, CPU), CPU, policy=TilePolicy(tile), seed=seed) for _ in range(2)
    )
    later.transfer.prefetch = 1
    return at_once, later


@pytest.mark.parametrize("generator", [Restless(), Blended()])
@pytest.mark.parametrize("scale", [None, 1.3, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("transparent", [False, True])
def test_what_is_collected_later_is_the_same(
    generator: SRResNet, scale: float | None, channels: int, transparent: bool
) -> None:
    picture = Picture(noise(channels, 50, 70), noise(1, 50, 70) if transparent else None)
    at_once, later = (upscaler.upscale(picture, scale=scale) for upscaler in upscalers(generator))
    assert torch.equal(at_once.pixels, later.pixels)
    assert not transparent or torch.equal(at_once.alpha, later.alpha)


def test_noise_is_the_same_too() -> None:
    picture = Picture(noise(3, 50, 30))
    at_once, later = (upscaler.upscale(picture).pixels for upscaler in upscalers(Restless(noise=2), seed=5))
    assert torch.equal(at_once, later)


def logged(upscaler: Upscaler, fails: Callable[[int], bool] = lambda _: False) -> list[str]:
    """What is sent and collected from now on; collecting fails for want of memory where `fails` says so of an area."""
    log, send = list[str](), upscaler.transfer.submit

    def sent(seen: Tensor, crop: Callable[[Tensor], Tensor]) -> Callable[[], Tensor]:
        collect, size = send(seen, crop), f"{seen.shape[-1]} x {seen.shape[-2]}"
        log.append(f"send {size}")

        def collected() -> Tensor:
            log.append(f"collect {size}")
            if fails(seen.shape[-1] * seen.shape[-2]):
                raise torch.OutOfMemoryError("out of memory")
            return collect()

        return collected

    upscaler.transfer.submit = sent  # type: ignore[method-assign]
    return log


def test_a_tile_is_collected_once_the_next_has_been_sent() -> None:
    picture = Picture(noise(3, 10, 60))
    orders = []
    for upscaler in upscalers(Restless()):
        log = logged(upscaler)
        upscaler.upscale(picture)
        orders.append([line.split()[0] for line in log])
    assert orders == [["send", "collect"] * 3, ["send", "send", "collect", "send", "collect", "collect"]]


@pytest.mark.parametrize(("generator", "most"), [(Restless(), 2200), (Blended(), 2500)])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("ahead", [0, 1])
def test_where_memory_runs_out_for_a_tile_that_is_collected_it_is_done_again_in_pieces(
    generator: SRResNet, most: int, transparent: bool, ahead: int
) -> None:
    picture = Picture(noise(3, 90, 100), noise(1, 90, 100) if transparent else None)
    whole = Upscaler(generator, CPU, policy=TilePolicy(0)).upscale(picture)
    told, seen = list[str](), list[tuple[int, int]]()
    upscaler = Upscaler(generator, CPU, policy=TilePolicy(50), warn=told.append)
    upscaler.transfer.prefetch = ahead
    log = logged(upscaler, lambda area: area > most)
    found = upscaler.upscale(picture, progress=lambda *now: seen.append(now))
    assert (found.pixels - whole.pixels).abs().max() < 1e-4
    assert not transparent or (found.alpha - whole.alpha).abs().max() < 1e-4
    assert told == ["memory ran out at a tile of 50 x 45 pixels: going on with smaller ones"]
    assert seen[-1] == ((1 + transparent) * 9000, (1 + transparent) * 9000)
    layers = 1 + transparent
    assert sum(line.startswith("send") for line in log) == layers * (16 + 1 + ahead)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("build", [lambda generator: generator, CompiledGenerator], ids=["plain", "compiled"])
@pytest.mark.parametrize("transparent", [False, True])
def test_a_card_gives_what_the_cpu_gives(
    monkeypatch: pytest.MonkeyPatch, build: Callable[[Generator], Generator], transparent: bool
) -> None:
    monkeypatch.setattr("torch.backends.cudnn.allow_tf32", False)
    picture, card = Picture(noise(3, 150, 170), noise(1, 150, 170) if transparent else None), torch.device("cuda")
    expected = Upscaler(Restless(), CPU, policy=TilePolicy(0)).upscale(picture, scale=1.7)
    found = Upscaler(with_precision(build(Restless()), card, "fp32"), card, policy=TilePolicy(20)).upscale(
        picture, scale=1.7
    )
    assert (found.pixels - expected.pixels).abs().max() < 1e-3
    assert not transparent or (found.alpha - expected.alpha).abs().max() < 1e-3
