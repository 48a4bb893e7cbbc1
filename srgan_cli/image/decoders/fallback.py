"""Still pictures that Pillow cannot open: odd BMP and JPEG, Netpbm, Radiance HDR, and what only libvips reads."""

from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import vips
from srgan_cli.image.codec.errors import OTHER_BRANDS
from srgan_cli.image.codec.raster import Raster, Rows, apply_exif_orientation, divide_by_alpha, from_coded_bits, opaque
from srgan_cli.image.decoders import bmp, hdr, jpeg, netpbm
from srgan_cli.image.decoders.base import Header, ImageReader
from srgan_cli.image.decoders.tiff_page import find_mask
from srgan_cli.image.metadata import isobmff
from srgan_cli.image.metadata.exif import EXIF_PREFIX
from srgan_cli.image.metadata.reading import finish
from srgan_cli.image.metadata.record import Metadata

_HEAD_BYTES = 12
_BYTES_PER_PIXEL = 40
_KINDS = {b"\xff\xd8": "JPEG", b"RIFF": "WEBP", b"\x89PNG": "PNG"}
_DECODERS: dict[str, Any] = {"BMP": bmp, "PPM": netpbm, "HDR": hdr, "JPEG": jpeg}


def open_fallback(path: Path) -> ImageReader | None:
    """A reader for a file that Pillow cannot open, or None.  Raises PictureError that names what is not supported."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for kind, decoder in _DECODERS.items():
        if head.startswith(decoder.SIGNATURE) and (header := decoder.read_header(path.read_bytes())):
            return _WholeReader(path, kind, header)
    kind = next((kind for signature, kind in _KINDS.items() if head.startswith(signature)), "")
    kind = "AVIF" if head[4:8] == b"ftyp" and head[8:12] not in OTHER_BRANDS else kind
    try:
        return _VipsReader(path, kind) if kind else None
    except PictureError:
        return None


class _WholeReader(ImageReader):
    bytes_per_pixel = _BYTES_PER_PIXEL

    def __init__(self, path: Path, kind: str, header: Header) -> None:
        self.path, self.format, self.header = path, kind, header
        self.turn, stored = header.metadata.orientation, (header.height, header.width)
        self.shape = stored[::-1] if self.turn >= 5 else stored

    def decode_bytes(self, index: int) -> int:
        return self.header.decode_bytes or super().decode_bytes(index)

    def read(self, _: int) -> Raster:
        header, (values, notes) = self.header, self.header.decode()
        mask = None if values.shape[2] in (2, 4) else find_mask(self.path, values.shape[:2], self.turn)
        rows, bits = Rows.from_array(apply_exif_orientation(values, self.turn)), header.depth
        metadata, bits = header.metadata.upright(), bits if 8 < bits < 16 else 0
        raster = Raster(rows, header.profile, metadata, notes=(*header.notes, *notes), bits=bits)
        return raster.with_sidecars(self.path, self.turn, mask)


class _VipsReader(ImageReader):
    """A picture that libvips reads.  It does not count as streamed: libvips holds most formats whole."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.format = path, kind
        self.rows, changes, fields = vips.read_any(path, kind)
        self.shape = self.rows.shape[:2]
        exif, packet = (fields["exif-data"] or b"").removeprefix(EXIF_PREFIX), fields["xmp-data"]
        found, notes = self._read_boxes() if kind == "AVIF" else (Metadata(), list[str]())
        self.metadata, notes = finish(replace(found, exif=exif or found.exif, xmp=packet or found.xmp), notes)
        self.notes = (*notes, *changes)
        self.profile = None if changes else fields["icc-profile-data"]

    def _read_boxes(self) -> tuple[Metadata, list[str]]:
        """What the boxes of an AVIF say; values of 10 or 12 bits, which libvips leaves below white, are scaled."""
        data = self.path.read_bytes()
        found, notes = isobmff.read_metadata(data)
        if b"avis" in dict(isobmff.boxes(data))[b"ftyp"]:
            notes = ["its animation is reduced to the first frame", *notes]
        if (bits := isobmff.av1_bits(data)) > 8 and self.rows.dtype == np.uint16:
            self.rows, found = self.rows.map(partial(from_coded_bits, bits=bits)), replace(found, coded_bits=bits)
        if isobmff.is_premultiplied(data) and self.rows.shape[2] == 4:
            self.rows = self.rows.map(partial(divide_by_alpha, alpha=-1, top=opaque(self.rows.dtype)))
        return found, notes

    def decode_bytes(self, _: int) -> int:
        return prod(self.rows.shape) * self.rows.dtype.itemsize

    def read(self, _: int) -> Raster:
        raster = Raster(self.rows, self.profile, self.metadata.upright(), notes=self.notes)
        return raster.with_sidecars(self.path, self.metadata.orientation)
