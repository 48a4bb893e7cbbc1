"""srgan upscale with videos."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import REGULAR, TICK, av, flat, packets, read_planes, read_times, remux, texture, write_clip
from PIL import Image
from support import Outcome

from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.upscaling.video.frames import display_matrix

pytestmark = pytest.mark.usefixtures("one_core")
Srgan = Callable[..., Outcome]
BICUBIC = ("-m", "bicubic", "-s", "2")
IRREGULAR = (0, 24, 30, 120, 130, 131, 200, 290)
TURNED = [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30]


def describe(path: Path) -> dict[str, Any]:
    """What a file says of its video."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        context = stream.codec_context
        return {
            "codec": context.codec.canonical_name,
            "format": context.pix_fmt,
            "size": (frame.height, frame.width),
            "tags": (context.color_primaries, context.color_trc, context.colorspace, context.color_range),
            "aspect": stream.sample_aspect_ratio,
            "rotation": frame.rotation,
            "title": container.metadata.get("title"),
            "chapters": len(container.chapters()),
            "side": {item.type.name for item in frame.side_data} - {"SEI_UNREGISTERED"},
        }


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "h264"), ("mov", "h264"), ("mkv", "h264"), ("avi", "h264"), ("webm", "vp9")]
)
def test_frames_and_times_are_those_of_the_input(tmp_path: Path, srgan: Srgan, suffix: str, codec: str) -> None:
    source, target = write_clip(tmp_path / "in.mp4"), tmp_path / f"out.{suffix}"
    done = srgan("upscale", *BICUBIC, source, target, "--json", "--strict")
    assert done.code == 0, done.err
    found = describe(target)
    assert (found["codec"], found["size"], found["format"]) == (codec, (64, 96), "yuv420p")
    times = read_times(target)
    assert [time - times[0] for time in times] == [time * TICK for time in REGULAR]
    record = json.loads(done.out)
    assert (record["pictures"], record["in_size"], record["out_size"]) == (24, [48, 32], [96, 64])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", target.name]
    before, after = read_planes(source), read_planes(target)
    for small, large in zip(before, after, strict=True):
        assert np.abs(large[0].reshape(32, 2, 48, 2).mean((1, 3)) - small[0]).mean() < 4


@pytest.mark.parametrize(("suffix", "codec"), [("avi", "h264"), ("webm", "av1"), ("mov", "hevc")])
def test_ten_bits_are_kept_in_every_container(tmp_path: Path, srgan: Srgan, suffix: str, codec: str) -> None:
    source = write_clip(tmp_path / "in.mkv", REGULAR[:3], codec="libx265", pixel_format="yuv420p10le", size=(32, 64))
    done = srgan("upscale", *BICUBIC, source, tmp_path / f"out.{suffix}", "--strict")
    assert done.code == 0, done.err
    found = describe(tmp_path / f"out.{suffix}")
    assert (found["codec"], found["format"]) == (codec, "yuv420p10le")


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_irregular_times_are_carried(tmp_path: Path, srgan: Srgan, suffix: str) -> None:
    source, target = write_clip(tmp_path / "in.mp4", IRREGULAR), tmp_path / f"out.{suffix}"
    assert srgan("upscale", *BICUBIC, source, target).code == 0
    rounding = 0 if suffix == "mp4" else Fraction(1, 2000)
    for time, expected in zip(read_times(target), IRREGULAR, strict=True):
        assert abs(time - expected * TICK) <= rounding


@pytest.mark.parametrize(
    ("pixel_format", "codec", "levels"),
    [("yuv420p", "libx264", (90, 110, 160)), ("yuv420p10le", "libx265", (361, 441, 643))],
)
@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (9, 16, 9, 1), (6, 6, 6, 2), (2, 2, 2, 0)])
def test_a_single_colour_keeps_its_samples(
    tmp_path: Path,
    srgan: Srgan,
    pixel_format: str,
    codec: str,
    levels: tuple[int, int, int],
    tags: tuple[int, int, int, int],
) -> None:
    def tag(_container: Any, stream: Any) -> None:
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags

    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    write_clip(source, REGULAR[:3], codec=codec, pixel_format=pixel_format, planes=flat(levels), setup=tag, crf="1")
    assert srgan("upscale", *BICUBIC, source, target, "--crf", 1).code == 0
    for before, after in zip(read_planes(source)[0], read_planes(target)[0], strict=True):
        assert np.abs(after - before.flat[0]).max() <= 1
    found = describe(target)["tags"]
    assert found == (*tags[:2], 6 if tags[2] == 2 else tags[2], found[3] if tags[3] == 0 else tags[3])


