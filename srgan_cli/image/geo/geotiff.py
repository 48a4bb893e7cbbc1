"""The tags of GeoTIFF for another grid.  Sources: OGC GeoTIFF Standard 1.1; GDAL's RPCs in GeoTIFF."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from srgan_cli.image.geo.grid import GridMap, at_centres, is_scaling
from srgan_cli.image.geo.rpc import map_offset

PIXEL_SCALE, TIE_POINTS, TRANSFORMATION, KEYS = 33550, 33922, 34264, 34735
DOUBLES, TEXTS, RPC = 34736, 34737, 50844
GEOREFERENCE = {PIXEL_SCALE, TIE_POINTS, TRANSFORMATION, KEYS, DOUBLES, TEXTS}
_RASTER_TYPE, _POINT = 1025, 2
_GEOGRAPHIC, _PROJECTED, _VERTICAL = 2048, 3072, 4096
_USER_DEFINED = 32767
_ELLIPSOIDAL = range(4001, 5000)
_RPC_NUMBERS = 92
_RPC_NAMES = (
    *("ERR_BIAS", "ERR_RAND", "LINE_OFF", "SAMP_OFF", "LAT_OFF", "LONG_OFF", "HEIGHT_OFF"),
    *("LINE_SCALE", "SAMP_SCALE", "LAT_SCALE", "LONG_SCALE", "HEIGHT_SCALE"),
)
_RPC_COEFFICIENTS = ("LINE_NUM_COEFF", "LINE_DEN_COEFF", "SAMP_NUM_COEFF", "SAMP_DEN_COEFF")
_RPC_AXES = ((3, 8), (2, 7))  # where the offset and the scale of the columns and of the rows stand


def map_georeference(tags: Mapping[int, Any], change: GridMap) -> dict[int, Any]:
    """The tags for the new grid.  Raises ValueError for damaged ones."""
    change = at_centres(change) if is_point(tags) else change
    found = {tag: _numbers(tags[tag]) for tag in (PIXEL_SCALE, TIE_POINTS, TRANSFORMATION) if tag in tags}
    mapped = {tag: value for tag, value in tags.items() if tag not in found}
    if not is_scaling(change) and PIXEL_SCALE in found:
        found = {TRANSFORMATION: _as_matrix(found)}
    if PIXEL_SCALE in found:
        scale = found[PIXEL_SCALE]
        mapped[PIXEL_SCALE] = (scale[:2] / np.diag(change)[:2]).tolist() + scale[2:].tolist()
    if TIE_POINTS in found:
        points = found[TIE_POINTS].reshape(-1, 6).copy()
        points[:, :2] = points[:, :2] @ change[:2, :2].T + change[:2, 2]
        mapped[TIE_POINTS] = points.ravel().tolist()
    if TRANSFORMATION in found:
        whole = np.eye(4)
        whole[np.ix_((0, 1, 3), (0, 1, 3))] = change
        mapped[TRANSFORMATION] = (found[TRANSFORMATION].reshape(4, 4) @ np.linalg.inv(whole)).ravel().tolist()
    return mapped


def map_rpc(tags: Mapping[int, Any], change: GridMap) -> dict[int, Any]:
    """The RPCs for the new grid.  Raises ValueError for damaged ones, and where the axes change."""
    numbers = _numbers(tags[RPC]).tolist()
    if len(numbers) != _RPC_NUMBERS:
        raise ValueError
    for axis, (offset, scale) in enumerate(_RPC_AXES):
        numbers[offset] = map_offset(numbers[offset], change, axis)
        numbers[scale] *= float(change[axis, axis])
    return {RPC: numbers}


def tags_for(transform: tuple[float, ...], epsg: int, *, is_projected: bool) -> dict[int, Any]:
    """The tags of an affine transform (a, b, x, d, e, y, …) of the corners of pixels, and of an EPSG code."""
    a, b, x, d, e, y = transform[:6]
    model, system = (1, _PROJECTED) if is_projected else (2, _GEOGRAPHIC)
    keys = (1, 1, 0, 3, 1024, 0, 1, model, _RASTER_TYPE, 0, 1, 1, system, 0, 1, epsg)
    return {TRANSFORMATION: [a, b, 0.0, x, d, e, 0.0, y, *[0.0] * 7, 1.0], KEYS: keys}


def geotransform_of(tags: Mapping[int, Any]) -> tuple[float, ...] | None:
    """The geotransform in GDAL's order, of the corners of pixels; None without one."""
    found = {tag: _numbers(tags[tag]) for tag in (PIXEL_SCALE, TIE_POINTS, TRANSFORMATION) if tag in tags}
    if TRANSFORMATION not in found and not {PIXEL_SCALE, TIE_POINTS} <= set(found):
        return None
    matrix = (_as_matrix(found) if PIXEL_SCALE in found else found[TRANSFORMATION]).reshape(4, 4)
    (a, b, _, x), (d, e, _, y), *_ = matrix.tolist()
    half = 0.5 if is_point(tags) else 0
    return x - half * (a + b), a, b, y - half * (d + e), d, e


