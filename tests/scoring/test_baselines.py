"""Baselines: the restored references."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from srgan_cli.errors import PictureError, UsageError
from srgan_cli.image.luma import Array
from srgan_cli.image.ops import downscale, quantise
from srgan_cli.image.picture import Picture
from srgan_cli.networks import GENERATORS
from srgan_cli.scoring.baselines import BASELINES, downscale_and_restore, load_model
from srgan_cli.scoring.methods import BaselineSettings
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import save_weights


def smooth(height: int = 41, width: int = 50, channels: int = 3) -> Array:
    blocks = np.random.default_rng(0).random((channels, 9, 11), np.float32)
    return blocks.repeat(5, 1).repeat(5, 2)[:, :height, :width]


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_result_has_the_size_of_the_cropped_reference_and_8_bits(name: str, factor: int, channels: int) -> None:
    left, right = downscale_and_restore(name, smooth(channels=channels), BaselineSettings(factor))
    assert left.shape == right.shape
    assert left.shape[1:] == (41 // factor * factor, 50 // factor * factor)
    assert np.allclose(right * 255, (right * 255).round(), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "method"), [("bicubic", Image.Resampling.BICUBIC), ("lanczos", Image.Resampling.LANCZOS)]
)
def test_filters_equal_those_of_pillow_up_to_rounding(name: str, method: Image.Resampling) -> None:
    """Pillow rounds to 8 bits between its two passes. At the edge ours mirrors the picture, so it is left out."""
    whole, found = downscale_and_restore(name, smooth(40, 48), BaselineSettings(4))
    low = (quantise(downscale(torch.from_numpy(whole), 4)) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    theirs = np.asarray(Image.fromarray(low).resize((48, 40), method), dtype=np.int16)
    ours = (found * 255).round().transpose(1, 2, 0).astype(np.int16)
    assert np.abs(theirs - ours)[12:-12, 12:-12].max() <= 2


def test_bicubic_of_luma_uses_only_luma_and_does_not_convert_grey_pictures() -> None:
    left, right = downscale_and_restore("bicubic-luma", smooth(40, 48), BaselineSettings(4))
    assert left.shape == right.shape == (1, 40, 48)
    assert left.min() >= 16 / 255
    grey = smooth(40, 48, 1)
    assert np.array_equal(downscale_and_restore("bicubic-luma", grey, BaselineSettings(4))[0], grey)


def test_model_gives_the_result_of_its_upscaler(tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator = GENERATORS["srresnet"](scale=4, channels=4, blocks=1)
    path = tmp_path / "tiny.safetensors"
    save_weights(path, generator, WeightsCard.for_generator(generator, "tiny"))
    whole, found = downscale_and_restore(str(path), smooth(40, 48), BaselineSettings(4, "cpu"))
    low = quantise(downscale(torch.from_numpy(whole), 4))
    assert np.array_equal(found, quantise(Upscaler.load(path, device="cpu").upscale(Picture(low)).pixels.double()))
    assert load_model(str(path), BaselineSettings(4, "cpu")) is load_model(str(path), BaselineSettings(4, "cpu"))


def test_unknown_model_is_refused() -> None:
    with pytest.raises(UsageError, match="no weights named 'nosuch'"):
        load_model("nosuch", BaselineSettings())


def test_reference_smaller_than_the_scale_is_refused() -> None:
    with pytest.raises(PictureError, match="too small to be downscaled by 4"):
        downscale_and_restore("bicubic", np.zeros((3, 3, 9), np.float32), BaselineSettings(4))
