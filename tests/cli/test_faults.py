"""Killed processes, full disks and files that change: no partial output, nothing lost."""

import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from batches import PATIENCE, assert_whole, command
from PIL import Image
from support import REPOSITORY, Outcome

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.reader import open_reader
from srgan_cli.training.run.checkpoints import read_checkpoint

pytestmark = pytest.mark.usefixtures("one_core")
Srgan = Callable[..., Outcome]
TINY_RUN = ("--scale=2", "--channels=4", "--blocks=1", "--patch=8", "--batch=2", "--device=cpu")
# The command line in a process that is killed between writing a file and renaming it.
KILLED = """
import os, signal, sys
from srgan_cli import __main__
from srgan_cli.system import files

commit, name = files.commit, sys.argv.pop(1)

def kill_before_commit(temporary, path):
    if path.name == name:
        os.kill(os.getpid(), signal.SIGKILL)
    commit(temporary, path)

files.commit = kill_before_commit
__main__.main()
"""


def killed_while_writing(name: str, *arguments: object) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, name, *map(str, arguments)], capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("Traceback")) == (-signal.SIGKILL, 0), done.stderr


def left_behind(folder: Path) -> list[Path]:
    return list(folder.rglob(".*.srgan-*"))


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Limit the size of files, so that writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_run_killed_while_saving_resumes_from_the_previous_checkpoint(
    srgan: Srgan, smooth_pictures: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert srgan("train", smooth_pictures, "--run", run, "--steps", 2, *TINY_RUN).code == 0
    killed_while_writing("checkpoint.pt", "train", "--run", run, "--resume", "--steps", 4)
    assert left_behind(run)
    assert not (run / "checkpoint.pt").exists()
    with (run / "metrics.jsonl").open("a") as log:
        log.write('{"step": 3, "pix')  # as after a power cut
    assert read_checkpoint(run)["steps"] == 2
    outcome = srgan("train", "--run", run, "--resume", "--steps", 4)
    assert (outcome.code, outcome.out.strip()) == (0, str(run / "srgan-x2.safetensors"))
    assert read_checkpoint(run)["steps"] == 4
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))
    assert not left_behind(run)


def test_killing_a_score_while_it_writes_keeps_the_existing_page(
    srgan: Srgan, smooth_pictures: Path, tmp_path: Path
) -> None:
    picture, page = smooth_pictures / "0.png", tmp_path / "report.html"
    page.write_text("an earlier page")
    killed_while_writing("report.html", "score", picture, picture, "--html", page, "--overwrite")
    assert page.read_text() == "an earlier page"
    assert left_behind(tmp_path)
    assert srgan("score", picture, picture, "--html", page).code == 2
    assert srgan("score", picture, picture, "--html", page, "--overwrite").code == 0
    assert page.read_text().startswith("<!doctype html>")
    assert not left_behind(tmp_path)


