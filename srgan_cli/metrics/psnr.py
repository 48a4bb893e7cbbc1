"""Peak signal-to-noise ratio.

Source: Q. Huynh-Thu and M. Ghanbari, Scope of Validity of PSNR in Image/Video Quality Assessment, Electronics Letters
2008.
"""

import math

import numpy as np

from srgan_cli.planes import Pixels, double


def psnr(reference: Pixels, candidate: Pixels) -> float:
    """PSNR in dB of (C, H, W) pictures with values 0…1; infinite for equal ones.  Higher is better.

    The value is that of scikit-image's function, to import which would take as long as all the rest.
    """
    error = np.mean((double(reference) - double(candidate)) ** 2)
    return float(10 * np.log10(1 / error)) if error else math.inf
