"""srgan score: tables and other formats, thresholds and exit codes."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import REPOSITORY, Outcome, size_of

from srgan_cli.image.ops import KERNELS
from srgan_cli.metrics import METRICS, SET_METRICS
from srgan_cli.metrics.distribution.extractors import EXTRACTORS
from srgan_cli.scoring.protocol import MISMATCHES, PROTOCOLS
from srgan_cli.weights.backbones import METRIC_WEIGHTS_VARIABLE

NOT_A_PICTURE = "convert it to PNG, JPEG, WebP, TIFF, BMP, GIF or AVIF"


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


def test_table_has_every_picture_the_mean_and_the_protocol(srgan: Callable[..., Outcome], photographs: Path) -> None:
    outcome = srgan("score", photographs, photographs, "--channels", "rgb", "--scale", 2)
    assert outcome.code == 0
    assert outcome.err == ""
    assert re.search(r"^ *1 .*inf .*1\.0000", outcome.out, re.MULTILINE)
    assert re.search(r"mean of 3 .*1\.0000", outcome.out)
    assert "protocol: RGB, border 2 px cut" in outcome.out


def test_json_leaves_out_unpaired_pictures_and_the_exit_code_is_1(
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


def test_without_a_score_the_exit_code_is_1(srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    outcome = srgan("score", photographs / "1.png", tmp_path / "a.png", "--on-mismatch", "skip")
    assert (outcome.code, outcome.out) == (1, "")
    (tmp_path / "a.png").write_text("text")
    outcome = srgan("score", photographs / "1.png", tmp_path / "a.png")
    assert outcome.err == f"srgan: 1: not a picture: {tmp_path}/a.png; {NOT_A_PICTURE}\n"


def test_several_candidates_have_a_row_each_and_their_differences(
    srgan: Callable[..., Outcome], photographs: Path, results: list[Path]
) -> None:
    outcome = srgan("score", photographs, *results, "--baseline", "bicubic", "--scale", 2)
    assert outcome.code == 0
    assert [line.split()[0] for line in outcome.out.splitlines() if re.match(r" *(near|far|bicubic) +3 ", line)] == [
        *("near", "far", "bicubic"),
    ]
    assert re.search(r"near − far +3 +\+\d+\.\d\d ", outcome.out)
    assert "protocol: BT.601 luma (16–235), border 2 px cut" in outcome.out


@pytest.mark.parametrize(
    ("limit", "code", "message"),
    [
        (("--fail-under", "psnr=10"), 0, ""),
        (("--fail-under", "ssim=0,psnr=99"), 1, "srgan: PSNR of near is 4"),
        (("--fail-over", "gradients=0"), 1, "srgan: gradients of near is 0."),
        (("--fail-over", "28"), 2, "srgan: cannot read the threshold '28'"),
    ],
)
def test_a_failed_threshold_is_reported_and_the_exit_code_is_1(
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
def test_other_output_formats(
    srgan: Callable[..., Outcome], photographs: Path, results: list[Path], form: str, beginning: str
) -> None:
    outcome = srgan("score", photographs, results[0], form, "--protocol", "rgb")
    assert outcome.code == 0
    assert outcome.out.startswith(beginning)
    assert srgan("score", photographs, results[0], form, "--json").code == 2


def test_figure_and_page_are_written(
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
        (("--patch", "32"), 2, "--patch and --features are for fid and kid"),
        (("--features", "vgg16"), 2, "--patch and --features are for fid and kid"),
        (("--fail-under", "PSNR=99"), 1, "below the threshold of 99"),
        (("--baseline", "bicubic,lanczs"), 2, "no weights named 'lanczs'"),
        (("--baseline", ""), 2, "--baseline is empty"),
    ],
)
def test_invalid_options_are_errors(
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


@pytest.mark.parametrize(
    "command",
    [
        "ref/0.png out/0.png --figure ref/0.png",
        "ref/0.png out/0.png --figure out/0.png",
        "ref/0.png out/0.png --figure link.png",
        "ref/0.png out/0.png --html link.html",
        "ref out --figure out/1.png",
        "ref out --html link.html",
    ],
)
def test_inputs_are_not_replaced(
    srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("ref", "out"):
        shutil.copytree(photographs, folder)
    for link in ("link.png", "link.html"):
        Path(link).symlink_to("out/0.png")
    before = {path: path.read_bytes() for path in Path().glob("*/*.png")}
    outcome = srgan("score", *command.split(), "--overwrite")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"{command.split()[-1]} is " in outcome.err
    assert {path: path.read_bytes() for path in before} == before


def test_metric_weights_sets_the_folder_of_networks(
    srgan: Callable[..., Outcome], backbones: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(METRIC_WEIGHTS_VARIABLE, "")
    cat = REPOSITORY / "examples/cat.png"
    outcome = srgan("score", cat, cat, "--metric", "sqd", "--metric-weights", backbones, "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["mean"] == {"sqd": 0}
    assert "does not exist" in srgan("score", cat, cat, "--metric-weights", "nowhere").err


def test_help_names_every_metric_and_choice(srgan: Callable[..., Outcome]) -> None:
    text = " ".join(srgan("score", "--help").out.split())
    for name in (*METRICS, *SET_METRICS, *PROTOCOLS, *MISMATCHES, *EXTRACTORS, *KERNELS):
        assert re.search(rf"\b{name}\b", text), name


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of two data sets with six pictures: ref/one, ref/two, and results of two methods, good/one and so on."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("one", "two")):
        for index in range(6):
            pixels = np.random.default_rng(10 * number + index).integers(20, 230, (24, 24, 3)).astype(np.uint8)
            for method, error in (("ref", 0), ("good", 2), ("bad", 9)):
                path = tmp_path / method / name / f"{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels + np.uint8(error)).save(path)
    return tmp_path


SETS = ("--set", "One", "ref/one", "good/one", "bad/one", "--set", "Two", "ref/two", "good/two", "bad/two")


@pytest.mark.usefixtures("benchmark")
def test_data_sets_stand_side_by_side(srgan: Callable[..., Outcome]) -> None:
    outcome = srgan("score", *SETS, "--latex", "--no-interval", "--channels", "rgb", "--metric", "psnr")
    assert outcome.code == 0
    heading = (
        r" & \multicolumn{1}{c}{One} & \multicolumn{1}{c}{Two} \\",
        r"\cmidrule(lr){2-2} \cmidrule(lr){3-3}",
        r"method & PSNR (dB) $\uparrow$ & PSNR (dB) $\uparrow$ \\",
    )
    assert "\n".join(heading) in outcome.out
    assert r"good & \textbf{42.11} & \textbf{42.11} \\" in outcome.out
    assert r"bad & 29.05 & 29.05 \\" in outcome.out
    content = json.loads(srgan("score", *SETS, "--json").out)
    assert [entry["name"] for entry in content["sets"]] == ["One", "Two"]
    assert [method["name"] for method in content["sets"][1]["methods"]] == ["good", "bad"]
    assert "Two/5,bad," in srgan("score", *SETS, "--csv").out


@pytest.mark.usefixtures("benchmark")
def test_folders_in_folders_are_data_sets(srgan: Callable[..., Outcome]) -> None:
    outcome = srgan("score", "ref", "good", "bad", "--by-folder", "--baseline", "bicubic", "--scale", 2)
    assert outcome.code == 0
    assert re.search(r" one .* two .*\n *method .*PSNR .*SSIM .*PSNR .*SSIM ", outcome.out)
    assert [line.split()[0] for line in outcome.out.splitlines() if re.match(r" *(good|bad|bicubic) ", line)] == [
        *("good", "bad", "bicubic"),
    ]
    gated = srgan("score", "ref", "good", "bad", "--by-folder", "--fail-under", "psnr=40")
    assert gated.code == 1
    assert "srgan: two: PSNR of bad is" in gated.err


@pytest.mark.usefixtures("benchmark")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "One", "ref/one", "--set", "Two", "ref/two"), "found --set 'One', --set 'Two' and 2 paths"),
        (("--set", "One", "ref/one", "good/one", "--set", "Two", "ref/two"), "and 3 paths"),
        (("--set", "", "ref/one", "good/one"), "--set ''"),
        (("--set", "A,B", "ref/one", "--set", "C", "ref/two"), "found --set 'A,B', --set 'C' and 2 paths"),
        (("--set", "One", "ref/one", "good/one", "--set", "One", "ref/two", "good/two"), "--set 'One', --set 'One'"),
        (("ref/one/0.png", "--set", "One", "ref/one", "good/one"), "REF and --set exclude each other"),
        (("ref/one", "--set", "One", "ref/one", "good/one"), "REF and --set exclude each other"),
        (("ref/one", "good/one", "--set=Two", "ref/two", "good/two"), "ref/one stands before --set"),
        (("--by-folder", "ref/one", "good/one"), "no folders in ref/one"),
        (("--by-folder", "ref", "good/one"), "no folder good/one/one"),
        ((*SETS, "--html", "page.html"), "--figure and --html show one data set"),
    ],
)
def test_data_sets_that_do_not_fit_are_refused(
    srgan: Callable[..., Outcome], arguments: tuple[str, ...], message: str
) -> None:
    outcome = srgan("score", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
