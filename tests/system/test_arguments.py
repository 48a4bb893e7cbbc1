"""Arguments of the public API: what is taken beside the annotated types, and what is refused."""

from typing import Any

import numpy as np
import pytest
import torch

from srgan_cli import Protocol, Size, TilePolicy, Upscaler, UsageError


@pytest.mark.parametrize("ends", [np.array([0, 255]), np.array([0.0, 255.0]), torch.tensor([0, 255]), [0, 255]])
def test_rows_and_lists_are_taken_for_tuples(ends: Any) -> None:
    assert tuple(Protocol(value_range=ends).value_range or ()) == (0, 255)
    upscaler, picture = Upscaler.load("bicubic", device="cpu"), np.full((2, 2), 255.0)
    assert upscaler.upscale(picture, scale=2, value_range=ends).max() == 255


@pytest.mark.parametrize("ends", [np.zeros((2, 2)), np.zeros(3), np.array(["a", "b"])])
def test_other_arrays_are_refused(ends: Any) -> None:
    with pytest.raises(UsageError, match="value_range is of the type ndarray"):
        Protocol(value_range=ends)


@pytest.mark.parametrize("number", [2e9, np.float32(2e9)])
def test_whole_numbers_are_taken_for_integers(number: Any) -> None:
    limit = TilePolicy(max_memory=number).max_memory
    assert (limit, type(limit)) == (2_000_000_000, int)


@pytest.mark.parametrize("number", [1.5, 0.0, float("inf"), float("nan"), True])
def test_other_numbers_are_refused(number: Any) -> None:
    with pytest.raises(UsageError, match=f"max_memory is {number}, expected an integer from 1 on"):
        TilePolicy(max_memory=number)


def test_truth_values_are_not_numbers() -> None:
    with pytest.raises(UsageError, match="width is True"):
        Size(True, 3)
    with pytest.raises(UsageError, match="scale is True"):
        Upscaler.load("bicubic", device="cpu").upscale(np.zeros((2, 2)), scale=True)


def test_unknown_and_missing_arguments_are_named_with_the_function() -> None:
    with pytest.raises(TypeError, match=r"Upscaler.upscale\(\) got an unexpected keyword argument 'foo'"):
        Upscaler.load("bicubic", device="cpu").upscale(np.zeros((2, 2)), foo=1)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"Size.__init__\(\) missing 1 required positional argument: 'height'"):
        Size(3)  # type: ignore[call-arg]
