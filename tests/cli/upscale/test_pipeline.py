"""srgan upscale in the shell: standard streams, lists of files, signals, and existing outputs."""

import io
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from batches import PATIENCE, command, outputs, started, wait_until
from PIL import Image
from support import REPOSITORY, Outcome, size_of
from typer.main import get_command

from srgan_cli.cli import app
from srgan_cli.cli.stdio import read_list
from srgan_cli.networks import Generator
from srgan_cli.system.files import digest

pytestmark = pytest.mark.usefixtures("one_core")
Srgan = Callable[..., Outcome]


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Sets the standard input of this process."""

    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give


HINT = "  hint: --overwrite replaces it; to enlarge it too, name a folder after it, such as out/"
PAGE = (REPOSITORY / "docs/pipelines.md").read_text()


def test_a_picture_goes_through_a_pipe(picture: Path, weights: Path) -> None:
    with Image.open(picture) as image:
        image.save(picture.with_suffix(".webp"), lossless=True)
    with picture.with_suffix(".webp").open("rb") as file:
        done = subprocess.run(command("-", "-", "-m", weights), stdin=file, capture_output=True, check=True)
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert (image.format, image.size) == ("WEBP", (80, 56))
    assert done.stderr.decode().startswith("standard input 20 x 14 -> standard output 80 x 56 (tiny on cpu")


def test_standard_input_among_many_files_is_named_so(
    srgan: Srgan, picture: Path, weights: Path, tmp_path: Path, piped: Callable[[bytes], None]
) -> None:
    piped(picture.read_bytes())
    first, second, _ = srgan("upscale", "-", picture, f"{tmp_path}/out/", "-m", weights).err.splitlines()
    assert first.startswith(f"standard input 20 x 14 -> {tmp_path / 'out/stdin.png'} 80 x 56")
    assert second.startswith(f"{picture} 20 x 14 -> {tmp_path / 'out/in.png'} 80 x 56")


def test_errors_name_standard_input_and_output(
    srgan: Srgan, picture: Path, tmp_path: Path, piped: Callable[[bytes], None]
) -> None:
    outcome = srgan("upscale", "--name", "{stem}", picture, "-", "-m", "bicubic")
    assert outcome.err.startswith("srgan: standard output has a name already\n")
    piped(picture.read_bytes())
    other = picture.rename(tmp_path / "stdin.png")
    outcome = srgan("upscale", "-", other, f"{tmp_path}/out/", "-m", "bicubic")
    assert outcome.err.startswith(f"srgan: standard input and {other} would both become {tmp_path}/out/stdin.png\n")


@pytest.mark.parametrize(
    "arguments",
    [
        "--help",
        "models",
        "models --json",
        "score {picture} {picture} --border 0",
        "score {picture} {picture} --json",
        "--version",
    ],
)
def test_a_closed_pipe_exits_with_141_and_no_message(picture: Path, arguments: str) -> None:
    read, write = os.pipe()
    os.close(read)
    line = [sys.executable, "-m", "srgan_cli", *arguments.format(picture=picture).split()]
    done = subprocess.run(line, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_closed_pipe_for_a_picture_is_not_an_error(picture: Path, weights: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command(picture, "-", "-m", weights), stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.returncode == 141
    assert re.fullmatch(r"in\.png 20 x 14 -> .*\n", done.stderr)


def test_the_format_of_standard_output_can_be_chosen(
    srgan: Srgan, picture: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(received))
    assert srgan("upscale", picture, "-", "-m", weights, "--format", "tiff").code == 0
    with Image.open(received) as image:
        assert (image.format, image.size) == ("TIFF", (80, 56))


@pytest.mark.parametrize(
    ("data", "arguments", "code", "message"),
    [
        (b"no picture", "- out.png", 1, "srgan: not a picture: standard input"),
        (b"no picture", "- -", 1, "srgan: not a picture: standard input"),
        (b"", "- out.png", 1, "srgan: standard input is empty"),
        (b"", "- - out", 2, "srgan: standard input is named twice"),
        (b"", "in.png in.png -", 2, "srgan: standard output holds one picture"),
        (b"", ". -", 2, "srgan: standard output holds one picture"),
        (b"", "--from-file - -", 2, "srgan: standard output holds one picture"),
        (b"", "--from-file - - out/", 2, "srgan: standard input cannot be both"),
        (b"", "--from-file missing.txt out/", 1, "srgan: cannot read missing.txt: No such file"),
        (b"", "--json in.png -", 2, "srgan: standard output cannot hold both"),
        (b"", "in.png - --format xyz", 2, "srgan: no format 'xyz'"),
        (b"", "in.png out.png --format jpg", 2, "srgan: out.png asks for PNG, --format for JPEG"),
        (b"", "in.png out.png --name {stem}.png", 2, "srgan: out.png has a name already"),
        (b"", "in.png out/ --overwrite --no-clobber", 2, "srgan: --overwrite and --no-clobber exclude each other"),
        (b"", "- out.y4m --format y4m", 1, "srgan: the video is empty"),
        (b"", "- in.png out.y4m --format y4m", 2, "srgan: raw video takes one file or stream"),
        (b"", "- out.y4m --format y4m --strict", 2, "srgan: raw video takes no --strict"),
        (b"", "- out.y4m --strict", 2, "srgan: raw video takes no --strict"),
        (b"", "- out.y4m --quality 3", 2, "srgan: raw video takes no --quality"),
        (b"YUV4MPEG2 W8 H6 F25:1\n", "- out.y4m", 1, "srgan: the video has no frames"),
        (b"", "- out.y4m --format png", 2, "srgan: out.y4m asks for y4m, --format for png"),
        (b"YUV4MPEG2 W4 H4\n", "- out.png", 1, "srgan: standard input is a raw video"),
        (b"", "/dev/stdin - out/", 2, "srgan: standard input is named twice"),
        (b"", "/dev/fd/777 out.png", 1, "srgan: cannot read /dev/fd/777: Bad file descriptor"),
        (b"", "missing.png -", 1, "srgan: no such file: missing.png"),
    ],
)
def test_invalid_arguments_are_one_line(
    srgan: Srgan,
    picture: Path,
    weights: Path,
    piped: Callable[[bytes], None],
    monkeypatch: pytest.MonkeyPatch,
    data: bytes,
    arguments: str,
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(picture.parent)
    piped(data)
    outcome = srgan("upscale", *arguments.split(), "-m", weights)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith(message)


@pytest.mark.parametrize(("stream", "arguments"), [("stdout", "in.png -"), ("stdin", "- out.png")])
def test_pictures_are_not_read_from_or_written_to_a_terminal(
    srgan: Srgan, picture: Path, monkeypatch: pytest.MonkeyPatch, stream: str, arguments: str
) -> None:
    monkeypatch.chdir(picture.parent)
    ours, theirs = pty.openpty()
    with os.fdopen(ours), os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr(sys, stream, terminal)
        outcome = srgan("upscale", *arguments.split())
    assert outcome.code == 2
    assert f"standard {'output' if stream == 'stdout' else 'input'} is a terminal" in outcome.err


@pytest.fixture
def fifo(picture: Path, tmp_path: Path) -> Iterator[Path]:
    """A FIFO that another process fills with a picture."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with subprocess.Popen(["sh", "-c", f"cat '{picture}' > '{path}'"]) as writer:
        yield path
        writer.kill()