def _join(target: Path, *parts: tuple[int, tuple[int, int, int, int]]) -> Path:
    """A stream of grey frames, in parts of a luma and tags each."""
    with av.open(str(target), "w") as joined:
        stream = joined.add_stream("h264", rate=25, width=48, height=32, time_base=Fraction(1, 25))
        stream.codec_context.max_b_frames, time = 0, 0
        for luma, tags in parts:
            part = target.with_suffix(".h264")

            def tag(_container: Any, made: Any, tags: tuple[int, ...] = tags) -> None:
                context = made.codec_context
                context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags

            write_clip(part, REGULAR[:3], planes=flat((luma, 128, 128)), setup=tag, crf="1", bf="0")
            with av.open(str(part)) as container:
                for packet in (packet for packet in container.demux() if packet.size):
                    packet.stream, packet.time_base = stream, Fraction(1, 25)
                    packet.pts = packet.dts = time = time + 1
                    joined.mux(packet)
    return target


def test_a_range_that_changes_is_followed(tmp_path: Path, srgan: Srgan) -> None:
    """Luma 40 of 16 to 235 is 28 of 0 to 255."""
    source = _join(tmp_path / "in.ts", (40, (1, 1, 1, 1)), (28, (1, 1, 1, 2)))
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.mp4", "--crf", 1)
    assert done.code == 0, done.err
    frames = read_planes(tmp_path / "out.mp4")
    assert len(frames) == 6
    assert all(np.abs(frame[0].astype(int) - 40).max() <= 1 for frame in frames)


def test_colours_that_change_are_refused(tmp_path: Path, srgan: Srgan) -> None:
    source = _join(tmp_path / "in.ts", (40, (1, 1, 1, 1)), (40, (9, 16, 9, 1)))
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.mp4")
    assert (done.code, done.err.count("the colour primaries change from 1 to 9")) == (1, 1), done.err


@pytest.mark.parametrize(
    ("pixel_format", "options"),
    [
        ("gray", ["--crf", "1"]),
        ("bgr0", ["--crf", "1"]),
        ("bgr0", ["--codec", "mjpeg"]),
        ("bgr0", ["--codec", "PRORES"]),
    ],
)
def test_grey_and_rgb_keep_their_colours(tmp_path: Path, srgan: Srgan, pixel_format: str, options: list[str]) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mov"
    colour = av.VideoFrame.from_ndarray(np.full((32, 48, 3), (200, 90, 30), np.uint8), format="rgb24")
    with av.open(str(source), "w") as container:
        stream = container.add_stream("ffv1", rate=25, width=48, height=32, pix_fmt=pixel_format)
        container.mux([*stream.encode(colour.reformat(format=pixel_format)), *stream.encode(None)])
    done = srgan("upscale", *BICUBIC, source, target, *([] if "PRORES" in options else ["--strict"]), *options)
    assert done.code == 0, done.err
    before, after = (_colour(path) for path in (source, target))
    assert np.abs(after - before).max() <= 3


def _colour(path: Path) -> Any:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)[5, 5]


def test_everything_beside_the_frames_is_copied(tmp_path: Path, srgan: Srgan) -> None:
    def decorate(container: Any, stream: Any) -> None:
        container.metadata["title"] = "A title"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        stream.set_display_matrix(TURNED)
        unit = Fraction(1, 1000)
        chapters = [
            {"id": n, "start": 400 * n, "end": 400 * n + 400, "time_base": unit, "metadata": {}} for n in (0, 1)
        ]
        container.set_chapters(chapters)
        container.add_attachment("font.ttf", "font/ttf", b"a font")

    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    write_clip(source, sound="flac", setup=decorate)
    done = srgan("upscale", *BICUBIC, source, target, "--strict")
    assert done.code == 0, done.err
    found = describe(target)
    assert (found["title"], found["chapters"], found["aspect"], found["rotation"]) == (
        "A title",
        2,
        Fraction(4, 3),
        -90,
    )
    assert packets(target, "audio") == packets(source, "audio")
    with av.open(str(target)) as container:
        assert [stream.data for stream in container.streams.attachments] == [b"a font"]


