"""The commands as a user meets them: what is printed where, and the exit codes."""

import json
import re
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support import REPOSITORY, Outcome
from typer.main import get_command

from srgan_cli import __main__
from srgan_cli.cli import app
from srgan_cli.cli.train.command import parse_duration
from srgan_cli.errors import UsageError
from srgan_cli.image.codec import limits
from srgan_cli.image.io import read_picture, write_picture
from srgan_cli.image.metadata.metadata import Metadata, build_exif, parse_exif
from srgan_cli.image.ops import KERNELS
from srgan_cli.image.picture import Picture
from srgan_cli.metrics import METRICS, SET_METRICS
from srgan_cli.metrics.distribution.extractors import EXTRACTORS
from srgan_cli.scoring.protocol import MISMATCHES, PROTOCOLS
from srgan_cli.training.config import SETTINGS
from srgan_cli.training.run.folder import read_checkpoint
from srgan_cli.upscaling import upscaler
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.weights.backbones import METRIC_WEIGHTS_VARIABLE

TINY_RUN = ["--scale=2", "--channels=8", "--blocks=1", "--patch=8", "--batch=2", "--device=cpu"]


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for index in range(3):
        noise = np.random.default_rng(index).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{index}.png")
    return folder


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("[!.]*") if path.is_file())


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_upscale_writes_the_picture_and_keeps_stdout_clean(
    srgan: Callable[..., Outcome], picture: Path, weights: Path
) -> None:
    target = picture.with_name("out.webp")
    outcome = srgan("upscale", picture, target, "-m", weights)
    assert (outcome.code, outcome.out) == (0, "")
    assert "in.png 20 x 14 -> out.webp 80 x 56 (tiny on cpu" in outcome.err
    assert size_of(target) == (80, 56)


@pytest.mark.parametrize(("scale", "size"), [("2", (40, 28)), ("3", (60, 42)), ("1.5", (30, 21)), ("6", (120, 84))])
def test_upscale_reaches_any_scale(
    srgan: Callable[..., Outcome], picture: Path, weights: Path, scale: str, size: tuple[int, int]
) -> None:
    target = picture.with_name("out.png")
    assert srgan("upscale", picture, target, "-m", weights, "-s", scale, "--tile", 7).code == 0
    assert size_of(target) == size


def test_upscale_says_what_the_format_cannot_hold(srgan: Callable[..., Outcome], weights: Path, tmp_path: Path) -> None:
    Image.new("RGBA", (5, 5), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    outcome = srgan("upscale", tmp_path / "clear.png", tmp_path / "out.jpg", "-m", weights)
    assert outcome.code == 0
    assert "JPEG has no transparency" in outcome.err


def test_upscale_fails_rather_than_drop_anything_when_strict(
    srgan: Callable[..., Outcome], weights: Path, tmp_path: Path
) -> None:
    Image.new("RGBA", (5, 5), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    outcome = srgan("upscale", "--strict", tmp_path / "clear.png", tmp_path / "out.jpg", "-m", weights)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.splitlines()[0] == "srgan: out.jpg: JPEG has no transparency: the picture is flattened on white"
    assert not (tmp_path / "out.jpg").exists()
    assert srgan("upscale", "--strict", tmp_path / "clear.png", tmp_path / "out.png", "-m", weights).code == 0


def test_upscale_says_how_ink_became_light(srgan: Callable[..., Outcome], weights: Path, tmp_path: Path) -> None:
    Image.new("CMYK", (5, 5), (200, 0, 0, 0)).save(tmp_path / "ink.jpg")
    outcome = srgan("upscale", tmp_path / "ink.jpg", tmp_path / "out.png", "-m", weights)
    assert outcome.code == 0
    assert "srgan: out.png: its CMYK is converted to sRGB by plain arithmetic: it has no profile" in outcome.err
    assert srgan("upscale", "--strict", tmp_path / "ink.jpg", tmp_path / "strict.png", "-m", weights).code == 1
    assert not (tmp_path / "strict.png").exists()


def test_upscale_goes_through_all_frames(srgan: Callable[..., Outcome], weights: Path, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 4), (shade, 20, 20)) for shade in (10, 120, 240)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], duration=[40, 80, 120], loop=2)
    outcome = srgan("upscale", tmp_path / "in.gif", tmp_path / "out.webp", "-m", weights)
    assert outcome.code == 0
    assert "in.gif 6 x 4 -> out.webp 24 x 16, 3 pictures (tiny on cpu" in outcome.err
    with Image.open(tmp_path / "out.webp") as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (3, (24, 16), 3)
    still = srgan("upscale", tmp_path / "in.gif", tmp_path / "out.jpg", "-m", weights)
    assert "srgan: out.jpg: JPEG cannot store several frames: 2 of 3 are dropped" in still.err
    assert srgan("upscale", "--strict", tmp_path / "in.gif", tmp_path / "no.jpg", "-m", weights).code == 1


