"""Inspection: what reading does to the files of a dataset that are more than plain pictures of one depth."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from srgan_cli.errors import SrganError
from srgan_cli.image.codec.raster import Raster
from srgan_cli.image.codec.reader import open_reader
from srgan_cli.image.codec.samples import is_valid, nodata_values, opaque_alpha
from srgan_cli.training.data.dataset import DECODERS

NOT_FINITE = "with NaN or infinite values"
FRAMES = "with several frames or pages, of which only the first is used"
TRANSPARENT = "with transparency, composited on white"
NO_DATA = "with pixels without data"
CLASSES = "with numbers of classes, whose colours are blended"
_EXAMPLES = 3


def inspect_files(paths: Iterable[Path], *, max_pixels: int | None = None) -> Iterator[tuple[int, str]]:
    """Numbers of files with a peculiarity, and what it is, with examples; several depths are one, too."""
    depths, found = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    paths = list(paths)
    with ThreadPoolExecutor(DECODERS) as pool:
        for path, traits in zip(paths, pool.map(partial(_traits, max_pixels=max_pixels), paths), strict=True):
            for depth in traits[:1]:
                depths[depth].append(path.name)
            for trait in traits[1:]:
                found[trait].append(path.name)
    mixed = {f"with {depth}, others not": names for depth, names in depths.items()} if len(depths) > 1 else {}
    for trait, names in {**found, **mixed}.items():
        more = ", …" if len(names) > _EXAMPLES else ""
        yield len(names), f"{trait}: {', '.join(names[:_EXAMPLES])}{more}"


def _traits(path: Path, *, max_pixels: int | None) -> list[str]:
    """The depth of a file, and its peculiarities; nothing for a file that cannot be read."""
    try:
        with open_reader(path, max_pixels=max_pixels) as reader:
            frames = [FRAMES] if reader.count > 1 else []
            if reader.format == "JPEG":
                return ["8 bits a channel", *frames]
            return [*_raster_traits(reader.read(0)), *frames]
    except SrganError:
        return []


def _raster_traits(raster: Raster) -> Iterator[str]:
    dtype, alpha = raster.rows.dtype, raster.bands.alpha
    yield "floats" if dtype.kind == "f" else f"{raster.depth} bits a channel"
    if raster.bands.has_classes:
        yield CLASSES
    nodata = nodata_values(raster.nodata, raster.bands, dtype)
    if dtype.kind != "f" and alpha is None and not {*nodata} - {None}:
        return
    values = raster.values
    if not np.isfinite(values).all():
        yield NOT_FINITE
    stored = np.moveaxis(values if alpha is None else np.delete(values, alpha, 2), 2, 0)
    stated = ((band, value) for band, value in zip(stored, nodata, strict=True) if value is not None)
    if not all(is_valid(band[np.isfinite(band)], value).all() for band, value in stated):
        yield NO_DATA
    if alpha is not None and (values[..., alpha] < opaque_alpha(values[..., alpha], raster.depth)).any():
        yield NO_DATA if raster.is_measured else TRANSPARENT
