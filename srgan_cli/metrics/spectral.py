"""Metrics of bands in the units of their file: RMSE, spectral angle (SAM) and relative global error (ERGAS).

Sources: F. Kruse et al., The Spectral Image Processing System (SIPS), Remote Sensing of Environment 1993, for SAM;
L. Wald, Quality of High Resolution Synthesised Images: Is There a Simple Criterion?, Fusion of Earth Data 2000, for
ERGAS.
"""

import numpy as np
from numpy.typing import NDArray

from srgan_cli.errors import PictureError
from srgan_cli.image.luma import ArrayOrTensor, Mask, as_float64


def rmse(reference: ArrayOrTensor, candidate: ArrayOrTensor, *, valid: Mask | None = None) -> float:
    """The root of the mean squared error of (C, H, W) pictures in their units, where `valid`.  Lower is better."""
    return float(np.sqrt(np.mean((_spectra(reference, valid) - _spectra(candidate, valid)) ** 2)))


def sam(reference: ArrayOrTensor, candidate: ArrayOrTensor, *, valid: Mask | None = None) -> float:
    """The mean angle in degrees between the spectra of (C, H, W) pictures, 0 to 180. Lower is better.

    It does not depend on the brightness of a pixel. A spectrum of zeros has 0° to another one, and 90° to any other.
    `valid` (1, H, W) says which pixels count. Raises PictureError for a single band.
    """
    _check_bands(reference, "SAM compares spectra")
    x, y = (_unit_vectors(_spectra(pixels, valid)) for pixels in (reference, candidate))
    # Equal to the arc cosine of the product, but exact for small angles too.
    angles = 2 * np.arctan2(np.linalg.norm(x - y, axis=0), np.linalg.norm(x + y, axis=0))
    return float(np.degrees(np.where((x == 0).all(0) ^ (y == 0).all(0), np.pi / 2, angles)).mean())


def ergas(reference: ArrayOrTensor, candidate: ArrayOrTensor, *, scale: int = 4, valid: Mask | None = None) -> float:
    """The relative dimensionless global error of (C, H, W) pictures in their units. Lower is better.

    100 / scale times the root of the mean over bands of (RMSE / mean of the reference)². `valid` (1, H, W) says which
    pixels count. Raises PictureError for a single band, and for a band of the reference whose mean is 0.
    """
    _check_bands(reference, "ERGAS compares bands")
    x, y = _spectra(reference, valid), _spectra(candidate, valid)
    means = x.mean(1)
    if not means.all() or not scale:
        raise PictureError("ERGAS divides by the scale and the mean of each band: one is 0", "use --metric rmse")
    return float(100 / scale * np.sqrt(np.mean(np.mean((x - y) ** 2, 1) / means**2)))


def _check_bands(pixels: ArrayOrTensor, what: str) -> None:
    if len(pixels) < 2:
        raise PictureError(f"{what} and needs 2 bands or more, found {len(pixels)}", "use --metric rmse")


def _spectra(pixels: ArrayOrTensor, valid: Mask | None) -> NDArray[np.float64]:
    """The values of the pixels that count, (C, N)."""
    values = as_float64(pixels)
    return values.reshape(len(values), -1) if valid is None else values[:, valid[0]]


def _unit_vectors(spectra: NDArray[np.float64]) -> NDArray[np.float64]:
    """The spectra with length 1; those of length 0 stay as they are."""
    lengths = np.linalg.norm(spectra, axis=0)
    return spectra / np.where(lengths > 0, lengths, 1)
