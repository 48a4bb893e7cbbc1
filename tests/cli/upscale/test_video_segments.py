"""Videos that are interrupted, damaged, or shared by several workers."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from clips import damage, packets, read_planes, read_times, write_clip
from support import Outcome

from srgan_cli.batch import video_segments
from srgan_cli.cli.upscale import video_run
from srgan_cli.upscaling.video import segments

pytestmark = pytest.mark.usefixtures("one_core")
Srgan = Callable[..., Outcome]
BICUBIC = ("-m", "bicubic", "-s", "2")


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of 8 frames."""
    monkeypatch.setattr(segments, "_MIN_FRAMES", 8)


def assert_same(one: Path, other: Path) -> None:
    assert read_times(one) == read_times(other)
    for before, after in zip(read_planes(one), read_planes(other), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.usefixtures("short_segments")
@pytest.mark.parametrize(
    ("suffix", "options"), [("mp4", ()), ("mp4", ("--deinterlace",)), ("mp4", ("--no-steady",)), ("avi", ())]
)
def test_an_interrupted_run_goes_on_and_gives_the_same(
    tmp_path: Path, srgan: Srgan, monkeypatch: pytest.MonkeyPatch, weights: Path, suffix: str, options: tuple[str, ...]
) -> None:
    reordered = {"codec": "mpeg4", "bf": "2"} if suffix == "avi" else {"sound": "aac"}
    source = write_clip(tmp_path / f"in.{suffix}", **reordered)  # type: ignore[arg-type]
    whole, target = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    assert srgan("upscale", "-m", weights, "-s", "2", source, whole, *options).code == 0
    done, enlarge = [], video_segments.enlarge_segment

    def interrupted(*arguments: object, **named: object) -> object:
        done.append(arguments[1])
        if len(done) == 2:
            raise KeyboardInterrupt
        return enlarge(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(video_segments, "enlarge_segment", interrupted)
    assert srgan("upscale", "-m", weights, "-s", "2", source, target, *options).code == 130
    folder = tmp_path / ".out.mp4.srgan-video"
    assert not target.exists()
    assert sorted(path.name for path in folder.iterdir()) == ["000000", "lock", "settings"]
    (stale := tmp_path / ".out.srgan-0123abcd.mp4").touch()  # as of a run that was killed while it joined them
    again = srgan("upscale", "-m", weights, "-s", "2", source, target, *options)
    assert not stale.exists()
    assert (again.code, "goes on after 1 of 3 segments" in again.err) == (0, True)
    assert [segment.number for segment in done][-2:] == [1, 2]
    assert not folder.exists()
    assert_same(whole, target)


@pytest.mark.usefixtures("short_segments")
def test_segments_of_other_settings_are_not_used(tmp_path: Path, srgan: Srgan, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = write_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    with monkeypatch.context() as patched:
        patched.setattr(video_run, "join", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert srgan("upscale", *BICUBIC, source, target).code == 130
    done, enlarge = [], video_segments.enlarge_segment

    def counted(*arguments: object, **named: object) -> object:
        done.append(arguments[1])
        return enlarge(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(video_segments, "enlarge_segment", counted)
    assert srgan("upscale", *BICUBIC, source, target, "--crf", 30).code == 0
    assert len(done) == 3


def test_a_damaged_video_is_enlarged_as_far_as_it_goes(tmp_path: Path, srgan: Srgan) -> None:
    source = write_clip(tmp_path / "in.mkv", tuple(range(0, 24 * 100, 24)))
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 2 // 3])
    target = tmp_path / "out.mkv"
    done = srgan("upscale", *BICUBIC, source, target)
    assert (done.code, "is damaged" in done.err, "frames were enlarged" in done.err) == (1, True, True)
    assert 20 < len(read_times(target)) < 100


def test_damaged_packets_are_reported(tmp_path: Path, srgan: Srgan) -> None:
    source = damage(write_clip(tmp_path / "in.mkv", codec="mpeg4", size=(96, 128)), 8)
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.mkv")
    assert (done.code, "is damaged" in done.err) == (1, True)
    assert len(read_times(tmp_path / "out.mkv")) >= 20


@pytest.mark.parametrize("change", [{}, {1: 0xF0, 6: 0xFD}])
def test_damaged_sound_is_left_out(tmp_path: Path, srgan: Srgan, change: dict[int, int]) -> None:
    """FFmpeg reads the headers of AAC from transport streams, and refuses packets with others."""
    source = write_clip(tmp_path / "in.ts", sound="aac")
    head = packets(source, "audio")[2][:10]
    damaged = bytes(change.get(at, byte) for at, byte in enumerate(head)) if change else bytes(10)
    source.write_bytes(source.read_bytes().replace(head, damaged))
    done = srgan("upscale", *BICUBIC, source, tmp_path / "out.mp4")
    assert (done.code, "damaged packets of the audio are left out: 1" in done.err) == (1, True), done.err
    assert len(read_times(tmp_path / "out.mp4")) == 24


def test_workers_and_ranks_share_the_segments(tmp_path: Path, srgan: Srgan) -> None:
    source = write_clip(tmp_path / "in.mp4", tuple(range(0, 24 * 250, 24)), size=(16, 16), key_every=50)
    whole, target, ranked = (tmp_path / f"{name}.mp4" for name in ("whole", "out", "ranked"))
    assert srgan("upscale", *BICUBIC, source, whole).code == 0
    done = srgan("upscale", *BICUBIC, source, target, "--devices", "cpu,cpu")
    assert done.code == 0, done.err
    assert_same(whole, target)
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "-m", "srgan_cli")
    command = [sys.executable, *torchrun, "upscale", *BICUBIC, source, ranked, "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment)
    assert_same(whole, ranked)
