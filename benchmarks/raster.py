"""A hundred generated rasters, enlarged twice by bicubic, compared with GDAL's own bicubic of their valid values.

    python benchmarks/raster.py [--count 100] [--seed 0] [--keep FOLDER]

Varied are the type of samples, the number of bands, the order of planes, tiles and strips, compression, predictor, and
what says which values are no data: a nodata value, NaN, a mask, alpha of 0 and 255, or nothing; and where they lie:
nowhere, upright, rotated, south up, as centres of pixels, or by control points.  Beside the border and beyond the reach
of invalid pixels, results may differ by one level of integers, and by TOLERANCE of the range of floats.  Invalid pixels
stay as they are, and type, bands and tags stay what they were.  Corners and control points coincide to
PIXEL_TOLERANCE, as rasterio reads them.
"""

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import typer
from affine import Affine
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp, Resampling

TOLERANCE = 2e-6
"""Of the range of floats: GDAL computes with 32 bits."""
PIXEL_TOLERANCE = 0.01
"""In pixels of the input."""
REACH = 2
"""Input pixels beyond which bicubic does not reach."""
TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
COUNTS = (1, 2, 3, 4, 5, 7)
COMPRESSIONS = ("none", "deflate", "lzw", "packbits", "zstd")
HOLES = ("none", "nodata", "nodata", "nan", "mask", "alpha")
PLACES = ("none", "none", "upright", "rotated", "south up", "points", "control points")
CRS = "EPSG:32633"
Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """How a raster is written."""

    dtype: str
    count: int
    interleave: str
    tiled: bool
    compress: str
    predictor: int
    holes: str
    bits: int
    place: str

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Case":
        """A random case that GDAL can write."""
        dtype = str(rng.choice(TYPES))
        is_float = dtype.startswith("float")
        holes = str(rng.choice([kind for kind in HOLES if kind != "nan" or is_float]))
        compress = str(rng.choice(COMPRESSIONS))
        predictor = int(rng.choice([1, 2, 3] if is_float else [1, 2])) if compress not in ("none", "packbits") else 1
        bits = int(rng.choice([0, 0, 10, 12, 14])) if dtype == "uint16" else 0
        bits = bits or (int(rng.choice([0, 16])) if dtype == "float32" and predictor == 1 else 0)
        count = int(rng.choice([2, 4] if holes == "alpha" else COUNTS))
        interleave = str(rng.choice(["pixel", "band"]))
        place = str(rng.choice([place for place in PLACES if place != "none" or holes != "alpha"]))
        tiled = bool(rng.integers(2))
        return cls(dtype, count, interleave, tiled, compress, 1 if bits else predictor, holes, bits, place)

    @property
    def transform(self) -> Affine:
        """From pixels to metres."""
        upright = Affine(10, 0, 500_000, 0, -10, 4_000_000)
        return {"rotated": upright * Affine.rotation(20), "south up": upright * Affine.scale(1, -1)}.get(
            self.place, upright
        )

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of rasterio for the file."""
        tiles = {"tiled": True, "blockxsize": 32, "blockysize": 16} if self.tiled else {}
        packed = {"nbits": self.bits} if self.bits else {}
        is_rgb = self.count in (3, 4) and self.dtype in ("uint8", "uint16")
        return {
            "driver": "GTiff", "dtype": self.dtype, "count": self.count, "interleave": self.interleave,
            "compress": self.compress, "predictor": self.predictor,
            "photometric": "rgb" if is_rgb else "minisblack", **tiles, **packed,
        }  # fmt: skip


def scene(case: Case, rng: np.random.Generator, height: int, width: int) -> Array:
    """Smooth bands (C, H, W) with some noise, over a good part of what the type holds."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / rng.uniform(3, 9) + band) + np.cos(y / rng.uniform(3, 9)) for band in range(case.count)]
    unit = np.stack(waves) / 4 + 0.5 + rng.normal(0, 0.03, (case.count, height, width))
    if case.dtype.startswith("float"):
        return (unit * rng.choice([1, 40, 3000]) + rng.choice([0, -20, 500])).astype(case.dtype)
    limits = np.iinfo(case.dtype)
    top = 2.0**case.bits - 1 if case.bits else float(limits.max)
    low = float(limits.min) * 0.4
    return np.rint(low + unit.clip(0, 1) * (0.9 * top - low)).clip(limits.min, top).astype(case.dtype)