def test_a_picture_is_read_from_a_fifo(srgan: Srgan, fifo: Path, tmp_path: Path) -> None:
    outcome = srgan("upscale", "-m", "bicubic", "-s", "2", fifo, f"{tmp_path}/out/", "--json")
    assert json.loads(outcome.out)["in"] == str(fifo)
    with Image.open(tmp_path / "out/pipe.png") as image:
        assert image.size == (40, 28)


def test_a_picture_is_scored_from_a_fifo(srgan: Srgan, picture: Path, fifo: Path) -> None:
    report = json.loads(srgan("score", picture, fifo, "--json", "--border", "0").out)
    assert [method["mean"]["ssim"] for method in report["methods"]] == [1]


def test_streams_are_read_and_written_in_the_shell(picture: Path, tmp_path: Path) -> None:
    srgan = shlex.join(command("-m", "bicubic", "-s", "2"))
    script = (
        f"cat in.png | {srgan} <(cat in.png) /dev/stdin out/",
        f"{srgan} in.png >(cat > c.png)",
        f"{srgan} in.png /dev/stdout > d.png",
        "sleep 0.5",
    )
    subprocess.run(["bash", "-c", " && ".join(script)], cwd=picture.parent, check=True)
    for name in ("out/63.png", "out/stdin.png", "c.png", "d.png"):
        with Image.open(tmp_path / name) as image:
            assert image.size == (40, 28)


