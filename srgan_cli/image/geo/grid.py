"""Affine changes of pixel coordinates: a new size, an EXIF orientation.

Coordinates are (column, row, 1).  The corner of the picture is (0, 0), so that the centre of its first pixel is (½, ½).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

GridMap = NDArray[Any]  # float64 (3, 3), from old coordinates to new ones


def scaling(old: tuple[int, int], new: tuple[int, int]) -> GridMap:
    """The change from one size (height, width) to another; the corners coincide."""
    return np.diag([new[1] / old[1], new[0] / old[0], 1.0])


def turning(orientation: int, height: int, width: int) -> GridMap:
    """The change from a stored picture of this size to the upright one.  Source: TIFF 6.0, tag Orientation."""
    across = {1: (1, 0, 0), 2: (-1, 0, width), 3: (-1, 0, width), 4: (1, 0, 0)}
    down = {1: (0, 1, 0), 2: (0, 1, 0), 3: (0, -1, height), 4: (0, -1, height)}
    across |= {5: (0, 1, 0), 6: (0, -1, height), 7: (0, -1, height), 8: (0, 1, 0)}
    down |= {5: (1, 0, 0), 6: (1, 0, 0), 7: (-1, 0, width), 8: (-1, 0, width)}
    return np.array([across[orientation], down[orientation], (0, 0, 1)], float)


def at_centres(change: GridMap) -> GridMap:
    """The same change of coordinates in which (0, 0) is the centre of the first pixel."""
    shift = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return np.asarray(np.linalg.inv(shift) @ change @ shift)


def is_scaling(change: GridMap) -> bool:
    """Whether the axes stay what they are."""
    return bool(change[0, 0] > 0 and change[1, 1] > 0 and not change[0, 1] and not change[1, 0])


def geotransform(numbers: tuple[float, ...], change: GridMap) -> tuple[float, ...]:
    """A geotransform in GDAL's order for the new coordinates.  Raises ValueError if it is not finite."""
    x, a, b, y, d, e = numbers
    if not np.isfinite(numbers).all():
        raise ValueError
    (a, b, x), (d, e, y), _ = (np.array([[a, b, x], [d, e, y], [0, 0, 1]]) @ np.linalg.inv(change)).tolist()
    return x, a, b, y, d, e