def test_a_display_matrix_moves_frames_by_their_new_size(tmp_path: Path, srgan: Srgan) -> None:
    moved = [*TURNED[:6], 32 << 16, 0, 1 << 30]
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    write_clip(source, REGULAR[:3], setup=lambda _container, stream: stream.set_display_matrix(moved))
    assert srgan("upscale", *BICUBIC, source, target).code == 0
    with av.open(str(target)) as container:
        assert display_matrix(next(container.decode(video=0))) == (*TURNED[:6], 64 << 16, 0, 1 << 30)


def test_chapters_of_mp4_are_no_stream_that_is_lost(tmp_path: Path, srgan: Srgan) -> None:
    """FFmpeg writes them as a track of text too."""

    def divide(container: Any, _stream: Any) -> None:
        unit = Fraction(1, 1000)
        container.set_chapters([{"id": 1, "start": 0, "end": 400, "time_base": unit, "metadata": {"title": "One"}}])

    source, target = write_clip(tmp_path / "in.mp4", setup=divide), tmp_path / "out.mp4"
    done = srgan("upscale", *BICUBIC, source, target, "--strict")
    assert (done.code, describe(target)["chapters"]) == (0, 1), done.err


@pytest.mark.parametrize("suffix", ["mov", "mp4"])
def test_metadata_of_phones_is_kept(tmp_path: Path, srgan: Srgan, suffix: str) -> None:
    kept = {"com.apple.quicktime.make": "Apple", "com.apple.quicktime.location.ISO6709": "+52-001/", "title": "A title"}
    source, target = write_clip(tmp_path / "in.mp4"), tmp_path / f"out.{suffix}"
    phone = remux(source, tmp_path / "in.mov", metadata=kept, movflags="use_metadata_tags")
    done = srgan("upscale", *BICUBIC, phone, target, "--strict")
    assert done.code == 0, done.err
    with av.open(str(target)) as container:
        assert kept.items() <= container.metadata.items()


@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_sound_of_avi_has_its_length(tmp_path: Path, srgan: Srgan, suffix: str) -> None:
    """FFmpeg's muxer would count MP3 in bytes of a frame's samples."""
    source, target = write_clip(tmp_path / f"in.{suffix}", codec="mpeg4", sound="libmp3lame"), tmp_path / "out.avi"
    assert srgan("upscale", *BICUBIC, source, target).code == 0
    count = len(packets(source, "audio"))
    assert packets(target, "audio") == packets(source, "audio")
    with av.open(str(target)) as container:
        assert abs(container.streams.audio[0].frames - count) <= 1


def test_what_a_container_cannot_hold_is_reported(tmp_path: Path, srgan: Srgan) -> None:
    source = write_clip(tmp_path / "in.mp4", sound="aac")
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.webm")
    assert (done.code, "cannot hold stream 1, audio aac: it is dropped" in done.err) == (0, True)
    done = srgan("upscale", *BICUBIC, source, tmp_path / "strict.webm", "--strict")
    assert (done.code, "leave out --strict" in done.err) == (1, True)
    assert not (tmp_path / "strict.webm").exists()


def test_titles_and_roles_of_streams_are_kept_or_reported(tmp_path: Path, srgan: Srgan) -> None:
    """FFmpeg writes a title to MP4 and reads it as a name, and MOV has no roles."""
    clip, roles = write_clip(tmp_path / "clip.mp4", sound="aac"), av.stream.Disposition.comment

    def describe_sound(streams: dict[int, Any]) -> None:
        streams[1].metadata["title"], streams[1].disposition = "A comment", roles

    source = remux(clip, tmp_path / "a.mp4", setup=describe_sound)
    for number, suffix in enumerate(("mp4", "mkv", "mp4")):
        target = tmp_path / f"{number}.{suffix}"
        done = srgan("upscale", *BICUBIC, source, target, "--strict")
        assert done.code == 0, done.err
        with av.open(str(target)) as container:
            sound = container.streams.audio[0]
            assert "A comment" in sound.metadata.values()
            assert sound.disposition & roles
        source = target
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.mov")
    assert (done.code, "cannot hold the role comment of stream 1" in done.err) == (0, True), done.err


