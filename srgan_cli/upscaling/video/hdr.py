"""Side data of a frame: the display matrix, and what a display needs to know about high dynamic range.

Layouts of structures: FFmpeg's libavutil/display.h and libavutil/mastering_display_metadata.h.
"""

import struct
from typing import Any

MASTERING, LIGHT_LEVEL = "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"
_INTEGERS = {MASTERING: 22, LIGHT_LEVEL: 2}
SEI_UNITS = (50000, 10000)
"""Units of the messages of H.264 and H.265: chromaticity in 0.00002, luminance in 0.0001 cd/m²."""


def display_matrix(frame: Any) -> tuple[int, ...] | None:
    """The nine numbers of a frame's display matrix, which turns and mirrors it; None without one."""
    data = _side_data(frame).get("DISPLAYMATRIX")
    return struct.unpack("<9i", data[:36]) if data else None


def hdr_data(frame: Any) -> dict[str, tuple[int, ...]]:
    """The integers of a frame's mastering display and content light level, where it has them."""
    found = _side_data(frame)
    counts = {name: count for name, count in _INTEGERS.items() if name in found}
    return {name: struct.unpack(f"<{count}i", found[name][: 4 * count]) for name, count in counts.items()}


def side_data_names(frame: Any) -> set[str]:
    """The kinds of side data of a frame that describe it, without those of its encoding."""
    return set(_side_data(frame)) - {"SEI_UNREGISTERED", "VIDEO_ENC_PARAMS", "MOTION_VECTORS", "SKIP_SAMPLES"}


def format_mastering(values: tuple[int, ...], chromaticity: int, luminance: int) -> str:
    """A mastering display as encoders take it; the numbers are units of a chromaticity of 1 and of 1 cd/m²."""
    scales = [chromaticity] * 8 + [luminance] * 2
    amounts = [scale * values[2 * at] / (values[2 * at + 1] or 1) for at, scale in enumerate(scales)]
    numbers = [f"{value:.6f}" if chromaticity == 1 else f"{round(value)}" for value in amounts]
    red, green, blue, white = (f"({numbers[at]},{numbers[at + 1]})" for at in range(0, 8, 2))
    return f"G{green}B{blue}R{red}WP{white}L({numbers[9]},{numbers[8]})"


def _side_data(frame: Any) -> dict[str, bytes]:
    return {item.type.name: bytes(item) for item in frame.side_data}
