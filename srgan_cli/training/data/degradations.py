"""Degradations of training pictures: blur, resizing, noise, ringing and JPEG compression.

The building blocks map a float picture (3, H, W), values 0…255, to another and draw random numbers from a
torch.Generator.  DEGRADATIONS holds the combinations by name: functions of a low-resolution picture (3, H, W) and its
original (3, scale x H, scale x W), both uint8, that return the degraded low-resolution picture.  Measurements,
which are floats of any number of bands, are not compressed.
"""

from collections.abc import Callable
from io import BytesIO
from math import pi

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from srgan_cli.training.data.random import bernoulli, randint, uniform

JPEG_BLOCK = 8
RESAMPLINGS = ("bicubic", "bilinear", "area")
MAX_RADIUS = 10
FOURIER_GRID = 16  # pictures are padded to multiples of it, where Fourier transforms are fast


def mild(low: Tensor, _high: Tensor, rng: torch.Generator) -> Tensor:
    """The low-resolution picture after slight blur, slight noise and JPEG of quality 60 to 100, each at random."""
    picture = low.float()
    if bernoulli(0.5, rng):
        picture = convolve(picture, gaussian(uniform(0.1, 0.8, rng)))
    if bernoulli(0.5, rng):
        picture = add_noise(picture, uniform(0, 4, rng), rng)
    if bernoulli(0.75, rng):
        picture = _compress(picture, low, round(uniform(60, 100, rng)), ("4:4:4", "4:2:0")[bernoulli(0.5, rng)])
    return _like(low, picture)


def real(low: Tensor, high: Tensor, rng: torch.Generator) -> Tensor:
    """The original after Real-ESRGAN's second-order degradation: blur, resizing, noise and JPEG twice, then ringing.

    `low` determines the size only.
    Source: X. Wang et al., Real-ESRGAN, ICCVW 2021, section 3 and its supplement (arXiv:2107.10833).
    """
    height, width = low.shape[-2:]
    picture = convolve(high.float(), _random_kernel(3.0, rng))
    picture = _random_resize(picture, uniform(0.3, 1.2, rng), rng)
    picture = _compress(_random_noise(picture, 30, rng), low, round(uniform(30, 95, rng)), "4:2:0")
    if bernoulli(0.8, rng):
        picture = convolve(picture, _random_kernel(1.5, rng))
    picture = _random_noise(_random_resize(picture, uniform(0.5, 1.2, rng), rng), 25, rng)
    ringing = sinc(uniform(pi / 3, pi, rng)) if bernoulli(0.8, rng) else torch.ones(1, 1)
    quality = round(uniform(30, 95, rng))
    if bernoulli(0.5, rng):
        picture = convolve(_resize(picture, height, width, rng), ringing)
        return _like(low, _compress(picture, low, quality, "4:2:0"))
    picture = _compress(picture, low, quality, "4:2:0")
    return _like(low, convolve(_resize(picture, height, width, rng), ringing))


DEGRADATIONS: dict[str, Callable[[Tensor, Tensor, torch.Generator], Tensor]] = {"mild": mild, "real": real}


def gaussian(deviation: float, second: float | None = None, angle: float = 0.0, power: float = 1.0) -> Tensor:
    """A blur kernel (K, K) of sum 1: exp(-q^power / 2) of the squared distance q in standard deviations (pixels).

    `second` is the deviation across `angle` (radians), by default that along it.  Power 1 is a Gaussian.
    """
    second = second or deviation
    radius = min(MAX_RADIUS, max(1, round(3 * max(deviation, second))))
    y, x = torch.meshgrid(*[torch.arange(-radius, radius + 1.0)] * 2, indexing="ij")
    cosine, sine = np.cos(angle), np.sin(angle)
    along, across = (x * cosine + y * sine) / deviation, (y * cosine - x * sine) / second
    kernel: Tensor = torch.exp(-0.5 * (along**2 + across**2) ** power)
    return kernel / kernel.sum()


