"""The video to be enlarged: what its container says, and its frames."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain, pairwise
from operator import sub
from pathlib import Path
from statistics import median
from typing import Any

import av

from srgan_cli.errors import PictureError
from srgan_cli.system.discovery import not_found_hint
from srgan_cli.upscaling.video.frames import (
    UNSPECIFIED,
    VideoFormat,
    deinterlaced,
    display_matrix,
    frame_layout,
    hdr_data,
    is_transparent,
    matrix_of,
    side_data_loss,
    side_data_names,
)
from srgan_cli.upscaling.video.headers import find_matroska_damage
from srgan_cli.upscaling.video.segments import Index, Segment

_PROGRESSIVE = (0, 1)  # field orders of FFmpeg: unknown and progressive
_FRAME_CODECS = ("vp9", "av1")
"""Codecs of which every packet holds one shown frame, beside those without other frames than key frames."""
_SEEK_BACK = 5
"""Seconds before a key frame where it is looked for again: some containers seek by times of decoding."""
_MISSING_SECONDS = 1  # a file that ends so much earlier than its header says has been cut off
DEINTERLACE_HINT = "--deinterlace turns its fields into frames"


@dataclass(frozen=True, kw_only=True)
class VideoSource(VideoFormat):
    """A video stream of a file."""

    path: Path
    hdr: dict[str, tuple[int, ...]]
    """Mastering display and content light level, as in FFmpeg's structures."""
    side_data: frozenset[str]
    """The kinds of side data that describe a frame."""
    is_interlaced: bool
    """Whether the frames consist of two fields."""
    has_frame_of_each_packet: bool
    """Whether a packet without a frame is damaged; other codecs also have packets of fields and of hidden frames."""
    times: tuple[int, ...] | None = None
    """The time stamp of each frame, where those of the packets cannot be trusted."""
    order: dict[int, int] = field(default_factory=dict)
    """The time stamp of each frame by its place in the order of decoding, where packets have only that."""


@contextmanager
def opened(path: Path) -> "Iterator[av.container.InputContainer]":
    """The container of a file.  Raises PictureError if it is not a video or cannot be read."""
    if not path.exists():  # FFmpeg would read numbered pictures
        raise PictureError("no such file: {path}", not_found_hint(path), path=path)
    try:
        container = av.open(f"file:{path}", metadata_errors="replace")  # a name with a colon is not a protocol
    except (av.FFmpegError, OSError) as error:
        reason = _reason(path, error)
        raise PictureError("{path}: {reason}", "check the file with ffprobe", path=path, reason=reason) from error
    with container:
        yield container


def _reason(path: Path, error: OSError | av.FFmpegError) -> str:
    """Why a file cannot be opened."""
    if not isinstance(error, av.InvalidDataError):
        return "it ends before its first frame" if isinstance(error, EOFError) else error.strerror or "not a video"
    with path.open("rb") as file:
        is_mp4 = file.read(8)[4:] == b"ftyp"
    return "its index is missing, as where a recording was broken off" if is_mp4 else "not a video"


def video_stream(container: "av.container.InputContainer", path: Path) -> "av.VideoStream":
    """The first video stream that is not a cover picture.  Raises PictureError if there is none."""
    moving = [stream for stream in container.streams.video if not (is_cover(stream) or is_item(stream))]
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


def is_item(stream: Any) -> bool:
    """Whether a stream is a still picture that AVIF and HEIC have beside or instead of a video."""
    return stream.frames == 1 and stream.duration is None


def probe(path: Path) -> VideoSource:
    """The video of a file, from its headers and its first frame.  Raises PictureError."""
    with opened(path) as container:
        stream = video_stream(container, path)
        context = stream.codec_context
        frames = _decoded(container, stream, lambda _: None)
        if (frame := next(frames, None)) is None:
            raise PictureError("{path} has no frame that can be decoded", "check the file with ffprobe", path=path)
        layout = frame_layout(frame, context.name)
        if context.name == "gif":  # FFmpeg gives every GIF alpha
            layout = replace(layout, has_alpha=any(map(is_transparent, chain([frame], frames))))
        if "alpha_mode" in stream.metadata:  # transparency of WebM, which FFmpeg's decoder does not return
            layout = replace(layout, has_alpha=True)
        tags = frame.color_primaries, frame.color_trc, matrix_of(frame, layout.kind), frame.color_range
        return VideoSource(
            path=path,
            height=frame.height,
            width=frame.width,
            layout=layout,
            tags=(int(tags[0]), int(tags[1]), tags[2], int(tags[3])),
            time_base=stream.time_base or Fraction(1, 1000),
            rate=_rate(stream),
            aspect=stream.sample_aspect_ratio or None,
            rotation=display_matrix(frame),
            hdr=hdr_data(frame),
            side_data=frozenset(side_data_names(frame)),
            is_interlaced=frame.interlaced_frame or context.field_order not in _PROGRESSIVE,
            has_frame_of_each_packet=context.codec.intra_only or context.codec.canonical_name in _FRAME_CODECS,
        )


