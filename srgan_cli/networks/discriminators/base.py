"""The base class of the discriminators, and the parts that they share."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class DiscriminatorOutput:
    """The output of a discriminator."""

    logits: Tensor
    """(N, 1), one per picture, or (N, 1, H, W), one per patch or pixel; high for real pictures."""
    features: list[Tensor]
    """The intermediate feature maps (N, C, H, W)."""


class Discriminator(nn.Module):
    """Distinguishes real pictures (N, bands, H, W) with values 0…1 from generated ones.

    `forward` returns a DiscriminatorOutput. `config` holds the constructor's arguments.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = config


def norm_layer(kind: str, channels: int) -> nn.Module:
    """A normalisation layer: `batch`, `layer` or `none`.

    Layer norm normalises each picture alone, as penalties on the gradients of single pictures require.
    """
    kinds = {"batch": nn.BatchNorm2d(channels), "layer": nn.GroupNorm(1, channels), "none": nn.Identity()}
    return kinds[kind]


def convolutions(bands: int, widths: list[int], strides: tuple[int, ...], kernel: int, norm: str) -> nn.Sequential:
    """Convolutions of these widths with leaky ReLU; all but the first one have a normalisation."""
    layers: list[nn.Module] = []
    for number, (before, width, stride) in enumerate(zip([bands, *widths[:-1]], widths, strides, strict=True)):
        convolution = nn.Conv2d(before, width, kernel, stride, padding=1, bias=not number or norm == "none")
        layers += [convolution, *([norm_layer(norm, width)] if number else []), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)


def forward_with_features(layers: nn.Sequential, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The output of the layers, and the feature maps after their activations."""
    features = []
    for layer in layers:
        x = layer(x)
        if isinstance(layer, nn.LeakyReLU):
            features.append(x)
    return x, features
