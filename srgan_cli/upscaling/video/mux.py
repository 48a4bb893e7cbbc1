"""Writing the output: the enlarged video, and everything else of the source as it is."""

import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from heapq import heappop, heappush, merge
from pathlib import Path
from typing import IO, Any

import av

from srgan_cli.errors import SrganError
from srgan_cli.upscaling.video.encoder import EncoderSettings, logging_to
from srgan_cli.upscaling.video.frames import frame_layout, side_data_loss, side_data_names
from srgan_cli.upscaling.video.headers import RESERVED, set_avi_starts, set_display_width
from srgan_cli.upscaling.video.segments import EncodedPacket, TimeRange, reorder_depth
from srgan_cli.upscaling.video.source import VideoSource, is_cover, opened, video_stream
from srgan_cli.upscaling.video.streams import (
    SubtitleConverter,
    can_hold,
    copied,
    describe,
    fitting_codec,
    is_rewritten,
    kept_metadata,
)

_TIME_CODE = {"timecode", "TIMECODE"}  # that of the first frame, as MOV and Matroska call it
_TITLES = {"name", "title"}  # what FFmpeg calls the title of a stream, reading MP4 and elsewhere
_UNITS_OF_MP4 = "360000"
"""Units of a second for the times when streams begin, instead of FFmpeg's milliseconds: a multiple of MPEG's 90000, in
which frames of 24, 25, 30, 50 and 60 a second, and of 1000/1001 of these rates, take whole numbers."""
_PROBE_PACKETS = 3
_PREROLL = Fraction(1, 10)  # seconds of sound that a decoder needs before its first sample
_WITH_ASPECT = ("h264", "hevc", "mpeg4", "mpeg2video")
"""Codecs whose own headers have the aspect ratio of samples."""
_TAG_NAMES = ("colour primaries", "transfer function", "colour matrix", "colour range")


