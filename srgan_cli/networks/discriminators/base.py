"""The base class of the discriminators."""

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
    """Judges pictures (N, bands, H, W), 0…1; `forward` returns a DiscriminatorOutput, `config` has the arguments."""

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = config