def test_sound_without_named_channels_fits_mp4(tmp_path: Path, srgan: Srgan) -> None:
    source, target = write_clip(tmp_path / "in.avi", codec="mpeg4", sound="pcm_s16le"), tmp_path / "out.mp4"
    done = srgan("upscale", *BICUBIC, source, target, "--strict")
    assert done.code == 0, done.err
    assert b"".join(packets(target, "audio")) == b"".join(packets(source, "audio"))


def test_high_dynamic_range_is_described(tmp_path: Path, srgan: Srgan) -> None:
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    parameters = f"log-level=error:cutree=0:master-display={display}:max-cll=1000,400"
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    write_clip(source, REGULAR[:3], codec="libx265", pixel_format="yuv420p10le", **{"x265-params": parameters})
    assert srgan("upscale", *BICUBIC, source, target, "--strict").code == 0
    for kind in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"):
        assert _side_data(target, kind) == _side_data(source, kind)


def _side_data(path: Path, kind: str) -> list[Fraction] | bytes:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        data = next(bytes(item) for item in frame.side_data if item.type.name == kind)
    return (
        data
        if len(data) < 20
        else [Fraction(*pair) for pair in np.frombuffer(data, np.int32)[:20].reshape(-1, 2).tolist()]
    )


def test_interlaced_video_is_refused_or_deinterlaced(tmp_path: Path, srgan: Srgan) -> None:
    source = write_clip(tmp_path / "in.mkv", **{"x264-params": "tff=1"})
    target = tmp_path / "out.mkv"
    refused = srgan("upscale", *BICUBIC, source, target)
    assert (refused.code, "is interlaced" in refused.err, "--deinterlace" in refused.err) == (1, True, True)
    assert srgan("upscale", *BICUBIC, source, target, "--deinterlace").code == 0
    assert read_times(target) == read_times(source)
    with av.open(str(source)) as before, av.open(str(target)) as after:
        assert before.duration == after.duration


def test_videos_in_a_folder_are_reported_and_pictures_enlarged(tmp_path: Path, srgan: Srgan) -> None:
    (tmp_path / "in").mkdir()
    write_clip(tmp_path / "in/a.mp4", REGULAR[:3])
    Image.new("RGB", (8, 8)).save(tmp_path / "in/b.png")
    done = srgan("upscale", *BICUBIC, tmp_path / "in", f"{tmp_path / 'out'}/")
    assert (done.code, "1 left out" in done.err) == (0, True)
    assert [path.name for path in (tmp_path / "out").glob("[ab]*")] == ["b.png"]
    (tmp_path / "in/b.png").unlink()
    done = srgan("upscale", *BICUBIC, tmp_path / "in", f"{tmp_path / 'out'}/")
    assert (done.code, "1 left out" in done.err, "no pictures in" in done.err) == (1, True, True)


def test_a_video_under_the_name_of_a_picture_is_named_as_such(tmp_path: Path, srgan: Srgan) -> None:
    write_clip(tmp_path / "in.mp4", REGULAR[:3]).rename(tmp_path / "in.png")
    done = srgan("upscale", *BICUBIC, tmp_path / "in.png", tmp_path / "out.png")
    assert (done.code, "is a video" in done.err) == (1, True)


def test_start_and_duration_take_a_part(tmp_path: Path, srgan: Srgan) -> None:
    source, target = write_clip(tmp_path / "in.mp4", sound="aac"), tmp_path / "out.mp4"
    assert srgan("upscale", *BICUBIC, source, target, "--start", "0.2", "--duration", "0.32", "--strict").code == 0
    assert read_times(target) == [time * TICK for time in REGULAR[:8]]
    middle = read_planes(source)[5][0]
    assert np.abs(read_planes(target)[0][0].reshape(32, 2, 48, 2).mean((1, 3)) - middle).mean() < 4
    silent = srgan("upscale", *BICUBIC, source, target, "--overwrite", "--start", "0.8", "--strict")
    assert silent.code == 0, silent.err  # the sound is over: nothing of this part is lost
    late = srgan("upscale", *BICUBIC, source, target, "--overwrite", "--start", "1:00")
    assert (late.code, "no frames from 60 s on" in late.err) == (1, True)
    empty = srgan("upscale", *BICUBIC, source, target, "--overwrite", "--duration", "0")
    assert (empty.code, "no frames from 0 s on, within 0 s" in empty.err) == (1, True)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--codec", "av1x"), 2, "no encoder 'av1x'"),
        (("--codec", "h264", "--preset", "sleepy"), 2, "libx264 has no preset 'sleepy'"),
        (("--codec", "vp9", "--preset", "slow"), 2, "a whole number from -8 to 8, found 'slow'"),
        (("--codec", "h265", "--crf", "99"), 2, "--crf of libx265 is from 0 to 51, found 99"),
        (("--codec", "av1", "--crf", "64"), 2, "--crf of libsvtav1 is from 0 to 63, found 64"),
        (("--codec", "dirac_vaapi"), 2, "PyAV's FFmpeg has on this system: none of this kind"),
        (("--codec", "ffv1", "--crf", "3"), 2, "ffv1 takes no --crf"),
        (("-s", "1.4"), 2, "even height, found 45"),
        (("--start", "soon"), 2, "cannot read --start 'soon'"),
    ],
)
def test_impossible_wishes_are_one_line(
    tmp_path: Path, srgan: Srgan, options: tuple[str, ...], code: int, message: str
) -> None:
    source = write_clip(tmp_path / "in.mp4", REGULAR[:3])
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.mkv", *options)
    assert (done.code, message in done.err) == (code, True), done.err
    assert "Traceback" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize("kind", ["nvenc", "qsv", "amf", "vaapi", "videotoolbox", "v4l2m2m", "mf", "vulkan", "omx"])
