"""Confidence intervals of means by the percentile bootstrap.  Source: B. Efron and R. Tibshirani, 1993, chapter 13."""

from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
LEVEL = 0.95
MIN_ROWS = 5  # with fewer pictures, an interval says more about the method than about the pictures
CHUNK = 1_000_000  # random numbers drawn at a time, which limits the memory


class Interval(NamedTuple):
    """The 95 % confidence interval of a mean."""

    low: float
    high: float


def mean_intervals(columns: dict[str, list[float]]) -> dict[str, Interval | None]:
    """The 95 % percentile interval of the mean of each column. Columns have equal length, one row per picture.

    Rows are resampled together with a fixed seed, so equal columns have equal intervals. The interval is None for fewer
    than MIN_ROWS rows, or if a value is not finite.
    """
    usable = {key: values for key, values in columns.items() if len(values) >= MIN_ROWS and all(map(isfinite, values))}
    if not usable:
        return dict.fromkeys(columns)
    means = _resampled_means(np.array(list(usable.values()), dtype=np.float64).T)
    bounds = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    found = {key: Interval(float(low), float(high)) for key, low, high in zip(usable, *bounds, strict=True)}
    return {key: found.get(key) for key in columns}


def _resampled_means(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The means of each column over RESAMPLES draws of the rows with replacement."""
    count = len(rows)
    random = np.random.default_rng(0)  # a fixed seed
    step = max(1, min(RESAMPLES, CHUNK // count))
    sizes = [min(step, RESAMPLES - done) for done in range(0, RESAMPLES, step)]
    draws = (random.multinomial(count, np.full(count, 1 / count), size) for size in sizes)
    return np.concatenate([times @ rows / count for times in draws])
