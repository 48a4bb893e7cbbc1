"""Alpha bleeding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from srgan_cli.image.alpha import fill_hidden
from srgan_cli.image.picture import ImageStream, Picture


def bleed(picture: Picture) -> Tensor:
    return next(fill_hidden(ImageStream.from_picture(picture)))[0].pixels


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
@settings(max_examples=50)
def test_hidden_colour_has_no_influence_and_visible_colour_stays(height: int, width: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    colour, other = (torch.rand(3, height, width, generator=random) for _ in range(2))
    levels = torch.tensor([0, 0, 0, 1 / 255, 0.5, 1])
    alpha = levels[torch.randint(6, (1, height, width), generator=random)]
    filled = bleed(Picture(colour, alpha))
    assert torch.equal(filled, bleed(Picture(torch.where(alpha > 0, colour, other), alpha)))
    visible = (alpha >= 0.5).expand(3, -1, -1)
    assert torch.allclose(filled[visible], colour[visible], atol=1e-6)
    assert filled.isfinite().all()


def test_nearly_transparent_colour_is_replaced_by_its_surroundings() -> None:
    pixels, alpha = torch.tensor([[[0.2, 1.0, 1.0]]]), torch.tensor([[[1.0, 1 / 255, 0.0]]])
    assert bleed(Picture(pixels, alpha)).flatten().numpy() == pytest.approx([0.2, 0.2, 0.2], abs=0.04)


def test_colour_bleeds_over_any_distance_unchanged() -> None:
    pixels, alpha = torch.zeros(1, 301, 530), torch.zeros(1, 301, 530)
    pixels[..., 300, 2], alpha[..., 300, 2] = 0.8, 1 / 255
    assert bleed(Picture(pixels, alpha)).numpy() == pytest.approx(0.8, abs=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 8)])
def test_a_transparent_picture_becomes_black(size: tuple[int, int]) -> None:
    filled = bleed(Picture(torch.rand(3, *size), torch.zeros(1, *size)))
    assert torch.equal(filled, torch.zeros(3, *size))


def test_an_opaque_picture_is_unchanged() -> None:
    pixels = torch.rand(3, 11, 14)
    assert torch.equal(bleed(Picture(pixels)), pixels)


def test_colours_stay_where_no_pixels_are_mixed() -> None:
    picture = Picture(torch.rand(3, 9, 7), (torch.rand(1, 9, 7) > 0.5).float())
    ((filled, _),) = fill_hidden(ImageStream.from_picture(picture), keep_colours=True)
    assert torch.equal(filled.pixels, picture.pixels)
