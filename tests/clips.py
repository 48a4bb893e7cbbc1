"""Tiny videos, written and read with PyAV."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

av = pytest.importorskip("av", reason="needs srgan-cli[video]")

TICK = Fraction(1, 600)
"""The time base of clips."""
REGULAR = tuple(range(0, 24 * 24, 24))
"""Time stamps of 24 frames at 25 frames a second."""


def texture(number: int, height: int, width: int, depth: int = 8) -> list[np.ndarray[Any, Any]]:
    """The planes of a 4:2:0 frame that moves by two pixels a frame."""
    rows, columns = np.mgrid[:height, :width]
    luma = 120 + 60 * np.sin((columns + 2 * number) / 5) * np.cos(rows / 4)
    chroma = 128 + 30 * np.sin((columns[::2, ::2] + 2 * number) / 9)
    return [(plane * 2 ** (depth - 8)).astype(np.uint16) for plane in (luma, chroma, 256 - chroma)]


def flat(levels: tuple[int, int, int]) -> Callable[..., list[np.ndarray[Any, Any]]]:
    """Frames of one colour."""

    def planes(_number: int, height: int, width: int, _depth: int = 8) -> list[np.ndarray[Any, Any]]:
        sizes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
        return [np.full(size, level, np.uint16) for size, level in zip(sizes, levels, strict=True)]

    return planes


def make_frame(planes: Sequence[np.ndarray[Any, Any]], pixel_format: str) -> Any:
    """A frame of these planes."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pixel_format)
    for plane, values in zip(frame.planes, planes, strict=True):
        dtype = np.uint16 if "10" in pixel_format else np.uint8
        rows = np.zeros((plane.buffer_size // plane.line_size, plane.line_size // np.dtype(dtype).itemsize), dtype)
        rows[: plane.height, : plane.width] = values
        plane.update(rows.tobytes())
    return frame


def write_clip(
    path: Path,
    times: Sequence[int] = REGULAR,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    size: tuple[int, int] = (32, 48),
    planes: Callable[..., list[np.ndarray[Any, Any]]] = texture,
    key_every: int = 8,
    sound: str = "",
    setup: Callable[[Any, Any], None] = lambda _container, _stream: None,
    **options: str,
) -> Path:
    """Write a clip with frames at these times; `setup` gets the container and the stream before the header."""
    depth = 10 if "10" in pixel_format else 8
    with av.open(str(path), "w") as container:
        quiet = {"x265-params": "log-level=error:cutree=0"} if codec == "libx265" else {}
        stream = container.add_stream(
            codec,
            rate=25,
            options={**quiet, **options},
            width=size[1],
            height=size[0],
            time_base=Fraction(1, 25) if path.suffix == ".avi" else TICK,
        )
        stream.pix_fmt, stream.gop_size = pixel_format, key_every
        beside = container.add_stream(sound, rate=8000) if sound else None
        setup(container, stream)
        for number, time in enumerate(times):
            frame = make_frame(planes(number, *size, depth), pixel_format)
            frame.pts, frame.time_base = (number if path.suffix == ".avi" else time), stream.codec_context.time_base
            frame.color_range = stream.codec_context.color_range
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if beside is not None:
            _encode_sound(container, beside)
    return path


def _encode_sound(container: Any, stream: Any) -> None:
    tone = (8000 * np.sin(np.arange(4000) / 5)).astype(np.int16)[None]
    frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
    frame.sample_rate, frame.pts = 8000, 0
    container.mux(stream.encode(av.AudioResampler(stream.format, "mono", 8000).resample(frame)[0]))
    container.mux(stream.encode(None))


def read_times(path: Path) -> list[Fraction]:
    """The time of every frame in seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def sound_offset(path: Path) -> Fraction:
    """How much later than the picture the sound begins, in seconds."""
    with av.open(str(path)) as container:
        starts: dict[str, Fraction] = {}
        for packet in container.demux():
            time = packet.dts if path.suffix == ".avi" else packet.pts
            if time is not None:
                starts[packet.stream.type] = min(starts.get(packet.stream.type, 10**9), time * packet.time_base)
        return starts["audio"] - starts["video"]


def read_planes(path: Path) -> list[list[np.ndarray[Any, Any]]]:
    """The planes of every frame."""
    with av.open(str(path)) as container:
        return [[_values(plane, frame.format.name) for plane in frame.planes] for frame in container.decode(video=0)]


def _values(plane: Any, name: str) -> np.ndarray[Any, Any]:
    dtype = np.dtype(np.uint16 if "10" in name else np.uint8)
    rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)
    return rows[: plane.height, : plane.width].astype(int)


def remux(
    source: Path,
    target: Path,
    *,
    later: float = 0,
    sound: float = 0,
    metadata: dict[str, str] | None = None,
    setup: Callable[[dict[int, Any]], None] = lambda _streams: None,
    **options: str,
) -> Path:
    """Copy a clip later by so many seconds, its sound by some more, with metadata and options of the muxer.

    `setup` gets the new streams by their numbers before the header.
    """
    with av.open(str(source)) as before, av.open(str(target), "w", options=options) as after:
        after.metadata.update(metadata or {})
        streams = {stream.index: after.add_stream_from_template(stream, opaque=True) for stream in before.streams}
        setup(streams)
        for packet in before.demux():
            if packet.dts is not None:
                shift = round((later + sound * (packet.stream.type == "audio")) / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = streams[packet.stream_index]
                after.mux(packet)
    return target


def damage(path: Path, number: int, part: float = 0.5, length: int = 20) -> Path:
    """Overwrite bytes in a part of one packet of the video."""
    with av.open(str(path)) as container:
        packet = bytes(next(packet for at, packet in enumerate(container.demux(video=0)) if at == number))
    data = bytearray(path.read_bytes())
    first = data.index(packet) + int(len(packet) * part)
    last = min(first + length, data.index(packet) + len(packet))
    data[first:last] = b"\x5a" * (last - first)
    path.write_bytes(data)
    return path


def packets(path: Path, kind: str) -> list[bytes]:
    """The packets of the first stream of a kind."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


__all__ = [
    "REGULAR",
    "TICK",
    "av",
    "damage",
    "flat",
    "packets",
    "read_planes",
    "read_times",
    "remux",
    "sound_offset",
    "texture",
    "write_clip",
]
