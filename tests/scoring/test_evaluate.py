"""Evaluation of files and folders: scores, errors, and several processes."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scoring_pictures import noise
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from support import REPOSITORY, Outcome

import srgan_cli.scoring.evaluate as evaluation
from srgan_cli.errors import SrganError
from srgan_cli.metrics import PIXEL_METRICS, SET_METRICS
from srgan_cli.scoring.evaluate import evaluate, score
from srgan_cli.scoring.methods import BaselineSettings
from srgan_cli.scoring.pairs import load_pictures
from srgan_cli.scoring.plan import plan_scoring
from srgan_cli.scoring.protocol import Protocol, named_protocol
from srgan_cli.scoring.report.summary import Score
from srgan_cli.scoring.report.text import JsonStream, to_json
from srgan_cli.weights import backbones

BENCHMARK = Path(os.environ.get("SRGAN_BENCH") or REPOSITORY.parent / "shared/data/bench")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with pictures a and b; the candidates differ from their references."""
    reference, candidate = tmp_path / "reference", tmp_path / "candidate"
    for index, name in enumerate("ab"):
        noise(reference / f"{name}.png", index)
        noise(candidate / f"{name}.png", index + 10)
    return reference, candidate


def test_two_files_are_scored_regardless_of_their_names(tmp_path: Path) -> None:
    report = score(noise(tmp_path / "original.png", 0), noise(tmp_path / "enlarged.bmp", 1))
    assert [entry.name for entry in report.scores] == ["original"]
    assert report.mean == report.scores[0].values
    assert report.complete


def test_a_metric_that_no_picture_fits_is_left_out(folders: tuple[Path, Path]) -> None:
    """One that only some pictures lack fails for these."""
    report = score(*folders, Protocol(metrics=("psnr", "ms-ssim")))
    assert (report.mean, report.complete) == ({"psnr": score(*folders).mean["psnr"]}, False)
    assert [text.partition(":")[0] for text in report.errors] == ["ms-ssim is left out"]
    for number, folder in enumerate(folders):
        noise(folder / "large.png", number, 200, 190)
    report = score(*folders, Protocol(metrics=("psnr", "ms-ssim")))
    assert [entry.name for entry in report.scores if not entry.error] == ["large"]
    parts: list[str] = []
    streamed = JsonStream(report.protocol, parts.append)
    streamed.close(evaluate(plan_scoring(folders[0], [folders[1]], [], report.protocol), on_score=streamed.add))
    assert "".join(parts) == to_json(report)
    assert report.mean.keys() == {"psnr", "ms-ssim"}


def test_values_equal_those_of_scikit_image_in_double_precision(tmp_path: Path) -> None:
    paths = [noise(tmp_path / f"{name}.png", index) for index, name in enumerate("ab")]
    x, y = (rgb2ycbcr(np.asarray(Image.open(path)))[4:-4, 4:-4, 0] / 255 for path in paths)
    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = peak_signal_noise_ratio(x, y, data_range=1), structural_similarity(x, y, data_range=1, **gaussian)
    found = score(*map(str, paths)).mean
    assert (found["psnr"], found["ssim"]) == pytest.approx(expected, rel=0, abs=1e-13)


def test_folders_are_scored_by_name_and_averaged(folders: tuple[Path, Path]) -> None:
    report = score(*folders)
    alone = [score(folders[0] / name, folders[1] / name).mean for name in ("a.png", "b.png")]
    assert {entry.name: entry.values for entry in report.scores} == {"a": alone[0], "b": alone[1]}
    assert report.mean == {key: pytest.approx((alone[0][key] + alone[1][key]) / 2) for key in PIXEL_METRICS}
    assert report.complete
    assert report.errors == []


