"""Measurements: bands, values with units, outliers and holes on their way through kernels and networks."""

import numpy as np
import pytest
import torch
from generators import randomise
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.raster import BandLayout
from srgan_cli.image.codec.samples import percentile_range
from srgan_cli.image.picture import Picture
from srgan_cli.networks.generators.srresnet import SRResNet
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

CPU = torch.device("cpu")


def heights(bands: int = 1) -> Tensor:
    down, across = torch.meshgrid(torch.arange(40.0), torch.arange(50.0), indexing="ij")
    return torch.stack([1000 + 300 * torch.sin(across / 7 + band) + 200 * torch.cos(down / 5) for band in range(bands)])


def measured(pixels: Tensor, **fields: object) -> Picture:
    layout = BandLayout(1, (0,) * (len(pixels) - 1))
    ranges = ((400.0, 1600.0),) * len(pixels)
    return Picture(pixels, depth=32, layout=layout, value_ranges=ranges, **fields)  # type: ignore[arg-type]


def with_hole(value: float, bands: int = 1) -> tuple[Picture, Tensor]:
    pixels, valid = heights(bands), torch.ones(bands, 40, 50, dtype=torch.bool)
    valid[0, 10:20, 15:30] = False
    pixels[~valid] = value
    return measured(pixels, valid=valid), valid


def doubled(mask: Tensor) -> Tensor:
    return mask.repeat_interleave(2, -1).repeat_interleave(2, -2)


@pytest.mark.parametrize("model", ["bicubic", "lanczos", "nearest", "network"])
@pytest.mark.parametrize("hole", [np.nan, np.inf, -9999.0, float(np.finfo(np.float32).min)])
@pytest.mark.parametrize("tile", [0, 16])
def test_holes_stay_and_nothing_leaks_out_of_them(model: str, hole: float, tile: int) -> None:
    picture, valid = with_hole(hole)
    enlarged = upscaler(model, tile).upscale(picture, scale=2)
    assert enlarged.valid is not None
    assert torch.equal(enlarged.valid, doubled(valid))
    assert np.array_equal(np.unique(enlarged.pixels[~enlarged.valid]), [np.float32(hole)], equal_nan=True)
    found = enlarged.pixels[enlarged.valid]
    assert found.min() > 300
    assert found.max() < 1700


def upscaler(model: str, tile: int = 0) -> Upscaler:
    if model == "network":
        return Upscaler(randomise(SRResNet(2, channels=4, blocks=1), 0.1), CPU, policy=TilePolicy(tile))
    return Upscaler.load(model, policy=TilePolicy(tile))


def test_nearest_repeats_every_value_exactly() -> None:
    pixels = heights(2) * np.pi
    assert torch.equal(Upscaler.load("nearest").upscale(measured(pixels), scale=2).pixels, doubled(pixels))


def test_an_outlier_changes_nothing_but_its_surroundings() -> None:
    pixels = heights()
    plain = upscaler("network").upscale(measured(pixels)).pixels
    pixels[0, 20, 25] = 1e7
    spiked = upscaler("network").upscale(measured(pixels)).pixels
    changed = ((plain - spiked).abs() > 0.5)[0].nonzero()
    assert spiked.max() > 1e6
    assert (changed - torch.tensor([40, 50])).abs().max() <= 2 * 25


def test_units_come_back_from_a_network() -> None:
    pixels = heights()
    enlarged = upscaler("network").upscale(measured(pixels)).pixels
    scaled = upscaler("network").upscale(Picture((pixels - 400) / 1200)).pixels * 1200 + 400
    assert torch.allclose(enlarged, scaled, atol=0.01)


@pytest.mark.parametrize("value", [-3.7, 273.15, 1e20])
def test_constant_measurements_stay_constant(value: float) -> None:
    picture = Picture(torch.full((1, 9, 9), value), depth=32, value_ranges=(percentile_range(np.array([value])),))
    assert torch.allclose(upscaler("network").upscale(picture).pixels, torch.tensor(value), rtol=1e-4)


def test_bands_are_enlarged_one_by_one_and_colours_together() -> None:
    pixels = heights(5)
    picture = measured(pixels).with_rgb_bands((4, 3, 2))
    enlarged = upscaler("network").upscale(picture).pixels
    single = [upscaler("network").upscale(measured(pixels[[band]])).pixels[0] for band in (0, 4)]
    colour = upscaler("network").upscale(Picture((pixels[[3, 2, 1]] - 400) / 1200)).pixels * 1200 + 400
    assert torch.allclose(enlarged[[0, 4]], torch.stack(single), atol=0.01)
    assert torch.allclose(enlarged[[3, 2, 1]], colour, atol=0.01)


def test_large_integers_are_exact_in_kernels_and_refused_by_networks() -> None:
    pixels = torch.full((1, 9, 9), float(2**31 - 1), dtype=torch.float64)
    picture = Picture(pixels, depth=32, sample_type="int32")
    assert torch.equal(Upscaler.load("bicubic").upscale(picture, scale=2).pixels.unique(), pixels.unique())
    with pytest.raises(PictureError, match="exceed 24 bits"):
        upscaler("network").upscale(picture)
