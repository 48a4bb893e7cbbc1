"""The video to be enlarged: what its container says, and its frames."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any

import av

from srgan_cli.errors import PictureError
from srgan_cli.system.discovery import not_found_hint
from srgan_cli.upscaling.video.frames import FrameLayout, frame_layout, matrix_of
from srgan_cli.upscaling.video.hdr import display_matrix, hdr_data
from srgan_cli.upscaling.video.options import VideoOptions
from srgan_cli.upscaling.video.segments import Segment

_PROGRESSIVE = (0, 1)
"""Field orders of FFmpeg: unknown and progressive."""
_DEFAULT_RATE = Fraction(25)
_MISSING_SECONDS = 1
"""A file that ends so much earlier than its header says has been cut off."""
DEINTERLACE_HINT = "--deinterlace turns its fields into frames"


@dataclass(frozen=True)
class VideoSource:
    """A video stream of a file."""

    path: Path
    height: int
    """Rows of a frame."""
    width: int
    """Columns of a frame."""
    layout: FrameLayout
    """The planes of a frame."""
    tags: tuple[int, int, int, int]
    """Primaries, transfer, matrix and range, by their numbers in ITU-T H.273 and FFmpeg."""
    time_base: Fraction
    """Seconds of a unit of time stamps."""
    rate: Fraction
    """Frames a second, on average."""
    aspect: Fraction | None
    """Width of a sample divided by its height."""
    rotation: tuple[int, ...] | None
    """The display matrix, if there is one."""
    hdr: dict[str, tuple[int, ...]]
    """Mastering display and content light level, as in FFmpeg's structures."""
    is_interlaced: bool
    """Whether the frames consist of two fields."""
    times: tuple[int, ...] | None = None
    """The time stamp of each frame, where those of the packets cannot be trusted."""

    def with_times(self, times: Sequence[int]) -> "VideoSource":
        """The same with time stamps for its frames, in the order of showing."""
        return replace(self, times=tuple(times))


@dataclass(frozen=True)
class Index:
    """The time stamps of a video."""

    times: list[int]
    """Of all frames, sorted."""
    keys: list[int]
    """Of the frames where decoding may begin, sorted; empty where time stamps cannot be trusted."""
    damage: str = ""
    """Why the file could not be read to its end."""


@contextmanager
def opened(path: Path) -> "Iterator[av.container.InputContainer]":
    """The container of a file.  Raises PictureError if it is not a video or cannot be read."""
    try:
        container = av.open(f"file:{path}", metadata_errors="replace")  # a name with a colon is not a protocol
    except FileNotFoundError as error:
        raise PictureError("no such file: {path}", not_found_hint(path), path=path) from error
    except (av.FFmpegError, OSError) as error:
        reason = "not a video" if isinstance(error, av.InvalidDataError) else error.strerror or "not a video"
        raise PictureError("{path}: {reason}", "check the file with ffprobe", path=path, reason=reason) from error
    with container:
        yield container


def video_stream(container: "av.container.InputContainer", path: Path) -> "av.VideoStream":
    """The first video stream that is not a cover picture.  Raises PictureError if there is none."""
    moving = [stream for stream in container.streams.video if not is_cover(stream)]
    is_picture = container.format.name.endswith("_pipe") or container.format.name == "image2"
    if not moving or is_picture:
        reason = "is a picture, not a video" if is_picture else "has no video stream"
        raise PictureError(f"{{path}} {reason}", "name a video, or a picture to write", path=path)
    if moving[0].codec_context is None:
        raise PictureError("{path}: no decoder for its video", "convert it with ffmpeg first", path=path)
    return moving[0]