@pytest.mark.parametrize("arguments", ["in.y4m out.y4m", "- out.y4m", "in.y4m -"])
def test_raw_video_is_read_from_files_and_streams(
    srgan: Srgan,
    tmp_path: Path,
    piped: Callable[[bytes], None],
    monkeypatch: pytest.MonkeyPatch,
    arguments: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    tags = b"F30000:1001 Ip A4:3 C444 XCOLORRANGE=FULL"
    video = b"YUV4MPEG2 W4 H2 " + tags + 3 * (b"\nFRAME\n" + bytes(23)) + b"\n"
    Path("in.y4m").write_bytes(video)
    piped(video)
    assert srgan("upscale", "-m", "bicubic", "-s", "2", *arguments.split()).code == 0
    done = Path("out.y4m").read_bytes() if "out" in arguments else sys.stdout.buffer.getvalue()  # type: ignore[attr-defined]
    assert done.startswith(b"YUV4MPEG2 W8 H4 " + tags + b"\n")
    assert done.count(b"FRAME\n") == 3


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path, encoding: str) -> None:
    names = tmp_path / "names.txt"
    names.write_bytes("ä.png\r\nb.png\r\n".encode(encoding))
    assert read_list(str(names)) == ["ä.png", "b.png"]


@pytest.mark.parametrize("separator", ["\0", "\n"])
def test_listed_files_keep_their_folders(
    srgan: Srgan,
    mixture: Path,
    weights: Path,
    piped: Callable[[bytes], None],
    monkeypatch: pytest.MonkeyPatch,
    separator: str,
) -> None:
    monkeypatch.chdir(mixture.parent)
    odd = "mixture/deep/two\nlines.png" if separator == "\0" else "mixture/deep/blank .png"
    (mixture / "deep/1.png").rename(odd)
    names = ["./mixture/deep/0.png", odd, str(mixture / "deep/2.png")]
    piped("".join(name + separator for name in names).encode())
    outcome = srgan("upscale", "--from-file", "-", "out", "-m", weights)
    assert outcome.code == 0
    expected = ["mixture/deep/0.png", odd, str(mixture / "deep/2.png").lstrip("/")]
    assert outputs(Path("out")) == sorted(Path("out") / name for name in expected)


def test_json_has_a_line_for_each_file(srgan: Srgan, picture: Path, weights: Path, tmp_path: Path) -> None:
    Image.new("RGBA", (5, 3), (9, 9, 9, 0)).save(tmp_path / "clear.png")
    (tmp_path / "empty").mkdir()
    places = (picture, tmp_path / "clear.png", tmp_path / "empty", tmp_path / "no.png")
    arguments = ("upscale", "--json", "--format", "jpg", *places)
    outcome = srgan(*arguments, tmp_path / "out", "-m", weights)
    assert outcome.code == 1
    empty, first, second, third = map(json.loads, outcome.out.splitlines())
    assert first["seconds"] > 0
    assert first["peak_memory"] > 50e6
    assert first | {"seconds": 0, "peak_memory": 0} == {
        "in": str(picture),
        "out": str(tmp_path / "out/in.jpg"),
        "status": "enlarged",
        "in_size": [20, 14],
        "out_size": [80, 56],
        "pictures": 1,
        "model": "tiny",
        "sha256": digest(weights),
        "reason": None,
        "consistency": None,
        "value_ranges": None,
        "page_ranges": None,
        "seconds": 0,
        "peak_memory": 0,
        "sidecars": [],
        "warnings": [],
        "error": None,
    }
    example = re.search(r'^    (\{"in".*?\})$', PAGE, re.MULTILINE | re.DOTALL)
    assert example is not None
    assert list(json.loads(example[1])) == list(first)
    assert second["warnings"] == ["clear.jpg: JPEG has no transparency: the picture is flattened on white"]
    assert (third["status"], third["in_size"]) == ("failed", None)
    assert (empty["in"], empty["out"], empty["status"]) == (str(tmp_path / "empty"), str(tmp_path / "out"), "failed")
    assert empty["error"] == f"no pictures in {tmp_path / 'empty'}"
    assert third["error"] == f"no such file: {tmp_path / 'no.png'}"


