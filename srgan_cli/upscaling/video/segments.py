"""The part of a video that is asked for, its segments, and the files that keep their encoded packets."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from os import SEEK_CUR
from pathlib import Path
from typing import IO

from srgan_cli.upscaling.video.options import VideoOptions

_MIN_FRAMES, _MAX_FRAMES = 96, 480
"""A segment ends at the first key frame after so many frames, and without one after the larger number."""
_SUMMARY_BYTES = 4096  # more than the last line of a segment's file has


@dataclass(frozen=True)
class Index:
    """The time stamps of a video."""

    times: list[int]
    """Of all frames, sorted."""
    keys: list[int]
    """Of the frames where decoding may begin, sorted; empty where time stamps cannot be trusted."""
    start: Fraction
    """When the file begins, in seconds."""
    origin: Fraction
    """The second that becomes 0 in the output: no file begins earlier, and that of a transport stream is arbitrary."""
    damage: str = ""
    """Why the file could not be read to its end."""
    order: dict[int, int] = field(default_factory=dict)
    """The time of each frame by its place in the order of decoding, where packets have only that."""


@dataclass(frozen=True)
class TimeRange:
    """The part of a video that is kept, in seconds of its time stamps."""

    start: Fraction
    stop: Fraction | None
    """Where it ends; None for the end of the file."""
    shift: Fraction
    """How much earlier everything is in the output."""
    is_cut: bool
    """Whether what lies before its start is left out."""

    @classmethod
    def of(cls, index: Index, options: VideoOptions) -> "TimeRange":
        """The part that the options ask for."""
        start = index.start + options.start
        stop = None if options.duration is None else start + options.duration
        return cls(start, stop, start if options.start else index.origin, bool(options.start))

    def holds(self, time: Fraction) -> bool:
        """Whether a time lies in it."""
        return (not self.is_cut or time >= self.start) and (self.stop is None or time < self.stop)


@dataclass(frozen=True)
class Segment:
    """A part of a video.  Times are time stamps of the video stream."""

    number: int
    seek: int | None
    """The key frame where decoding begins; None for the beginning of the file."""
    lead: int
    """The first frame that is decoded for `--steady` and `--deinterlace`, up to `start`; it is not written."""
    start: int
    """The first frame."""
    stop: int | None
    """The frame after the last one; None for the end of the file."""
    frames: int
    """How many frames the file's packets promise."""


def cut(times: Sequence[int], keys: Sequence[int], stop: int | None, lead_frames: int) -> list[Segment]:
    """The segments of a video with these sorted time stamps, of which `keys` are key frames, up to `stop`."""
    firsts = _first_frames(times, set(keys)) if keys else [0]
    ends = [*firsts[1:], len(times)]
    segments = []
    for number, (first, end) in enumerate(zip(firsts, ends, strict=True)):
        lead = times[max(0, first - lead_frames)]
        seek = bisect_right(keys, lead) - 1
        last = times[end] if end < len(times) else stop
        segments.append(Segment(number, keys[seek] if seek > 0 else None, lead, times[first], last, end - first))
    return segments


def _first_frames(times: Sequence[int], keys: set[int]) -> list[int]:
    firsts = [0]
    for index, time in enumerate(times):
        length = index - firsts[-1]
        if length >= _MAX_FRAMES or (length >= _MIN_FRAMES and time in keys):
            firsts.append(index)
    return firsts


@dataclass(frozen=True)
class EncodedPacket:
    """A packet of the enlarged video."""

    pts: int
    """Time stamp, in the time base of the encoder."""
    duration: int
    """In the same unit; 0 if unknown."""
    is_keyframe: bool
    """Whether decoding can begin here."""
    data: bytes = b""


@dataclass(frozen=True)
class SegmentSummary:
    """What became of a segment; the last line of its file."""

    frames: int
    """How many frames were enlarged."""
    damaged: int
    """How many packets or frames of the input were damaged."""
    side_data: Sequence[str] = ()
    """The kinds of side data that frames of the input have, and the first one has not."""


def write_packet(packet: EncodedPacket, file: IO[bytes]) -> None:
    """Write a packet into a segment's file: a line of JSON, then the packet's bytes."""
    line = [packet.pts, packet.duration, packet.is_keyframe, len(packet.data)]
    file.write(json.dumps(line).encode() + b"\n" + packet.data + b"\n")


def write_summary(summary: SegmentSummary, file: IO[bytes]) -> None:
    """Write the last line of a segment's file."""
    file.write(json.dumps(vars(summary)).encode() + b"\n")


def read_packets(path: Path, *, with_data: bool = True) -> Iterator[EncodedPacket]:
    """The packets of a segment's file, in the order of decoding; without their bytes if `with_data` is false."""
    with path.open("rb") as file:
        while isinstance(line := json.loads(file.readline()), list):
            pts, duration, key, size = line
            data = file.read(size) if with_data else b""
            file.seek(1 if with_data else size + 1, SEEK_CUR)
            yield EncodedPacket(pts, duration, key, data)


def read_summary(path: Path) -> SegmentSummary:
    """The last line of a segment's file."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _SUMMARY_BYTES))
        return SegmentSummary(**json.loads(file.read().splitlines()[-1]))


def reorder_depth(times: Iterable[int]) -> int:
    """How many frames decoding runs ahead of showing, from the time stamps in the order of decoding."""
    decoded = list(times)
    places = {time: place for place, time in enumerate(sorted(decoded))}
    return max((number - places[time] for number, time in enumerate(decoded)), default=0)
