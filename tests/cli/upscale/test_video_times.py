"""Videos whose time does not begin at 0, whose sound begins at another time, or whose container has none."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from clips import REGULAR, TICK, av, damage, read_times, remux, sound_offset, texture, write_clip
from support import Outcome

pytestmark = pytest.mark.usefixtures("one_core")
Srgan = Callable[..., Outcome]
BICUBIC = ("-m", "bicubic", "-s", "2")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("sound", [0.6, -0.6])
def test_sound_keeps_its_distance_to_the_picture(tmp_path: Path, srgan: Srgan, suffix: str, sound: float) -> None:
    source = remux(write_clip(tmp_path / "clip.mp4", sound="aac"), tmp_path / "in.mkv", later=1, sound=sound)
    target = tmp_path / f"out{suffix}"
    done = srgan("upscale", *BICUBIC, source, target, "--strict")
    assert done.code == 0, done.err
    assert abs(sound_offset(target) - sound_offset(source)) < (0.07 if suffix == ".avi" else 0.002)  # half a frame
    assert len(read_times(target)) == len(REGULAR)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_time_before_zero_is_kept(tmp_path: Path, srgan: Srgan, suffix: str) -> None:
    """Matroska's demuxer gives frames before time 0 no time stamps where frames are reordered."""
    clip = write_clip(tmp_path / "clip.mp4", sound="aac")
    source = remux(clip, tmp_path / "in.mkv", later=-0.5, avoid_negative_ts="disabled")
    assert None in shown_times(source)
    done = srgan(
        "upscale", *BICUBIC, source, tmp_path / f"out{suffix}", "--codec", "ffv1" if suffix == ".avi" else "h264"
    )
    assert done.code == 0, done.err
    times = read_times(tmp_path / f"out{suffix}")
    assert [time - times[0] for time in times] == pytest.approx([float(time * TICK) for time in REGULAR], abs=0.002)


def test_a_part_of_a_late_file_begins_at_zero(tmp_path: Path, srgan: Srgan) -> None:
    source = remux(write_clip(tmp_path / "clip.mp4"), tmp_path / "in.mkv", later=7)
    for options, start in (((), 7), (("--start", "0.2"), 0)):
        assert srgan("upscale", *BICUBIC, source, tmp_path / "out.mp4", "--overwrite", *options).code == 0
        assert read_times(tmp_path / "out.mp4")[0] == start


def test_a_late_video_begins_at_its_own_time(tmp_path: Path, srgan: Srgan) -> None:
    """FFmpeg's muxer would write milliseconds."""
    clip, fragments = write_clip(tmp_path / "clip.mp4", REGULAR[:3]), "frag_keyframe+empty_moov"
    source, target = remux(clip, tmp_path / "in.mp4", later=1 / 24, movflags=fragments), tmp_path / "out.mp4"
    assert srgan("upscale", *BICUBIC, source, target, "--strict").code == 0
    assert read_times(target) == read_times(source)


def shown_times(path: Path) -> list[int | None]:
    with av.open(str(path)) as container:
        return [packet.pts for packet in container.demux(video=0) if packet.size]


def test_a_transport_stream_begins_at_zero_and_all_its_segments_are_found(tmp_path: Path, srgan: Srgan) -> None:
    late = tuple(range(5000 * 600, 5000 * 600 + 24 * 100, 24))
    source = write_clip(tmp_path / "in.ts", late, key_every=12)
    assert srgan("upscale", *BICUBIC, source, tmp_path / "out.mp4").code == 0
    times = read_times(tmp_path / "out.mp4")
    assert (len(times), times[0]) == (100, 0)


def test_avi_without_reordered_frames_is_cut_into_segments(tmp_path: Path, srgan: Srgan) -> None:
    source = write_clip(
        tmp_path / "in.avi", range(200), codec="mpeg4", planes=lambda number, *size: texture(number, *size)
    )
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.avi")
    assert done.code == 0, done.err
    times = read_times(tmp_path / "out.avi")
    assert [time - times[0] for time in times] == [Fraction(number, 25) for number in range(200)]


def test_irregular_times_in_avi_do_not_fall_together(tmp_path: Path, srgan: Srgan) -> None:
    times = (0, 24, 30, 120, 130, 131, 200, 290)
    source = write_clip(tmp_path / "in.mp4", times)
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.avi", "--codec", "ffv1")
    assert (done.code, "fixed frame rate" in done.err) == (0, True)
    assert read_times(tmp_path / "out.avi") == pytest.approx([float(time * TICK) for time in times], abs=0.001)


@pytest.mark.parametrize("suffix", [".webm", ".mkv", ".mp4"])
@pytest.mark.parametrize("title", ["", "a title"])
def test_the_aspect_of_samples_is_kept_for_vp9(tmp_path: Path, srgan: Srgan, suffix: str, title: str) -> None:
    def anamorphic(_container: object, stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        stream.metadata["title"] = title

    source, target = write_clip(tmp_path / "in.mkv", REGULAR[:3], setup=anamorphic), tmp_path / f"out{suffix}"
    done = srgan("upscale", *BICUBIC, source, target, "--codec", "vp9", *(["--strict"] if suffix != ".mp4" else []))
    assert done.code == 0, done.err
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert abs(stream.sample_aspect_ratio - Fraction(4, 3)) < Fraction(1, 96)
        assert suffix == ".mp4" or stream.metadata.get("title", "") == title
        assert len(list(container.decode(stream))) == 3


def test_kernels_need_no_opencv(tmp_path: Path, srgan: Srgan, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_clip(tmp_path / "in.mp4", REGULAR[:3])
    find = "srgan_cli.upscaling.video.options.find_spec"
    monkeypatch.setattr(find, lambda name: None if name == "cv2" else name)
    assert srgan("upscale", *BICUBIC, source, tmp_path / "out.mp4").code == 0
    refused = srgan("upscale", *BICUBIC, "--steady", source, tmp_path / "steady.mp4")
    assert (refused.code, "--steady needs the package cv2" in refused.err) == (2, True)


def test_options_of_video_do_not_concern_pictures(
    tmp_path: Path, srgan: Srgan, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert srgan("upscale", *BICUBIC, picture, f"{tmp_path}/out/").code == 0
    (tmp_path / "srgan.toml").write_text("[upscale]\nsteady = false\ncrf = 20\n")
    assert "in.png is kept" in srgan("upscale", *BICUBIC, picture, f"{tmp_path}/out/").err


def test_frames_before_the_first_key_frame_are_reported(tmp_path: Path, srgan: Srgan) -> None:
    cut = write_clip(tmp_path / "cut.ts")
    cut.write_bytes(cut.read_bytes()[188 * 8 :])
    done = srgan("upscale", *BICUBIC, cut, tmp_path / "out.mkv")
    assert (done.code, "frames are incomplete" in done.err) == (1, True), done.err


def test_concealed_errors_are_reported(tmp_path: Path, srgan: Srgan) -> None:
    source = damage(write_clip(tmp_path / "in.mkv", size=(96, 128)), 8)
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.mkv")
    assert (done.code, "; errors in" in done.err) == (1, True), done.err
    assert len(read_times(tmp_path / "out.mkv")) == len(REGULAR)