def test_existing_outputs_are_made_again_only_if_they_would_differ(
    srgan: Srgan, mixture: Path, weights: Path, tmp_path: Path
) -> None:
    source, out = mixture / "deep", tmp_path / "out"
    for number in range(3, 40):
        (source / f"{number}.png").unlink()

    def summary(*options: object) -> str:
        return srgan("upscale", source, out, "-m", weights, *options).err.splitlines()[-1]

    assert summary() == "3 enlarged, 0 failed"
    before = {path: path.stat().st_mtime_ns for path in outputs(out)}
    assert summary() == "0 enlarged, 3 kept, 0 failed"
    assert {path: path.stat().st_mtime_ns for path in outputs(out)} == before
    (out / "0.png").write_bytes(b"")
    (source / "1.png").write_bytes((source / "0.png").read_bytes())
    assert summary("--no-clobber") == "0 enlarged, 3 kept, 0 failed"
    assert summary() == "2 enlarged, 1 kept, 0 failed"
    assert summary("--scale", 4, "--tile", 8) == "0 enlarged, 3 kept, 0 failed"
    assert summary("--overwrite") == "3 enlarged, 0 failed"
    assert summary("--scale", 2) == "3 enlarged, 0 failed"
    assert summary("--scale", 2, "--precision", "fp32") == "3 enlarged, 0 failed"


def test_no_file_is_replaced_by_accident(srgan: Srgan, picture: Path, tmp_path: Path) -> None:
    other, out = tmp_path / "other.png", tmp_path / "out"
    other.write_bytes(b"precious")
    arguments = ("upscale", "-m", "bicubic", "-s", 2, picture)
    outcome = srgan(*arguments, other)
    assert (outcome.code, outcome.err) == (2, f"srgan: {other} exists already\n{HINT}\n")
    assert srgan(*arguments, other, "--no-clobber").code == srgan(*arguments).code == 0
    assert srgan(*arguments).err.endswith("in_x2.png exists already\n  hint: --overwrite replaces it\n")
    assert other.read_bytes() == b"precious"
    assert srgan(*arguments, f"{out}/").code == srgan(*arguments, out, "-s", 3).code == 0
    (out / "in.png").write_bytes(b"retouched")
    outcome = srgan(*arguments, out)
    assert outcome.code == 2
    assert outcome.err.startswith(
        f"srgan: {out}/in.png exists already, not as srgan wrote it\n  hint: --overwrite replaces"
    )
    assert (out / "in.png").read_bytes() == b"retouched"
    for target in (other, out):
        assert srgan(*arguments, target, "--overwrite").code == 0
    assert size_of(other) == size_of(out / "in.png") == (40, 28)


@pytest.mark.parametrize("other", ["link.png", "hard.png", "../folder/in.png"])
def test_an_input_is_never_an_output_under_any_name(srgan: Srgan, picture: Path, other: str) -> None:
    folder = picture.parent / "folder"
    folder.mkdir()
    picture = picture.rename(folder / "in.png")
    (folder / "link.png").symlink_to("in.png")
    (folder / "hard.png").hardlink_to(picture)
    outcome = srgan("upscale", "-m", "bicubic", "--overwrite", picture, folder / other)
    assert (outcome.code, " is the input itself\n" in outcome.err) == (2, True)


def test_a_video_is_not_replaced_by_accident(srgan: Srgan, picture: Path, piped: Callable[[bytes], None]) -> None:
    for options, code in (((), 2), (("--overwrite",), 0)):
        piped(b"YUV4MPEG2 W8 H6 F25:1 Ip\nFRAME\n" + bytes(72))
        assert srgan("upscale", "--format", "y4m", "-m", "bicubic", "-s", 2, *options, "-", picture).code == code