def test_progress_counts_the_pictures(folders: tuple[Path, Path]) -> None:
    seen: list[tuple[int, int]] = []
    score(*folders, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.usefixtures("random_backbones")
def test_feature_distances_use_whole_pictures_in_rgb(tmp_path: Path) -> None:
    pair = noise(tmp_path / "a.png", 0, 40, 40), noise(tmp_path / "b.png", 1, 40, 40)
    metrics = ("ssim", "sqd")
    luma, rgb = Protocol(metrics=metrics), Protocol(channels="rgb", border=0, metrics=metrics)
    reports = [score(*pair, protocol) for protocol in (luma, rgb)]
    assert reports[0].mean["sqd"] == reports[1].mean["sqd"] > 0
    assert reports[0].mean["ssim"] != reports[1].mean["ssim"]
    assert str(reports[0].protocol).endswith("SQD on whole RGB pictures")


def _unpaired_reference(reference: Path, _candidate: Path) -> None:
    noise(reference / "c.png", 5)


def _unpaired_candidate(_reference: Path, candidate: Path) -> None:
    noise(candidate / "c.png", 5)


def _another_size(_reference: Path, candidate: Path) -> None:
    noise(candidate / "b.png", 5, width=25)


def _unreadable(_reference: Path, candidate: Path) -> None:
    (candidate / "b.png").write_text("not a picture")


def _too_small(reference: Path, candidate: Path) -> None:
    for folder in (reference, candidate):
        noise(folder / "b.png", 5, width=18)


@pytest.mark.parametrize(
    ("change", "scored", "error"),
    [
        (_unpaired_reference, ["a", "b"], "c: only among the references"),
        (_unpaired_candidate, ["a", "b"], "c: only among the candidates"),
        (_another_size, ["a"], "b: the reference is 24 x 22, the candidate 25 x 22"),
        (_unreadable, ["a"], "b: not a picture"),
        (_too_small, ["a"], "b: SSIM needs 11 x 11 pixels, found 10 x 14"),
    ],
)
def test_picture_that_cannot_be_scored_is_listed_and_the_others_are_scored(
    folders: tuple[Path, Path], change: Callable[[Path, Path], None], scored: list[str], error: str
) -> None:
    change(*folders)
    report = score(*folders)
    assert not report.complete
    assert [entry.name for entry in report.scores if not entry.error] == scored
    assert len(report.errors) == 1
    assert report.errors[0].startswith(error)
    assert set(report.mean) == set(PIXEL_METRICS)


def test_several_candidates_are_scored_like_each_alone(three: list[Path]) -> None:
    report = evaluate(plan_scoring(three[0], three[1:], [], Protocol()))
    assert report.methods == ["first", "second"]
    for summary, folder in zip(report.summaries, three[1:], strict=True):
        assert summary.mean == score(three[0], folder).mean
        assert summary.count == 4
    assert report.complete


def test_missing_picture_of_one_candidate_is_listed_with_its_name(three: list[Path]) -> None:
    (three[2] / "3.png").unlink()
    report = evaluate(plan_scoring(three[0], three[1:], [], Protocol()))
    assert [summary.count for summary in report.summaries] == [4, 3]
    assert report.errors == ["3 (second): only among the references"]
    assert report.differences[0].count == 3


@pytest.mark.parametrize("jobs", [2, 3])
def test_several_processes_give_the_same_scores_in_the_same_order(three: list[Path], jobs: int) -> None:
    plan = plan_scoring(three[0], three[1:], ["bicubic"], Protocol(), BaselineSettings(2))
    serial, parallel = evaluate(replace(plan, jobs=1)), evaluate(replace(plan, jobs=jobs))
    assert parallel.scores == serial.scores
    assert parallel == serial


def test_scores_are_reported_as_soon_as_their_picture_is_scored(three: list[Path]) -> None:
    """Pictures that are removed after the first scores cannot be read any more."""

    def remove_the_last(_: Score) -> None:
        (three[1] / "3.png").unlink(missing_ok=True)

    report = evaluate(plan_scoring(three[0], three[1:2], [], Protocol()), on_score=remove_the_last)
    assert [error.partition(";")[0] for error in report.errors] == [f"3: no such file: {three[1] / '3.png'}"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_scores_are_reported_in_the_order_of_the_report(three: list[Path], jobs: int) -> None:
    reported: list[Score] = []
    plan = replace(plan_scoring(three[0], three[1:], [], Protocol()), jobs=jobs)
    assert evaluate(plan, on_score=reported.append).scores == reported
    assert [score.name for score in reported] == list("00112233")


@pytest.mark.usefixtures("random_backbones")
@pytest.mark.parametrize("options", [(), ("--json",), ("--markdown", "--html", "page.html")])
def test_metrics_of_sets_are_computed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, srgan: Callable[..., Outcome], options: tuple[str, ...]
) -> None:
    calls = []

    def kernel_distance(reference: np.ndarray, _candidate: np.ndarray) -> float:
        calls.append(len(reference))
        return 0.5

    monkeypatch.setitem(SET_METRICS, "kid", replace(SET_METRICS["kid"], compute=kernel_distance))
    monkeypatch.chdir(tmp_path)
    for number, folder in enumerate(("reference", "result")):
        for index in range(2):
            noise(tmp_path / folder / f"{index}.png", 10 * number + index, 192, 192)
    set_options = ("--metric", "kid", "--features", "squeezenet", "--patch", 32, "--jobs", 1)
    assert srgan("score", "reference", "result", *set_options, *options).code == 0
    assert calls == [72]


def test_baseline_is_compared_with_the_cropped_reference(tmp_path: Path) -> None:
    reference = noise(tmp_path / "a.png", 0, 50, 46)
    plan = plan_scoring(reference, [], ["bicubic", "lanczos"], Protocol(channels="rgb", border=0), BaselineSettings(4))
    report = evaluate(plan)
    assert report.methods == ["bicubic", "lanczos"]
    assert report.baselines == ("bicubic", "lanczos")
    assert report.complete
    left, pictures = load_pictures(plan, "a")
    assert left.shape == pictures["bicubic"].shape == pictures["lanczos"].shape == (3, 44, 48)
    assert np.allclose(pictures["bicubic"] * 255, (pictures["bicubic"] * 255).round(), atol=1e-4)


@pytest.mark.parametrize(
    ("mismatch", "scored", "complete"), [("error", 1, False), ("crop", 2, True), ("resize", 2, True), ("skip", 1, True)]
)
def test_pictures_of_another_size_are_treated_as_the_protocol_says(
    folders: tuple[Path, Path], mismatch: str, scored: int, complete: bool
) -> None:
    noise(folders[1] / "b.png", 5, width=30, height=21)
    report = score(*folders, Protocol(mismatch=mismatch))
    assert report.summaries[0].count == scored
    assert report.complete == complete
    assert len(report.errors) == (2 - scored)
    assert (f"pictures of another size: {mismatch}" in str(report.protocol)) == (mismatch != "error")


def test_crop_compares_the_upper_left_parts(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 42, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels[:36, :40]).save(tmp_path / "b.png")
    report = score(tmp_path / "a.png", tmp_path / "b.png", Protocol(mismatch="crop"))
    assert report.mean["psnr"] == float("inf")


def test_damaged_picture_is_not_skipped_with_those_of_another_size(folders: tuple[Path, Path]) -> None:
    (folders[1] / "b.png").write_text("not a picture")
    assert not score(*folders, Protocol(mismatch="skip")).complete


def test_grey_pictures_can_be_scored_in_full_range(tmp_path: Path) -> None:
    """Luma of 16–235 scales the error by 219 / 255."""
    for name, value in (("a", 100), ("b", 110)):
        Image.new("L", (30, 30), value).save(tmp_path / f"{name}.png")
        Image.new("RGB", (30, 30), (value,) * 3).save(tmp_path / f"{name}-rgb.png")
    protocol = named_protocol("sr-y-grey", scale=4)
    found = {
        names: score(*(tmp_path / f"{name}.png" for name in names), protocol).mean["psnr"]
        for names in (("a", "b"), ("a", "b-rgb"), ("a-rgb", "b-rgb"))
    }
    full, studio = -20 * np.log10(10 / 255), -20 * np.log10(10 / 255 * 219 / 255)
    assert list(found.values()) == [pytest.approx(value, abs=1e-3) for value in (full, full, studio)]


def test_grey_pictures_are_treated_as_rgb_by_default(tmp_path: Path) -> None:
    for name, value in (("a", 100), ("b", 110)):
        Image.new("L", (30, 30), value).save(tmp_path / f"{name}.png")
    found = score(tmp_path / "a.png", tmp_path / "b.png", named_protocol("sr-y", scale=4)).mean["psnr"]
    assert found == pytest.approx(-20 * np.log10(10 / 255 * 219 / 255), abs=1e-3)


def test_16_bit_pictures_are_scored_in_their_own_range(tmp_path: Path) -> None:
    for name, value in (("a", 100 * 257), ("b", 110 * 257)):
        Image.fromarray(np.full((30, 30), value, dtype=np.uint16)).save(tmp_path / f"{name}.png")
    found = score(tmp_path / "a.png", tmp_path / "b.png", named_protocol("rgb", scale=4)).mean["psnr"]
    assert found == pytest.approx(-20 * np.log10(10 / 255), abs=1e-3)


def no_network(*_: object, **__: object) -> None:
    raise OSError("no route to host")


def test_unavailable_metric_gives_one_message_and_the_others_are_computed(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(backbones.METRIC_WEIGHTS_VARIABLE, str(tmp_path))
    monkeypatch.setattr(backbones.torch.hub, "load_state_dict_from_url", no_network)
    unavailable = ("lpips", "dists", "vggd", "fid")
    report = score(*folders, Protocol(metrics=("psnr", *unavailable)))
    assert list(report.mean) == ["psnr"]
    assert report.protocol.metrics == ("psnr",)
    assert [line.split(": ")[0] for line in report.errors] == [f"{n} is not available" for n in unavailable]
    assert not report.complete
    with pytest.raises(SrganError, match="vggd is not available: cannot download vgg16"):
        score(*folders, Protocol(metrics=("vggd",)))


@pytest.mark.usefixtures("random_backbones")
def test_metrics_of_sets_count_patches_and_need_enough_of_them(tmp_path: Path) -> None:
    for number, folder in enumerate(("reference", "result")):
        for index in range(3):
            noise(tmp_path / folder / f"{index}.png", 10 * number + index, 160, 160)
    folders = tmp_path / "reference", tmp_path / "result"
    protocol = Protocol(metrics=("psnr", "fid", "kid"), features="squeezenet", patch=32)
    report = score(*folders, protocol)
    assert list(report.summaries[0].mean) == ["psnr", "kid"]
    assert report.summaries[0].counts == {"kid": 75}
    assert report.errors == [
        "fid of result: 512 features need 513 pictures or patches, found 75; use more pictures, or a smaller --patch"
    ]
    assert "FID and KID by squeezenet features of patches of 32 px" in str(report.protocol)
    same = score(folders[0], folders[0], protocol)
    assert same.summaries[0].mean["kid"] < report.summaries[0].mean["kid"]


@pytest.mark.usefixtures("random_backbones")
def test_picture_smaller_than_a_patch_is_listed_and_the_others_are_scored(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        noise(folder / "c.png", 7, 160, 160)
    report = score(*folders, Protocol(metrics=("psnr", "kid"), features="squeezenet", patch=32))
    assert report.errors[1:] == [f"{name}: no patch of 32 x 32 pixels fits; use a smaller --patch" for name in "ab"]
    assert [entry.name for entry in report.scores if not entry.error] == ["c"]


@pytest.mark.usefixtures("random_backbones")
def test_sets_leave_out_pictures_that_another_metric_cannot_take(tmp_path: Path) -> None:
    for index, side in enumerate((320, 320, 160)):  # the last is too small for MS-SSIM
        for number, folder in enumerate(("reference", "result")):
            noise(tmp_path / folder / f"{index}.png", 10 * number + index, side, side)
    protocol = Protocol(metrics=("ms-ssim", "psnr", "kid"), features="squeezenet", patch=32)
    report = score(tmp_path / "reference", tmp_path / "result", protocol)
    assert [bool(entry.error) for entry in report.scores] == [False, False, True]
    assert report.summaries[0].counts == {"kid": 2 * 100}


@pytest.mark.usefixtures("random_backbones")
def test_metrics_of_sets_use_the_cropped_reference(tmp_path: Path) -> None:
    for index in range(4):
        path = noise(tmp_path / "whole" / f"{index}.png", index, 160, 160)
        part = tmp_path / "part" / path.name
        part.parent.mkdir(exist_ok=True)
        Image.open(path).crop((0, 0, 140, 140)).save(part)
    protocol = Protocol(metrics=("kid",), features="squeezenet", patch=32, mismatch="crop")
    part = tmp_path / "part"
    assert score(tmp_path / "whole", part, protocol).mean == score(part, part, protocol).mean


with_benchmark = pytest.mark.skipif(
    not (BENCHMARK / "Set5/x4").is_dir(), reason="SRGAN_BENCH names no folder with Set5/x4/HR and Set5/x4/LR"
)


@with_benchmark
def test_bicubic_scores_on_set5_as_in_the_literature(tmp_path: Path) -> None:
    """J. Kim et al. (VDSR, CVPR 2016) report 28.42 dB and 0.8104 for MATLAB; Pillow's bicubic gives about the same."""
    for path in (BENCHMARK / "Set5/x4/LR").iterdir():
        with Image.open(path) as image:
            image.resize((image.width * 4, image.height * 4), Image.Resampling.BICUBIC).save(tmp_path / path.name)
    mean = score(BENCHMARK / "Set5/x4/HR", tmp_path, Protocol(border=4)).mean
    assert mean["psnr"] == pytest.approx(28.42, abs=0.03)
    assert mean["ssim"] == pytest.approx(0.810, abs=0.002)


@with_benchmark
@pytest.mark.parametrize(
    ("scale", "decibels", "similarity"), [(2, 33.66, 0.9299), (3, 30.39, 0.8682), (4, 28.42, 0.8104)]
)
def test_bicubic_of_luma_scores_as_in_the_literature(scale: int, decibels: float, similarity: float) -> None:
    """Values: J. Kim et al., VDSR, CVPR 2016, table 2."""
    reference = BENCHMARK / f"Set5/x{scale}/HR"
    mean = evaluate(plan_scoring(reference, [], ["bicubic-luma"], Protocol(border=scale), BaselineSettings(scale))).mean
    assert mean["psnr"] == pytest.approx(decibels, abs=0.005)
    assert mean["ssim"] == pytest.approx(similarity, abs=5e-5)


def test_processes_accept_frames_above_the_own_limit_of_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.new("RGB", (24, 22), colour) for colour in ("red", "blue")]
    for name in "ab":
        frames[0].save(tmp_path / f"{name}.webp", save_all=True, append_images=frames[1:])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 24 * 22 // 2 - 1)
    plan = plan_scoring(tmp_path / "a.webp", [tmp_path / "b.webp"], [], Protocol())
    assert not evaluate(plan, pool=ThreadPoolExecutor(1)).complete
    assert evaluate(replace(plan, max_pixels=24 * 22), pool=ThreadPoolExecutor(1)).complete


def test_each_frame_is_compared_by_its_own_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def difference(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.abs(x - y).max())

    monkeypatch.setitem(SET_METRICS, "kid", replace(SET_METRICS["kid"], compute=difference))
    monkeypatch.setattr(evaluation, "extract_features", lambda pixels, **_: np.full((50, 1), pixels.mean()))
    monkeypatch.setattr("srgan_cli.scoring.plan.load_extractor", lambda _: None)
    frames = [Image.new("RGB", (24, 22), colour) for colour in ("red", "white")]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    report = score(tmp_path / "a.tif", tmp_path / "a.tif", Protocol(metrics=("psnr", "kid")))
    assert report.mean["kid"] == 0
