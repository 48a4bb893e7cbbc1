"""Consistency, compared with pictures that Pillow downscales."""

import numpy as np
import pytest
import torch
from metric_pictures import noisy_pair
from PIL import Image

from srgan_cli.errors import PictureError
from srgan_cli.metrics.consistency import consistency


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_consistency_equals_the_psnr_of_pictures_downscaled_by_pillow(scale: int) -> None:
    """Pillow has the same bicubic kernel but does not mirror the edge, so the pictures are flat there."""
    pair = noisy_pair(2, (3, 60, 72), 0.05)
    small = []
    for pixels in pair:
        for side in (slice(0, 14), slice(-14, None)):
            pixels[:, side], pixels[:, :, side] = 0.5, 0.5
        layers = [Image.fromarray(layer.numpy()) for layer in pixels]
        shrunk = [layer.resize((72 // scale, 60 // scale), Image.Resampling.BICUBIC) for layer in layers]
        values = np.stack([np.asarray(layer, dtype=np.float64) for layer in shrunk])
        small.append(np.round(values.clip(0, 1) * 255) / 255)
    expected = 10 * np.log10(1 / np.mean((small[0] - small[1]) ** 2))
    assert consistency(*pair, scale=scale) == pytest.approx(expected, abs=0.02)


def test_consistency_crops_to_a_multiple_of_the_scale() -> None:
    picture = torch.rand(3, 18, 17, generator=torch.Generator().manual_seed(0))
    other = picture.clone()
    other[:, 16:] = 0
    other[:, :, 16:] = 0
    assert consistency(picture, other) == float("inf")
    with pytest.raises(PictureError, match="consistency at x4 needs 4 x 4 pixels, found 3 x 5"):
        consistency(torch.zeros(3, 5, 3), torch.zeros(3, 5, 3))
