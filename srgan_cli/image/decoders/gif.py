"""GIF, whose frames libvips lays over one another: Pillow fills what they leave free with a colour of the palette."""

from collections.abc import Iterator
from pathlib import Path

from srgan_cli.image.codec import vips
from srgan_cli.image.codec.raster import Raster, Rows, Values
from srgan_cli.image.decoders.base import ImageReader
from srgan_cli.image.metadata import gif
from srgan_cli.image.metadata.reading import finish
from srgan_cli.system.files import check_unchanged, file_stamp

SIGNATURES = (b"GIF87a", b"GIF89a")


class GifReader(ImageReader):
    """A GIF."""

    format = "GIF"
    bytes_per_pixel = 12  # of a frame and of that before it

    def __init__(self, path: Path) -> None:
        self.path, self.stamp, data = path, file_stamp(path), path.read_bytes()
        blocks = list(gif.read_blocks(data))
        self.metadata, self.notes = finish(*gif.read_metadata(data, blocks))
        self.profile, self.is_grey = gif.read_profile(blocks)
        self.shape, self.count = vips.gif_frames(path)
        self.animated, self.loop = self.count > 1, gif.read_loop(blocks)
        self.durations = gif.read_durations(blocks) if self.animated else []
        self.frames: Iterator[Values] = iter(())
        self.next = self.count

    def read(self, index: int) -> Raster:
        """A frame; those before it are decoded, too, unless they have just been read."""
        if index < self.next:
            self.frames, self.next = vips.read_gif(self.path, *self.shape), 0
        for _ in range(self.next, index + 1):
            values = next(self.frames)
        values = values[..., ::3] if self.is_grey else values
        self.next = index + 1

        def bands() -> Iterator[Values]:
            check_unchanged(self.path, self.stamp)
            yield values

        duration = self.durations[index] if index < len(self.durations) else 0
        rows, metadata = Rows(values.shape, values.dtype, bands), self.metadata.upright()
        raster = Raster(rows, self.profile, metadata, duration, tuple(self.notes))
        return raster if index else raster.with_sidecars(self.path)