class Muxer:
    """Writes a file with an enlarged video and the other streams of its source."""

    def __init__(self, source: Any, output: Any, settings: EncoderSettings, part: TimeRange, video: Any) -> None:
        """`source` and `output` are containers, `video` is the stream of the source that is enlarged."""
        self.source, self.output, self.settings = source, output, settings
        self.range = part
        self.last: dict[int, int] = {}
        self.starts: dict[int, Fraction] = {}
        self.frames: Counter[int] = Counter()
        self.stream = settings.add_to(output)
        describe(self.stream, video)
        for metadata in (stream.metadata for stream in source.streams if "reel_name" in stream.metadata):
            self.stream.metadata["reel_name"] = metadata["reel_name"]
        if self._sets_display_width:
            self.stream.metadata["title"] = self.stream.metadata.get("title", "") + RESERVED
        others = [stream for stream in source.streams if stream is not video and not is_rewritten(stream)]
        self.copies: dict[int, Any] = {}
        self.converters: dict[int, SubtitleConverter] = {}
        for stream in others:
            self._add(stream)
        self.dropped = [stream for stream in others if stream.index not in self.copies]
        self.attached = {index for index, stream in self.copies.items() if stream.type == "attachment"}
        output.metadata.update(kept_metadata(source.metadata))
        if part.is_cut:
            for metadata in (output.metadata, *(stream.metadata for stream in output.streams)):
                for key in _TIME_CODE & metadata.keys():
                    del metadata[key]
        with suppress(av.FFmpegError, ValueError):  # a container without chapters
            output.set_chapters(list(_shifted(source.chapters(), self.range)))

    def write(self, packets: Iterable[EncodedPacket], depth: int, *, limit: int | None = None) -> str:
        """Write everything, in the order of time; returns why the other streams could not be copied to their end.

        `depth` is that of `reorder_depth`.  With a `limit`, at most so many packets of each other stream are written.
        """
        damage, unread = list[str](), Counter[str]()
        self.output.start_encoding()
        streams = self._video_packets(packets, depth), self._copied_packets(limit, damage.append)
        for packet in merge(*streams, key=lambda packet: packet.dts * packet.time_base):
            kind, is_copied = packet.stream.type, packet.stream is not self.stream
            try:
                self._mux(packet)
            except (ValueError, av.PatchWelcomeError):  # from FFmpeg's filters, which read what they pass on
                if not is_copied:
                    raise
                unread[kind] += 1
        damage += [f"damaged packets of the {kind} are left out: {count}" for kind, count in unread.items()]
        return damage[0] if damage else ""

    def complete(self, file: IO[bytes]) -> None:
        """Write what FFmpeg's muxer does not into the headers of the closed file."""
        if self.settings.container == "avi":
            streams = range(1 + len(self.copies))
            starts = [self.starts.get(number, Fraction(0)) for number in streams]
            set_avi_starts(file, starts, [self.frames[number] for number in streams])
        if self._sets_display_width:
            with suppress(ValueError):  # no room for it: the aspect is reported as lost
                set_display_width(file, round(self.settings.width * (self.settings.aspect or 1)))

    def _add(self, stream: Any) -> None:
        """Add a stream as it is, or as text subtitles that the container can hold."""
        if can_hold(self.settings, stream):
            self.copies[stream.index] = copied(stream, self.output)
        elif codec := fitting_codec(self.settings.container, stream):
            self.converters[stream.index] = converter = SubtitleConverter(stream, self.output, codec)
            self.copies[stream.index] = converter.stream
            describe(converter.stream, stream)

    @property
    def written(self) -> set[int]:
        """The streams of the source that the file has, of which MP4 leaves out those without packets."""
        return {index for index in self.copies if index in self.last or self.settings.container not in ("mp4", "mov")}

    @property
    def _sets_display_width(self) -> bool:
        """Whether only the file states the aspect ratio of samples, which PyAV does not pass to Matroska's muxer."""
        is_passed = av.Codec(self.settings.codec, "w").canonical_name in _WITH_ASPECT
        return self.settings.container in ("matroska", "webm") and bool(self.settings.aspect) and not is_passed

    def _mux(self, packet: Any) -> None:
        """Write a packet; in AVI every stream counts from its own start."""
        if self.settings.container == "avi":
            start = self.starts.setdefault(packet.stream.index, packet.dts * packet.time_base)
            packet.pts = packet.dts = packet.dts - round(start / packet.time_base)
            self.frames[packet.stream.index] += not packet.stream.codec_context.name.startswith("pcm_")
        self.output.mux(packet)

    def _video_packets(self, packets: Iterable[EncodedPacket], depth: int) -> Iterator[Any]:
        """The packets with their decoding times: the time stamps in order, `depth` frames earlier."""
        times: list[int] = []
        first = step = 0
        for number, packet in enumerate(packets):
            if not number:
                first, step = packet.pts, packet.duration or 1
            heappush(times, packet.pts)
            dts = first - (depth - number) * step if number < depth else heappop(times)
            made = av.Packet(packet.data)
            made.pts, made.dts, made.duration = packet.pts, min(dts, packet.pts), packet.duration
            made.is_keyframe, made.time_base, made.stream = packet.is_keyframe, self.settings.time_base, self.stream
            yield made

    def _copied_packets(self, limit: int | None, report: Callable[[str], None]) -> Iterator[Any]:
        wanted = [s for s in self.source.streams if s.index in self.copies and s.index not in self.attached]
        counts = dict.fromkeys([stream.index for stream in wanted], 0)
        if not wanted:
            return
        try:
            for packet in self.source.demux(wanted):
                if is_cover(packet.stream) and packet.size:
                    packet.pts = packet.dts = packet.pts or 0
                if packet.dts is None and packet.pts is None:
                    continue
                index = packet.stream.index
                if limit is not None and counts[index] >= limit:
                    continue
                if self._place(packet):
                    counts[index] += 1
                    yield from self.converters[index].convert(packet, report) if index in self.converters else [packet]
                if limit is not None and min(counts.values()) >= limit:
                    break
        except av.FFmpegError as error:
            report(error.strerror or "the other streams cannot be read to their end")
        for converter in self.converters.values():
            yield from converter.rest()

    def _place(self, packet: Any) -> bool:
        """Move a packet of the source to its stream and time in the output; returns whether it belongs there."""
        is_still = is_cover(packet.stream)
        packet.dts = packet.pts if packet.dts is None else packet.dts
        time = (packet.dts if packet.pts is None else packet.pts) * packet.time_base
        if not is_still and not (self._is_preroll(time) if packet.is_discard else self.range.holds(time)):
            return False
        index, shift = packet.stream.index, 0 if is_still else round(self.range.shift / packet.time_base)
        step = packet.stream.type not in ("subtitle", "data")  # of which several packets may have one time
        self.last[index] = packet.dts = max(packet.dts - shift, self.last.get(index, packet.dts - shift - step) + step)
        packet.pts = None if packet.pts is None else max(packet.pts - shift, packet.dts)
        packet.stream = self.copies[index]
        return True

    def _is_preroll(self, time: Fraction) -> bool:
        """Whether a decoder needs a packet that is not played: it lies just before the beginning."""
        return self.range.start - _PREROLL <= time < self.range.start and self.settings.container != "avi"


