"""The metrics of sets, from the features of all scored pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srgan_cli.metrics import SET_METRICS

Features = tuple[NDArray[Any], NDArray[Any]]  # the features (N, D) of a reference and of a candidate


def compare_sets(
    features: Mapping[str, Sequence[Features]], metrics: Sequence[str]
) -> tuple[dict[str, dict[str, tuple[float, int]]], list[str]]:
    """Value and number of pictures by method and metric, and a message for each metric with too few pictures.

    `features` are those of all pictures, by method.
    """
    values: dict[str, dict[str, tuple[float, int]]] = {}
    errors = []
    for method, pairs in features.items():
        sides = [np.concatenate(side).astype(np.float64) for side in zip(*pairs, strict=True)]
        count, width = min(map(len, sides)), sides[0].shape[1]
        for name in metrics:
            metric = SET_METRICS[name]
            if count >= (needed := metric.min_pictures(width)):
                values.setdefault(method, {})[name] = metric.compute(sides[0], sides[1]), count
            else:
                found = f"{width} features need {needed} pictures or patches, found {count}"
                errors.append(f"{name} of {method}: {found}; use more pictures, or a smaller --patch")
    return values, errors