def sinc(cutoff: float, radius: int = MAX_RADIUS) -> Tensor:
    """The kernel (K, K) of an ideal low-pass filter with this cutoff in radians a pixel, which causes ringing."""
    y, x = torch.meshgrid(*[torch.arange(-radius, radius + 1.0)] * 2, indexing="ij")
    distance = torch.hypot(x, y)
    kernel: Tensor = cutoff * torch.special.bessel_j1(cutoff * distance) / (2 * pi * distance)
    kernel[radius, radius] = cutoff**2 / (4 * pi)
    return kernel / kernel.sum()


def convolve(picture: Tensor, kernel: Tensor) -> Tensor:
    """The picture convolved with a kernel (K, K) by Fourier transform; edge pixels are repeated."""
    radius = kernel.shape[0] // 2
    padded = F.pad(picture, [radius] * 4, mode="replicate")
    sizes = [side + -side % FOURIER_GRID for side in padded.shape[-2:]]
    product = torch.fft.rfft2(padded, s=sizes) * torch.fft.rfft2(kernel, s=sizes)
    blurred: Tensor = torch.fft.irfft2(product, s=sizes)
    height, width = picture.shape[-2:]
    return blurred[:, 2 * radius : 2 * radius + height, 2 * radius : 2 * radius + width]


def add_noise(picture: Tensor, deviation: float, rng: torch.Generator, grey: bool = False) -> Tensor:
    """The picture with Gaussian noise of this standard deviation, the same in all channels if `grey`."""
    return picture + deviation * torch.randn(picture[:1].shape if grey else picture.shape, generator=rng)


def add_shot_noise(picture: Tensor, strength: float, rng: torch.Generator, grey: bool = False) -> Tensor:
    """The picture with Poisson noise, `strength` times that of one photon a level; equal channels if `grey`."""
    photons = picture.clamp(0, 255).mean(0, keepdim=True) if grey else picture.clamp(0, 255)
    return picture + strength * (torch.poisson(photons, generator=rng) - photons)


def jpeg(picture: Tensor, quality: int, subsampling: str) -> Tensor:
    """The picture after JPEG compression at this quality (0…100) and chroma subsampling."""
    file = BytesIO()
    image = Image.fromarray(_bytes(picture).permute(1, 2, 0).contiguous().numpy())
    image.save(file, "JPEG", quality=quality, subsampling=subsampling)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float()


def _compress(picture: Tensor, low: Tensor, quality: int, subsampling: str) -> Tensor:
    """The picture after JPEG compression, unless `low` is a measurement."""
    return picture if low.is_floating_point() else jpeg(picture, quality, subsampling)


def _like(low: Tensor, picture: Tensor) -> Tensor:
    return picture if low.is_floating_point() else _bytes(picture)


def _random_kernel(largest: float, rng: torch.Generator) -> Tensor:
    """A generalised Gaussian, isotropic or not; in one case of ten a sinc."""
    if bernoulli(0.1, rng):
        return sinc(uniform(pi / 3, pi, rng))
    first = uniform(0.2, largest, rng)
    if bernoulli(0.6, rng):
        return gaussian(first, power=_power(rng))
    return gaussian(first, uniform(0.2, largest, rng), uniform(0, pi, rng), _power(rng))


def _power(rng: torch.Generator) -> float:
    return 1.0 if bernoulli(0.7, rng) else uniform(0.5, 2.0, rng)


def _random_noise(picture: Tensor, largest: float, rng: torch.Generator) -> Tensor:
    grey = bernoulli(0.4, rng)
    if bernoulli(0.5, rng):
        return add_noise(picture, uniform(1, largest, rng), rng, grey)
    return add_shot_noise(picture, uniform(0.05, largest / 10, rng), rng, grey)


def _random_resize(picture: Tensor, factor: float, rng: torch.Generator) -> Tensor:
    height, width = (max(4, round(side * factor)) for side in picture.shape[-2:])
    return _resize(picture, height, width, rng)


def _resize(picture: Tensor, height: int, width: int, rng: torch.Generator) -> Tensor:
    mode = RESAMPLINGS[randint(len(RESAMPLINGS), rng)]
    antialias = {} if mode == "area" else {"antialias": True}
    return F.interpolate(picture[None], (height, width), mode=mode, **antialias)[0]


def _bytes(picture: Tensor) -> Tensor:
    return picture.clamp(0, 255).round().to(torch.uint8)
