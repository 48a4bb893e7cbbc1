"""What only parts of a container, or later frames, state about a video."""

import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from clips import REGULAR, av, packets, write_clip
from support import Outcome

from srgan_cli.upscaling.video.mux import _cropping, _time_code_losses

pytestmark = pytest.mark.usefixtures("one_core")
Srgan = Callable[..., Outcome]
BICUBIC = ("-m", "bicubic", "-s", "2")
CODE = {"timecode": "10:00:00:00", "reel_name": "A001"}


def timed(_container: Any, stream: Any) -> None:
    """Give a video a time code, which MOV stores as a track of its own."""
    stream.metadata.update(CODE)


def crop(clip: Path) -> Path:
    """Add a clean aperture (ISO/IEC 14496-12) to the sample entry."""
    aperture = struct.pack(">I4s8I", 40, b"clap", 44, 1, 30, 1, 0, 1, 0, 1)
    data = bytearray(clip.read_bytes())
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        at = data.rindex(name) - 4
        size = int.from_bytes(data[at : at + 4], "big")
        data[at : at + 4] = (size + len(aperture)).to_bytes(4, "big")
    data[at + size : at + size] = aperture
    clip.write_bytes(data)
    return clip


def rename_time_code(clip: Path) -> Path:
    """Make the track of a time code one of timed metadata, as of phones."""
    clip.write_bytes(clip.read_bytes().replace(b"tmcd", b"mebx"))
    return clip


def caption(clip: Path) -> Path:
    """Add captions (ATSC A/53) to the last frame."""
    unit = bytes.fromhex("06040eb500314741393403c1fffc942cff80")
    last = packets(clip, "video")[-1]
    made = struct.pack(">I", len(unit)) + unit + last
    with av.open(str(clip)) as before, av.open(str(clip.with_suffix(".mp4")), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0], opaque=True)
        for packet in (packet for packet in before.demux(video=0) if packet.size):
            copy = av.Packet(made if bytes(packet) == last else bytes(packet))
            copy.pts, copy.dts, copy.time_base, copy.stream = packet.pts, packet.dts, packet.time_base, stream
            copy.is_keyframe = packet.is_keyframe
            after.mux(copy)
    return clip.with_suffix(".mp4")


@pytest.mark.parametrize(
    ("make", "loss"),
    [
        (lambda folder: crop(write_clip(folder / "a.mp4")), "the cropping of the frames"),
        (lambda folder: rename_time_code(write_clip(folder / "a.mov", setup=timed)), "stream 1, data unknown"),
        (lambda folder: write_clip(folder / "a.mov", setup=timed), "the reel name A001 of the time code"),
        (lambda folder: caption(write_clip(folder / "a.mkv")), "the side data closed captions"),
        (
            lambda folder: write_clip(folder / "a.avi", codec="mpeg2video", gop_timecode="01:00:00:00"),
            "the side data gop timecode",
        ),
        (lambda folder: write_clip(folder / "a.avi", codec="mpeg2video"), ""),
    ],
    ids=["cropping", "timed metadata", "reel name", "captions", "time code of MPEG-2", "MPEG-2"],
)
def test_what_is_lost_is_reported(tmp_path: Path, srgan: Srgan, make: Callable[[Path], Path], loss: str) -> None:
    target = tmp_path / ("out.mp4" if "reel" in loss else "out.mov")
    done = srgan("upscale", *BICUBIC, make(tmp_path), target, "--strict")
    assert (done.code, f"cannot hold {loss}" in done.err) == (bool(loss), bool(loss)), done.err
    assert not list(tmp_path.glob(".*/000000")), "a frame stops its segment"


def test_cropping_is_that_of_the_stream_alone() -> None:
    text = "  Stream #0:0: Video\n  Stream #0:10: Video\n      Frame Cropping: 0/0/2/2\n  Stream #0:1: Video\n"
    container = SimpleNamespace(dumps_format=lambda: text)
    assert [_cropping(container, SimpleNamespace(index=index)) for index in (0, 1, 10)] == ["", "", "0/0/2/2"]


def test_a_second_reel_name_is_reported() -> None:
    whole: Any = SimpleNamespace(is_cut=False)
    both, one = (
        SimpleNamespace(metadata={}, streams=[SimpleNamespace(metadata={"reel_name": name}) for name in names])
        for names in (("A001", "B002"), ("B002",))
    )
    assert list(_time_code_losses(both, one, whole)) == ["cannot hold the reel name A001 of the time code"]
    assert list(_time_code_losses(one, both, whole)) == []


def test_a_time_code_is_kept_for_its_frame_alone(tmp_path: Path, srgan: Srgan) -> None:
    source = write_clip(tmp_path / "in.mov", REGULAR[:4], setup=timed)
    for name in ("out.mov", "out.mkv", "again.mov"):
        done = srgan("upscale", *BICUBIC, source, tmp_path / name, "--strict")
        assert done.code == 0, done.err
        source = tmp_path / name
    with av.open(str(source)) as container:
        assert container.streams[1].metadata.items() >= CODE.items()
    part = srgan("upscale", *BICUBIC, source, tmp_path / "part.mov", "--start", "0.1")
    assert part.code == 0
    assert "it is not kept in a part, nor is the reel name" in part.err
    assert "cannot hold" not in part.err
    with av.open(str(tmp_path / "part.mov")) as container:
        assert len(container.streams) == 1