def test_upscale_keeps_16_bits_of_colour_and_what_is_told(
    srgan: Callable[..., Outcome], weights: Path, tmp_path: Path
) -> None:
    told = Metadata(build_exif({271: "Camera"}), b"<x/>", (300, 300))
    write_picture(Picture(torch.rand(3, 6, 7), torch.rand(1, 6, 7), 16, b"profile", told), tmp_path / "in.tif")
    for name in ("out.png", "out.tif"):
        outcome = srgan("upscale", "--strict", tmp_path / "in.tif", tmp_path / name, "-m", weights)
        assert (outcome.code, len(outcome.err.splitlines())) == (0, 1)
        back = read_picture(tmp_path / name)
        assert (back.depth, back.icc_profile, back.metadata.xmp) == (16, b"profile", b"<x/>")
        assert back.metadata.dpi == pytest.approx((300, 300), abs=0.02)
        assert parse_exif(back.metadata.exif)[271] == "Camera"
        assert back.alpha is not None
        assert len(torch.unique(back.pixels * 65_535 % 257)) > 100


def test_upscale_refuses_what_cannot_be_held_before_any_work(
    srgan: Callable[..., Outcome], weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("no work was to be done")

    Image.new("L", (4096, 1)).save(tmp_path / "long.png")
    monkeypatch.setattr(upscaler.Upscaler, "upscale_stream", work)
    outcome = srgan("upscale", tmp_path / "long.png", tmp_path / "out.webp", "-m", weights)
    assert outcome.code == 1
    assert "WEBP stores at most 16383 pixels a side, the picture is 16384 x 4" in outcome.err


def test_upscale_goes_on_after_a_bad_file_and_sums_up(
    srgan: Callable[..., Outcome], picture: Path, photographs: Path, weights: Path, tmp_path: Path
) -> None:
    (photographs / "below").mkdir()
    (photographs / "below/cut.png").write_bytes(picture.read_bytes()[:150])
    outcome = srgan("upscale", photographs, picture, tmp_path / "missing.png", tmp_path / "out", "-m", weights)
    assert (outcome.code, outcome.out) == (1, "")
    assert files_in(tmp_path / "out") == ["0.png", "1.png", "2.png", "in.png"]
    assert size_of(tmp_path / "out/2.png") == (128, 128)
    *_, summary, first, second = outcome.err.splitlines()
    assert summary == "4 enlarged, 2 failed:"
    assert (first.strip(), second.strip()) == (str(photographs / "below/cut.png"), str(tmp_path / "missing.png"))
    assert f"srgan: no such file: {tmp_path / 'missing.png'}" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("upscale missing.png out.png", 1, "no such file: missing.png"),
        ("upscale text.png out.png", 1, "not a picture: text.png"),
        ("upscale cut.png out.png", 1, "cannot read cut.png"),
        ("upscale . out.png", 2, "out.png is one file, expected a folder for many pictures"),
        ("upscale in.png pictures/small.png out.png", 2, "out.png is one file"),
        ("upscale in.png pictures/small.png in.png", 2, "in.png is one file"),
        ("upscale pictures pictures", 2, "pictures/small.png is the input itself"),
        ("upscale empty pictures", 1, "no pictures in empty"),
        ("upscale in.png out/ --name {width}", 2, "the name '{width}' has {width}"),
        ("upscale in.png nowhere/out.png", 1, "no such folder: nowhere"),
        ("upscale in.png out.xyz", 2, "'.xyz'"),
        ("upscale in.png out", 2, "no suffix"),
        ("upscale in.png in.png", 2, "in.png is the input itself"),
        ("upscale text.png ./text.png --format y4m", 2, "text.png is the input itself"),
        ("upscale in.png out.png -m nosuch", 2, "no weights named 'nosuch'"),
        ("upscale in.png out.png -m nosuch.safetensors", 1, "no such weights file"),
        ("upscale in.png out.png -m in.png", 1, "not a readable safetensors file"),
        ("upscale in.png out.png --device tpu", 2, "no device 'tpu'"),
        ("upscale in.png out.png --scale 0", 2, "cannot enlarge 0 times"),
        ("upscale in.png out.png --scale nan", 2, "cannot enlarge nan times"),
        ("upscale in.png out.png --tile -1", 2, "--tile"),
        ("upscale in.png", 2, "OUT is missing"),
        ("upscale", 2, "IN and OUT"),
        ("score empty in.png", 1, "one is a file and the other a folder"),
        ("score empty empty", 1, "no pictures in empty"),
        ("score . pictures", 1, "no picture in pictures has the name of one in ."),
        ("score missing missing", 1, "no such file or folder: missing"),
        ("train missing", 1, "no such file or folder: missing"),
        ("train empty", 1, "no pictures in empty"),
        ("train pictures", 1, "0 usable pictures"),
        ("train pictures --time soon", 2, "cannot read the duration 'soon'"),
        ("train pictures --time 1h --steps 5", 2, "either a time or a number of steps"),
        ("train pictures --scale 7", 2, "scale is 7"),
        ("train pictures --resume", 1, "no checkpoint in run"),
        ("train --resume --config run.toml", 2, "keeps its settings, found --config"),
        ("train pictures --generator swinir --channels 10", 2, "10 channels cannot be shared among 6 heads"),
        ("train pictures --init-from nosuch", 2, "no weights named 'nosuch'"),
        ("nonsense", 2, "nonsense"),
    ],
)
def test_a_mistake_gets_a_clear_line_and_an_honest_exit_code(
    srgan: Callable[..., Outcome],
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: str,
    code: int,
    message: str,
) -> None:
    folder = picture.parent
    monkeypatch.chdir(folder)
    for name in ("folder.png", "empty", "pictures"):
        (folder / name).mkdir()
    (folder / "text.png").write_text("not a picture")
    (folder / "cut.png").write_bytes(picture.read_bytes()[:150])
    Image.new("RGB", (9, 9)).save(folder / "pictures/small.png")
    outcome = srgan(*arguments.split())
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert not (folder / "out.png").exists()


