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


class ConvolutionalDiscriminator(Discriminator):
    """Judges the last map of a chain of convolutions. Its feature maps are those after the activations."""

    features: nn.Sequential
    judge: nn.Module

    def forward(self, x: Tensor) -> DiscriminatorOutput:
        """The sigmoid of a logit is the probability that the picture, or the patch, is real."""
        maps = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                maps.append(x)
        return DiscriminatorOutput(self.judge(x), maps)


def convolutions(bands: int, widths: list[int], strides: tuple[int, ...], kernel: int, norm: str) -> nn.Sequential:
    """Convolutions of these widths with leaky ReLU; all but the first one have a normalisation.

    `norm` is `batch`, `layer` or `none`. Layer norm normalises each picture alone, as penalties on the gradients of
    single pictures require.
    """
    layers: list[nn.Module] = []
    for number, (before, width, stride) in enumerate(zip([bands, *widths[:-1]], widths, strides, strict=True)):
        convolution = nn.Conv2d(before, width, kernel, stride, padding=1, bias=not number or norm == "none")
        norms = {"batch": nn.BatchNorm2d(width), "layer": nn.GroupNorm(1, width), "none": nn.Identity()}
        layers += [convolution, *([norms[norm]] if number else []), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)
