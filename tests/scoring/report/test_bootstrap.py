"""Bootstrap intervals, compared with those of scipy."""

from math import inf, nan

import numpy as np
import pytest
from scipy.stats import bootstrap

from srgan_cli.scoring.report import bootstrap as intervals
from srgan_cli.scoring.report.bootstrap import mean_intervals


@pytest.mark.parametrize("count", [5, 14, 100])
def test_interval_equals_that_of_scipy(count: int) -> None:
    values = np.random.default_rng(count).gamma(2, 3, count)
    expected = bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=1).confidence_interval
    found = mean_intervals({"psnr": values.tolist()})["psnr"]
    assert found == pytest.approx(tuple(expected), rel=0.03)


def test_interval_covers_the_true_mean_in_about_95_percent_of_samples() -> None:
    random = np.random.default_rng(0)
    columns = {str(n): random.normal(3, 1, 60).tolist() for n in range(200)}
    covered = [found.low <= 3 <= found.high for found in mean_intervals(columns).values() if found]
    assert 0.89 <= np.mean(covered) <= 0.99


def test_equal_numbers_give_equal_intervals() -> None:
    columns = {"a": [1.0, 2.0, 4.0, 4.0, 5.0], "b": [1.0, 2.0, 4.0, 4.0, 5.0]}
    first, second = mean_intervals(columns), mean_intervals(columns)
    assert first == second
    assert first["a"] == first["b"]


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 4, [1.0] * 4 + [inf], [nan] + [1.0] * 5])
def test_column_without_interval_does_not_affect_others(values: list[float]) -> None:
    assert mean_intervals({"a": values}) == {"a": None}
    other = [1.0] * len(values)
    found = mean_intervals({"a": values, "b": other})
    assert found["a"] is None
    assert found["b"] == ((1.0, 1.0) if len(values) >= 5 else None)


def test_resampling_in_chunks_gives_about_the_same_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random(50).tolist()
    whole = mean_intervals({"a": values})["a"]
    monkeypatch.setattr(intervals, "CHUNK", 7000)
    assert mean_intervals({"a": values})["a"] == pytest.approx(whole, rel=1e-3)
