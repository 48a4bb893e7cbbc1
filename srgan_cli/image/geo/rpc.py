"""Rational polynomial coefficients, in pixels from the centre of the first.  Source: NITF RPC00B; GDAL's RFC 22."""

import re

from srgan_cli.image.geo.grid import GridMap, at_centres, is_scaling

OFFSETS = {"samp_off": 0, "line_off": 1, "sampoffset": 0, "lineoffset": 1}
"""The axis of each name; RPC.TXT and RPB spell them differently."""
SCALES = {"samp_scale": 0, "line_scale": 1, "sampscale": 0, "linescale": 1}
_ENTRY = re.compile(rf"(?im)^(\s*({'|'.join((*OFFSETS, *SCALES))})\s*[:=]\s*)([-+\d.eE]+)")


def map_offset(value: float, change: GridMap, axis: int) -> float:
    """An offset along an axis, 0 for columns and 1 for rows, on the new grid.  Raises ValueError if axes change."""
    if not is_scaling(change):
        raise ValueError
    centred = at_centres(change)
    return float(value * centred[axis, axis] + centred[axis, 2])


def map_value(name: str, value: str, change: GridMap) -> str:
    """The value of a named coefficient for the new grid; others stay.  Raises ValueError where it is no number."""
    name = name.lower()
    if name in OFFSETS:
        return f"{map_offset(float(value.split()[0]), change, OFFSETS[name]):.12g}"
    axis = SCALES.get(name)
    return value if axis is None else f"{float(value.split()[0]) * change[axis, axis]:.12g}"


def map_text(text: str, change: GridMap) -> str:
    """The content of an RPC.TXT or RPB file for the new grid.  Raises ValueError unless it has all four numbers."""
    mapped, count = _ENTRY.subn(lambda found: found[1] + map_value(found[2], found[3], change), text)
    if count != 4:
        raise ValueError
    return mapped
