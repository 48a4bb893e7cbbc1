"""The weights for each file, where they are chosen automatically."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock

from srgan_cli.image.codec.compression import describe_compression
from srgan_cli.upscaling.upscaler import Upscaler

PHOTO = "photo"
"""The weights for compressed photographs."""
CLEAN_QUALITY = 98
"""The quality from which on a JPEG is enlarged as uncompressed pictures are."""


class WeightsChoice:
    """The upscaler for each file.  That for compressed photographs is loaded when the first of them comes."""

    def __init__(self, upscaler: Upscaler, load_photo: Callable[[], Upscaler] | None = None) -> None:
        """`load_photo` returns the upscaler for compressed photographs; None to use the same weights for all files."""
        self.upscaler, self.load_photo = upscaler, load_photo
        self.photo: Upscaler | None = None
        self.lock = Lock()

    def of(self, source: Path) -> tuple[Upscaler, str]:
        """The upscaler for a file, and why it is not that of the others, or ""."""
        if self.load_photo is None or not (reason := describe_compression(source, below_quality=CLEAN_QUALITY)):
            return self.upscaler, ""
        with self.lock:
            if self.photo is None:
                self.photo = self.load_photo()
                self.photo.transfer.lock = self.upscaler.transfer.lock  # they take turns in running their generators
            return self.photo, reason
