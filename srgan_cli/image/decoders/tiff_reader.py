"""Reading the pages of a TIFF: by libvips or GDAL in bands, or whole by Pillow or tifffile."""

from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import partial
from io import SEEK_END
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import ExifTags, UnidentifiedImageError

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import tiff, vips
from srgan_cli.image.codec.errors import unsupported_error
from srgan_cli.image.codec.pillow import Decoded, decode, open_image
from srgan_cli.image.codec.raster import NODATA_LOST, Raster, Rows, Values, apply_exif_orientation
from srgan_cli.image.decoders import tiff_page
from srgan_cli.image.decoders.base import DAMAGED_HINT, DECODE_BYTES_PER_PIXEL, ImageReader, reopen
from srgan_cli.image.decoders.tiff_page import find_mask, find_planes, read_mask
from srgan_cli.image.geo import bands, gdal_reader, microscopy
from srgan_cli.image.geo.geotiff import GEOREFERENCE, TIE_POINTS, TRANSFORMATION
from srgan_cli.image.geo.place import add_sidecars
from srgan_cli.image.geo.sidecar import names_beside, sidecar_paths
from srgan_cli.image.metadata.exif import PARSE_ERRORS
from srgan_cli.image.metadata.record import trailing_note
from srgan_cli.system.files import file_stamp

_PILLOW_BITS = 8  # Pillow reads TIFFs of more bits a channel as grey alone, or not at all
_DNG_VERSION, _CR2, _CR2_OFFSET = 50706, b"CR\2", 8
_SENSOR_VALUES = (32803, 34892)  # photometric interpretations of a camera's sensor: mosaics and linear values
_MOST_LOOKED_AT = 2**20  # bytes
_INNER = {tiff.SUBIFDS, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop}
_SLACK = 64  # bytes that writers leave behind: GDAL repeats the last 4 of a tile, tifffile lets pages share values
_SLACK_OF_PART = 8  # for each further strip or tile, whose sizes are such values
_MOST_BITS = 128  # of a complex number, which is refused by name


def files_beside(path: Path) -> dict[str, bool]:
    """See names_beside: fewer for a TIFF that states its own place."""
    has_place = False
    with suppress(Exception), path.open("rb") as file:  # whatever is damaged is reported when it is read
        has_place = bool({TIE_POINTS, TRANSFORMATION} & set(tiff.pages(tiff.directories(file))[0][0][1]))
    return names_beside(path, has_place=has_place)


def _is_camera_raw(file: IO[bytes], tags: tiff.Tags) -> bool:
    """Whether a file with this first directory is a camera's raw picture, whose pages are previews; not of scanners."""
    is_preview = bool(tags.get(tiff.SUBFILE, 0) & 1) and bool({tiff.SUBIFDS, _DNG_VERSION} & set(tags))
    is_mosaic = _DNG_VERSION in tags and tags.get(tiff.PHOTOMETRIC) in _SENSOR_VALUES
    file.seek(_CR2_OFFSET)
    return is_preview or is_mosaic or file.read(len(_CR2)) == _CR2


def _end(file: IO[bytes], chain: list[tiff.Tags]) -> int:
    """The end of the last part to which directories or those in them point, or of the file if these are many."""
    pending, seen, end, budget = [*chain], set[int](), 0, _MOST_LOOKED_AT
    while pending:
        tags = pending.pop()
        sizes = (int(np.add(tags[a], tags[b]).max()) for a, b in tiff.PARTS.items() if {a, b} <= set(tags))
        end = max(end, tags.end, *sizes)
        offsets = {int(offset) for tag in _INNER & set(tags) for offset in np.atleast_1d(tags[tag])} - seen
        for offset in sorted(offsets):
            pending.append(tiff.load(file, tags, offset))
            budget -= file.tell() - offset
            if budget < 0:
                return file.seek(0, SEEK_END)
        seen |= offsets
    return end


