"""The streams beside the enlarged one: copied as they are, or text subtitles in another codec for the container."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import av

from srgan_cli.upscaling.video.encoder import EncoderSettings
from srgan_cli.upscaling.video.source import is_cover, is_item

_CODEC_OF_CONTAINER = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
_CONVERTED = ("mov_text", "subrip", "webvtt", "ass", "text")
_COVER_SUFFIXES = {"mjpeg": "jpg"}
_OWN_TAGS = {
    *("encoder", "major_brand", "minor_version", "compatible_brands", "software", "vendor_id"),
    *("duration", "alpha_mode", "bps", "number_of_frames", "number_of_bytes", "source_id", "rotate"),
    *("_statistics_writing_app", "_statistics_writing_date_utc", "_statistics_tags"),
}
"""Metadata of the file itself, which do not pass to another file, and metadata that FFmpeg derives."""


def describe(stream: Any, template: Any) -> None:
    """Give a new stream the metadata and the roles of another one."""
    kept = kept_metadata(template.metadata)
    stream.metadata.update({"title": kept.pop("name"), **kept} if "name" in kept else kept)
    stream.disposition = int(template.disposition)


def copied(template: Any, output: Any) -> Any:
    """A stream, or an attachment for a cover, for the packets of a stream.  Raises as PyAV does where none fits."""
    if is_cover(template) and output.format.name == "matroska":
        name = template.metadata.get("filename", f"cover.{_COVER_SUFFIXES.get(template.name, template.name)}")
        kind = template.metadata.get("mimetype", f"image/{template.name.replace('mjpeg', 'jpeg')}")
        with av.open(template.container.name, metadata_errors="replace") as container:
            packets = container.demux(container.streams[template.index])
            return output.add_attachment(name, kind, next(bytes(packet) for packet in packets if packet.size))
    stream = output.add_stream_from_template(template, opaque=True)
    if output.format.name == "mp4" and template.type == "audio" and template.layout.name.endswith(" channels"):
        stream.codec_context.layout = f"{template.channels}c"  # the usual one, since PCM in MP4 needs one
    describe(stream, template)
    return stream


def can_hold(settings: EncoderSettings, stream: Any) -> bool:
    """Whether the container takes a stream as it is, beside the enlarged one."""
    if (settings.container == "avi" and not _fits_avi(stream)) or (stream.type == "data" and not stream.name):
        return False  # of data without a name, FFmpeg does not copy what describes the samples
    if stream.type == "video" and any(map(is_item, stream.container.streams.video)):
        return False  # the transparency of an animated AVIF
    try:
        with av.open(io.BytesIO(), "w", format=settings.container) as container:
            settings.add_to(container)
            copied(stream, container)
            container.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _fits_avi(stream: Any) -> bool:
    """Whether AVI, which has no time stamps, keeps the times of a stream: of sound in packets of one duration."""
    packed = set() if stream.container.format.name == "avi" else {"aac", "ac3", "flac"}  # which lose it there
    codec = stream.codec_context.codec.canonical_name if stream.type == "audio" else ""
    return codec in {"mp2", "mp3", *packed} or codec.startswith("pcm_")


def is_rewritten(stream: Any) -> bool:
    """Whether the video, its metadata (QuickTime's time code) or chapters stand for this stream in the output."""
    is_chapters = stream.discard == av.stream.Discard.all  # which FFmpeg sets for their text track
    return (stream.type == "data" and ("timecode" in stream.metadata or is_chapters)) or is_item(stream)


def kept_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """The metadata that pass to another file."""
    return {key: text for key, text in metadata.items() if text and key.lower().removesuffix("-eng") not in _OWN_TAGS}


def fitting_codec(container: str, stream: Any) -> str:
    """The codec for text subtitles in a container; "" for other streams, and containers that hold none."""
    codec = stream.codec_context.codec.canonical_name if stream.type == "subtitle" and stream.codec_context else ""
    return _CODEC_OF_CONTAINER.get(container, "") if codec in _CONVERTED else ""


class SubtitleConverter:
    """Converts the subtitles of a stream of PyAV, by way of FFmpeg's common form, that of ASS.

    MP4 shows one text at a time, so that texts that overlap become lines of one for as long as they do.
    """

    def __init__(self, template: Any, output: Any, codec: str) -> None:
        """Adds a stream to the container `output`."""
        self.decoder = template.codec_context
        self.decoder.open(strict=False)
        self.stream = output.add_stream(codec)
        self.stream.time_base = self.unit = template.time_base  # the container may choose another one for the stream
        self.stream.codec_context.subtitle_header = self.decoder.subtitle_header
        self.start, self.shown = 0, list[tuple[int, bytes]]()  # the text of MP4 that goes on, and when its parts end

    def convert(self, packet: Any, report: Callable[[str], None]) -> Iterator[Any]:
        """The packets that are complete; none for one that only ends a subtitle, and a report for a damaged one."""
        try:
            found = self.decoder.decode2(packet)
            made = self.stream.codec_context.encode_subtitle(found) if found else None
        except av.FFmpegError:
            report("a subtitle is damaged")
            return
        if made and made.size:
            overlaps = self.stream.codec_context.name == "mov_text"
            yield from self.rest(packet.pts if overlaps else None)
            self.start = packet.pts
            self.shown.append((packet.pts + packet.duration, bytes(made)))
            yield from () if overlaps else self.rest()

    def rest(self, until: int | None = None) -> Iterator[Any]:
        """The packets of what has been read, up to a time."""
        while self.shown and (until is None or self.start < until):
            stop = min([end for end, _ in self.shown] + ([] if until is None else [until]))
            packet = av.Packet(_joined([text for _, text in self.shown]))
            packet.pts = packet.dts = self.start
            packet.duration, packet.time_base, packet.stream = stop - self.start, self.unit, self.stream
            yield packet
            self.start, self.shown = stop, [part for part in self.shown if part[0] > stop]


def _joined(texts: list[bytes]) -> bytes:
    """A packet as it is, or the lines of several of mov_text, which begin with their length."""
    if len(texts) == 1:
        return texts[0]
    lines = b"\n".join(text[2 : 2 + int.from_bytes(text[:2], "big")] for text in texts)[:0xFFFF]
    return len(lines).to_bytes(2, "big") + lines