def _missing_keys(before: Any, after: Any) -> set[str]:
    """The metadata of a container or stream that its copy lacks."""
    found = {key.lower() for key in after.metadata} | {"handler_name"}
    found |= _TITLES if found & _TITLES else set()
    wanted = {key for key, value in kept_metadata(before.metadata).items() if (key, value) != ("language", "und")}
    return {key for key in wanted if key.lower() not in found}


def _shifted(chapters: Iterable[Any], part: TimeRange) -> Iterator[Any]:
    """The chapters that begin or go on in a part, with their times in the output."""
    for chapter in chapters:
        unit = chapter["time_base"]
        start, stop = chapter["start"] * unit, chapter["end"] * unit
        if stop > part.start and (part.stop is None or start < part.stop):
            start, stop = max(start, part.start), stop if part.stop is None else min(stop, part.stop)
            yield {**chapter, "start": round((start - part.shift) / unit), "end": round((stop - part.shift) / unit)}


def mux(
    path: Path, target: Path, settings: EncoderSettings, part: TimeRange, packets: Callable[[], Iterable[EncodedPacket]]
) -> str:
    """Write the output; returns why it is incomplete, if it is.  `packets`, of the video, is called twice."""
    with opened(path) as source, _output(target, settings, source.metadata) as output:
        muxer = Muxer(source, output, settings, part, video_stream(source, path))
        damage = muxer.write(packets(), reorder_depth(packet.pts for packet in packets()))
    with target.open("r+b") as file:
        muxer.complete(file)
    return damage


def losses(found: VideoSource, settings: EncoderSettings, part: TimeRange, packets: list[EncodedPacket]) -> list[str]:
    """What the output will not hold of the source, a sentence each, found by writing and reading a file of a frame."""
    probe = io.BytesIO()
    with opened(found.path) as source:
        video = video_stream(source, found.path)
        with _output(probe, settings, source.metadata) as output:
            muxer = Muxer(source, output, settings, part, video)
            if part.is_cut:
                source.seek(int(part.start * 1_000_000))
            muxer.write(packets, 0, limit=_PROBE_PACKETS)
        muxer.complete(probe)
        probe.seek(0)
        with av.open(probe) as written:
            held = [video, *(stream for stream in source.streams if stream.index in muxer.written)]
            copies = list(zip(held, written.streams, strict=False))
            losses = (f"{_name(stream)}: it is dropped" for stream in [*muxer.dropped, *held[len(written.streams) :]])
            return [*losses, *_differences(found, muxer, written, copies)]


@contextmanager
def _output(target: Any, settings: EncoderSettings, metadata: dict[str, str]) -> Iterator[Any]:
    """A container to write to a path or a file object; MP4 begins with its index.  Raises SrganError, and OSError."""
    is_path = isinstance(target, Path)
    has_quicktime_keys = any("." in key for key in metadata)  # com.apple.quicktime.make needs a list of its own
    flags = "+faststart" * is_path + "+use_metadata_tags" * has_quicktime_keys
    wanted = {"movflags": flags, "movie_timescale": _UNITS_OF_MP4} if settings.container in ("mp4", "mov") else {}
    options = {name: value for name, value in wanted.items() if value}
    name = f"file:{target}" if is_path else target
    try:
        with av.open(name, "w", format=settings.container, container_options=options) as output:
            yield output
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, OSError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise SrganError(f"cannot write {settings.container}: {reason}", "try .mkv; it holds most") from error


