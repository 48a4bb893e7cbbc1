"""Figures: the crop they choose, and what they draw."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srgan_cli.errors import UsageError
from srgan_cli.image.luma import Array
from srgan_cli.scoring.report.crops import Crop, disagreement, parse_crop
from srgan_cli.scoring.report.figure import FRAME, Panel, draw_figure, write_figure


def plain(channels: int, height: int, width: int, value: float = 0.0) -> Array:
    return np.full((channels, height, width), value, np.float32)


def with_patch(x: int, y: int, value: float = 1.0) -> Array:
    """A black picture with a square of eight pixels a side."""
    picture = plain(3, 40, 60)
    picture[:, y : y + 8, x : x + 8] = value
    return picture


def test_the_place_is_where_the_methods_differ_most() -> None:
    reference = plain(3, 40, 60)
    found = disagreement(reference, [with_patch(0, 0), with_patch(0, 0), with_patch(30, 20, 0.6) + with_patch(0, 0)], 8)
    assert found == Crop(30, 20, 8, 8, pytest.approx(0.6, abs=1e-5))


def test_the_place_of_one_method_is_where_it_differs_from_the_reference() -> None:
    found = disagreement(with_patch(10, 12), [plain(3, 40, 60)], 8)
    assert found == Crop(10, 12, 8, 8, pytest.approx(1, abs=1e-5))


def test_a_small_picture_has_a_small_place() -> None:
    found = disagreement(plain(1, 5, 9), [plain(1, 5, 9, 1)], 96)
    assert found is not None
    assert (found.x, found.y, found.width, found.height) == (0, 0, 9, 5)


def test_methods_that_cut_the_reference_have_a_place_within_what_they_show() -> None:
    found = disagreement(plain(3, 50, 51), [plain(3, 48, 48), plain(3, 48, 48, 1)], 96)
    assert found == Crop(0, 0, 48, 48, pytest.approx(1))


@pytest.mark.parametrize("pictures", [[], [plain(3, 4, 4), plain(3, 4, 5)]])
def test_what_cannot_be_compared_has_no_place(pictures: list[Array]) -> None:
    assert disagreement(plain(3, 4, 4), pictures, 2) is None


def test_crops_show_the_same_place_pixel_by_pixel() -> None:
    pictures = list(np.random.default_rng(0).random((2, 3, 40, 60), np.float32))
    panels = [Panel(picture, ["name", "PSNR 1.00 dB"]) for picture in pictures]
    drawn = np.asarray(draw_figure(pictures[0], panels, Crop(5, 6, 32, 32), "a"))
    for picture in pictures:
        crop = np.rint(picture[:, 6:38, 5:37] * 255).transpose(1, 2, 0).repeat(9, 0).repeat(9, 1)
        columns = [x for x in range(drawn.shape[1] - 288) if np.array_equal(drawn[12, x : x + 288], crop[0])]
        assert len(columns) == 1
        assert np.array_equal(drawn[12 : 12 + 288, columns[0] : columns[0] + 288], crop)


def test_the_place_is_framed_and_the_numbers_are_drawn() -> None:
    picture = plain(1, 40, 60, 0.5)
    crop = Crop(5, 6, 20, 20)
    bare = draw_figure(picture, [Panel(picture, [])], crop, "a")
    told = draw_figure(picture, [Panel(picture, ["method", "PSNR 1.00 dB"])], crop, "a")
    assert (np.asarray(bare) == FRAME).all(-1).any()
    assert told.height > bare.height
    assert (np.asarray(told)[-20:] < 128).any()


def test_a_place_outside_the_picture_is_refused() -> None:
    picture = plain(3, 40, 60)
    with pytest.raises(UsageError, match="the crop 50,0,20,20 is not within a, 60 x 40"):
        draw_figure(picture, [Panel(picture, ["m"])], Crop(50, 0, 20, 20), "a")


def test_crops_are_read() -> None:
    assert parse_crop("1,2,30,40") == Crop(1, 2, 30, 40)


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,x", "1,2,0,4", "-1,2,3,4", ""])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the crop"):
        parse_crop(text)


def test_a_figure_is_written_as_png(tmp_path: Path) -> None:
    picture = plain(3, 40, 60)
    write_figure(draw_figure(picture, [Panel(picture, ["m"])], Crop(0, 0, 9, 9), "a"), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"
