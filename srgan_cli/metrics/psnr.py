"""Peak signal-to-noise ratio."""

import warnings

from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor


def psnr(reference: Tensor, candidate: Tensor) -> float:
    """PSNR in dB of (C, H, W) pictures with values 0…1; infinite for equal ones.  Higher is better."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(peak_signal_noise_ratio(reference.double().numpy(), candidate.double().numpy(), data_range=1))
