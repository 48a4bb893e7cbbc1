"""What every discriminator is."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class DiscriminatorOutput:
    """What a discriminator says of pictures: logits, high for real ones, and the feature maps that led to them."""

    logits: Tensor
    features: list[Tensor]


class Discriminator(nn.Module):
    """Tells real pictures (N, 3, H, W), values 0…1, from generated ones; `forward` returns a Judgement.

    Logits are (N, 1), one a picture, or (N, 1, H, W), one a pixel.  `config` holds the constructor's arguments.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = config


def normalisation(kind: str, channels: int) -> nn.Module:
    """batch: over the batch; layer: within each picture, as penalties on the gradient of single pictures need; none."""
    kinds = {"batch": nn.BatchNorm2d(channels), "layer": nn.GroupNorm(1, channels), "none": nn.Identity()}
    return kinds[kind]


def forward_with_features(layers: nn.Sequential, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The layers' result, and the maps after their activations."""
    features = []
    for layer in layers:
        x = layer(x)
        if isinstance(layer, nn.LeakyReLU):
            features.append(x)
    return x, features