def bomb(path: Path, side: int) -> Path:
    """A PNG or a JPEG of a few bytes that says it is `side` pixels wide and high."""
    Image.new("RGB", (8, 8)).save(path)
    data, size = path.read_bytes(), side.to_bytes(4, "big")
    if path.suffix == ".png":
        head = b"IHDR" + size + size + data[24:29]
        data = data[:12] + head + zlib.crc32(head).to_bytes(4, "big") + data[33:]
    else:
        place = data.index(b"\xff\xc0") + 5
        data = data[:place] + size[2:] + size[2:] + data[place + 4 :]
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_that_claims_too_much_is_refused(srgan: Callable[..., Outcome], tmp_path: Path, suffix: str) -> None:
    path, out = bomb(tmp_path / f"a{suffix}", 15_000), tmp_path / "out.png"
    lines = ["upscale", path, out, "-m", "bicubic"], ["score", path, path], ["train", tmp_path, "--check"]
    for most, options in ((178_956_970, []), (1000, ["--max-pixels", 1000])):
        for line in lines:
            outcome = srgan(*line, *options)
            assert outcome.code == 1
            assert f"{path} has 225000000 pixels, more than --max-pixels ({most})" in outcome.err
    assert srgan(*lines[0]).err.endswith("hint: raise --max-pixels if you trust the file\n")
    assert not out.exists()


def test_a_later_page_that_claims_too_much_is_refused_where_it_is_wanted(
    srgan: Callable[..., Outcome], tmp_path: Path
) -> None:
    path, width, height = tmp_path / "a.tif", b"\x00\x01\x04\x00\x01\x00\x00\x00", b"\x01\x01\x04\x00\x01\x00\x00\x00"
    Image.new("RGB", (8, 6)).save(path, save_all=True, append_images=[Image.new("RGB", (8, 6))])
    data = path.read_bytes()
    for tag in (width, height):
        place = data.rindex(tag) + len(tag)
        data = data[:place] + (15_000).to_bytes(4, "little") + data[place + 4 :]
    path.write_bytes(data)
    outcome = srgan("upscale", path, tmp_path / "out.tif", "-m", "bicubic")
    assert outcome.code == 1
    assert f"{path} has 225000000 pixels" in outcome.err
    assert srgan("upscale", path, tmp_path / "out.png", "-m", "bicubic").code == 0


