"""Peak signal-to-noise ratio (PSNR).

Source: Q. Huynh-Thu and M. Ghanbari, Scope of Validity of PSNR in Image/Video Quality Assessment, Electronics Letters
2008.
"""

import numpy as np

from srgan_cli.image.luma import ArrayOrTensor, Mask, as_float64, mse_to_psnr


def psnr(reference: ArrayOrTensor, candidate: ArrayOrTensor, *, valid: Mask | None = None) -> float:
    """PSNR in dB of (C, H, W) pictures with values 0…1; infinite for equal pictures. Higher is better.

    `valid` (1, H, W) says which pixels count. The value equals that of scikit-image, whose function is not used because
    importing it takes as long as scoring.
    """
    errors = (as_float64(reference) - as_float64(candidate)) ** 2
    return mse_to_psnr(float(np.mean(errors if valid is None else errors[:, valid[0]])))


def pool_psnr(values: list[float]) -> float:
    """The PSNR of frames together, from that of each: that of the mean of their squared errors."""
    return mse_to_psnr(float(np.mean([10 ** (-value / 10) for value in values])))
