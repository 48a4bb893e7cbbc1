"""What a TIFF page says about its bands.  Source: TIFF 6.0, ExtraSamples and SampleFormat; GDAL's driver GTiff."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from srgan_cli.image.codec.raster import (
    ASSOCIATED,
    UNASSOCIATED,
    UNSPECIFIED,
    BandLayout,
    Raster,
    Rows,
    ValueRange,
    Values,
    divide_by_alpha,
    opaque,
)
from srgan_cli.image.geo import gdal, xml

BITS, PHOTOMETRIC, SAMPLES, PLANAR, EXTRA, FORMAT = 258, 262, 277, 284, 338, 339
NODATA = 42113
_COMPRESSION, _COLOUR_MAP, _TILE_WIDTH, _LEAST, _GREATEST = 259, 320, 322, 340, 341
_SUBSAMPLING, _BLACK_AND_WHITE, _DOT_RANGE = 530, 532, 336
_RANGES = {280: "MinSampleValue", 281: "MaxSampleValue", _LEAST: "SMinSampleValue", _GREATEST: "SMaxSampleValue"}
_PAIRS = {_BLACK_AND_WHITE: "ReferenceBlackWhite", _DOT_RANGE: "DotRange"}
"""Tags of ranges with both ends of each channel."""
_BYTE_COUNTS = (279, 325)  # of strips and tiles; a sparse file has 0 for those that are empty
_SIDES, _MOST_TILE = (256, 257), 9
_VIPS_COMPRESSIONS = (1, 2, 3, 4, 5, 7, 8, 32946, 32773, 34676, 34677)
"""Others, such as Zstandard and LZMA, libvips may read as zeros."""
_GDAL_COMPRESSIONS = (*_VIPS_COMPRESSIONS, 34887, 34925, 50000, 50001)
"""LERC, LZMA, Zstandard and WebP, too; others, such as JPEG 2000, JPEG XL and PNG, need codecs that it often lacks."""
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _SEPARATED, _YCBCR, _LAB, _LOG_LUV = 0, 1, 2, 3, 5, 6, 8, 32845
_JPEG = 7
_UNCONVERTED = (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
_BY_VIPS = (None, _PALETTE, _SEPARATED, _YCBCR, _LAB, _LOG_LUV)
"""Further ones that libvips converts; it takes others, such as mosaics of cameras, for grey or RGB."""
_INK_SET, _OTHER_INKS = 332, 2
_CONVERTED = {_SEPARATED: 4, _LAB: 3}  # the channels of colours that become RGB
SEPARATE_PLANES = 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_COMPLEX = {5, 6}
_KINDS = {"u": _UNSIGNED, "i": _SIGNED, "f": _FLOAT}
Decoder = Literal["vips", "gdal", "memory map", "whole"]
Tags = Mapping[int, Any]


def is_converted(tags: Tags) -> bool:
    """Whether a picture has other samples than its page, which can be kept: classes, few bits, YCbCr in a JPEG."""
    colours = tags.get(PHOTOMETRIC)
    is_jpeg = (colours, tags.get(_COMPRESSION)) == (_YCBCR, _JPEG)
    return has_palette(tags) or is_jpeg or (colours in _UNCONVERTED and max(_bits(tags)) < 8)


def has_other_inks(tags: Tags) -> bool:
    """Whether the colours of a page are inks other than cyan, magenta, yellow and black."""
    return tags.get(PHOTOMETRIC) == _SEPARATED and tags.get(_INK_SET) == _OTHER_INKS


def has_palette(tags: Tags) -> bool:
    """Whether the samples of a page are numbers of colours; GDAL calls it grey if the palette was added later."""
    has_map = tags.get(SAMPLES, 1) == 1 and len(_numbers(tags, _COLOUR_MAP)) > 0
    return has_map and tags.get(PHOTOMETRIC) in (_BLACK_IS_ZERO, _PALETTE)


def has_small_levels(tags: Tags) -> bool:
    """Whether a palette has levels of 8 bits instead of 16; all readers but Pillow accept that."""
    return has_palette(tags) and 0 < np.max(_numbers(tags, _COLOUR_MAP)) < 256


def has_plain_subsampling(tags: Tags) -> bool:
    """Whether a page has chroma of fewer pixels without compression, which Pillow does not read."""
    is_plain = (tags.get(PHOTOMETRIC), tags.get(_COMPRESSION, 1)) == (_YCBCR, 1)
    return is_plain and bool(np.any(np.atleast_1d(tags.get(_SUBSAMPLING, 2)) != 1))


def conversion_notes(tags: Tags, raster: Raster) -> list[str]:
    """Notes on what a raster lacks of the palette, the inks, the ranges or the bits of its page."""
    colours, levels = int(tags.get(PHOTOMETRIC, _BLACK_IS_ZERO)), _numbers(tags, _COLOUR_MAP)
    if raster.bands.palette:
        return []
    said, ranges = "RGB" if colours == _RGB else "grey", _unkept_ranges(tags)
    is_deep = np.any(levels % 257) and np.any(levels % 256) and not has_small_levels(tags)
    is_reduced = colours == _PALETTE and raster.rows.dtype == np.uint8 and is_deep
    further = int(tags.get(SAMPLES, 1)) - _CONVERTED.get(colours, math.inf) - (raster.bands.alpha is not None)
    bits, stored = max(_bits(tags)), 8 * raster.rows.dtype.itemsize
    is_shared = all(len(np.unique(tags.get(tag, 0))) == 1 for tag in (_LEAST, _GREATEST))
    notes = {
        f"its {bits} bits a channel become {stored}": 16 < bits < stored,
        "its ranges of single bands become one": raster.declared_range is not None and not is_shared,
        f"its palette is dropped: it says that it is {said}": _COLOUR_MAP in tags and colours in _UNCONVERTED,
        "its palette of 16 bits is reduced to 8": is_reduced,
        f"its {further} channels beside its colours are dropped": further > 0,
        f"the range in its {' and '.join(ranges)} is dropped": bool(ranges),
    }
    return [note for note, applies in notes.items() if applies]


def _unkept_ranges(tags: Tags) -> list[str]:
    """The names of tags that state a range of values other than the usual one; two ends of one are kept elsewhere."""
    usual = {0, 2 ** max(_bits(tags)) - 1, *((128,) if tags.get(PHOTOMETRIC) == _YCBCR else ())}
    unkept = {
        tag: name for tag, name in (_RANGES | _PAIRS).items() if set(np.atleast_1d(tags.get(tag, 0)).tolist()) - usual
    }
    is_decoded = tags.get(PHOTOMETRIC) != _RGB and (tags.get(_COMPRESSION, 1) != 1 or has_plain_subsampling(tags))
    applied = {_BLACK_AND_WHITE} if is_decoded else set()
    both = {_LEAST, _GREATEST} if all(len(_numbers(tags, tag)) for tag in (_LEAST, _GREATEST)) else set()
    return [name for tag, name in unkept.items() if tag not in applied | both]


def decoder(tags: Tags, *, keeps_values: bool = False) -> Decoder:
    """Which library reads a page.

    libvips reads in bands, but refuses odd ranges and types of tags (as GDAL does), mixes up planes, reads NaN of half
    floats as infinity, fails at some JPEGs with alpha, and knows neither 64 bits, nor 10, 12 or 14, nor tiles ten times
    as large as the page, nor sparse files.  GDAL, if installed, reads these in bands too.  Pillow and tifffile decode
    whatever is left whole.
    """
    if _has_odd_range(tags) or getattr(tags, "has_odd_types", False):
        return "whole"
    bits, colours = set(_bits(tags)), tags.get(PHOTOMETRIC)
    planes = tags.get(PLANAR, 1) == SEPARATE_PLANES and (colours, tags.get(SAMPLES)) != (_RGB, 3)
    known = tags.get(_COMPRESSION, 1) in _VIPS_COMPRESSIONS and not (tags.get(PLANAR) == 2 and _TILE_WIDTH in tags)
    fits = tags.get(_TILE_WIDTH, 0) <= _MOST_TILE * max(tags.get(side, 1) for side in _SIDES)
    is_sparse = any(0 in np.atleast_1d(tags.get(tag, ())) for tag in _BYTE_COUNTS)
    plain = bits in ({8}, {16}, {32}) and known and fits and not planes and not is_sparse
    plain &= not (tags.get(_COMPRESSION) == _JPEG and tags.get(SAMPLES, 1) > 3 and colours in _UNCONVERTED)
    floats = _FLOAT in np.atleast_1d(tags.get(FORMAT, ()))
    if keeps_values or _COMPLEX & set(np.atleast_1d(tags.get(FORMAT, ())).tolist()):
        return "gdal" if find_spec("rasterio") else "whole"
    if colours not in _UNCONVERTED:
        floats = floats and colours == _SEPARATED
        return "vips" if plain and bits != {8} and not floats and colours in _BY_VIPS else "whole"
    if plain and not (floats and bits == {16}):
        return "vips"
    by_gdal = max(bits) >= 8 and tags.get(_COMPRESSION, 1) in _GDAL_COMPRESSIONS and find_spec("rasterio")
    return "gdal" if by_gdal else "whole"


def _has_odd_range(tags: Tags) -> bool:
    """Whether a tag of a range is not of numbers, has another count than the bands, or differs between them."""
    found = {tag: _numbers(tags, tag) for tag in {*_RANGES} & {*tags, *getattr(tags, "unread", ())}}
    return any(
        len(numbers) != tags.get(SAMPLES, 1) if tag in (_LEAST, _GREATEST) else len(set(numbers)) != 1
        for tag, numbers in found.items()
    )


def has_own_samples(tags: Tags) -> bool:
    """Whether the samples of a page are kept as they are: grey, RGB and bands of at least 8 bits."""
    return tags.get(PHOTOMETRIC) in _UNCONVERTED and max(_bits(tags)) >= 8


def read_bands(tags: Tags, *, keeps_values: bool = False) -> dict[str, Any]:
    """The fields of a Raster, none where colours are converted: layout, nodata, range and bits."""
    if not keeps_values and tags.get(PHOTOMETRIC, _BLACK_IS_ZERO) not in _UNCONVERTED:
        return {}
    layout, bits = BandLayout(_colours(tags), _extra(tags)), max(_bits(tags))
    if keeps_values and has_palette(tags):
        bits = max(bits, 8)
        colours = np.reshape(tags[_COLOUR_MAP], (3, -1))
        colours = np.pad(colours, ((0, 0), (0, 2**bits - colours.shape[1])))
        layout = replace(layout, palette=tuple(colours.ravel().tolist()))
    nodata = str(tags.get(NODATA, "")).strip("\x00 ")
    return {"layout": layout, "nodata": nodata, "declared_range": _declared_range(tags), "bits": bits}


def write_bands(raster: Raster) -> dict[int, Any]:
    """The tags of a page for the bands of a raster."""
    layout, kind = raster.bands, _KINDS[raster.rows.dtype.kind]
    extra = layout.extra[:-1] if layout.ends_with_mask else layout.extra
    grey = _WHITE_IS_ZERO if layout.white_is_zero else _BLACK_IS_ZERO
    tags: dict[int, Any] = {PHOTOMETRIC: _RGB if layout.colours == 3 else grey}
    if layout.palette:
        tags = {PHOTOMETRIC: _PALETTE, _COLOUR_MAP: layout.palette}
    if extra:
        tags[EXTRA] = extra
    if raster.nodata:
        tags[NODATA] = raster.nodata
    if raster.declared_range:
        count = layout.colours + len(extra)
        tags |= {tag: (end,) * count for tag, end in zip((_LEAST, _GREATEST), raster.declared_range, strict=True)}
    return tags | {FORMAT: (kind,) * (layout.colours + len(extra))}


def as_black_is_zero(raster: Raster, tags: Tags, *, is_inverted: bool) -> Raster:
    """The raster with larger values brighter, as in pictures; measurements keep their values, and `white_is_zero`.

    `is_inverted`: the reader has already inverted unsigned values.
    """
    layout = raster.layout
    if tags.get(PHOTOMETRIC) != _WHITE_IS_ZERO or layout is None:
        return raster
    unsigned, keeps_values = raster.rows.dtype.kind == "u", raster.is_measured
    if unsigned and is_inverted == keeps_values:
        raster = replace(raster, rows=raster.rows.map(partial(_inverted, depth=raster.depth, alpha=layout.alpha)))
    return replace(raster, layout=replace(layout, white_is_zero=keeps_values or not unsigned))


def _inverted(values: Values, depth: int, alpha: int | None) -> Values:
    result: Values = 2**depth - 1 - values
    if alpha is not None:
        result[..., alpha] = values[..., alpha]
    return result


def unmultiply(rows: Rows, layout: BandLayout, bits: int) -> Rows:
    """The rows of samples of so many bits with colours divided by their alpha, if they are multiplied by it."""
    alpha = layout.alpha
    if alpha is None or layout.extra[alpha - layout.colours] != ASSOCIATED:
        return rows
    return rows.map(partial(divide_by_alpha, alpha=alpha, top=opaque(rows.dtype, bits)))


def _bits(tags: Tags) -> tuple[int, ...]:
    return tuple(np.atleast_1d(tags.get(BITS, 1)).tolist())


def _numbers(tags: Tags, tag: int) -> Values:
    """The numbers in a tag, none in a text or in bytes."""
    found = np.atleast_1d(tags.get(tag, ()))
    return np.asarray(found if found.dtype.kind not in "SU" else (), np.float64)


def _colours(tags: Tags) -> int:
    return 3 if tags.get(PHOTOMETRIC) in (_RGB, _YCBCR) else 1


def _extra(tags: Tags) -> tuple[int, ...]:
    """What each sample beyond the colours is; a single one that is not described is alpha in RGB, as in libtiff."""
    described = tuple(int(kind) for kind in np.atleast_1d(tags.get(EXTRA, ())))
    missing = max(int(tags.get(SAMPLES, 1)) - _colours(tags) - len(described), 0)
    if missing == 1 and not described and _colours(tags) == 3:
        return (UNASSOCIATED,)
    extra, roles = [*described, *(UNSPECIFIED,) * missing], dict[int, str]()
    with suppress(*xml.PARSE_ERRORS):
        roles = gdal.roles_of(tags[gdal.METADATA]) if gdal.METADATA in tags else {}
    meanings = ({None: kind, "Alpha": kind or UNASSOCIATED} for kind in extra)
    return tuple(known.get(roles.get(index), UNSPECIFIED) for index, known in enumerate(meanings, _colours(tags)))


def _declared_range(tags: Tags) -> ValueRange | None:
    """The range of SMinSampleValue and SMaxSampleValue; None without one, and for one that is endless."""
    lows, highs = _numbers(tags, _LEAST), _numbers(tags, _GREATEST)
    if not (len(lows) and len(highs)):
        return None
    low, high = float(np.min(lows)), float(np.max(highs))
    return (low, high) if low < high and math.isfinite(high - low) and max(abs(low), abs(high)) < 1e30 else None
