"""Figures: the drawn crops and captions."""

import numpy as np
import pytest

from srgan_cli.errors import UsageError
from srgan_cli.image.luma import Array
from srgan_cli.scoring.report.crops import Crop
from srgan_cli.scoring.report.figure import FRAME, Panel, draw_figure


def plain(channels: int, height: int, width: int, value: float = 0.0) -> Array:
    return np.full((channels, height, width), value, np.float32)


def test_every_panel_shows_the_same_crop_with_repeated_pixels() -> None:
    pictures = list(np.random.default_rng(0).random((2, 3, 40, 60), np.float32))
    panels = [Panel(picture, ["name", "PSNR 1.00 dB"]) for picture in pictures]
    drawn = np.asarray(draw_figure(pictures[0], panels, Crop(5, 6, 32, 32), "a"))
    for picture in pictures:
        crop = np.rint(picture[:, 6:38, 5:37] * 255).transpose(1, 2, 0).repeat(9, 0).repeat(9, 1)
        columns = [x for x in range(drawn.shape[1] - 288) if np.array_equal(drawn[12, x : x + 288], crop[0])]
        assert len(columns) == 1
        assert np.array_equal(drawn[12 : 12 + 288, columns[0] : columns[0] + 288], crop)


def test_crop_is_framed_and_captions_are_drawn() -> None:
    picture = plain(1, 40, 60, 0.5)
    crop = Crop(5, 6, 20, 20)
    bare = draw_figure(picture, [Panel(picture, [])], crop, "a")
    captioned = draw_figure(picture, [Panel(picture, ["method", "PSNR 1.00 dB"])], crop, "a")
    assert (np.asarray(bare) == FRAME).all(-1).any()
    assert captioned.height > bare.height
    assert (np.asarray(captioned)[-20:] < 128).any()


def test_crop_outside_the_picture_is_refused() -> None:
    picture = plain(3, 40, 60)
    with pytest.raises(UsageError, match="the crop 50,0,20,20 is not within a, 60 x 40"):
        draw_figure(picture, [Panel(picture, ["m"])], Crop(50, 0, 20, 20), "a")