def _name(stream: Any) -> str:
    codec = getattr(stream.codec_context, "name", None) or getattr(stream, "name", None) or "unknown"
    language = f" ({stream.language})" if stream.language not in (None, "und") else ""
    return f"cannot hold stream {stream.index}, {stream.type} {codec}{language}"


def _differences(found: VideoSource, muxer: Muxer, written: Any, copies: list[tuple[Any, Any]]) -> Iterator[str]:
    """What differs between the source and what was written of it; `copies` are streams of both, the video first."""
    source, settings = muxer.source, muxer.settings
    time_code = _TIME_CODE if muxer.range.is_cut or "timecode" in copies[0][1].metadata else set()
    elsewhere = {"reel_name", "REEL_NAME", *(_TIME_CODE if muxer.range.is_cut else ())}
    if missing := sorted(_missing_keys(source, written) - time_code):
        yield f"cannot hold the metadata {', '.join(missing)}"
    for before, after in copies:
        if before.index in muxer.converters:
            yield f"{_name(before)}: it becomes {fitting_codec(settings.container, before)}, its style may be lost"
        derived = {"creation_time", *(("filename", "mimetype") if is_cover(before) else ())}
        if missing := sorted(_missing_keys(before, after) - derived - elsewhere):
            yield f"cannot hold {', '.join(missing)} of stream {before.index}"
        if roles := before.disposition & ~(after.disposition | av.stream.Disposition.default):
            yield f"cannot hold the role {roles.name.replace('|', ', ')} of stream {before.index}"
    yield from _time_code_losses(source, written, muxer.range)
    if cropping := _cropping(source, copies[0][0]):
        yield f"cannot hold the cropping of the frames ({cropping} pixels at top/bottom/left/right)"
    expected = list(_shifted(source.chapters(), muxer.range))
    if len(written.chapters()) < len(expected):
        yield f"cannot hold the {len(expected)} chapters"
    result = copies[0][1]
    context = result.codec_context
    frame = next(written.decode(result))
    if abs((result.sample_aspect_ratio or 1) / (settings.aspect or 1) - 1) * settings.width > 1:  # whole pixels
        yield f"cannot hold the sample aspect ratio {settings.aspect}"
    is_alike = frame_layout(frame, context.name).luma_weights == settings.layout.luma_weights
    matrix = settings.tags[2] if is_alike else int(frame.colorspace)  # without a tag, what players take is enough
    has = context.color_primaries, context.color_trc, matrix, context.color_range
    for name, wanted, got in zip(_TAG_NAMES, settings.tags, has, strict=True):
        if wanted not in (got, 0, 2) or (name == _TAG_NAMES[3] and wanted == 2 != got):
            yield f"cannot hold the {name} (number {wanted})"
    yield from map(side_data_loss, sorted(found.side_data - side_data_names(frame)))


def _time_code_losses(source: Any, written: Any, part: TimeRange) -> Iterator[str]:
    """What is lost of a time code in a part, and of reels, which containers keep in different streams."""
    metadata = [[item for stream in file.streams for item in stream.metadata.items()] for file in (source, written)]
    codes, kept = ({key.lower() for key, _ in items} for items in metadata)
    reels, kept_reels = ({value for key, value in items if key.lower() == "reel_name"} for items in metadata)
    lost = ", ".join(sorted(reels - kept_reels))
    if part.is_cut and "timecode" in codes - kept | {key.lower() for key in source.metadata}:
        reel = f", nor is the reel name {lost}" if lost else ""
        yield f"a time code is that of the first frame: it is not kept in a part{reel}"
    elif lost:
        yield f"cannot hold the reel name {lost} of the time code"


def _cropping(container: Any, stream: Any) -> str:
    """What players cut off the frames of a stream, as FFmpeg prints it; PyAV does not return it otherwise."""
    with logging_to([], av.logging.INFO):
        text = container.dumps_format()
    _file, *parts = re.split(r"^ *Stream #0:(\d+)", text, flags=re.MULTILINE)
    own = dict(zip(parts[::2], parts[1::2], strict=True)).get(str(stream.index), "")
    return own.partition("Frame Cropping: ")[2].partition("\n")[0]