class TiffReader(ImageReader):
    """TIFF, whose pages may differ in size, depth and metadata."""

    format = "TIFF"
    bytes_per_pixel = DECODE_BYTES_PER_PIXEL

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path, self.file, self.stamp = path, file, file_stamp(path)
        chain = [*tiff.directories(file)]
        self.pages, self.masks, self.notes = tiff.pages(chain)
        self.planes = find_planes(path, self.pages[0][1]) if len(self.pages) == 1 else None
        """Pictures without a page of their own, if there are any."""
        if self.planes:
            further = deepcopy(self.pages[0][1])
            for tag in microscopy.FILE_TAGS & set(further):
                del further[tag]
            self.pages += [(0, further)] * (self.planes[0] - 1)
        self.count = len(self.pages)
        self.redecodes = self.count > 1
        if not self.count or not {tiff.WIDTH, tiff.HEIGHT} <= set(self.pages[0][1]):
            raise UnidentifiedImageError("a TIFF without pages")
        first = self.pages[0][1]
        if _is_camera_raw(file, chain[0]):
            raise unsupported_error(path, "camera raw")
        self.notes += [] if self.planes else self._trailing_note(chain)
        stored = first[tiff.HEIGHT], first[tiff.WIDTH]
        self.mask_beside = None if self.masks else find_mask(path, stored, tiff.orientation(first))

    def _trailing_note(self, chain: list[tiff.Tags]) -> list[str]:
        """A note on what follows all parts of the file."""
        with suppress(*PARSE_ERRORS):  # damage is reported elsewhere
            end, size = _end(self.file, chain), self.file.seek(0, SEEK_END)
            parts = max(len(self.pages[-1][1].get(tag, ())) for tag in (tiff.STRIP_BYTES, tiff.TILE_BYTES))
            self.file.seek(end)
            is_more = size > end + _SLACK + _SLACK_OF_PART * (parts - 1)
            return trailing_note(self.file.read(_MOST_LOOKED_AT), size - end) if is_more else []
        return []

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a page, upright, from its header."""
        return tiff.size(self.pages[index][1])

    def is_streamed(self, index: int) -> bool:
        """Whether libvips or GDAL reads a page in bands; otherwise Pillow or tifffile decodes it whole."""
        return self._decoder(index) != "whole"

    def decode_bytes(self, index: int) -> int:
        """The memory that decoding a page takes, if it does not come in bands; else 0."""
        return 0 if self.is_streamed(index) else super().decode_bytes(index)

    def read(self, index: int) -> Raster:
        """A page, upright."""
        number, tags = self.pages[index]
        if tiff.depth(tags) > _MOST_BITS:
            message = "{path} states {bits} bits a channel"
            raise PictureError(message, DAMAGED_HINT, path=self.path, bits=tiff.depth(tags))
        if bands.has_other_inks(tags):
            message = "{path} has other inks than cyan, magenta, yellow and black, which cannot be read"
            raise PictureError(message, "convert it to RGB first", path=self.path)
        metadata, notes = tiff.read_metadata(self.file, self.pages, index)
        turn, mask = tiff.orientation(tags), None if number else self.mask_beside
        is_measured = bands.NODATA in tags or metadata.place is not None
        if index == 0:
            place, more = add_sidecars(metadata.place, self.path, self.size(0), turn, has_mask=mask is not None)
            metadata, notes = replace(metadata, place=place), [*notes, *self.notes, *more]
        raster = self._read_in_bands(index) if self.is_streamed(index) else self._read_whole(index)
        notes += [NODATA_LOST] if bands.NODATA in tags and not raster.nodata else []
        notes += bands.conversion_notes(tags, raster)
        raster = replace(
            raster, metadata=metadata.upright(orientation=turn), notes=(*notes, *raster.notes), is_measured=is_measured
        )
        raster = bands.as_black_is_zero(raster.with_place(), tags, is_inverted=self._decoder(index) == "vips")
        mask = read_mask(self.path, self.masks[number], turn) if number in self.masks else mask
        return raster.with_mask(mask, "page")

    def _decoder(self, index: int) -> bands.Decoder:
        if self.planes:
            return "memory map"
        return bands.decoder(self.pages[index][1], keeps_values=self._keeps_values(index))

    def _keeps_values(self, index: int) -> bool:
        """Whether samples that a picture would convert are kept: the page has a place on Earth, no data or a mask."""
        number, tags = self.pages[index]
        if not bands.is_converted(tags):  # most pages; the rest looks for files beside the picture
            return False
        is_placed = {bands.NODATA, *GEOREFERENCE} & set(tags) or (index == 0 and sidecar_paths(self.path))
        return bool(is_placed) or number in self.masks or (number == 0 and self.mask_beside is not None)

    def _fields(self, index: int) -> dict[str, Any]:
        """The fields of a Raster that the tags of a page give."""
        return bands.read_bands(self.pages[index][1], keeps_values=self._keeps_values(index))

    def _read_in_bands(self, index: int) -> Raster:
        number, tags = self.pages[index]
        turn, notes = tiff.orientation(tags), list[str]()
        if self.planes:
            rows = self.planes[1](index, turn)
        elif self._decoder(index) == "gdal":
            rows = gdal_reader.read(self.path, number, turn)
        else:
            rows, notes = vips.read(self.path, "TIFF", page=number, orientation=turn)
        fields = self._fields(index)
        if fields and fields["layout"].count != rows.shape[2]:
            raise PictureError(f"its tags state {fields['layout'].count} bands of {rows.shape[2]}", DAMAGED_HINT)
        rows = bands.unmultiply(rows, fields["layout"], fields["bits"]) if self._decoder(index) != "vips" else rows
        if rows.dtype.kind == "f" and fields.get("bits") == 16:
            rows = rows.map(lambda band: band.astype(np.float16), np.dtype(np.float16))
        return Raster(rows, None if notes else tags.get(tiff.PROFILE), notes=tuple(notes), **fields)

    def _read_whole(self, index: int) -> Raster:
        values, profile, notes = self._values(self.file, index)
        rows = Rows.lazy(values, partial(self._redecode, index)) if self.redecodes else Rows.from_array(values)
        raster, fields = Raster(rows, profile, notes=tuple(notes)), self._fields(index)
        has_own = self._keeps_values(index) or fields.get("bits", 0) >= 8
        return replace(raster, **fields) if has_own and fields["layout"].count == values.shape[2] else raster

    def _values(self, file: IO[bytes], index: int) -> Decoded:
        """Decoded by Pillow, or by tifffile if Pillow does not know the kind of page or would convert its samples."""
        number, tags = self.pages[index]
        if bands.has_own_samples(tags) or self._keeps_values(index):
            values = tiff_page.decode_samples(self.path, number)
            fields = self._fields(index)
            values = bands.unmultiply(Rows.from_array(values), fields["layout"], fields["bits"]).to_array()
            return apply_exif_orientation(values, tiff.orientation(tags)), tags.get(tiff.PROFILE), []
        if bands.has_plain_subsampling(tags):
            rows, notes = vips.read(self.path, "TIFF", page=number, orientation=tiff.orientation(tags))
            return rows.to_array()[..., :3], tags.get(tiff.PROFILE), notes
        with suppress(UnidentifiedImageError, SyntaxError, KeyError), open_image(file, ("TIFF",)) as image:
            image.seek(number)
            image.info["icc_profile"] = tags.get(tiff.PROFILE)  # Pillow keeps that of an earlier page
            has_planes = tags.get(bands.PLANAR) == bands.SEPARATE_PLANES and tags.get(bands.SAMPLES, 1) > 1
            if tiff.depth(tags) <= _PILLOW_BITS and not (has_planes or bands.has_small_levels(tags)):
                image.load()  # turns it upright, too
                return decode(image, self.path)
        values, profile, notes = tiff_page.decode(self.path, number)
        return apply_exif_orientation(values, tiff.orientation(tags)), profile, notes

    def _redecode(self, index: int) -> Values:
        with reopen(self.path, self.stamp) as file:
            return self._values(file, index)[0]
