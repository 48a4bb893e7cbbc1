"""GIF, whose frames libvips lays over one another: Pillow fills what they leave free with a colour of the palette."""

from collections.abc import Iterator
from pathlib import Path

from srgan_cli.image.codec import vips
from srgan_cli.image.codec.raster import Raster, Rows, Values
from srgan_cli.image.decoders.base import ImageReader
from srgan_cli.image.metadata.gif import read_header
from srgan_cli.image.metadata.reading import finish
from srgan_cli.system.files import check_unchanged, file_stamp

SIGNATURES = (b"GIF87a", b"GIF89a")


class GifReader(ImageReader):
    """A GIF."""

    format = "GIF"
    bytes_per_pixel = 12  # of a frame and of that before it

    def __init__(self, path: Path) -> None:
        self.path, self.stamp, self.header = path, file_stamp(path), read_header(path.read_bytes())
        self.shape, self.count = vips.gif_frames(path)
        self.animated, self.loop = self.count > 1, self.header.loop
        self.frames: Iterator[Values] = iter(())
        self.next = self.count

    def read(self, index: int) -> Raster:
        """A frame; those before it are decoded, too, unless they have just been read."""
        if index < self.next:
            self.frames, self.next = vips.read_gif(self.path, *self.shape), 0
        for _ in range(self.next, index + 1):
            values = next(self.frames)
        values = values[..., ::3] if self.header.is_grey else values
        self.next = index + 1
        metadata, notes = finish(self.header.metadata, self.header.notes)

        def bands() -> Iterator[Values]:
            check_unchanged(self.path, self.stamp)
            yield values

        rows, durations = Rows(values.shape, values.dtype, bands), self.header.durations if self.animated else ()
        duration = durations[index] if index < len(durations) else 0
        raster = Raster(rows, self.header.profile, metadata.upright(), duration, tuple(notes))
        return raster if index else raster.with_sidecars(self.path)
