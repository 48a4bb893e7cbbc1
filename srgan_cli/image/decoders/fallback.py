"""Still pictures that Pillow cannot open: odd BMP and JPEG, Netpbm, Radiance HDR, and what only libvips reads."""

import struct
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from srgan_cli.errors import PictureError, import_extra
from srgan_cli.image.codec import headers, vips
from srgan_cli.image.codec.raster import Raster, Rows, Values, apply_exif_orientation, from_coded_bits
from srgan_cli.image.decoders import bmp, hdr, netpbm
from srgan_cli.image.decoders.base import Header, ImageReader
from srgan_cli.image.metadata import isobmff, jpeg, jpeg_segments
from srgan_cli.image.metadata.exif import EXIF_PREFIX
from srgan_cli.image.metadata.reading import finish
from srgan_cli.image.metadata.record import Metadata

_HEAD_BYTES = 12
_BYTES_PER_PIXEL = 40
_JPEG_LS, _FRAME_BYTES = 0xF7, 5
_FRAMES = {0xC0: "", 0xC1: "", 0xC2: "", 0xC3: "without loss", _JPEG_LS: "of the kind JPEG-LS"}
_FRAMES |= dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "in a hierarchy")
_FRAMES |= dict.fromkeys((0xC9, 0xCA, 0xCB), "with arithmetic coding")
_KINDS = {b"\xff\xd8": "JPEG", b"RIFF": "WEBP", b"\x89PNG": "PNG"}
_DECODERS: dict[str, Any] = {"BMP": bmp, "PPM": netpbm, "HDR": hdr}


def open_fallback(path: Path) -> ImageReader | None:
    """A reader for a file that Pillow cannot open, or None.  Raises PictureError that names what is not supported."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if kind := next((kind for kind, decoder in _DECODERS.items() if head.startswith(decoder.SIGNATURE)), ""):
        return _WholeReader(path, kind)
    kind = next((kind for signature, kind in _KINDS.items() if head.startswith(signature)), "")
    kind = "AVIF" if head[4:8] == b"ftyp" else kind
    if kind == "JPEG" and (frame := unusual_jpeg(path.read_bytes())):
        return _JpegReader(path, frame)
    try:
        return _VipsReader(path, kind) if kind else None
    except PictureError:
        return None


@dataclass(frozen=True)
class JpegFrame:
    """The frame header of a JPEG that is coded in an unusual way."""

    kind: str
    bits: int
    """Bits a channel."""
    height: int
    width: int
    is_jpeg_ls: bool = False


def unusual_jpeg(data: bytes) -> JpegFrame | None:
    """The frame header of a JPEG if it is coded in an unusual way.  Source: ITU-T T.81, B.1.1.3."""
    for marker, content in jpeg_segments.read(data).segments:
        if marker in _FRAMES and len(content) >= _FRAME_BYTES:
            bits, height, width = struct.unpack_from(">BHH", content)
            is_deep = bits != 8 and marker != _JPEG_LS
            kind = f"of {bits} bits a channel" if is_deep else _FRAMES[marker]
            return JpegFrame(kind, bits, height, width, marker == _JPEG_LS) if kind else None
    return None


class _JpegReader(ImageReader):
    """A JPEG of 12 bits, without loss, or JPEG-LS, which imagecodecs decodes."""

    format = "JPEG"
    bytes_per_pixel = _BYTES_PER_PIXEL

    def __init__(self, path: Path, frame: JpegFrame) -> None:
        self.path, self.frame, self.data = path, frame, path.read_bytes()
        stored = frame.height, frame.width
        self.metadata, self.notes = finish(*jpeg.read_metadata(self.data, height=stored[0], width=stored[1]))
        self.shape = stored[::-1] if self.metadata.orientation >= 5 else stored

    def read(self, _: int) -> Raster:
        bits, turn = self.frame.bits, self.metadata.orientation
        rows, profile = Rows.from_array(apply_exif_orientation(self._decode(), turn)), jpeg.read_profile(self.data)
        bits = bits if 8 < bits < 16 else 0
        raster = Raster(rows, profile, self.metadata.upright(), notes=tuple(self.notes), bits=bits)
        return raster.with_sidecars(self.path, turn)

    def _decode(self) -> Values:
        """The values as stored.  Raises PictureError without imagecodecs, and for what it does not read."""
        frame, message = self.frame, "{path} is a JPEG {found}, which is not supported"
        imagecodecs = import_extra("imagecodecs", "tiff", message, PictureError, path=self.path, found=frame.kind)
        try:
            values = np.asarray((imagecodecs.jpegls_decode if frame.is_jpeg_ls else imagecodecs.jpeg_decode)(self.data))
        except (RuntimeError, ValueError):
            values = np.empty(0)
        if values.shape[:2] == (frame.height, frame.width) and values.shape[2:] in ((), (3,)) and frame.bits >= 8:
            return np.atleast_3d(values)
        raise PictureError(message, "convert it to a JPEG of 8 bits, or to PNG", path=self.path, found=frame.kind)


class _WholeReader(ImageReader):
    bytes_per_pixel = _BYTES_PER_PIXEL

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.format, self.decoder, self.data = path, kind, _DECODERS[kind], path.read_bytes()
        self.header: Header = self.decoder.read_header(self.data)
        self.shape = self.header.height, self.header.width

    def read(self, _: int) -> Raster:
        header, rows = self.header, Rows.from_array(self.decoder.decode(self.data))
        return Raster(rows, header.profile, header.metadata, notes=tuple(header.notes)).with_sidecars(self.path)


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
        if (bits := headers.av1_bits(data)) > 8 and self.rows.dtype == np.uint16:
            self.rows, found = self.rows.map(partial(from_coded_bits, bits=bits)), replace(found, coded_bits=bits)
        return found, notes

    def decode_bytes(self, _: int) -> int:
        return prod(self.rows.shape) * self.rows.dtype.itemsize

    def read(self, _: int) -> Raster:
        raster = Raster(self.rows, self.profile, self.metadata.upright(), notes=self.notes)
        return raster.with_sidecars(self.path, self.metadata.orientation)
