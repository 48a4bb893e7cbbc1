"""The features of all scored pictures, collected per method for the metrics of sets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from srgan_cli.metrics import SET_METRICS

Features = tuple[NDArray[Any], NDArray[Any]]
"""The features (N, D) of a reference and of a candidate."""


class FeatureAccumulator:
    """Collects the features of references and candidates, and compares them at the end."""

    def __init__(self, metrics: tuple[str, ...]) -> None:
        self.metrics = metrics
        self._features: dict[str, list[Features]] = {}

    def add(self, features: dict[str, Features]) -> None:
        """Add the features of one picture, by method."""
        for method, pair in features.items():
            self._features.setdefault(method, []).append(pair)

    def compute(self) -> tuple[dict[str, dict[str, tuple[float, int]]], list[str]]:
        """Value and number of pictures by method and metric, and a message for each metric with too few pictures."""
        values: dict[str, dict[str, tuple[float, int]]] = {}
        errors = []
        for method, pairs in self._features.items():
            sides = [np.concatenate(side).astype(np.float64) for side in zip(*pairs, strict=True)]
            count, width = min(map(len, sides)), sides[0].shape[1]
            for name in self.metrics:
                metric = SET_METRICS[name]
                if count >= (needed := metric.min_pictures(width)):
                    values.setdefault(method, {})[name] = metric.compute(sides[0], sides[1]), count
                else:
                    found = f"{width} features need {needed} pictures or patches, found {count}"
                    errors.append(f"{name} of {method}: {found}; use more pictures, or a smaller --patch")
        return values, errors
