"""What metrics of sets have seen of pictures, collected by method until it is compared."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from srgan_cli.metrics import SET_METRICS


class FeatureAccumulator:
    """What has been seen of the references and of each method's pictures, until it is compared."""

    def __init__(self, metrics: tuple[str, ...]) -> None:
        self.metrics = metrics
        self._seen: dict[str, list[tuple[NDArray[Any], NDArray[Any]]]] = {}

    def add(self, features: dict[str, tuple[NDArray[Any], NDArray[Any]]]) -> None:
        """Keep the features of a picture's reference and of the picture, by method."""
        for method, pair in features.items():
            self._seen.setdefault(method, []).append(pair)

    def values(self) -> tuple[dict[str, dict[str, tuple[float, int]]], list[str]]:
        """Value and number of pictures by method and metric; and a sentence for each that had too few pictures."""
        found: dict[str, dict[str, tuple[float, int]]] = {}
        refused = []
        for method, pairs in self._seen.items():
            sides = [np.concatenate(side).astype(np.float64) for side in zip(*pairs, strict=True)]
            count, width = min(map(len, sides)), sides[0].shape[1]
            for name in self.metrics:
                metric = SET_METRICS[name]
                if count >= (needed := metric.min_pictures(width)):
                    found.setdefault(method, {})[name] = metric.compute(sides[0], sides[1]), count
                else:
                    refused.append(
                        f"{name} of {method}: {width} features need {needed} pictures or patches, found {count}; "
                        "give more pictures, or a smaller --patch"
                    )
        return found, refused
