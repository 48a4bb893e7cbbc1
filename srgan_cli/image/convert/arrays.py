"""Conversion between NumPy arrays and pixels 0…1, and of PIL images to pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from PIL import Image
from torch import Tensor

from srgan_cli.errors import UsageError
from srgan_cli.image.codec.errors import translate_errors
from srgan_cli.image.codec.pillow import ORIENTED_BY_DECODER, decode
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.image.convert.tensors import MAX_CHANNELS, Channels, from_tensor, to_tensor
from srgan_cli.image.metadata.reading import read_info
from srgan_cli.image.metadata.record import Metadata

_DTYPES = {"uint8": torch.uint8, "uint16": torch.uint16}


def from_array(array: NDArray[Any], value_range: ValueRange | None = None) -> Channels:
    """The pixels of an array (H, W) or (H, W, C), which is copied.  Raises UsageError as `from_tensor` does."""
    _check_shape(array)
    _check_dtype(array.dtype)
    channels = np.asarray(array).reshape(*array.shape[:2], -1).transpose(2, 0, 1)
    native = np.float64 if array.dtype.kind == "f" else array.dtype.newbyteorder("=")
    return from_tensor(torch.from_numpy(np.array(channels, native, order="C")), value_range)


def from_image(
    image: Image.Image, value_range: ValueRange | None = None
) -> tuple[Channels, bytes | None, Metadata, tuple[str, ...]]:
    """The pixels, profile, metadata and notes of an image of any mode but I, upright.

    CMYK, Lab, HSV and YCbCr become RGB, and the first three of them without a profile.  Raises PictureError for mode I
    and for a damaged file, and UsageError as `from_tensor` does.
    """
    if getattr(image, "tile", None) and image.fp is None:  # type: ignore[attr-defined]
        raise UsageError("the image was closed before it was read", "use it in the with block of Image.open")
    path = Path(getattr(image, "filename", "") or "the image")
    with translate_errors(path):
        image.load()
        metadata, notes = read_info(image)
        orientation = 1 if image.format in ORIENTED_BY_DECODER else metadata.orientation
        values, profile, changes = decode(image, path, orientation=orientation)
    return from_array(values, value_range), profile, metadata.upright(), (*notes, *changes)


def to_array(pixels: Tensor, alpha: Tensor | None, dtype: DTypeLike, value_range: ValueRange) -> NDArray[Any]:
    """The array (H, W) or (H, W, C) that `from_array` would take.  Raises UsageError for another dtype."""
    wanted = _as_dtype(dtype)
    _check_dtype(wanted)
    tensor = to_tensor(pixels, alpha, _DTYPES.get(wanted.name, torch.float64), value_range)
    array = tensor.permute(1, 2, 0).numpy().astype(wanted, order="C")
    return array[..., 0] if len(tensor) == 1 else array


def _as_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        return np.dtype(dtype)
    except Exception as error:  # NumPy raises of every kind
        found = repr(dtype) if isinstance(dtype, str) else f"a {type(dtype).__name__}"
        raise UsageError(f"the dtype is {found}, expected one of NumPy", "take numpy.uint8 or a float") from error


def _check_dtype(dtype: np.dtype[Any]) -> None:
    if dtype.name not in _DTYPES and dtype.kind != "f":
        message = f"found an array of {dtype.name}, expected uint8, uint16 or floats"
        kind = "float32" if dtype.kind == "b" else "uint8"
        raise UsageError(message, f"convert it, such as image.astype(numpy.{kind})")


def _check_shape(array: NDArray[Any]) -> None:
    if not array.size:
        raise UsageError("the picture is empty, expected at least one pixel", "check how it was made")
    if isinstance(array, np.ma.MaskedArray):
        raise UsageError("found a masked array, whose mask would be dropped", "fill it, as by image.filled(0)")
    if array.ndim in (2, 3) and (array.ndim == 2 or array.shape[2] <= MAX_CHANNELS):
        return
    first = array.ndim == 3 and array.shape[0] <= MAX_CHANNELS
    hint = "give several pictures as a list" if array.ndim == 4 else "for more bands make a Picture of (C, H, W)"
    message = f"found an array of shape {array.shape}, expected (H, W) or (H, W, C) with 1 to 4 channels"
    raise UsageError(message, "move the channels to the end: image.transpose(1, 2, 0)" if first else hint)
