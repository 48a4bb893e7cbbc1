"""Gain maps: a second, small JPEG that says how much brighter each part of a picture is on a bright display.

Sources: Ultra HDR image format 1.1 (Android), ISO 21496-1, Adobe gain map specification 1.0.
"""

from dataclasses import dataclass
from io import BytesIO

from PIL import ExifTags, Image, ImageOps

from srgan_cli.image.metadata import jpeg_segments as jpeg
from srgan_cli.image.metadata import xmp as xmp_packet
from srgan_cli.system.arguments import checked

XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
ISO_PREFIX = b"urn:iso:std:iso:ts:21496:-1\0"


@checked
@dataclass(frozen=True)
class GainMap:
    """The gain map of a picture."""

    data: bytes
    """Its JPEG file, which also says how it is applied."""
    height: int
    """Rows of the picture."""
    width: int
    """Columns of the picture."""

    def with_size(self, height: int, width: int) -> "GainMap":
        """The map for its picture after it was enlarged to this size."""
        if (height, width) == (self.height, self.width):
            return self
        with Image.open(BytesIO(self.data)) as image:
            size = (max(1, round(image.width * width / self.width)), max(1, round(image.height * height / self.height)))
            return GainMap(self._encode(image.resize(size, Image.Resampling.BICUBIC)), height, width)

    def upright(self, orientation: int) -> "GainMap":
        """The map for its picture after it was turned upright from an EXIF orientation."""
        if orientation == 1:
            return self
        with Image.open(BytesIO(self.data)) as image:
            image.getexif()[ExifTags.Base.Orientation] = orientation
            turned = self._encode(ImageOps.exif_transpose(image))
        return GainMap(turned, *((self.width, self.height) if orientation >= 5 else (self.height, self.width)))

    @property
    def is_iso(self) -> bool:
        """Whether it has the metadata of ISO 21496-1, which say how it is applied."""
        return bool(jpeg.read(self.data).contents(jpeg.APP2, ISO_PREFIX))

    @property
    def is_in_xmp(self) -> bool:
        """Whether it has the XMP of Ultra HDR, which says how it is applied."""
        return any(xmp_packet.has(packet, xmp_packet.ULTRA_HDR) for packet in _packets(self.data))

    def _encode(self, image: Image.Image) -> bytes:
        file = BytesIO()
        image.save(file, "JPEG", quality=95, subsampling=0)
        parts = [part[:2] for part in jpeg.read(self.data).segments if part[0] in (jpeg.APP1, jpeg.APP2)]
        kept = b"".join(jpeg.segment(*part) for part in parts if not part[1].startswith(jpeg.MPF))
        return file.getvalue()[:2] + kept + file.getvalue()[2:]


def is_gain_map(data: bytes) -> bool:
    """Whether a JPEG behind the first one is a gain map."""
    found = GainMap(data, 0, 0)
    return found.is_iso or found.is_in_xmp or any(b"aux:hdrgainmap" in packet for packet in _packets(data))


def _packets(data: bytes) -> list[bytes]:
    return jpeg.read(data).contents(jpeg.APP1, XMP_PREFIX)
