"""What video is enlarged, and how it is encoded."""

import re
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import PurePath

from srgan_cli.errors import UsageError

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}
"""The muxer for each suffix of a video."""
_READ_ONLY = {".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".m2v", ".vob", ".flv", ".wmv", ".3gp", ".ogv", ".mxf"}
"""Further suffixes of videos."""
FALLBACK_SUFFIX = ".mkv"  # the suffix of outputs for videos that can be read but not written
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")


@dataclass(frozen=True, kw_only=True)
class VideoOptions:
    """Options that concern video alone."""

    codec: str = ""
    """An encoder of FFmpeg, or h264, h265, vp9 or av1; "" chooses by container and bit depth."""
    crf: float | None = None
    """Quality of the encoder, on its own scale; lower is better."""
    preset: str = ""
    """Speed of the encoder, by its own names."""
    start: Fraction = Fraction(0)
    """Seconds to skip."""
    duration: Fraction | None = None
    """Seconds to enlarge; None up to the end."""
    deinterlace: bool = False
    """Turn the fields of interlaced video into frames."""
    steady: bool | None = None
    """Hold detail together over time; None does so for networks."""
    strict: bool = False
    """Stop at a frame with side data that the output cannot hold."""


def is_video_name(path: PurePath) -> bool:
    """Whether the suffix is that of a video that can be written."""
    return path.suffix.lower() in CONTAINERS


def is_video_input(path: PurePath) -> bool:
    """Whether the suffix is that of a video."""
    return is_video_name(path) or path.suffix.lower() in _READ_ONLY


def parse_time(text: str, option: str) -> Fraction:
    """Seconds of a time such as 90, 12.5 or 1:02:03.  Raises UsageError."""
    if not (found := _TIME.fullmatch(text)):
        raise UsageError(f"cannot read {option} {text!r}", "write seconds, as 12.5, or 1:02:03")
    hours, minutes, seconds = (Fraction(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def check_installed(options: VideoOptions) -> None:
    """Raises UsageError where a library for video is missing; `options.steady` is decided."""
    needed = {"av": "video"} | ({"cv2": "--steady"} if options.steady else {})
    for module, purpose in needed.items():
        if find_spec(module) is None:
            raise UsageError(f"{purpose} needs the package {module}", "pip install 'srgan-cli[video]'")