def test_two_processes_share_an_output_folder(mixture: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number in range(12, 40):
        (mixture / f"deep/{number}.png").unlink()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command(mixture, out, "-m", weights), **pipes) for _ in range(2)]
    messages = [process.communicate(timeout=PATIENCE)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1], messages
    assert all(", 2 failed:" in err and "Traceback" not in err for err in messages)
    assert_whole(out, 12)
    assert not left_behind(out)
    lines = [json.loads(line) for line in (out / ".srgan.jsonl").read_text().splitlines()]
    assert {line["out"] for line in lines} == {f"deep/{number}.png" for number in range(12)}


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".gif"])
def test_a_full_disk_keeps_the_existing_output(srgan: Srgan, picture: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out/a{suffix}"
    out.parent.mkdir()
    out.write_text("an earlier output")
    with full_disk(1500):
        outcome = srgan("upscale", "--overwrite", picture, out, "-m", "bicubic")
    assert (outcome.code, outcome.out) == (1, "")
    hint = "the file is too large for this disk or the limits of this process"
    assert outcome.err.endswith(f"srgan: cannot write {out}: File too large\n  hint: {hint}\n")
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    assert out.read_text() == "an earlier output"


def test_a_run_stopped_by_a_full_disk_can_be_resumed(srgan: Srgan, smooth_pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert srgan("train", smooth_pictures, "--run", run, "--steps", 2, *TINY_RUN).code == 0
    with full_disk(20_000):
        outcome = srgan("train", "--run", run, "--resume", "--steps", 4)
    assert outcome.code == 1
    assert "File too large" in outcome.err
    assert read_checkpoint(run)["steps"] == 2
    assert not left_behind(run)
    assert srgan("train", "--run", run, "--resume", "--steps", 4).code == 0


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that even root cannot write to")
def test_a_folder_that_cannot_be_written_is_an_error(srgan: Srgan, picture: Path) -> None:
    outcome = srgan("upscale", picture, "/sys/kernel/out.png", "-m", "bicubic")
    assert outcome.code == 1
    first, second = outcome.err.splitlines()
    assert "/sys/kernel" in first
    assert "choose another" in second


@pytest.mark.parametrize("form", ["png", "tiff", "jpeg", "gif", "webp", "bmp"])
@pytest.mark.parametrize("change", ["written to", "replaced", "cut short", "gone"])
def test_a_picture_that_changes_while_it_is_read_is_an_error(tmp_path: Path, form: str, change: str) -> None:
    path, other = tmp_path / f"a.{form}", tmp_path / f"other.{form}"
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    Image.fromarray(noise[::-1, ::-1]).save(other)
    changes: dict[str, Callable[[], object]] = {
        "written to": lambda: path.write_bytes(other.read_bytes()),
        "replaced": lambda: other.replace(path),
        "cut short": lambda: path.write_bytes(other.read_bytes()[:200]),
        "gone": path.unlink,
    }

    def read() -> None:
        with open_reader(path) as source:
            raster = source.read(0)
            changes[change]()
            _ = raster.values

    with pytest.raises(PictureError, match=r"changed while it was read|no such file"):
        read()


def test_clocks_may_jump(
    srgan: Srgan, picture: Path, smooth_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock goes back an hour at each reading; files have times in the future and at the epoch."""
    jumps = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))
    outcome = srgan("train", smooth_pictures, "--run", tmp_path / "run", "--time", "1s", *TINY_RUN)
    assert outcome.code == 0, outcome.err
    seconds = [json.loads(line)["seconds"] for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert seconds == sorted(seconds)
    assert 0 <= seconds[0] <= seconds[-1] < 60
    folder = tmp_path / "out"
    assert srgan("upscale", picture, f"{folder}/", "-m", "bicubic").code == 0
    os.utime(picture, (2**33, 2**33))
    os.utime(folder / "in.png", (0, 0))
    assert srgan("upscale", picture, f"{folder}/", "-m", "bicubic").err.endswith("is kept as it is\n")


NAMES = ["two\nlines", "blank s", "\N{GRINNING FACE}", "\udcff\udcfe", "-m", "[bold]", "\x1b[31mred"]


@pytest.mark.skipif(sys.platform == "darwin", reason="file names must be Unicode")
def test_unusual_file_names_are_kept(srgan: Srgan, smooth_pictures: Path, tmp_path: Path) -> None:
    odd, out = tmp_path / "odd \N{GRINNING FACE}\n\udcff", tmp_path / "out \udcfe\n"
    odd.mkdir()
    for number, name in enumerate(NAMES):
        (odd / f"{name}.png").write_bytes((smooth_pictures / f"{number % 4}.png").read_bytes())
    names = sorted(f"{name}.png" for name in NAMES)
    outcome = srgan("upscale", "--json", odd, out, "-m", "bicubic", "--scale", 1)
    assert outcome.code == 0, outcome.err
    records = [json.loads(line) for line in outcome.out.splitlines()]
    assert [line["in"] for line in records] == [str(odd / name) for name in names]
    assert sorted(path.name for path in out.glob("[!.]*")) == names
    scores = srgan("score", "--json", odd, out)
    assert scores.code == 0, scores.err
    assert sorted(line["name"] for line in json.loads(scores.out)["pictures"]) == sorted(NAMES)
    assert srgan("score", odd, out).code == srgan("score", "--markdown", odd, out).code == 0
    pages = ("--html", tmp_path / "\udcff.html", "--figure", tmp_path / "\udcff.png")
    drawn = srgan("score", *pages, odd, out)
    assert drawn.code == 0, drawn.err
    trained = srgan("train", odd, "--run", tmp_path / "run\n\udcff", "--steps", 1, *TINY_RUN)
    assert trained.code == 0, trained.err
    assert srgan("train", "--run", tmp_path / "run\n\udcff", "--resume", "--steps", 2).code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_errors(tmp_path: Path, closed: str) -> None:
    source = REPOSITORY / "examples/cat.png"
    words = [sys.executable, "-m", "srgan_cli", "upscale", "-m", "bicubic", str(source)]
    line = f"{shlex.join([*words, str(tmp_path / 'out.png')])} {closed}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert "Error" not in done.stderr
    assert (tmp_path / "out.png").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_reader_of_both_streams_that_leaves_ends_the_command(picture: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "srgan_cli", "upscale", "-m", "bicubic", str(picture), str(tmp_path / "out.png")]
    reading, writing = os.pipe()
    os.close(reading)
    assert subprocess.run(words, stdout=writing, stderr=writing, check=False).returncode == 141


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    "arguments", ["--help", "score --help", "models", "models --json", "upscale -m bicubic {picture} -"]
)
def test_results_for_a_closed_standard_output_are_an_error(picture: Path, arguments: str) -> None:
    line = f"{sys.executable} -m srgan_cli {arguments.format(picture=picture)} >&-"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    message = "srgan: cannot write standard output: Bad file descriptor"
    assert done.stderr.splitlines()[-2:] == [message, "  hint: it is closed: leave it open, or name a file"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "arguments", ["--help", "score --help", "models", "models --json", "upscale -m bicubic {picture} -"]
)
def test_output_to_a_full_disk_is_a_line(picture: Path, arguments: str) -> None:
    words = [sys.executable, "-m", "srgan_cli", *arguments.format(picture=picture).split()]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "srgan: cannot write standard output: No space left on device\n  hint: the disk is full" in done.stderr


def test_names_may_be_as_long_as_the_file_system_allows(srgan: Srgan, picture: Path, tmp_path: Path) -> None:
    longest = picture.rename(picture.with_name(f"{'l' * 251}.png"))
    assert srgan("upscale", "-m", "bicubic", longest, f"{tmp_path}/out/").code == 0
    assert (tmp_path / "out" / longest.name).exists()
    outcome = srgan("upscale", "-m", "bicubic", longest)
    assert outcome.code == 1
    assert "hint: the name is too long: choose a shorter one" in outcome.err


def test_a_circular_link_is_no_output_and_missing_inputs_make_no_folder(
    srgan: Srgan, picture: Path, tmp_path: Path
) -> None:
    (link := tmp_path / "loop.png").symlink_to(link)
    assert "bug" not in srgan("upscale", "-m", "nearest", picture, link).err
    assert srgan("upscale", "-m", "nearest", tmp_path / "none.png", f"{tmp_path}/out/").code == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("rank", "reason"), [("0", "'MASTER_ADDR'"), ("x", "invalid literal for int() with base 10: 'x'")]
)
def test_variables_of_torchrun_alone_are_an_error(
    srgan: Srgan, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: str, reason: str
) -> None:
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    outcome = srgan("upscale", "-m", "nearest", picture, tmp_path / "out.png")
    assert (outcome.code, outcome.err.count(f"variables of torchrun are incomplete: {reason}")) == (2, 1), outcome.err
