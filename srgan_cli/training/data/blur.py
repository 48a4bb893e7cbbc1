"""How much more blurred pictures are than others, told from their spectra; no pair of them shows the same scene."""

from math import pi, sqrt

import torch
from torch import Tensor

LOWEST_POWER = 1e-12
HIGHEST_FREQUENCY = 0.35
"""In cycles a pixel; above it noise, JPEG and what reducing leaves tell more than blur does."""


def blur_between(sharp: Tensor, blurred: Tensor) -> float:
    """The standard deviation in pixels of the Gaussian that takes the spectrum of one to that of the other.

    Both are patches (N, C, S, S) of any scenes.  0 where the latter are no less sharp.  A Gaussian multiplies the power
    at frequency f (cycles a pixel) by exp(-(2 pi deviation f)²): that is a line over f², fitted by least squares.
    """
    side = sharp.shape[-1]
    squared = torch.fft.fftfreq(side)[:, None].square() + torch.fft.rfftfreq(side).square()
    seen = (squared > 0) & (squared <= HIGHEST_FREQUENCY**2)
    fall = (_power(blurred) / _power(sharp)).log()[:, seen].mean(0)
    places = squared[seen] - squared[seen].mean()
    slope = float((places * fall).sum() / places.square().sum())
    return sqrt(max(0.0, -slope)) / (2 * pi)


def _power(patches: Tensor) -> Tensor:
    """The mean power of patches (N, C, S, S) at every frequency, under a window that hides their edges."""
    line = torch.hann_window(patches.shape[-1])
    centred = (patches - patches.mean((-2, -1), keepdim=True)) * torch.outer(line, line)
    power: Tensor = torch.fft.rfft2(centred).abs().square().mean(0)
    return power + LOWEST_POWER
