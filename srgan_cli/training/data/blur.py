"""Estimates the blur of pictures relative to sharp pictures of other scenes, from their spectra."""

from math import pi, sqrt

import torch
from torch import Tensor

MIN_POWER = 1e-12
MAX_FREQUENCY = 0.35  # in cycles a pixel; above it noise, JPEG and resampling dominate


def blur_between(sharp: Tensor, blurred: Tensor) -> float:
    """The standard deviation in pixels of the Gaussian between the spectra of two sets of patches (N, C, S, S).

    The patches may show any scenes.  0 if `blurred` is not blurrier.  A Gaussian multiplies the power at frequency f
    (cycles a pixel) by exp(-(2 pi deviation f)²); its logarithm is a line over f², fitted by least squares.
    """
    side = sharp.shape[-1]
    squared = torch.fft.fftfreq(side)[:, None].square() + torch.fft.rfftfreq(side).square()
    used = (squared > 0) & (squared <= MAX_FREQUENCY**2)
    attenuation = (_power(blurred) / _power(sharp)).log()[:, used].mean(0)
    frequencies = squared[used] - squared[used].mean()
    slope = float((frequencies * attenuation).sum() / frequencies.square().sum())
    return sqrt(max(0.0, -slope)) / (2 * pi)


def _power(patches: Tensor) -> Tensor:
    """The mean power spectrum of patches (N, C, S, S) under a Hann window."""
    line = torch.hann_window(patches.shape[-1])
    centred = (patches - patches.mean((-2, -1), keepdim=True)) * torch.outer(line, line)
    power: Tensor = torch.fft.rfft2(centred).abs().square().mean(0)
    return power + MIN_POWER