def test_a_missing_device_is_one_line_with_its_reason(tmp_path: Path, srgan: Srgan, kind: str) -> None:
    source = write_clip(tmp_path / "in.mp4", REGULAR[:3])
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.mkv", "--codec", f"h264_{kind}")
    if done.code == 0:
        pytest.skip("this machine has the device")
    message, hint = done.err.splitlines()
    assert "does not start on this machine: " in message or f"no encoder 'h264_{kind}'" in message
    assert ("device" if "start" in message else "on this system") in hint
    assert f"h264_{kind}" not in hint
    assert (done.code, [path.name for path in tmp_path.iterdir()]) == (2, ["in.mp4"])


def test_files_that_are_not_videos_are_one_line(tmp_path: Path, srgan: Srgan, picture: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video\n" * 100)
    cut = write_clip(tmp_path / "cut.mp4", REGULAR[:3])
    cut.write_bytes(cut.read_bytes()[:500])
    assert "cut.mp4: its index is missing" in srgan("upscale", *BICUBIC, cut, tmp_path / "out.mp4").err
    head = write_clip(tmp_path / "head.mkv", REGULAR[:3])
    head.write_bytes(head.read_bytes().partition(b"\x1f\x43\xb6\x75")[0])
    assert "head.mkv: it ends before its first frame" in srgan("upscale", *BICUBIC, head, tmp_path / "out.mp4").err
    assert "text.mp4: not a video" in srgan("upscale", *BICUBIC, text, tmp_path / "out.mp4").err
    assert "is a picture, not a video" in srgan("upscale", *BICUBIC, picture, tmp_path / "out.mp4").err
    refused = srgan("upscale", *BICUBIC, text, tmp_path / "out.png")
    assert (refused.code, "is a video, and" in refused.err) == (2, True)
    refused = srgan("upscale", *BICUBIC, picture, tmp_path / "out.png", "--crf", 3)
    assert (refused.code, "--crf is for video" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("frames/%05d.png", "out/", "name the folder, {}/frames/, or {}/frames/*.png"),
        ("frames/%d.png", "out.mp4", "name the folder, {}/frames/, or {}/frames/*.png"),
        ("50%done.png", "out.png", "check the spelling"),
        ("frames/", "out.mp4", "ffmpeg -framerate 25 -i FOLDER/%05d.png {}/out.mp4"),
        ("in.mp4", "out/%05d.png", "ffmpeg -i out.mkv {}/out/%05d.png"),
        ("in.mp4", "my out.png", "ffmpeg -i out.mkv '{}/my out-%05d.png'"),
        ("in.mp4", "out.gif", "ffmpeg -i out.mkv {}/out.gif"),
    ],
)
def test_numbered_pictures_and_animations_are_left_to_ffmpeg(
    tmp_path: Path, srgan: Srgan, picture: Path, source: str, target: str, message: str
) -> None:
    (tmp_path / "frames").mkdir()
    picture.rename(tmp_path / "frames/00001.png")
    write_clip(tmp_path / "in.mp4", REGULAR[:3])
    done = srgan("upscale", *BICUBIC, f"{tmp_path}/{source}", f"{tmp_path}/{target}")
    assert (done.code > 0, message.replace("{}", str(tmp_path)) in done.err) == (True, True), done.err


