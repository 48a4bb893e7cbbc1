"""Pixel maths against other people's implementations."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.color import rgb2ycbcr
from torch import Tensor

from srgan_cli.image.luma import crop_border, luma
from srgan_cli.image.ops import downscale, orient, quantise, resize


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def resized_by_torch(pixels: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(pixels[None], (height, width), mode="bicubic", antialias=True, align_corners=False)[0]


def resized_by_pillow(pixels: Tensor, height: int, width: int) -> Tensor:
    planes = [Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC) for plane in pixels.numpy()]
    return torch.from_numpy(np.stack([np.asarray(plane) for plane in planes]))


def mirrored(pixels: Tensor, rows: int, columns: int) -> Tensor:
    return torch.from_numpy(np.pad(pixels.numpy(), ((0, 0), (rows, rows), (columns, columns)), mode="symmetric"))


@pytest.mark.parametrize(("value", "expected"), [(0.0, 16 / 255), (1.0, 235 / 255)])
@pytest.mark.parametrize("channels", [1, 3])
def test_luma_of_black_and_white_is_studio_range(channels: int, value: float, expected: float) -> None:
    assert luma(torch.full((channels, 2, 3), value)).numpy() == pytest.approx(np.full((1, 2, 3), expected), abs=1e-6)


def test_luma_is_that_of_scikit_image() -> None:
    pixels = noise(3, 5, 7)
    expected = rgb2ycbcr(pixels.double().permute(1, 2, 0).numpy())[..., 0] / 255
    assert luma(pixels)[0].numpy() == pytest.approx(expected, abs=1e-6)


def test_luma_of_grey_is_that_of_equal_colours() -> None:
    grey = noise(1, 4, 6)
    assert luma(grey).numpy() == pytest.approx(luma(grey.expand(3, -1, -1)).numpy(), abs=1e-6)


def test_luma_of_a_batch_is_that_of_each_picture() -> None:
    batch = noise(2, 3, 4, 5)
    assert torch.allclose(luma(batch), torch.stack([luma(pixels) for pixels in batch]))


@given(*[st.integers(1, 30)] * 4)
@settings(max_examples=40)
def test_resize_keeps_a_constant(height: int, width: int, new_height: int, new_width: int) -> None:
    resized = resize(torch.full((2, height, width), 0.7), new_height, new_width)
    assert resized.shape == (2, new_height, new_width)
    assert resized.numpy() == pytest.approx(0.7, abs=1e-5)


def test_resize_to_the_same_size_changes_nothing() -> None:
    pixels = noise(3, 6, 9)
    assert torch.equal(resize(pixels, 6, 9), pixels)


@pytest.mark.parametrize("resized_by_another", [resized_by_torch, resized_by_pillow])
@given(*[st.integers(16, 48)] * 2, *[st.integers(12, 64)] * 2)
@settings(max_examples=25)
def test_resize_agrees_with_others_away_from_the_border(
    resized_by_another: Callable[[Tensor, int, int], Tensor], height: int, width: int, new_height: int, new_width: int
) -> None:
    pixels = noise(2, height, width)
    rows, columns = (int(2 * max(new / old, 1)) + 1 for old, new in ((height, new_height), (width, new_width)))
    inner = (..., slice(rows, new_height - rows), slice(columns, new_width - columns))
    ours, theirs = (function(pixels, new_height, new_width)[inner] for function in (resize, resized_by_another))
    assert ours.numel() > 0
    assert ours.numpy() == pytest.approx(theirs.numpy(), abs=1e-4)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([2, 3, 4]))
@settings(max_examples=25)
def test_an_enlarged_picture_is_mirrored_at_its_border(height: int, width: int, scale: int) -> None:
    pixels, margin = noise(1, height, width), 3
    surrounded = mirrored(pixels, margin, margin)
    expected = resize(surrounded, scale * surrounded.shape[1], scale * surrounded.shape[2])
    expected = crop_border(expected, scale * margin)
    assert resize(pixels, scale * height, scale * width).numpy() == pytest.approx(expected.numpy(), abs=1e-5)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([2, 3, 4]))
@settings(max_examples=25)
def test_a_shrunken_picture_is_mirrored_at_its_border(height: int, width: int, scale: int) -> None:
    pixels, margin = noise(1, scale * height, scale * width), 3
    surrounded = mirrored(pixels, scale * margin, scale * margin)
    expected = crop_border(resize(surrounded, height + 2 * margin, width + 2 * margin), margin)
    assert resize(pixels, height, width).numpy() == pytest.approx(expected.numpy(), abs=1e-5)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_downscale_divides_the_sides_clamps_and_leaves_its_input_alone(scale: int) -> None:
    checks = (noise(3, 12, 24) > 0.5).float() * 2 - 0.5
    before = checks.clone()
    small = downscale(checks, scale)
    assert torch.equal(small, resize(checks, 12 // scale, 24 // scale).clamp(0, 1))
    assert small.shape == (3, 12 // scale, 24 // scale)
    assert torch.equal(checks, before)


@pytest.mark.parametrize("depth", [8, 16])
def test_quantise_takes_the_nearest_level(depth: int) -> None:
    top = 2**depth - 1
    levels = torch.arange(top + 1) / top
    assert torch.equal(quantise(levels, depth), levels)
    assert torch.allclose(quantise(levels[1:-1] + 0.4 / top, depth), levels[1:-1], atol=1e-7)
    assert torch.allclose(quantise(levels[1:-1] - 0.4 / top, depth), levels[1:-1], atol=1e-7)


def test_quantise_clamps_and_leaves_its_input_alone() -> None:
    pixels = torch.tensor([-0.5, 0.501, 1.5])
    assert quantise(pixels).tolist() == pytest.approx([0, 128 / 255, 1])
    assert pixels.tolist() == pytest.approx([-0.5, 0.501, 1.5])


@pytest.mark.parametrize("border", [0, 1, 2])
def test_crop_border_cuts_every_side(border: int) -> None:
    pixels = noise(3, 6, 8)
    cropped = crop_border(pixels, border)
    assert cropped.shape == (3, 6 - 2 * border, 8 - 2 * border)
    assert torch.equal(cropped[:, 0, 0], pixels[:, border, border])
    assert torch.equal(cropped[:, -1, -1], pixels[:, 5 - border, 7 - border])


def test_the_eight_orientations_differ() -> None:
    square = torch.arange(9.0).view(1, 3, 3)
    assert len({tuple(orient(square, number).flatten().tolist()) for number in range(8)}) == 8
