"""Colours chosen for a format that holds but a few, as GIF does."""

import numpy as np
from PIL import Image

from srgan_cli.codec.raster import Values

MOST = 256
_SHOWN = 128


def image(values: Values, clear: bool) -> Image.Image:
    """An image of at most 256 colours, exact where so many suffice.

    One is kept for what cannot be seen, if there is any or `clear` says so; less than half opaque counts as that.
    """
    hidden = values[..., -1] < _SHOWN if values.shape[2] in (2, 4) else None
    shown = values[..., :-1] if values.shape[2] in (2, 4) else values
    colours = np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown
    clear = clear or (hidden is not None and bool(hidden.any()))
    indexed = _exact(colours, hidden, MOST - clear) or Image.fromarray(colours).quantize(MOST - clear)
    if not clear:
        return indexed
    marked = np.array(indexed)
    if hidden is not None:
        marked[hidden] = MOST - 1
    result = Image.fromarray(marked)
    result.putpalette(indexed.getpalette() or [])
    result.info["transparency"] = MOST - 1
    return result


def colours_in(values: Values) -> int:
    """How many colours these values (H, W, 1 or 3) have."""
    return len(np.unique(_packed(values)))


def _exact(colours: Values, hidden: Values | None, most: int) -> Image.Image | None:
    """The colours themselves as palette, or None when they are too many."""
    packed = _packed(colours)
    if hidden is not None:
        packed = np.where(hidden, packed[~hidden].flat[0] if (~hidden).any() else 0, packed)
    found, index = np.unique(packed, return_inverse=True)
    if len(found) > most:
        return None
    result = Image.fromarray(index.reshape(packed.shape).astype(np.uint8))
    table = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.uint8)
    result.putpalette(table.tobytes())
    return result


def _packed(values: Values) -> Values:
    """One number for every colour."""
    wide = values.astype(np.uint32)
    return wide[..., 0] if wide.shape[2] == 1 else wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