def write(path: Path, case: Case, rng: np.random.Generator) -> None:
    """Write the raster of a case."""
    height, width = (int(side) for side in rng.integers(20, 90, 2))
    values = scene(case, rng, height, width)
    valid = np.ones((height, width), bool)
    valid[: height // 3, : width // 4] = False
    valid[height // 2, width // 2] = False
    options = case.options | {"height": height, "width": width}
    if case.holes == "nodata":
        low = 0 if np.dtype(case.dtype).kind == "u" else -99
        options["nodata"] = float(np.finfo("f4").min) if case.dtype == "float32" and not case.bits else low
        values[:, ~valid] = options["nodata"]
    if case.holes == "nan":
        values[:, ~valid] = np.nan
    if case.holes == "alpha":
        values[-1] = np.where(valid, np.iinfo(case.dtype).max if values.dtype.kind != "f" else 1, 0)
    if case.place not in ("none", "control points"):
        options |= {"transform": case.transform, "crs": CRS}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **options) as file:
        if case.holes == "alpha":
            file.colorinterp = [*file.colorinterp[:-1], ColorInterp.alpha]
        if case.place == "points":
            file.update_tags(AREA_OR_POINT="Point")
        if case.place == "control points":
            places = [
                (x, y, *(case.transform * (x, y))) for x, y in ((0, 0), (width, 3.5), (5, height), (width, height))
            ]
            file.gcps = (
                [GroundControlPoint(y, x, east, north) for x, y, east, north in places],
                rasterio.CRS.from_string(CRS),
            )
        file.write(values)
        if case.holes == "mask":
            file.write_mask(valid)


def compare(source: Path, result: Path, case: Case) -> Iterator[str]:
    """A sentence for everything that is wrong with the result."""
    with rasterio.open(source) as before, rasterio.open(result) as after:
        yield from _tags(before, after, case)
        yield from _place(before, after)
        if (after.count, after.height, after.width) != (before.count, 2 * before.height, 2 * before.width):
            yield f"{after.count} bands of {after.height} x {after.width}"
            return
        for band in range(1, before.count + 1):
            yield from _band(before, after, band, case)


def _tags(before: Any, after: Any, case: Case) -> Iterator[str]:
    for name in ("dtypes", "nodatavals", "colorinterp", "mask_flag_enums"):
        one, other = getattr(before, name), getattr(after, name)
        if repr(one) != repr(other):
            yield f"{name}: {one} became {other}"
    if case.bits and after.tags(1, ns="IMAGE_STRUCTURE").get("NBITS") != str(case.bits):
        yield f"{case.bits} bits became {after.tags(1, ns='IMAGE_STRUCTURE')}"


def _place(before: Any, after: Any) -> Iterator[str]:
    (points, crs), (found, found_crs) = before.gcps, after.gcps
    if (before.crs, crs) != (after.crs, found_crs) or before.tags().get("AREA_OR_POINT") != after.tags().get(
        "AREA_OR_POINT"
    ):
        yield f"{before.crs or crs}, {before.tags()} became {after.crs or found_crs}, {after.tags()}"
    back = ~before.transform
    for x, y in ((0, 0), (before.width, 0), (0, before.height), (before.width, before.height)):
        moved = back * (after.transform * (2 * x, 2 * y)) if before.transform != Affine.identity() else (x, y)
        if max(abs(moved[0] - x), abs(moved[1] - y)) > PIXEL_TOLERANCE:
            yield f"the corner {x}, {y} moved to {moved}"
    pairs = [((p.col, p.row, p.x, p.y), (q.col / 2, q.row / 2, q.x, q.y)) for p, q in zip(points, found, strict=False)]
    if len(points) != len(found) or any(not np.allclose(*pair, rtol=0, atol=PIXEL_TOLERANCE) for pair in pairs):
        yield f"control points: {pairs}"


def _band(before: Any, after: Any, band: int, case: Case) -> Iterator[str]:
    stored, found = before.read(band), after.read(band)
    valid = (before.read(before.count) if case.holes == "alpha" else before.read_masks(band)) > 0
    if stored.dtype.kind == "f":
        valid &= np.isfinite(stored)
    shown = np.repeat(np.repeat(valid, 2, 0), 2, 1)
    nearest = np.repeat(np.repeat(stored, 2, 0), 2, 1)
    if case.holes == "alpha" and band == before.count:
        yield from [] if np.array_equal(found, nearest) else ["alpha is not the nearest one"]
        return
    if not np.array_equal(found[~shown], nearest[~shown], equal_nan=stored.dtype.kind == "f"):
        yield f"band {band}: invalid pixels changed"
    if case.holes in ("nodata", "mask") and not np.array_equal(after.read_masks(band) > 0, shown):
        yield f"band {band}: other pixels are valid"
    expected = before.read(band, out_shape=found.shape, resampling=Resampling.cubic)
    inner = _beyond_reach(valid)
    difference = np.abs(found.astype(np.float64) - expected)[inner].max(initial=0)
    limit = TOLERANCE * np.ptp(stored[valid].astype(np.float64)) if stored.dtype.kind == "f" else 1
    limit += case.holes == "nodata" and stored.dtype.kind != "f"  # results that are nodata move to the next value
    limit = max(limit, 2.0**-10 * np.abs(expected[inner]).max(initial=0)) if case.bits == 16 else limit
    limit = max(limit, 2.0**-22 * np.abs(stored[valid].astype(np.float64)).max()) if stored.itemsize > 2 else limit
    if not difference <= limit:
        yield f"band {band}: differs by {difference:g}, more than {limit:g}"


def _beyond_reach(valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which pixels of the result depend on valid pixels only, and on none beyond the border."""
    padded = np.pad(valid, REACH)
    height, width = valid.shape
    windows = [padded[dy : dy + height, dx : dx + width] for dy in range(5) for dx in range(5)]
    return np.repeat(np.repeat(np.all(windows, 0), 2, 0), 2, 1)


def check(folder: Path, count: int, seed: int) -> list[str]:
    """Write, enlarge and compare so many rasters; a line for everything that is wrong."""
    rng = np.random.default_rng(seed)
    cases = {f"{number:03}.tif": case for number, case in enumerate(islice(iter(lambda: Case.draw(rng), None), count))}
    (folder / "in").mkdir(parents=True)
    for name, case in cases.items():
        write(folder / "in" / name, case, rng)
    command = [sys.executable, "-m", "srgan_cli", "upscale", "-m", "bicubic", "-s", "2", str(folder / "in")]
    done = subprocess.run([*command, str(folder / "out")], capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("srgan:")]
    for name, case in cases.items():
        if (folder / "out" / name).exists():
            lines += [f"{name}: {line} ({case})" for line in compare(folder / "in" / name, folder / "out" / name, case)]
        else:
            lines.append(f"{name}: no result ({case})")
    return lines


def main(count: int = 100, seed: int = 0, keep: Path | None = None) -> None:
    """Print what is wrong, and exit with 1 if there is anything."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        wrong = check(keep or Path(folder) / "rasters", count, seed)
    print(*wrong, f"{count} rasters, {len({line[:7] for line in wrong})} with something wrong", sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    typer.run(main)
