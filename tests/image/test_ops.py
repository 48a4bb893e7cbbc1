"""Operations on pixels, against independent implementations."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from srgan_cli.image.luma import crop_border
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


def test_the_eight_orientations_differ() -> None:
    square = torch.arange(9.0).view(1, 3, 3)
    assert len({tuple(orient(square, number).flatten().tolist()) for number in range(8)}) == 8
