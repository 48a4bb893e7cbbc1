"""Pictures of every kind that the public functions take, one or many; results come back in kind."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from io import IOBase
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from srgan_cli.errors import UsageError
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.image.convert.tensors import RANGE_HINT, from_tensor, to_tensor
from srgan_cli.image.io import read_picture
from srgan_cli.image.picture import ImageStream, Picture

Stored: TypeAlias = Picture | ImageStream | Path | str
"""What becomes a Picture."""
StoredT = TypeVar("StoredT", bound=Stored)  # one of these: a list of paths alone is no list of `Stored`
HandT = TypeVar("HandT", bound=NDArray[Any] | Image.Image | Tensor)
"""What comes back in kind: (H, W[, C]), an image, (C, H, W) or (N, C, H, W)."""
PartT = TypeVar("PartT")
Single: TypeAlias = Stored | NDArray[Any] | Image.Image | Tensor
Pictures: TypeAlias = Single | Iterable[Single]
Listed: TypeAlias = list[PartT] | tuple[PartT, ...]
_FILE = bytes | bytearray | IOBase
TAKEN = "a NumPy array, a PIL image, a torch tensor, a path, a Picture, or a list or iterator of them"


def map_pictures(image: Any, change: Callable[[Picture | ImageStream], Picture], value_range: ValueRange | None) -> Any:
    """`change` applied to a picture, or to each of several; returns the same kind.  Raises UsageError, PictureError."""
    if not _is_batch(image):
        return _like(image, change(to_picture(image, value_range)))
    results = (map_pictures(part, change, value_range) for part in image)
    if isinstance(image, Tensor):
        return torch.stack(list(results))
    return list(results) if isinstance(image, list | tuple) else results


def list_pictures(image: Any, value_range: ValueRange | None) -> Iterator[Picture]:
    """The pictures of a batch, or the one that is no batch.  Raises as `map_pictures` does."""
    if _is_batch(image):
        for part in image:
            yield from list_pictures(part, value_range)
    else:
        found = to_picture(image, value_range)
        yield found.to_picture() if isinstance(found, ImageStream) else found


def to_picture(image: Any, value_range: ValueRange | None) -> Picture | ImageStream:
    """One picture of any kind; a stream stays one.  Raises as `map_pictures` does."""
    if isinstance(image, np.ndarray):
        return Picture.from_array(image, value_range=value_range)
    if isinstance(image, Image.Image):
        return Picture.from_pil(image, value_range=value_range)
    if isinstance(image, Tensor):
        return Picture.from_channels(from_tensor(image, value_range))
    if not isinstance(image, Picture | ImageStream | Path | str):
        raise UsageError(f"found the type {type(image).__name__}, expected a picture", _hint(image))
    if value_range is not None:
        raise UsageError("value_range is for arrays, tensors and images, and this picture has its own", RANGE_HINT)
    return image if isinstance(image, Picture | ImageStream) else read_picture(image, keep_classes=True)


def _is_batch(image: Any) -> bool:
    if isinstance(image, Tensor):
        return image.dim() == 4 and len(image) > 0
    single = isinstance(image, Image.Image | Picture | ImageStream | Path | str | Mapping | Set | _FILE | memoryview)
    return not single and not hasattr(image, "__array__") and isinstance(image, Iterable)


def _hint(image: Any) -> str:
    if isinstance(image, _FILE):
        return "open it: PIL.Image.open(file)"
    holds_values = hasattr(image, "__array__") or isinstance(image, memoryview)
    return "convert it: numpy.asarray(image), or list(images) of several" if holds_values else f"take {TAKEN}"


def _like(image: Any, result: Picture) -> Any:
    """The result as the kind of picture that it was made from."""
    if isinstance(image, np.ndarray):
        array = result.to_array(image.dtype)
        return array if image.ndim == array.ndim else array[..., None]
    if isinstance(image, Tensor):
        return to_tensor(result.within_declared, result.alpha, image.dtype, result.black_and_white).to(image.device)
    return result.to_pil() if isinstance(image, Image.Image) else result