def test_animated_avif_becomes_a_video_of_all_frames(tmp_path: Path, srgan: Srgan) -> None:
    frames = [Image.new("RGBA", (32, 24), (40 * index, 90, 60, 255 - index)) for index in range(3)]
    for name, count in (("animated.avif", 3), ("still.avif", 1)):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:count], duration=100)
    done = srgan("upscale", *BICUBIC, tmp_path / "animated.avif", tmp_path / "out.mp4")
    assert (done.code, "stream 3, video libdav1d: it is dropped" in done.err) == (0, True), done.err
    with av.open(str(tmp_path / "out.mp4")) as video:
        assert [stream.frames for stream in video.streams] == [3]
    done = srgan("upscale", *BICUBIC, tmp_path / "still.avif", tmp_path / "still.mp4")
    assert "has no video stream" in done.err


@pytest.mark.parametrize("transparency", [None, 0, 200])
def test_gif_becomes_a_video_and_only_its_transparency_is_lost(
    tmp_path: Path, srgan: Srgan, transparency: int | None
) -> None:
    frames = [Image.fromarray(np.full((32, 48), level, np.uint8)).convert("P") for level in (0, 90, 180, 200)]
    frames[2].paste(200, (0, 0, 48, 16))
    frames[3].paste(90, (0, 16, 48, 32))
    kept = {} if transparency is None else {"transparency": transparency, "disposal": 2}
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], duration=[200, 100, 300, 100], **kept)
    done = srgan("upscale", *BICUBIC, tmp_path / "in.gif", tmp_path / "out.mp4", "--strict")
    assert (done.code, "transparency" in done.err) == ((0, False) if transparency is None else (1, True)), done.err
    if transparency is None:
        assert read_times(tmp_path / "out.mp4") == [0, Fraction(1, 5), Fraction(3, 10), Fraction(3, 5)]


def test_a_video_without_time_stamps_is_one_line(tmp_path: Path, srgan: Srgan) -> None:
    source = write_clip(tmp_path / "in.h264", REGULAR[:3])
    refused = srgan("upscale", *BICUBIC, source, tmp_path / "out.mp4")
    assert (refused.code, "has no time stamps" in refused.err) == (1, True)


def test_a_missing_library_is_named(tmp_path: Path, srgan: Srgan, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_clip(tmp_path / "in.mp4", REGULAR[:3])
    monkeypatch.setattr("srgan_cli.upscaling.video.options.find_spec", lambda _name: None)
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.mp4")
    assert (done.code, "pip install 'srgan-cli[video]'" in done.err) == (2, True)


def test_frames_that_repeat_are_computed_once(tmp_path: Path, srgan: Srgan, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    write_clip(source, codec="ffv1", planes=lambda number, *size: texture(number // 6, *size))
    upscale, calls = Upscaler.upscale_stream, []

    def counted(self: Upscaler, *arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return upscale(self, *arguments, **named)

    monkeypatch.setattr(Upscaler, "upscale_stream", counted)
    assert srgan("upscale", *BICUBIC, source, target).code == 0
    assert (len(calls), len(read_times(target))) == (4, 24)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_cover_picture_is_copied(tmp_path: Path, srgan: Srgan, picture: Path, suffix: str) -> None:
    def attach(container: Any, _stream: Any) -> None:
        container.add_attachment("cover.png", "image/png", picture.read_bytes())

    source, target = write_clip(tmp_path / "in.mkv", setup=attach), tmp_path / f"out.{suffix}"
    assert srgan("upscale", *BICUBIC, source, target, "--strict").code == 0
    with av.open(str(target)) as container:
        cover = container.streams.video[1]
        assert cover.disposition & av.stream.Disposition.attached_pic
        assert [bytes(packet) for packet in container.demux(cover) if packet.size] == [picture.read_bytes()]


@pytest.mark.parametrize("option", [["--consistent"], ["--quality", "50"], ["--lossless"]])
def test_options_of_pictures_are_refused(tmp_path: Path, srgan: Srgan, option: list[str]) -> None:
    done = srgan("upscale", *BICUBIC, write_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4", *option)
    assert (done.code, f"{option[0]} is for pictures" in done.err) == (2, True)
