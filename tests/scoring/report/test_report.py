"""Reports: what is scored, what is not, and by which protocol."""

from math import inf

import numpy as np
import pytest
import torch

from srgan_cli.errors import PictureError, UsageError
from srgan_cli.scoring.protocol import PROTOCOLS, Protocol, compare, named_protocol
from srgan_cli.scoring.report.report import Report, Score


def test_an_unknown_metric_is_refused_before_any_work() -> None:
    with pytest.raises(UsageError, match="unknown metric 'beauty'"):
        Protocol(metrics=("beauty",))


def test_report_without_any_score_has_no_mean() -> None:
    report = Report(Protocol(), [Score("a", {}, "is damaged")], [], [])
    assert report.mean == {}
    assert report.summaries[0].count == 0


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


def report_of(values: dict[str, dict[str, float]], metric: str = "psnr") -> Report:
    """A report of methods with their values by picture."""
    scores = [
        Score(name, {metric: value}, method=method) for method, row in values.items() for name, value in row.items()
    ]
    return Report(Protocol(metrics=(metric,)), scores, [], [])


def test_differences_are_of_pictures_that_both_have() -> None:
    report = report_of({"a": {"x": 1, "y": 5, "z": 9}, "b": {"x": 2, "y": 4}, "c": {"z": 0}})
    found = {(d.first, d.second): (d.count, d.mean) for d in report.differences}
    assert found == {("a", "b"): (2, {"psnr": 0.0}), ("a", "c"): (1, {"psnr": 9.0}), ("b", "c"): (0, {})}


def test_a_difference_is_surer_than_the_means() -> None:
    """Pictures differ much, the methods by about one on every picture."""
    first = {str(n): 10.0 * n for n in range(8)}
    report = report_of({"a": first, "b": {name: value - 1 - 0.01 * value for name, value in first.items()}})
    (difference,) = report.differences
    mean, paired = report.summaries[0].interval["psnr"], difference.interval["psnr"]
    assert mean is not None
    assert paired is not None
    assert paired.low > 0
    assert paired.high - paired.low < (mean.high - mean.low) / 10


def test_infinities_have_no_interval_and_cancel() -> None:
    report = report_of({"a": {"x": inf, "y": 2}, "b": {"x": inf, "y": 1}})
    assert report.summaries[0].mean == {"psnr": inf}
    assert report.summaries[0].interval == {"psnr": None}
    assert report.differences[0].mean == {"psnr": 0.5}


@pytest.mark.parametrize(("metric", "best"), [("psnr", {"b"}), ("sqd", {"a", "c"})])
def test_best_is_by_the_metrics_direction_and_as_printed(metric: str, best: set[str]) -> None:
    report = report_of({"a": {"x": 1.00001}, "b": {"x": 1.1}, "c": {"x": 1.00002}}, metric)
    assert report.best == {metric: best}


def test_of_one_method_nothing_is_best() -> None:
    assert report_of({"a": {"x": 1.0}}).best == {}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols_are_found_by_name_and_know_it(name: str) -> None:
    protocol = named_protocol(name, 3)
    assert protocol.name == name
    assert protocol.border == (0 if name == "skimage" else 3)
    assert named_protocol(name, 3, 7).border == 7
    assert protocol.describe()["range"] == "0…1 of each file's own depth"


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(UsageError, match="no protocol 'matlab'"):
        named_protocol("matlab", 4)


def test_the_protocol_of_scikit_image_is_its_default() -> None:
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    pair = torch.rand(2, 3, 20, 22, generator=torch.Generator().manual_seed(0))
    found = compare(pair[0], pair[1], named_protocol("skimage", 4))
    arrays = [pixels.permute(1, 2, 0).double().numpy() for pixels in pair]
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(*arrays, data_range=1), rel=1e-12)
    assert found["ssim"] == pytest.approx(structural_similarity(*arrays, data_range=1, channel_axis=2), rel=1e-12)


def test_consistency_is_by_the_protocols_scale() -> None:
    pair = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    found = [compare(pair[0], pair[1], Protocol(metrics=("consistency",), scale=s))["consistency"] for s in (2, 4)]
    assert found[0] != found[1]
