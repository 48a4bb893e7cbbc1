"""Still pictures that Pillow cannot open: odd BMP, PAM, Radiance HDR, and what libvips reads all the same."""

from math import prod
from pathlib import Path
from typing import Any

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import vips
from srgan_cli.image.codec.raster import Raster, Rows
from srgan_cli.image.decoders import bmp, hdr, pam
from srgan_cli.image.decoders.base import ImageReader
from srgan_cli.image.metadata.exif import EXIF_PREFIX
from srgan_cli.image.metadata.reading import finish
from srgan_cli.image.metadata.record import Metadata

_HEAD_BYTES = 12
_BYTES_PER_PIXEL = 40
_MARKER, _JPEG_LS = 0xFF, 0xF7
_FRAMES = {0xC0: "", 0xC1: "", 0xC2: "", 0xC3: "without loss"}
_FRAMES |= dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "in a hierarchy")
_FRAMES |= dict.fromkeys((0xC9, 0xCA, 0xCB), "with arithmetic coding")
_KINDS = {b"\xff\xd8": "JPEG", b"RIFF": "WEBP", b"\x89PNG": "PNG"}
_DECODERS: dict[str, Any] = {"BMP": bmp, "PAM": pam, "HDR": hdr}


def open_fallback(path: Path) -> ImageReader | None:
    """A reader for a file that Pillow cannot open, or None.  Raises PictureError that names what is not supported."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if kind := next((kind for kind, decoder in _DECODERS.items() if head.startswith(decoder.SIGNATURE)), ""):
        return _WholeReader(path, kind)
    kind = next((kind for signature, kind in _KINDS.items() if head.startswith(signature)), "")
    kind = "AVIF" if head[4:8] == b"ftyp" else kind
    if kind == "JPEG" and (found := jpeg_process(path.read_bytes())):
        hint = "convert it to a JPEG of 8 bits, or to PNG"
        raise PictureError("{path} is a JPEG {found}, which is not supported", hint, path=path, found=found)
    try:
        return _VipsReader(path, kind) if kind else None
    except PictureError:
        return None


def jpeg_process(data: bytes) -> str:
    """How a JPEG is coded if that is unusual; else empty.  Source: ITU-T T.81, B.1.1.3."""
    start = 2
    while start + 5 <= len(data) and data[start] == _MARKER:
        marker = data[start + 1]
        if marker == _JPEG_LS:
            return "of the kind JPEG-LS"
        if marker in _FRAMES:
            bits = data[start + 4]
            return f"of {bits} bits a channel" if bits != 8 else _FRAMES[marker]
        start += 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    return ""


class _WholeReader(ImageReader):
    def __init__(self, path: Path, kind: str) -> None:
        self.format, self.decoder, self.data = kind, _DECODERS[kind], path.read_bytes()
        self.header = self.decoder.read_header(self.data)
        self.shape = self.header.height, self.header.width

    def decode_bytes(self, _: int) -> int:
        return _BYTES_PER_PIXEL * prod(self.shape)

    def read(self, _: int) -> Raster:
        return Raster(
            Rows.from_array(self.decoder.decode(self.data)),
            metadata=Metadata(dpi=self.header.dpi, colour=self.header.colour),
            notes=getattr(self.header, "notes", ()),
        )


class _VipsReader(ImageReader):
    """A picture that libvips reads.  It does not count as streamed: libvips holds most formats whole."""

    def __init__(self, path: Path, kind: str) -> None:
        self.format = kind
        self.rows, changes, fields = vips.read_any(path, kind)
        self.shape = self.rows.shape[:2]
        exif = (fields["exif-data"] or b"").removeprefix(EXIF_PREFIX)
        metadata, notes = finish(Metadata(exif or None, fields["xmp-data"]), [])
        self.metadata, self.notes = metadata.upright(), (*notes, *changes)
        self.profile = None if changes else fields["icc-profile-data"]

    def decode_bytes(self, _: int) -> int:
        return prod(self.rows.shape) * self.rows.dtype.itemsize

    def read(self, _: int) -> Raster:
        return Raster(self.rows, self.profile, self.metadata, notes=self.notes)