def scan(path: Path) -> Index:
    """The time stamps of a video, from all of its packets.  Raises PictureError."""
    shown, decoded, keys, damage = list[int | None](), list[int | None](), list[int | None](), list[str]()
    with opened(path) as container:
        stream: Any = video_stream(container, path)
        end, count, lost, corrupt, has_key, is_avi = Fraction(0), 0, 0, 0, False, container.format.name == "avi"
        for packet in _packets(container, list(container.streams), damage.append):
            if not packet.size:
                continue
            corrupt += packet.is_corrupt
            time = packet.dts if packet.pts is None else packet.pts
            end = max(end, ((time or 0) + (packet.duration or 0)) * packet.time_base)
            if packet.stream_index != stream.index:
                continue
            has_key |= packet.is_keyframe
            count, lost = count + 1, lost + (not has_key)
            if not packet.is_discard:
                shown.append(packet.pts)
                decoded.append(packet.dts)
                keys += shown[-1:] if packet.is_keyframe else []
        damage += _joints(decoded, stream.time_base)
        damage += _damage(container, stream, count, end, lost=lost if has_key else 0, corrupt=corrupt)
        damage += filter(None, [find_matroska_damage(path)] if "matroska" in container.format.name else [])
        trusted = None not in shown and not (is_avi and stream.codec_context.reorder_depth)
        times = _completed(shown if trusted or None in decoded else decoded, stream)
        order = _order(path, times) if is_avi and not trusted else {}
        if not times:
            hint = "give it some: ffmpeg -r 25 -i IN -c copy OUT.mp4"
            raise PictureError("{path} has no time stamps", hint, path=path)
        start = min(Fraction(container.start_time or 0, 1_000_000), times[0] * stream.time_base)
        is_arbitrary = av.format.Flags.ts_discont in av.format.Flags(container.format.flags)
    known = sorted(order.get(key, key) for key in keys if key is not None) if trusted or order else []
    return Index(times, known, start, start if is_arbitrary else min(start, Fraction(0)), "".join(damage[:1]), order)


def _order(path: Path, times: list[int]) -> dict[int, int]:
    """The time of each frame of AVI by its place in the order of decoding; none where they are equal."""
    with opened(path) as container:
        places = [frame.pts for frame in _decoded(container, video_stream(container, path), lambda _: None)]
    order = {place: time for place, time in zip(places, times, strict=False) if place is not None}
    return order if len(order) == len(places) == len(times) else {}


def _joints(times: Sequence[int | None], unit: Fraction) -> list[str]:
    """A line if times of decoding go back: frames that follow have no place."""
    known = [time * unit for time in times if time is not None]
    back = [before for before, after in pairwise(known) if before - after > _MISSING_SECONDS]
    if not back:
        return []
    after = f"its times go back after {float(back[0] - known[0]):.0f} s, as where recordings are joined"
    return [f"{after}: ffmpeg -i IN -c copy OUT.mkv gives new ones"]


def _damage(container: Any, stream: Any, count: int, end: Fraction, *, lost: int, corrupt: int) -> Iterator[str]:
    """What the header promises beyond `count` packets of the video and the second `end`, and what is incomplete."""
    promised = Fraction((container.duration or 0) + min(0, container.start_time or 0), 1_000_000)
    if promised - end > _MISSING_SECONDS:
        yield f"the last {float(promised - end):.0f} of {float(promised):.0f} s are missing"
    elif (promised_count := sum(entry.size > 0 for entry in stream.index_entries)) > count:
        yield f"{promised_count - count} of {promised_count} frames are missing"
    if lost:
        yield f"the first {lost} frames are incomplete"
    if corrupt:
        yield f"incomplete packets: {corrupt}"


def _rate(stream: Any) -> Fraction:
    """Frames a second, on average."""
    average, base = stream.average_rate, stream.base_rate
    is_unit = average and base and base < average == 1 / stream.time_base  # as FFmpeg states it of raw DV
    return (base if is_unit else average or base) or stream.guessed_rate or Fraction(25)


def _completed(times: Collection[int | None], stream: Any) -> list[int]:
    """The times sorted, with regular ones for frames before time 0, of which Matroska's demuxer does not give any."""
    known = sorted({time for time in times if time is not None})
    step = median(map(sub, known[1:], known)) if known[1:] else round(1 / _rate(stream) / stream.time_base)
    missing = sum(time is None for time in times) if known else 0
    return [known[0] - round(step * number) for number in range(missing, 0, -1)] + known


class _DamagedError(Exception):
    """A packet was damaged."""


