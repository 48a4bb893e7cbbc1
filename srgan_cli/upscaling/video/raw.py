"""Raw video, enlarged frame by frame."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import IO

from srgan_cli.errors import PictureError
from srgan_cli.image.picture import Picture
from srgan_cli.image.raw_video.y4m import read_frames, read_header, write_frame, write_header
from srgan_cli.upscaling.scale import Scale
from srgan_cli.upscaling.upscaler import Upscaler

VIDEO = "y4m"  # the name of the format, and the suffix of its files


def is_video(inputs: Sequence[str], out: str, form: str) -> bool:
    """Whether raw video is asked for: by `form`, by the suffix of `out`, or where that has none, of the only input."""
    only = inputs[0] if len(inputs) == 1 and not form else ""
    return form == VIDEO or (PurePath(out).suffix or PurePath(only).suffix).lower() == f".{VIDEO}"


def upscale_video(
    source: IO[bytes], target: IO[bytes], upscaler: Upscaler, *, scale: Scale = None
) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Enlarge a YUV4MPEG2 stream frame by frame; returns its size, the new one (height, width) and the frames.

    Raises PictureError for a stream without frames, and as `read_frames` does.
    """
    header = read_header(source)
    large = header.with_size(*upscaler.target(header.height, header.width, scale))
    write_header(target, large)
    count = 0
    for count, frame in enumerate(read_frames(source, header), 1):  # noqa: B007
        enlarged = upscaler.upscale(Picture(frame.pixels), scale=scale)
        write_frame(target, replace(frame, pixels=enlarged.pixels), large)
    if not count:
        raise PictureError("the video has no frames", "check whether the program before the pipe failed")
    return (header.height, header.width), (large.height, large.width), count
