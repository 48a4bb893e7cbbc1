"""Consistency: whether the result, made small again, is the picture that it was made from.

Source: A. Lugmayr, M. Danelljan and R. Timofte, NTIRE 2021 Learning the Super-Resolution Space Challenge, CVPR
Workshops 2021, section 3.2 (there LR-PSNR).
"""

from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.image.luma import crop_multiple
from srgan_cli.image.ops import downscale, quantise
from srgan_cli.metrics.psnr import psnr


def consistency(reference: Tensor, candidate: Tensor, scale: int = 4) -> float:
    """PSNR in dB of (C, H, W) pictures both made `scale` times smaller, in 8 bits.  Higher is better.

    Infinite when not a pixel differs.  Raises PictureError for pictures smaller than the scale.
    """
    if min(reference.shape[-2:]) < scale:
        raise PictureError(
            f"consistency at x{scale} needs {scale} x {scale} pixels, "
            f"found {reference.shape[-1]} x {reference.shape[-2]}",
            "score larger pictures, or a smaller --scale",
        )
    small = (quantise(downscale(crop_multiple(pixels, scale), scale)) for pixels in (reference, candidate))
    return psnr(*small)
