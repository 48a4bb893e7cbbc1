"""srgan upscale with text subtitles."""

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from clips import av, write_clip
from support import Outcome

pytestmark = pytest.mark.usefixtures("one_core")
Srgan = Callable[..., Outcome]
BICUBIC = ("-m", "bicubic", "-s", "2")
UNIT = Fraction(1, 1000)
TEXTS = {
    "subrip": (b"one <i>two</i>", b"three"),
    "mov_text": (b"\0\7one two" + b"\0\0\0\x16styl\0\1\0\4\0\7\0\1\2\x10\xff\xff\xff\xff", b"\0\5three"),
    "ass": (b"0,0,Default,,0,0,0,,one {\\i1}two{\\i0}", b"1,0,Default,,0,0,0,,three"),
    "webvtt": (b"one <i>two</i>", b"three"),
}
"""The same two subtitles in each codec, the second word in italics."""
HEADER = b"[Script Info]\n[V4+ Styles]\nStyle: Default,Arial,16\n[Events]\n"


def write_subtitles(
    path: Path, codec: str, texts: tuple[bytes, ...] = (), times: tuple[int, ...] = (200, 600), unit: Fraction = UNIT
) -> Path:
    """A clip with subtitles at 0.2 and 0.6 s or other times, each for 0.3 s, in English; `unit` is that of the file."""
    silent = write_clip(path.with_name("silent.mp4"))
    with av.open(str(silent)) as before, av.open(str(path), "w") as after:
        streams = [after.add_stream_from_template(before.streams[0]), after.add_stream(codec)]
        streams[1].metadata["language"] = "eng"
        streams[1].time_base, streams[1].codec_context.subtitle_header = unit, HEADER
        for packet in before.demux():
            if packet.dts is not None:
                packet.stream = streams[0]
                after.mux(packet)
        for time, text in zip(times, texts or TEXTS[codec], strict=True):
            packet = av.Packet(text)
            packet.pts, packet.dts, packet.duration, packet.time_base, packet.stream = time, time, 300, UNIT, streams[1]
            after.mux(packet)
    return path


def read_subtitles(path: Path) -> tuple[str, str, list[tuple[float, float, bytes]]]:
    """The codec and language of the subtitles of a file, and the time, duration and text in ASS of each."""
    with av.open(str(path)) as container:
        stream: Any = container.streams.subtitles[0]
        found = []
        for packet in container.demux(stream):
            if packet.size and (shown := stream.codec_context.decode2(packet)):
                text = re.sub(rb"{\\(?!i1).*?}", b"", shown[0].ass.split(b",,")[-1])
                found.append((float(packet.pts * packet.time_base), float(packet.duration * packet.time_base), text))
        return stream.codec_context.codec.canonical_name, stream.language, found


@pytest.mark.parametrize(
    ("suffix", "codec", "target", "expected"),
    [
        ("mkv", "subrip", "mp4", "mov_text"),
        ("mkv", "ass", "mov", "mov_text"),
        ("mp4", "mov_text", "mkv", "subrip"),
        ("mp4", "mov_text", "webm", "webvtt"),
        ("mkv", "webvtt", "mp4", "mov_text"),
        ("mkv", "ass", "mkv", "ass"),
    ],
)
def test_subtitles_become_what_the_container_holds(
    tmp_path: Path, srgan: Srgan, suffix: str, codec: str, target: str, expected: str
) -> None:
    source, out = write_subtitles(tmp_path / f"in.{suffix}", codec), tmp_path / f"out.{target}"
    done = srgan("upscale", *BICUBIC, source, out)
    assert (done.code, f"it becomes {expected}" in done.err) == (0, codec != expected), done.err
    assert read_subtitles(out) == (expected, "eng", [(0.2, 0.3, b"one {\\i1}two"), (0.6, 0.3, b"three")])
    assert srgan("upscale", *BICUBIC, source, tmp_path / f"2.{target}", "--strict").code == (codec != expected)


@pytest.mark.parametrize("target", ["mkv", "webm", "mp4"])
def test_subtitles_keep_their_times_where_the_container_has_another_unit(
    tmp_path: Path, srgan: Srgan, target: str
) -> None:
    source = write_subtitles(tmp_path / "in.mp4", "mov_text", unit=Fraction(1, 90_000))
    assert srgan("upscale", *BICUBIC, source, tmp_path / f"out.{target}").code == 0
    assert [found[:2] for found in read_subtitles(tmp_path / f"out.{target}")[2]] == [(0.2, 0.3), (0.6, 0.3)]


def test_subtitles_keep_to_the_part_of_start(tmp_path: Path, srgan: Srgan) -> None:
    source = write_subtitles(tmp_path / "in.mkv", "subrip")
    assert srgan("upscale", *BICUBIC, source, tmp_path / "out.mp4", "--start", "0.5").code == 0
    assert read_subtitles(tmp_path / "out.mp4")[2] == [(0.1, 0.3, b"three")]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("mkv", [(0.2, 0.3, b"a"), (0.4, 0.3, b"b"), (0.4, 0.3, b"c"), (0.6, 0.3, b"d")]),
        (
            "mp4",
            [
                (0.2, 0.2, b"a"),
                (0.4, 0.1, rb"a\Nb\Nc"),
                (0.5, 0.1, rb"b\Nc"),
                (0.6, 0.1, rb"b\Nc\Nd"),
                (0.7, 0.2, b"d"),
            ],
        ),
    ],
)
def test_subtitles_that_overlap_keep_their_times(
    tmp_path: Path, srgan: Srgan, target: str, expected: list[tuple[float, float, bytes]]
) -> None:
    """MP4 shows one text at a time: they become its lines."""
    source = write_subtitles(tmp_path / "in.mkv", "subrip", (b"a", b"b", b"c", b"d"), (200, 400, 400, 600))
    assert srgan("upscale", *BICUBIC, source, tmp_path / f"out.{target}").code == 0
    assert read_subtitles(tmp_path / f"out.{target}")[2] == expected


def test_a_damaged_subtitle_does_not_stop_the_others(tmp_path: Path, srgan: Srgan) -> None:
    source = write_subtitles(tmp_path / "in.mp4", "mov_text", (b"\0", b"\0\5three"))
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.mkv")
    assert (done.code, "a subtitle is damaged" in done.err) == (1, True), done.err
    assert read_subtitles(tmp_path / "out.mkv")[2] == [(0.6, 0.3, b"three")]


def test_avi_holds_no_subtitles(tmp_path: Path, srgan: Srgan) -> None:
    source = write_subtitles(tmp_path / "in.mkv", "subrip")
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.avi")
    assert (done.code, "subtitle srt (eng): it is dropped" in done.err) == (0, True), done.err
