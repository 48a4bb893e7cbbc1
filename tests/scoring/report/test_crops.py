"""Crops: parsing, and the search for the crop on which methods differ most."""

import numpy as np
import pytest

from srgan_cli.errors import UsageError
from srgan_cli.image.luma import Array
from srgan_cli.scoring.report.crops import Crop, find_crop, parse_crop


def plain(channels: int, height: int, width: int, value: float = 0.0) -> Array:
    return np.full((channels, height, width), value, np.float32)


def with_patch(x: int, y: int, value: float = 1.0) -> Array:
    """A black picture with a square of 8 x 8 pixels."""
    picture = plain(3, 40, 60)
    picture[:, y : y + 8, x : x + 8] = value
    return picture


def test_crop_is_where_the_methods_differ_most() -> None:
    reference = plain(3, 40, 60)
    found = find_crop(reference, [with_patch(0, 0), with_patch(0, 0), with_patch(30, 20, 0.6) + with_patch(0, 0)], 8)
    assert found == Crop(30, 20, 8, 8, pytest.approx(0.6, abs=1e-5))


def test_crop_of_one_method_is_where_it_differs_from_the_reference() -> None:
    found = find_crop(with_patch(10, 12), [plain(3, 40, 60)], 8)
    assert found == Crop(10, 12, 8, 8, pytest.approx(1, abs=1e-5))


def test_crop_fits_into_a_small_picture() -> None:
    found = find_crop(plain(1, 5, 9), [plain(1, 5, 9, 1)], 96)
    assert found is not None
    assert (found.x, found.y, found.width, found.height) == (0, 0, 9, 5)


def test_crop_lies_within_results_that_are_smaller_than_the_reference() -> None:
    found = find_crop(plain(3, 50, 51), [plain(3, 48, 48), plain(3, 48, 48, 1)], 96)
    assert found == Crop(0, 0, 48, 48, pytest.approx(1))


@pytest.mark.parametrize("pictures", [[], [plain(3, 4, 4), plain(3, 4, 5)]])
def test_no_crop_without_results_of_one_size(pictures: list[Array]) -> None:
    assert find_crop(plain(3, 4, 4), pictures, 2) is None


def test_crop_is_parsed() -> None:
    assert parse_crop("1,2,30,40") == Crop(1, 2, 30, 40)


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,x", "1,2,0,4", "-1,2,3,4", ""])
def test_malformed_crop_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the crop"):
        parse_crop(text)
