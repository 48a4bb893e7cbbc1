"""Consistency: whether the upscaled picture, downscaled again, equals the input.

Source: A. Lugmayr, M. Danelljan and R. Timofte, NTIRE 2021 Learning the Super-Resolution Space Challenge, CVPR
Workshops 2021, section 3.2 (called LR-PSNR there).
"""

from torch import Tensor

from srgan_cli.image.luma import check_min_side, crop_multiple
from srgan_cli.image.ops import downscale, quantise
from srgan_cli.metrics.psnr import psnr


def consistency(reference: Tensor, candidate: Tensor, scale: int = 4) -> float:
    """PSNR in dB of (C, H, W) pictures, both downscaled by `scale` and rounded to 8 bits. Higher is better.

    Infinite for equal results. Raises PictureError for pictures smaller than the scale.
    """
    hint = "score larger pictures, or use a smaller --scale"
    check_min_side(reference, scale, f"consistency at x{scale} needs", hint)
    return psnr(*(quantise(downscale(crop_multiple(pixels, scale), scale)) for pixels in (reference, candidate)))