def control_points_of(tags: Mapping[int, Any]) -> list[tuple[float, ...]]:
    """Column and row, of the corners of pixels, and x, y, z of several tie points without a pixel scale."""
    points = _numbers(tags.get(TIE_POINTS, ())).reshape(-1, 6).tolist()
    half = 0.5 if is_point(tags) else 0
    return [] if PIXEL_SCALE in tags else [(i + half, j + half, *ground) for i, j, _, *ground in points]


def rpcs_of(tags: Mapping[int, Any]) -> dict[str, str]:
    """The RPCs by GDAL's names."""
    if not (numbers := [f"{number!r}" for number in tags.get(RPC, ())]):
        return {}
    groups = (" ".join(numbers[start : start + 20]) for start in range(12, _RPC_NUMBERS, 20))
    return dict(zip((*_RPC_NAMES, *_RPC_COEFFICIENTS), (*numbers[:12], *groups), strict=True))


def system_of(tags: Mapping[int, Any]) -> str:
    """GDAL's name of a coordinate system by its EPSG codes, such as EPSG:28992+5709; empty where it has none."""
    keys = _keys(tags)
    code, height = keys.get(_PROJECTED) or keys.get(_GEOGRAPHIC, _USER_DEFINED), keys.get(_VERTICAL, 0)
    if max(code, height) >= _USER_DEFINED:
        return ""
    if height in _ELLIPSOIDAL:  # heights above the ellipsoid: of degrees, one code is for all three
        return f"EPSG:{code if _PROJECTED in keys else height}"
    return f"EPSG:{code}+{height}" if height else f"EPSG:{code}"


def is_point(tags: Mapping[int, Any]) -> bool:
    """Whether coordinates name the centres of pixels (PixelIsPoint)."""
    return _keys(tags).get(_RASTER_TYPE) == _POINT


def _keys(tags: Mapping[int, Any]) -> dict[int, int]:
    """The GeoKeys whose value stands in the directory itself."""
    words = tags.get(KEYS, ())
    entries = (words[start : start + 4] for start in range(4, len(words) - 3, 4))
    return {key: value for key, place, _, value in entries if not place}


def _as_matrix(found: Mapping[int, Any]) -> Any:
    """The transformation that a pixel scale and the first tie point stand for."""
    (i, j, k, x, y, z), (across, down) = found[TIE_POINTS][:6], abs(found[PIXEL_SCALE][:2])
    up = found[PIXEL_SCALE][2] if len(found[PIXEL_SCALE]) > 2 else 0
    return np.array([[across, 0, 0, x - i * across], [0, -down, 0, y + j * down], [0, 0, up, z - k * up], [0, 0, 0, 1]])


def _numbers(values: Any) -> Any:
    """Values as an array.  Raises ValueError where they are not finite numbers."""
    numbers = np.array(values, float)
    if not np.isfinite(numbers).all():
        raise ValueError
    return numbers
