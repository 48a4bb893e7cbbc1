"""Back-projection: enlarged pictures that, downscaled, equal their originals."""

from math import inf

import pytest
import torch

from srgan_cli.errors import SrganError
from srgan_cli.image.alpha import fill_hidden
from srgan_cli.image.ops import quantise, resize
from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.upscaling.back_projection import Consistency, back_project, measure_consistency


def soft(*shape: int) -> torch.Tensor:
    return 0.2 + 0.6 * torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize(("channels", "height", "width"), [(3, 40, 60), (1, 25, 31), (3, 10, 15)])
def test_the_downscaled_result_equals_the_original(channels: int, height: int, width: int) -> None:
    original = Picture(soft(channels, 10, 15))
    unrelated = Picture(quantise(soft(channels, height, width).flip(-1)))
    result, found = back_project(unrelated, original)
    again = resize(quantise(result.pixels), 10, 15)
    assert (again - original.pixels).abs().max() <= 0.5 / 255
    assert found.is_consistent
    assert found.max_error == pytest.approx(float((again - original.pixels).abs().max() * 255))
    assert found.psnr > 50
    assert not measure_consistency(unrelated.pixels, original.pixels).is_consistent


def test_a_consistent_picture_is_unchanged() -> None:
    original = Picture(torch.full((3, 4, 4), 0.4))
    enlarged = Picture(torch.full((3, 16, 16), 0.4), depth=32)
    result, found = back_project(enlarged, original)
    assert torch.equal(result.pixels, enlarged.pixels)
    assert found.is_consistent


def test_an_unreachable_original_is_reported() -> None:
    """A single white pixel: bicubic resampling of values 0…1 gives less than white."""
    points = torch.zeros(1, 9, 9)
    points[0, 4, 4] = 1
    result, found = back_project(Picture(torch.zeros(1, 36, 36)), Picture(points))
    assert 0 <= result.pixels.min() <= result.pixels.max() <= 1
    assert not found.is_consistent


def test_hidden_colour_is_not_compared() -> None:
    alpha = torch.ones(1, 8, 8)
    alpha[..., :4] = 0
    original = Picture(soft(3, 8, 8), alpha)
    result, found = back_project(Picture(soft(3, 32, 32), torch.ones(1, 32, 32)), original)
    assert found.is_consistent
    assert (
        resize(result.pixels, 8, 8) - next(fill_hidden(ImageStream.from_picture(original)))[0].pixels
    ).abs().max() < 0.5 / 255


def test_it_can_be_cancelled_between_iterations() -> None:
    iterations = iter(range(3))

    def check() -> None:
        if next(iterations) == 2:
            raise SrganError("stopped")

    points = torch.zeros(1, 9, 9)
    points[0, 4, 4] = 1
    with pytest.raises(SrganError, match="stopped"):
        back_project(Picture(torch.zeros(1, 36, 36)), Picture(points), check_cancelled=check)


def test_an_infinite_psnr_is_null_in_json() -> None:
    assert Consistency(inf, 0.0).to_json() == {"decibels": None, "deviation": 0.0}
    assert Consistency(51.234, 0.4).to_json() == {"decibels": 51.23, "deviation": 0.4}
