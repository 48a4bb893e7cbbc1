"""Reports: what is scored, what is not, and by which protocol."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from srgan_cli.errors import PictureError, SrganError, UsageError
from srgan_cli.metrics import CLASSIC
from srgan_cli.report import Protocol, Report, Score, compare, score

BENCHMARK = Path(os.environ.get("SRGAN_BENCH") or Path(__file__).parents[2] / "shared/data/bench")


def noise(path: Path, seed: int, width: int = 24, height: int = 22) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with pictures a and b; the candidates differ from their references."""
    reference, candidate = tmp_path / "reference", tmp_path / "candidate"
    for index, name in enumerate("ab"):
        noise(reference / f"{name}.png", index)
        noise(candidate / f"{name}.png", index + 10)
    return reference, candidate


def test_two_files_are_scored_whatever_their_names(tmp_path: Path) -> None:
    report = score(noise(tmp_path / "original.png", 0), noise(tmp_path / "enlarged.bmp", 1))
    assert [entry.name for entry in report.scores] == ["original"]
    assert report.mean == report.scores[0].values
    assert report.complete


def test_folders_are_scored_by_name_and_averaged(folders: tuple[Path, Path]) -> None:
    report = score(*folders)
    alone = [score(folders[0] / name, folders[1] / name).mean for name in ("a.png", "b.png")]
    assert {entry.name: entry.values for entry in report.scores} == {"a": alone[0], "b": alone[1]}
    assert report.mean == {key: pytest.approx((alone[0][key] + alone[1][key]) / 2) for key in CLASSIC}
    assert report.complete
    assert report.problems == []


def test_progress_counts_the_pictures(folders: tuple[Path, Path]) -> None:
    seen: list[tuple[int, int]] = []
    score(*folders, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_json_holds_protocol_means_and_pictures(folders: tuple[Path, Path]) -> None:
    report = score(*folders, Protocol("rgb", 2))
    content = strict_json(report)
    assert content["protocol"] == {
        "channels": "rgb",
        "border": 2,
        "metrics": ["psnr", "ssim"],
        "description": str(report.protocol),
    }
    assert content["mean"] == report.mean
    assert content["pictures"] == [{"name": entry.name, **entry.values} for entry in report.scores]
    assert content["problems"] == []


@pytest.mark.usefixtures("random_backbones")
def test_feature_distances_look_at_whole_pictures_in_colour(tmp_path: Path) -> None:
    pair = noise(tmp_path / "a.png", 0, 40, 40), noise(tmp_path / "b.png", 1, 40, 40)
    reports = [score(*pair, Protocol(channels, border, ("ssim", "sqd"))) for channels, border in (("y", 4), ("rgb", 0))]
    assert reports[0].mean["sqd"] == reports[1].mean["sqd"] > 0
    assert reports[0].mean["ssim"] != reports[1].mean["ssim"]
    assert str(reports[0].protocol).endswith("SQD on whole RGB pictures")


def test_an_unknown_metric_is_refused_before_any_work() -> None:
    with pytest.raises(UsageError, match="no metric 'lpips'"):
        Protocol(metrics=("lpips",))


def test_json_of_equal_pictures_has_null_for_infinite(folders: tuple[Path, Path]) -> None:
    content = strict_json(score(folders[0], folders[0]))
    assert [picture["psnr"] for picture in content["pictures"]] == [None, None]
    assert content["mean"] == {"psnr": None, "ssim": pytest.approx(1)}


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
    ("spoil", "scored", "problem"),
    [
        (_unpaired_reference, ["a", "b"], "c: only among the references"),
        (_unpaired_candidate, ["a", "b"], "c: only among the candidates"),
        (_another_size, ["a"], "b: the reference is 24 x 22, the candidate 25 x 22"),
        (_unreadable, ["a"], "b: not a picture"),
        (_too_small, ["a"], "b: SSIM needs 11 x 11 pixels, found 10 x 14"),
    ],
)
def test_picture_that_cannot_be_scored_is_listed_and_the_others_are_scored(
    folders: tuple[Path, Path], spoil: Callable[[Path, Path], None], scored: list[str], problem: str
) -> None:
    spoil(*folders)
    report = score(*folders)
    assert not report.complete
    assert [entry.name for entry in report.scores if not entry.problem] == scored
    assert len(report.problems) == 1
    assert report.problems[0].startswith(problem)
    assert strict_json(report)["problems"] == report.problems
    assert set(report.mean) == set(CLASSIC)


def test_report_without_any_score_has_no_mean() -> None:
    report = Report(Protocol(), [Score("a", {}, "is damaged")], [], [])
    assert report.mean == {}
    assert strict_json(report)["pictures"] == []


def test_nothing_to_pair_is_an_error(folders: tuple[Path, Path], tmp_path: Path) -> None:
    noise(tmp_path / "others/z.png", 0)
    with pytest.raises(SrganError, match="no picture in"):
        score(folders[0], tmp_path / "others")


def test_luma_protocol_compares_bt601_studio_luma_only() -> None:
    """Of green alone BT.601 studio luma keeps 128.553 of 255."""
    reference = torch.full((3, 20, 20), 0.5)
    candidate = reference.clone()
    candidate[1] += 0.1
    expected = -20 * np.log10(0.1 * 128.553 / 255)
    assert compare(reference, candidate, Protocol("y"))["psnr"] == pytest.approx(expected, abs=1e-4)
    expected = -10 * np.log10(0.1**2 / 3)
    assert compare(reference, candidate, Protocol("rgb"))["psnr"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("border", "seen"), [(0, True), (2, True), (3, False)])
def test_border_is_not_compared(border: int, seen: bool) -> None:
    reference = torch.full((3, 20, 20), 0.5)
    candidate = reference.clone()
    candidate[:, 2, :] = candidate[:, :, -3] = 0
    assert np.isfinite(compare(reference, candidate, Protocol("rgb", border))["psnr"]) == seen


def test_pictures_of_two_sizes_are_not_compared() -> None:
    with pytest.raises(PictureError, match="the reference is 20 x 22, the candidate 20 x 21"):
        compare(torch.zeros(3, 22, 20), torch.zeros(3, 21, 20), Protocol())


def test_protocol_is_told_in_words() -> None:
    assert str(Protocol("y", 4)).startswith("BT.601 luma (16–235), border 4 px cut")
    assert str(Protocol("rgb", 0)).startswith("RGB, border 0 px cut")


@pytest.mark.skipif(
    not (BENCHMARK / "Set5/x4").is_dir(), reason="SRGAN_BENCH names no folder with Set5/x4/HR and Set5/x4/LR"
)
def test_bicubic_scores_on_set5_as_in_the_literature(tmp_path: Path) -> None:
    """28.42 dB and 0.8104 are MATLAB's, as J. Kim et al. report them (VDSR, CVPR 2016); Pillow's bicubic is as good."""
    for path in (BENCHMARK / "Set5/x4/LR").iterdir():
        with Image.open(path) as image:
            image.resize((image.width * 4, image.height * 4), Image.Resampling.BICUBIC).save(tmp_path / path.name)
    mean = score(BENCHMARK / "Set5/x4/HR", tmp_path, Protocol("y", 4)).mean
    assert mean["psnr"] == pytest.approx(28.42, abs=0.03)
    assert mean["ssim"] == pytest.approx(0.810, abs=0.002)


def strict_json(report: Report) -> dict[str, list[dict[str, float | None]]]:
    """The report's JSON, read by a parser that refuses Infinity and NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    content: dict[str, list[dict[str, float | None]]] = json.loads(report.to_json(), parse_constant=refuse)
    return content
