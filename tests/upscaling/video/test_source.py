"""Reading videos: the order of AVI, and damage that decoders and demuxers pass over."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from clips import av, damage, read_planes, remux, texture, write_clip

from srgan_cli.errors import PictureError
from srgan_cli.upscaling.video.headers import find_matroska_damage
from srgan_cli.upscaling.video.segments import cut
from srgan_cli.upscaling.video.source import FrameReader, _rate, probe, scan

LONG = range(250)
DOLBY_VISION = {
    5: "7c01190809004061b6504f003ff801ffc00fffd0000008000006800000400000340000030200000300e8afe09e80",
    8: "7c0119080908406136504f003ff801ffc00fffd0000008000006800000400000340000030200000300a6206a4a80",
}
"""A unit of H.265 with metadata that change nothing, of two profiles."""
BLOCK = b"\xa3"
"""The name of Matroska's SimpleBlock."""


def clip(path: Path, **options: str) -> Path:
    return write_clip(path, range(0, 24 * 40, 24), size=(48, 64), **{"codec": "ffv1", **options})  # type: ignore[arg-type]


def cluster(data: bytes) -> int:
    return data.index(b"\x1f\x43\xb6\x75")


@pytest.mark.parametrize(
    ("average", "base", "rate"), [(60000, 25, 25), (24, 30, 24), (40, 30, 40), (None, 30, 30), (None, None, 50)]
)
def test_the_rate_of_raw_dv_is_not_its_unit_of_time(average: int | None, base: int | None, rate: int) -> None:
    stream = SimpleNamespace(average_rate=average, base_rate=base, guessed_rate=50, time_base=Fraction(1, 60000))
    assert _rate(stream) == rate


@pytest.mark.parametrize(("codec", "options"), [("mpeg4", {"bf": "2"}), ("libx264", {"x264-params": "open-gop=1"})])
def test_avi_with_reordered_frames_is_read_in_segments(tmp_path: Path, codec: str, options: dict[str, str]) -> None:
    path = write_clip(tmp_path / "a.avi", LONG, codec=codec, planes=texture, key_every=20, **options)
    index, whole = scan(path), read_planes(path)
    source = replace(probe(path), order=index.order)
    segments = cut(index.times, index.keys, None, 6)
    assert len(segments) > 1
    for segment in segments:
        reader = FrameReader(source, segment)
        frames = [(time, frame.to_ndarray()) for time, frame in reader.frames()]
        assert [time for time, _ in frames] == list(range(segment.lead, segment.stop or len(LONG)))
        assert reader.damaged == 0
        for time, frame in frames:
            assert np.array_equal(frame[:32], whole[time][0])


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".mp4", ".avi", ".ts"])
def test_whole_files_are_not_called_damaged(tmp_path: Path, suffix: str) -> None:
    codec = {".webm": "libvpx-vp9", ".avi": "mpeg4"}.get(suffix, "libx264")
    assert scan(clip(tmp_path / f"a{suffix}", codec=codec)).damage == ""


def test_a_live_file_of_unknown_sizes_is_not_called_damaged(tmp_path: Path) -> None:
    path = remux(clip(tmp_path / "a.mkv"), tmp_path / "b.mkv", live="1")
    assert b"\x18\x53\x80\x67\x01" + 7 * b"\xff" in path.read_bytes()
    assert scan(path).damage == ""


def test_padding_behind_a_file_is_not_damage(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mkv")
    path.write_bytes(path.read_bytes() + bytes(100))
    assert scan(path).damage == ""


def test_numbers_that_look_like_a_checksum_are_not_damage(tmp_path: Path) -> None:
    headers, times = "1a45dfa380 18538067 01ffffffffffffff", ("e782bf84", "e786bf8400000000")
    clusters = (f"1f43b675{0x80 + len(time) // 2:02x}{time}" for time in times)
    (tmp_path / "a.mkv").write_bytes(bytes.fromhex(headers + "".join(clusters)))
    assert find_matroska_damage(tmp_path / "a.mkv") == ""


def test_a_frame_that_a_decoder_conceals_does_not_fit_the_checksum(tmp_path: Path) -> None:
    assert "checksum" in scan(damage(clip(tmp_path / "a.mkv"), 9)).damage


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libvpx"])
def test_lost_blocks_of_webm_are_found(tmp_path: Path, codec: str) -> None:
    path = clip(tmp_path / "a.webm", codec=codec)
    data = path.read_bytes()
    block = data.index(BLOCK, (cluster(data) + len(data)) // 2)
    path.write_bytes(data[:block] + data[block + 60 :])
    assert scan(path).damage


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_a_file_cut_off_within_the_last_second_is_incomplete(tmp_path: Path, suffix: str) -> None:
    path = clip(tmp_path / f"a{suffix}", codec="libvpx-vp9")
    data = path.read_bytes()
    path.write_bytes(data[: -(len(data) - cluster(data)) // 4])
    assert "bytes are missing" in scan(path).damage


def test_frames_that_an_edit_list_leaves_out_are_not_missing(tmp_path: Path) -> None:
    """FFmpeg does not read key frames, with all that follow, before the one where the edit begins."""
    path = remux(
        clip(tmp_path / "a.mp4", codec="libx264"), tmp_path / "b.mp4", later=-0.9, avoid_negative_ts="disabled"
    )
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.frames > sum(packet.size > 0 for packet in container.demux(stream))
    assert scan(path).damage == ""


def test_frames_of_the_index_that_are_not_in_the_file_are_missing(tmp_path: Path) -> None:
    path = remux(clip(tmp_path / "a.mp4", codec="libx264"), tmp_path / "b.mp4", movflags="faststart")
    path.write_bytes(path.read_bytes()[:-300])
    assert "frames are missing" in scan(path).damage


def test_recordings_that_are_joined_are_named_as_such(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.ts", codec="libx264")
    path.write_bytes(path.read_bytes() * 2)
    assert "its times go back after 2 s" in scan(path).damage


@pytest.mark.parametrize("profile", DOLBY_VISION)
def test_dolby_vision_is_read_where_other_decoders_have_its_colours(tmp_path: Path, profile: int) -> None:
    path = write_clip(tmp_path / "a.hevc", (0,), codec="libx265", pixel_format="yuv420p10le")
    path.write_bytes(path.read_bytes() + bytes.fromhex(f"00000001{DOLBY_VISION[profile]}"))
    if profile == 8:
        assert probe(path).side_data == {"DOVI_METADATA"}
    else:
        with pytest.raises(PictureError, match="Dolby Vision"):
            probe(path)
