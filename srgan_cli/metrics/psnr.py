"""Peak signal-to-noise ratio (PSNR).

Source: Q. Huynh-Thu and M. Ghanbari, Scope of Validity of PSNR in Image/Video Quality Assessment, Electronics Letters
2008.
"""

import numpy as np

from srgan_cli.image.luma import ArrayOrTensor, as_float64, mse_to_psnr


def psnr(reference: ArrayOrTensor, candidate: ArrayOrTensor) -> float:
    """PSNR in dB of (C, H, W) pictures with values 0…1; infinite for equal pictures. Higher is better.

    The value equals that of scikit-image, whose function is not used because importing it takes as long as scoring.
    """
    return mse_to_psnr(float(np.mean((as_float64(reference) - as_float64(candidate)) ** 2)))
