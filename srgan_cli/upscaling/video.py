"""Raw video, enlarged frame by frame as it comes."""

from dataclasses import replace
from typing import IO

from srgan_cli.image.picture import Picture
from srgan_cli.image.y4m import read_frames, read_header, write_frame, write_header
from srgan_cli.upscaling.scale import Scale
from srgan_cli.upscaling.tiles.memory import retain_freed_memory_within
from srgan_cli.upscaling.upscaler import Upscaler

VIDEO = "y4m"


def upscale_video(
    source: IO[bytes], target: IO[bytes], upscaler: Upscaler, scale: Scale = None
) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Enlarge a YUV4MPEG2 stream: the height and width before and after, and how many frames there were.

    All that the header tells stays but the size.  Each frame is written before the next one is read.  Raises
    PictureError as read_header and read_frames do, and what the streams raise.
    """
    retain_freed_memory_within(upscaler.policy)
    header = read_header(source)
    large = header.with_size(*upscaler.target(header.height, header.width, scale))
    write_header(target, large)
    count = 0
    for count, frame in enumerate(read_frames(source, header), 1):  # noqa: B007
        enlarged = upscaler.upscale(Picture(frame.pixels), scale)
        write_frame(target, replace(frame, pixels=enlarged.pixels), large)
    return (header.height, header.width), (large.height, large.width), count