@dataclass
class FrameReader:
    """Decodes a segment."""

    source: VideoSource
    segment: Segment
    deinterlace: bool = False
    strict: bool = False
    damaged: int = field(default=0, init=False)
    """How many packets and frames were damaged or had no time of their own."""
    side_data: set[str] = field(default_factory=set, init=False)
    """The kinds of side data that describe the frames."""
    _last: int | None = field(default=None, init=False)
    """The time stamp of the last frame that was returned."""

    def frames(self) -> "Iterator[tuple[int, av.VideoFrame]]":
        """The frames and their time stamps, from `segment.lead` up to `segment.stop`.  Raises PictureError.

        They are decoded so that every error shows, and from the first one on again, as far as FFmpeg conceals it.
        """
        try:
            yield from self._further(conceal=False)
        except _DamagedError:
            yield from self._further(conceal=True)
            self.damaged = max(self.damaged, 1)

    def _further(self, *, conceal: bool) -> "Iterator[tuple[int, av.VideoFrame]]":
        """The frames behind the last one that was returned, in the order of their time stamps."""
        done = self._last
        for time, frame in self._timed(conceal=conceal):
            if self.segment.stop is not None and time >= self.segment.stop:
                return
            if time < self.segment.lead or (done is not None and time <= done):
                continue
            self._check(frame)
            self.side_data |= side_data_names(frame) - {"GOP_TIMECODE"}  # which counts from that of the first frame
            if self.strict and (late := self.side_data - self.source.side_data):
                message = f"{{path}}: the output {side_data_loss(min(late))}"
                raise PictureError(message, "leave out --strict", path=self.source.path)
            is_late = self._last is not None and time <= self._last
            self.damaged += is_late or frame.is_corrupt
            if not is_late:
                self._last = time
                yield time, frame

    def _timed(self, *, conceal: bool) -> "Iterator[tuple[int, av.VideoFrame]]":
        """Frames from the key frame on; from an earlier place where the container finds only a later one."""
        seek = self.segment.seek
        for place in (None,) if seek is None else (seek, seek - round(_SEEK_BACK / self.source.time_base), None):
            with opened(self.source.path) as container:
                stream = video_stream(container, self.source.path)
                stream.thread_type = "AUTO"
                if not conceal:
                    stream.codec_context.options = {"err_detect": "explode"}
                if place is not None:
                    with suppress(av.FFmpegError):
                        container.seek(place, stream=stream)
                decoded = _decoded(container, stream, self._count if conceal else self._end)
                if self.deinterlace:
                    decoded = deinterlaced(decoded, stream, flagged_only=self.source.is_interlaced)
                frames = self._with_times(decoded, is_avi=container.format.name == "avi")
                first = next(frames, None)
                if place is None or (first is not None and first[0] <= self.segment.lead):
                    yield from chain([] if first is None else [first], frames)
                    return

    def _with_times(self, frames: "Iterator[av.VideoFrame]", *, is_avi: bool) -> "Iterator[tuple[int, av.VideoFrame]]":
        times, order = self.source.times or (), self.source.order
        for number, frame in enumerate(frames):
            time = order.get(frame.pts, frame.pts) if frame.pts is not None else None
            if number < len(times) and (is_avi or time is None):
                yield times[number], frame
            elif time is None or frame.time_base is None:
                self.damaged += 1
            else:
                yield round(time * frame.time_base / self.source.time_base), frame

    def _count(self, _reason: str) -> None:
        self.damaged += 1

    def _end(self, _reason: str) -> None:
        """Errors before the first frame are of frames that refer to others before the key frame."""
        if self._last is not None or self.segment.seek is None:
            raise _DamagedError

    def _check(self, frame: "av.VideoFrame") -> None:
        if (frame.height, frame.width) != (self.source.height, self.source.width):
            message = "{path}: the size changes from {one} to {other}"
            one, other = f"{self.source.width} x {self.source.height}", f"{frame.width} x {frame.height}"
            raise PictureError(message, "split it there with ffmpeg", path=self.source.path, one=one, other=other)
        tags = frame.color_primaries, frame.color_trc
        for name, was, now in zip(("primaries", "transfer characteristics"), self.source.tags, tags, strict=False):
            if was != now and not {was, now} & {0, UNSPECIFIED}:
                message = f"{{path}}: the colour {name} change from {was} to {now}"
                raise PictureError(message, "split it there with ffmpeg", path=self.source.path)
        if frame.interlaced_frame and not self.deinterlace:
            raise PictureError("{path} is interlaced", DEINTERLACE_HINT, path=self.source.path)


def _packets(container: Any, streams: Any, report: Callable[[str], None]) -> Iterator[Any]:
    """The packets of streams and, at the end, the empty one that flushes the decoder."""
    try:
        for packet in container.demux(streams):
            if container.format.name == "avi":
                packet.pts = packet.dts  # it stores no times of showing
            yield packet
    except av.FFmpegError as error:
        report(error.strerror or "cannot be read to its end")


def _decoded(container: Any, stream: Any, report: Callable[[str], None]) -> "Iterator[av.VideoFrame]":
    """The frames of a stream without those that cannot be decoded; `report` gets each reason."""
    for packet in chain(_packets(container, stream, report), [None]):
        if packet and not packet.size and packet.dts is not None:  # repeats a frame
            continue
        try:
            yield from stream.decode(packet)
        except EOFError:  # flushed before
            return
        except av.FFmpegError as error:
            report(error.strerror or "damaged")