def is_cover(stream: Any) -> bool:
    """Whether a stream is a still picture, such as the cover of an album."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def probe(path: Path) -> VideoSource:
    """The video of a file, from its headers and its first frame.  Raises PictureError."""
    with opened(path) as container:
        stream = video_stream(container, path)
        context = stream.codec_context
        frame = next(_decoded(container, stream, lambda _: None), None)
        if frame is None:
            raise PictureError("{path} has no frame that can be decoded", "check the file with ffprobe", path=path)
        layout = frame_layout(frame, context.name)
        if "alpha_mode" in stream.metadata:  # transparency of WebM, which FFmpeg's decoder does not return
            layout = replace(layout, has_alpha=True)
        tags = frame.color_primaries, frame.color_trc, matrix_of(frame, layout.kind), frame.color_range
        return VideoSource(
            path,
            frame.height,
            frame.width,
            layout,
            (int(tags[0]), int(tags[1]), tags[2], int(tags[3])),
            stream.time_base or Fraction(1, 1000),
            stream.average_rate or stream.guessed_rate or _DEFAULT_RATE,
            stream.sample_aspect_ratio or None,
            display_matrix(frame),
            hdr_data(frame),
            frame.interlaced_frame or context.field_order not in _PROGRESSIVE,
        )


def scan(path: Path) -> Index:
    """The time stamps of a video, from all of its packets.  Raises PictureError."""
    shown: list[int | None] = []
    decoded: list[int] = []
    keys: list[int] = []
    damage: list[str] = []
    with opened(path) as container:
        stream = video_stream(container, path)
        end = 0.0
        for packet in _packets(container, list(container.streams), damage.append):
            time = packet.dts if packet.pts is None else packet.pts
            if time is None or not packet.size:
                continue
            end = max(end, float((time + (packet.duration or 0)) * packet.time_base))
            if packet.stream_index == stream.index and not packet.is_discard:
                shown.append(packet.pts)
                decoded += [] if packet.dts is None else [packet.dts]
                keys += [time] if packet.is_keyframe else []
        missing = (container.duration or 0) / 1e6 + max(0, container.start_time or 0) / 1e6 - end
        if missing > _MISSING_SECONDS:
            damage.append(f"the last {missing:.0f} of {(container.duration or 0) / 1e6:.0f} s are missing")
        trusted = None not in shown and container.format.name != "avi"  # whose packets have no time stamps
    times = {time for time in (shown if trusted else decoded) if time is not None}
    if not times:
        raise PictureError("{path} has no time stamps", "give it some: ffmpeg -r 25 -i IN -c copy OUT.mp4", path=path)
    return Index(sorted(times), sorted(keys) if trusted else [], damage[0] if damage else "")


def time_range(path: Path, source: VideoSource, options: VideoOptions) -> tuple[int, int | None]:
    """The time stamps where `--start` and `--duration` begin and end; None for the end of the file."""
    with opened(path) as container:
        begin = Fraction(container.start_time or 0, 1_000_000) + options.start
    stop = None if options.duration is None else ceil((begin + options.duration) / source.time_base)
    return ceil(begin / source.time_base), stop


@dataclass
class FrameReader:
    """Decodes a segment."""

    source: VideoSource
    segment: Segment
    deinterlace: bool = False
    damaged: int = field(default=0, init=False)
    """How many packets and frames were damaged or had no time of their own."""

    def frames(self) -> "Iterator[tuple[int, av.VideoFrame]]":
        """The frames and their time stamps, from `segment.lead` up to `segment.stop`.  Raises PictureError."""
        last = None
        for time, frame in self._timed(self.segment.seek):
            if self.segment.stop is not None and time >= self.segment.stop:
                return
            if time >= self.segment.lead:
                self._check(frame)
                if last is None or time > last:
                    self.damaged += frame.is_corrupt
                    yield time, frame
                    last = time
                else:
                    self.damaged += 1

    def _timed(self, seek: int | None) -> "Iterator[tuple[int, av.VideoFrame]]":
        """Frames from a key frame on; from the beginning of the file where the container finds only a later one."""
        with opened(self.source.path) as container:
            stream = video_stream(container, self.source.path)
            stream.thread_type = "AUTO"
            if seek is not None:
                container.seek(seek, stream=stream)
            frames = self._with_times(self._filtered(container, stream))
            first = next(frames, None)
            if first is None or seek is None or first[0] <= self.segment.lead:
                yield from chain([] if first is None else [first], frames)
                return
        yield from self._timed(None)

    def _filtered(self, container: Any, stream: Any) -> "Iterator[av.VideoFrame]":
        frames = _decoded(container, stream, self._count)
        return _deinterlaced(frames, stream, flagged_only=self.source.is_interlaced) if self.deinterlace else frames

    def _with_times(self, frames: "Iterator[av.VideoFrame]") -> "Iterator[tuple[int, av.VideoFrame]]":
        if self.source.times is not None:
            yield from zip(self.source.times, frames, strict=False)
            return
        for frame in frames:
            if frame.pts is None or frame.time_base is None:
                self.damaged += 1
            else:
                yield round(frame.pts * frame.time_base / self.source.time_base), frame

    def _count(self, _reason: str) -> None:
        self.damaged += 1

    def _check(self, frame: "av.VideoFrame") -> None:
        if (frame.height, frame.width) != (self.source.height, self.source.width):
            message = "{path}: the size changes from {one} to {other}"
            one, other = f"{self.source.width} x {self.source.height}", f"{frame.width} x {frame.height}"
            raise PictureError(message, "split it there with ffmpeg", path=self.source.path, one=one, other=other)
        if frame.interlaced_frame and not self.deinterlace:
            raise PictureError("{path} is interlaced", DEINTERLACE_HINT, path=self.source.path)


def _packets(container: Any, streams: Any, report: Callable[[str], None]) -> Iterator[Any]:
    """The packets of streams and, at the end, the empty one that flushes the decoder."""
    try:
        yield from container.demux(streams)
    except av.FFmpegError as error:
        report(error.strerror or "cannot be read to its end")


def _decoded(container: Any, stream: Any, report: Callable[[str], None]) -> "Iterator[av.VideoFrame]":
    """The frames of a stream without those that cannot be decoded; `report` gets each reason."""
    for packet in chain(_packets(container, stream, report), [None]):
        try:
            yield from stream.decode(packet)
        except EOFError:  # flushed before
            return
        except av.FFmpegError as error:
            report(error.strerror or "damaged")


def _deinterlaced(frames: "Iterator[av.VideoFrame]", stream: Any, *, flagged_only: bool) -> "Iterator[av.VideoFrame]":
    """The frames after FFmpeg's bwdif, which looks at the neighbours of each."""
    graph = av.filter.Graph()
    source, sink = graph.add_buffer(template=stream), graph.add("buffersink")
    bwdif = graph.add("bwdif", f"mode=send_frame:deint={'interlaced' if flagged_only else 'all'}")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    for frame in chain(frames, [None]):
        graph.push(frame)
        with suppress(av.BlockingIOError, EOFError):
            while True:
                yield graph.vpull()
