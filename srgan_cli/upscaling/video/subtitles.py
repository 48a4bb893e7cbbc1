"""Text subtitles in another codec, for containers that cannot hold theirs."""

from collections.abc import Callable
from typing import Any

import av

_CODEC_OF_CONTAINER = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
_CONVERTED = ("mov_text", "subrip", "webvtt", "ass", "text")


def fitting_codec(container: str, stream: Any) -> str:
    """The codec for text subtitles in a container; "" for other streams, and containers that hold none."""
    codec = stream.codec_context.codec.canonical_name if stream.type == "subtitle" and stream.codec_context else ""
    return _CODEC_OF_CONTAINER.get(container, "") if codec in _CONVERTED else ""


class SubtitleConverter:
    """Converts the subtitles of a stream of PyAV, by way of FFmpeg's common form, that of ASS."""

    def __init__(self, template: Any, output: Any, codec: str) -> None:
        """Adds a stream to the container `output`."""
        self.decoder = template.codec_context
        self.decoder.open(strict=False)
        self.stream = output.add_stream(codec)
        self.stream.time_base = template.time_base
        self.stream.codec_context.subtitle_header = self.decoder.subtitle_header

    def convert(self, packet: Any, report: Callable[[str], None]) -> list[Any]:
        """The packet of the new stream; none for one that only ends a subtitle, and a report for a damaged one."""
        try:
            found = self.decoder.decode2(packet)
            made = self.stream.codec_context.encode_subtitle(found) if found else None
        except av.FFmpegError:
            report("a subtitle is damaged")
            return []
        if not made or not made.size:
            return []
        made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
        made.time_base, made.stream = packet.time_base, self.stream
        return [made]
