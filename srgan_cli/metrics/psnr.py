"""Peak signal-to-noise ratio."""

import math

import numpy as np

from srgan_cli.planes import Pixels, double


def psnr(reference: Pixels, candidate: Pixels) -> float:
    """PSNR in dB of (C, H, W) pictures with values 0…1; infinite for equal ones.  Higher is better.

    The value is that of scikit-image's function, to import which would take as long as all the rest.
    """
    error = np.mean((double(reference) - double(candidate)) ** 2)
    return float(10 * np.log10(1 / error)) if error else math.inf
