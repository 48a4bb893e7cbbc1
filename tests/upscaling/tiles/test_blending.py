"""Blended tiles: exact where the tiles are exact, and without a step where they are not."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.networks import Generator
from srgan_cli.networks.generators.srresnet import SRResNet
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

RADIUS, BLEND = 12, 8


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


class Blended(SRResNet):
    """Exact tiles that are blended nevertheless."""

    receptive_radius = RADIUS
    blend = BLEND


class Global(Generator):
    """Adds the mean of its input, so that every tile has its own brightness."""

    receptive_radius = RADIUS

    def __init__(self, blend: int) -> None:
        super().__init__(scale=2)
        self.blend = blend

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge twice and average with the mean of the input."""
        return (x.repeat_interleave(2, -1).repeat_interleave(2, -2) + x.mean((1, 2, 3), keepdim=True)) / 2


def enlarged(generator: Generator, picture: Picture, tile: int, scale: float | None = None) -> Picture:
    return Upscaler(generator, torch.device("cpu"), policy=TilePolicy(tile)).upscale(picture, scale=scale)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(5, 40), st.sampled_from([1.7, 2, 2.6]), st.booleans())
@settings(max_examples=15, deadline=None)
def test_exact_tiles_stay_exact(height: int, width: int, tile: int, scale: float, transparent: bool) -> None:
    picture = Picture(noise(3, height, width), noise(1, height, width) if transparent else None)
    generator = Blended(2, channels=4, blocks=1)
    whole, tiled = (enlarged(generator, picture, size, scale) for size in (0, tile))
    assert whole.pixels.shape == tiled.pixels.shape
    assert (tiled.pixels - whole.pixels).abs().max() < 1e-4
    if transparent:
        assert (tiled.alpha - whole.alpha).abs().max() < 1e-4


def test_there_is_no_step_between_tiles_that_are_not_exact() -> None:
    """The picture, and with it the mean of the tiles, grows brighter from left to right."""
    picture = Picture(torch.linspace(0, 1, 120).expand(3, 90, 120).contiguous())
    steps = {blend: enlarged(Global(blend), picture, 30).pixels.diff(dim=-1).abs().max() for blend in (0, BLEND)}
    assert steps[0] > 0.08
    assert steps[BLEND] < steps[0] / 5


def test_bands_add_up_to_the_picture_and_none_is_empty() -> None:
    generator = Blended(2, channels=4, blocks=1)
    upscaler, picture = Upscaler(generator, torch.device("cpu"), policy=TilePolicy(10)), Picture(noise(3, 45, 20))
    stream = upscaler.upscale_stream(ImageStream.from_picture(picture), upscaler.plan(45, 20))
    heights = [band.height for band in stream.bands()]
    assert sum(heights) == 90
    assert all(heights)


def test_pieces_of_a_tile_whose_memory_ran_out_are_blended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(noise(3, 60, 60))
    generator, forward = Blended(2, channels=4, blocks=1), Blended.forward
    whole = enlarged(generator, picture, 0).pixels

    def small_only(self: Blended, x: Tensor) -> Tensor:
        if x.shape[-1] > 45:
            raise torch.OutOfMemoryError("out of memory")
        return forward(self, x)

    upscaler = Upscaler(generator, torch.device("cpu"), policy=TilePolicy(30))
    upscaler.plan(60, 60)  # counts activations before memory is short
    monkeypatch.setattr(Blended, "forward", small_only)
    assert (upscaler.upscale(picture).pixels - whole).abs().max() < 1e-4