def test_what_is_trusted_to_be_large_is_read(
    srgan: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DEFAULT_MAX_PIXELS", 100)
    Image.effect_noise((20, 20), 50).save(tmp_path / "a.png")
    Image.new("L", (300, 300)).save(tmp_path / "plain.png", compress_level=9)
    for name, options, code in (("a", [], 0), ("plain", [], 1), ("plain", ["--max-pixels", 90_000], 0)):
        line = ("upscale", tmp_path / f"{name}.png", tmp_path / "out.png", "-m", "bicubic", "-s", 2)
        assert srgan(*line, *options).code == code


def test_an_unknown_model_is_answered_with_the_nearest_name(srgan: Callable[..., Outcome], picture: Path) -> None:
    outcome = srgan("upscale", picture, picture.with_name("out.png"), "-m", "sgran-x4")
    assert "did you mean srgan-x4?" in outcome.err


def test_the_unforeseen_is_one_line_too_unless_debug_asks_for_more(
    srgan: Callable[..., Outcome],
    picture: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("sparks\nand smoke")

    monkeypatch.setattr(upscaler.Upscaler, "upscale_stream", fail)
    arguments = ("upscale", picture, picture.with_name("out.png"), "-m", weights)
    outcome = srgan(*arguments)
    assert outcome.code == 1
    assert outcome.err.splitlines()[0] == "srgan: RuntimeError: sparks"
    monkeypatch.setattr(sys, "argv", ["srgan", *map(str, arguments), "--debug"])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 1
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize("command", ["upscale", "score", "train"])
def test_help_has_an_example(srgan: Callable[..., Outcome], command: str) -> None:
    outcome = srgan(command, "--help")
    assert outcome.code == 0
    assert f"Example: srgan {command} " in " ".join(outcome.out.split())


def test_version(srgan: Callable[..., Outcome]) -> None:
    assert re.match(r"srgan \d+\.\d+\.\d+\n", srgan("--version").out)


def test_score_prints_every_picture_the_mean_and_the_protocol(srgan: Callable[..., Outcome], photographs: Path) -> None:
    outcome = srgan("score", photographs, photographs, "--channels", "rgb", "--scale", 2)
    assert outcome.code == 0
    assert outcome.err == ""
    assert re.search(r"^ *1 .*inf .*1\.0000", outcome.out, re.MULTILINE)
    assert re.search(r"mean of 3 .*1\.0000", outcome.out)
    assert "protocol: RGB, border 2 px cut" in outcome.out


def test_score_as_json_names_what_is_missing_and_fails(
    srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (32, 32)).save(other / "0.jpg")
    Image.new("RGB", (33, 32)).save(other / "1.png")
    outcome = srgan("score", photographs, other, "--json")
    report = json.loads(outcome.out)
    assert outcome.code == 1
    assert [row["name"] for row in report["pictures"]] == ["0"]
    assert report["protocol"]["border"] == 4
    assert "srgan: 2: only among the references" in outcome.err
    assert "srgan: 1: the reference is 32 x 32, the candidate 33 x 32" in outcome.err


@pytest.fixture
def results(photographs: Path, tmp_path: Path) -> list[Path]:
    """Two folders of results: one near its originals, one far."""
    folders = []
    for name, spread in (("near", 4), ("far", 60)):
        folder = tmp_path / name
        folder.mkdir()
        for path in photographs.iterdir():
            with Image.open(path) as image:
                pixels = np.asarray(image).astype(int)
            noise = np.random.default_rng(1).integers(-spread, spread + 1, pixels.shape)
            Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(folder / path.name)
        folders.append(folder)
    return folders


def test_score_prints_a_row_a_method_and_their_differences(
    srgan: Callable[..., Outcome], photographs: Path, results: list[Path]
) -> None:
    outcome = srgan("score", photographs, *results, "--baseline", "bicubic", "--scale", 2)
    assert outcome.code == 0
    assert [line.split()[0] for line in outcome.out.splitlines() if re.match(r" *(near|far|bicubic) +3 ", line)] == [
        *("near", "far", "bicubic"),
    ]
    assert re.search(r"near − far +3 +\+\d+\.\d\d \[\+", outcome.out)
    assert "protocol: BT.601 luma (16–235), border 2 px cut" in outcome.out


@pytest.mark.parametrize(
    ("limit", "code", "message"),
    [
        (("--fail-under", "psnr=10"), 0, ""),
        (("--fail-under", "psnr=99"), 1, "srgan: PSNR of near is 4"),
        (("--fail-over", "gradients=0"), 1, "srgan: gradients of near is 0."),
        (("--fail-over", "psnr"), 2, "srgan: cannot read the threshold 'psnr'"),
    ],
)
def test_score_fails_when_a_limit_is_broken_and_says_which(
    srgan: Callable[..., Outcome],
    photographs: Path,
    results: list[Path],
    limit: tuple[str, str],
    code: int,
    message: str,
) -> None:
    outcome = srgan("score", photographs, results[0], *limit)
    assert outcome.code == code
    assert outcome.err.startswith(message)


@pytest.mark.parametrize(
    ("form", "beginning"), [("--csv", "picture,method,"), ("--markdown", "| picture |"), ("--latex", "% protocol: RGB")]
)
def test_score_prints_other_forms(
    srgan: Callable[..., Outcome], photographs: Path, results: list[Path], form: str, beginning: str
) -> None:
    outcome = srgan("score", photographs, results[0], form, "--protocol", "rgb")
    assert outcome.code == 0
    assert outcome.out.startswith(beginning)
    assert srgan("score", photographs, results[0], form, "--json").code == 2


def test_score_draws_a_figure_and_a_page(
    srgan: Callable[..., Outcome], photographs: Path, results: list[Path], tmp_path: Path
) -> None:
    figure, page = tmp_path / "figure.png", tmp_path / "page.html"
    outcome = srgan("score", photographs, *results, "--figure", figure, "--html", page, "--crop", "2,3,16,12")
    assert outcome.code == 0
    assert size_of(figure)[0] > 3 * 16 * 18
    assert "far" in page.read_text()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--figure", "figure.jpg"), 2, "figure.jpg does not end in .png"),
        (("--html", "missing/page.html"), 1, "no such folder: missing"),
        (("--crop", "1,2,3,4"), 2, "--crop needs --figure"),
        (("--figure", "figure.png", "--crop", "0,0,99,99"), 2, "the crop 0,0,99,99 is not within"),
        (("--metric", "fid", "--features", "retina"), 2, "unknown features 'retina'"),
    ],
)
def test_score_refuses_what_makes_no_sense(
    srgan: Callable[..., Outcome],
    photographs: Path,
    results: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(results[0])
    outcome = srgan("score", photographs, results[0], *options)
    assert outcome.code == code
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_networks_of_metrics_are_read_from_the_folder_named(
    srgan: Callable[..., Outcome], backbones: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(METRIC_WEIGHTS_VARIABLE, "")
    cat = REPOSITORY / "examples/cat.png"
    outcome = srgan("score", cat, cat, "--metric", "sqd", "--metric-weights", backbones, "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["mean"] == {"sqd": 0}
    assert "does not exist" in srgan("score", cat, cat, "--metric-weights", "nowhere").err


def test_the_help_of_score_names_every_metric_and_choice(srgan: Callable[..., Outcome]) -> None:
    told = " ".join(srgan("score", "--help").out.split())
    for name in (*METRICS, *SET_METRICS, *PROTOCOLS, *MISMATCHES, *EXTRACTORS, *KERNELS):
        assert re.search(rf"\b{name}\b", told), name


def test_train_prints_the_path_of_weights_that_run(
    srgan: Callable[..., Outcome], photographs: Path, picture: Path, tmp_path: Path
) -> None:
    outcome = srgan("train", photographs, "--run", tmp_path / "run", "--steps", 4, *TINY_RUN)
    assert outcome.code == 0
    path = Path(outcome.out.strip())
    assert path == tmp_path / "run/srgan-x2.safetensors"
    assert srgan("upscale", picture, picture.with_name("out.png"), "-m", path).code == 0
    again = srgan("train", photographs, "--run", tmp_path / "run", "--steps", 4, *TINY_RUN)
    assert again.code == 2
    assert "already holds a run" in again.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_is_saved_and_goes_on(
    srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "srgan_cli", "train", photographs, "--run", run, "--time", "1h", *TINY_RUN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        patience = time.monotonic() + 60
        while not (run / "metrics.jsonl").exists() and time.monotonic() < patience:
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert "continue with: srgan train" in err
    assert (run / "checkpoint.pt").exists()
    steps = read_checkpoint(run)["steps"]
    outcome = srgan("train", photographs, "--run", run, "--resume", "--steps", steps + 2)
    assert (outcome.code, outcome.out.strip()) == (0, str(run / "srgan-x2.safetensors"))


def test_a_resumed_run_keeps_its_settings(srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    srgan("train", photographs, "--run", run, "--steps", 2, *TINY_RUN)
    outcome = srgan("train", photographs, "--run", run, "--resume", "--steps", 4, "--channels", 8)
    assert (outcome.code, outcome.out) == (2, "")
    assert "found --channels" in outcome.err
    assert srgan("train", photographs, "--run", run, "--resume").code == 2
    assert srgan("train", photographs, "--run", run, "--resume", "--steps", 4).code == 0


def test_check_prints_remarks_and_cost_and_leaves_nothing(
    srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path
) -> None:
    (photographs / "broken.png").write_text("no picture")
    outcome = srgan("train", "--check", photographs, "--run", tmp_path / "run", "--steps", 4, *TINY_RUN)
    assert outcome.code == 0
    assert re.search(r"broken\.png +cannot be used", outcome.out)
    assert re.search(r"steps a second \(adversarial phase\); [\d.]+ hours", outcome.out)
    assert not (tmp_path / "run").exists()
    (tmp_path / "empty").mkdir()
    assert srgan("train", "--check", tmp_path / "empty", *TINY_RUN).code == 1


def test_options_come_before_the_recipe(srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('steps = 2\nscale = 2\nchannels = 4\nblocks = 1\npatch = 8\nbatch = 3\ndevice = "cpu"\n')
    outcome = srgan("train", photographs, "--run", tmp_path / "run", "--config", recipe, "--channels", 6)
    assert (outcome.code, outcome.out.strip()) == (0, str(tmp_path / "run/srgan-x2.safetensors"))
    settings = read_checkpoint(tmp_path / "run")["config"]
    assert (settings["channels"], settings["batch"], settings["steps"]) == (6, 3, 2)


def test_folders_come_from_the_recipe_and_are_remembered(
    srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path
) -> None:
    recipe, run = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(f'data = ["{photographs}:2"]\n')
    assert srgan("train", "--run", run, "--config", recipe, "--steps", 2, *TINY_RUN).code == 0
    assert read_checkpoint(run)["config"]["data"] == [f"{photographs}:2"]
    assert srgan("train", "--run", run, "--resume", "--steps", 4).code == 0
    outcome = srgan("train", "--run", tmp_path / "other", *TINY_RUN)
    assert (outcome.code, outcome.err.splitlines()[0]) == (2, "srgan: no pictures to train on")


def test_defaults_of_the_command_line_are_those_of_the_library() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    options = {parameter.name: parameter.default for parameter in commands["train"].params}
    for key, setting in SETTINGS.items():
        if key in options and key not in ("data", "low", "name"):
            assert options[key] == setting.default, key
    enlarge = {parameter.name: parameter.default for parameter in commands["upscale"].params}
    assert (enlarge["model"], enlarge["tile"]) == (upscaler.DEFAULT_MODEL, TilePolicy().size)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "out of memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "out of memory"),
        (OSError(28, "No space left on device", "/x"), "No space left on device: /x"),
    ],
    ids=["memory", "memory of the GPU", "disk"],
)
def test_what_the_machine_lacks_is_said_in_plain_words(
    srgan: Callable[..., Outcome],
    picture: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    message: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(upscaler.Upscaler, "upscale_stream", fail)
    outcome = srgan("upscale", picture, picture.with_name("out.png"), "-m", weights)
    assert (outcome.code, outcome.err.splitlines()[0]) == (1, f"srgan: {message}")
    assert "bug" not in outcome.err


def test_an_interrupt_ends_with_130(
    srgan: Callable[..., Outcome], picture: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(upscaler.Upscaler, "upscale_stream", interrupt)
    outcome = srgan("upscale", picture, picture.with_name("out.png"), "-m", weights)
    assert outcome.code == 130
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("30m", 1800), ("1h30m", 5400), ("1.5h", 5400), ("1H 30M", None)]
)
def test_durations(text: str, seconds: float | None) -> None:
    if seconds is None:
        with pytest.raises(UsageError):
            parse_duration(text)
    else:
        assert parse_duration(text) == seconds


ENDS = """
import atexit, sys
from srgan_cli import __main__

class Loaded:
    def __del__(self): print("taken apart")

loaded = Loaded()

def main():
    atexit.register(print, "tidied")
    print("told")
    sys.exit(int(sys.argv[1]))

__main__.main = main
__main__.run()
"""


@pytest.mark.parametrize("code", [0, 1, 130])
def test_a_process_ends_without_taking_apart_what_it_has_loaded(code: int) -> None:
    """But what is to be done at the end is done, and what was printed into a pipe arrives."""
    done = subprocess.run([sys.executable, "-c", ENDS, str(code)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, "told\ntidied\n")