def test_a_killed_batch_may_leave_an_output_without_its_line(srgan: Srgan, picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("upscale", "-m", "bicubic", picture, f"{out}/")
    assert srgan(*arguments).code == 0
    claim, line = (out / ".srgan.jsonl").read_text().splitlines()
    assert json.loads(line)["out"] == json.loads(claim)["out"] == "in.png"
    (out / ".srgan.jsonl").write_text(f"{claim}\n")
    assert " -> " in srgan(*arguments).err


@pytest.mark.parametrize("option", [("--tile", 8), ("--max-memory", "4G"), ("--verify-tiles",)])
def test_tiling_options_matter_where_tiles_are_not_exact(
    srgan: Srgan, picture: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, option: tuple[object, ...]
) -> None:
    monkeypatch.setattr(Generator, "exact_tiles", False)
    arguments = ("upscale", picture, f"{picture.parent}/out/", "-m", weights)
    assert " -> " in srgan(*arguments).err
    assert "is kept" in srgan(*arguments).err
    assert " -> " in srgan(*arguments, *option).err
    assert "is kept" in srgan(*arguments, *option).err


def test_a_folder_can_be_named_after_the_model(srgan: Srgan, picture: Path, weights: Path, tmp_path: Path) -> None:
    name = "{model}/{stem}{suffix}"
    assert srgan("upscale", picture, f"{tmp_path}/out/", "--name", name, "-m", weights).code == 0
    assert outputs(tmp_path / "out") == [tmp_path / "out/tiny/in.png"]


def test_outputs_beside_their_inputs_are_not_inputs(srgan: Srgan, picture: Path, weights: Path) -> None:
    folder = picture.parent / "folder"
    folder.mkdir()
    picture.rename(folder / "in.png")
    for _ in range(2):
        outcome = srgan("upscale", folder, folder, "--name", "{stem}_x{scale}{suffix}", "-m", weights)
        assert outcome.code == 0
    assert outcome.err == f"{folder / 'in_x4.png'} is kept as it is\n"
    assert [path.name for path in outputs(folder)] == ["in.png", "in_x4.png"]


@pytest.mark.parametrize("options", [[], ["--devices", "cpu"]], ids=["thread", "process"])
def test_an_encoder_is_interrupted_at_once(tmp_path: Path, options: list[str]) -> None:
    pytest.importorskip("pillow_heif")
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "in.png")
    line = command("-m", "bicubic", "-s", "4", tmp_path / "in.png", tmp_path / "out.heic", *options)
    with subprocess.Popen(line, stderr=subprocess.DEVNULL) as running:
        wait_until(lambda: list(tmp_path.glob(".out.*")))
        time.sleep(1)  # until it encodes, which takes several seconds
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        assert running.wait() == 130
    assert time.monotonic() - began < 10  # on a busy machine; a second otherwise
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_batch_leaves_only_complete_files(
    mixture: Path, weights: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    out = tmp_path / "out"
    with started(mixture, weights, out) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert "Traceback" not in err
    assert 3 <= len(outputs(out)) < 40
    for path in outputs(out):
        with Image.open(path) as image:
            image.load()


def test_the_next_batch_completes_a_killed_one(srgan: Srgan, mixture: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with started(mixture, weights, out) as process:
        process.kill()
        process.communicate(timeout=PATIENCE)
    (out / "deep/.7.srgan-01234567.png").write_text("left by a killed process")
    outcome = srgan("upscale", mixture, out, "-m", weights)
    assert outcome.code == 1
    *_, summary, first, second = outcome.err.splitlines()
    assert re.fullmatch(r"\d+ enlarged, \d+ kept, 2 failed:", summary)
    assert [first.strip(), second.strip()] == [str(mixture / "cut.png"), str(mixture / "text.jpg")]
    assert outputs(out) == sorted(out / f"deep/{number}.png" for number in range(40))
    for path in outputs(out):
        with Image.open(path) as image:
            assert image.size == (256, 192)
            image.load()


def test_raw_video_goes_through_a_pipe(weights: Path) -> None:
    frames = b"".join(b"FRAME\n" + bytes([shade]) * 72 for shade in (40, 200))
    done = subprocess.run(
        command("--format", "y4m", "-", "-", "-m", weights),
        input=b"YUV4MPEG2 W8 H6 F25:1 Ip\n" + frames,
        capture_output=True,
        check=True,
    )
    assert done.stdout.startswith(b"YUV4MPEG2 W32 H24 F25:1 Ip\nFRAME\n")
    assert len(done.stdout) == len(b"YUV4MPEG2 W32 H24 F25:1 Ip\n") + 2 * (6 + 32 * 24 * 3 // 2)
    assert done.stderr.startswith(b"- 8 x 6 -> - 32 x 24, 2 pictures (tiny on cpu")


def test_every_option_on_the_pages_exists() -> None:
    upscale = get_command(app).commands["upscale"]  # type: ignore[attr-defined]
    known = {option for parameter in upscale.params for option in parameter.opts}
    pages = PAGE + (REPOSITORY / "docs/scaling.md").read_text()
    words = [
        word for line in re.findall(r"srgan upscale ([^|\n`]*)", pages) for word in line.partition(" #")[0].split()
    ]
    assert {"--overwrite", "--json", "--from-file", "--devices", "--on"} <= set(words)
    assert {word for word in words if word.startswith("-")} <= known | {"-"}
