"""Small generators for tests."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.networks.generators.srresnet import SRResNet

SMALL: dict[str, dict[str, Any]] = {
    "compact": {"channels": 4, "blocks": 2},
    "rrdb": {"channels": 4, "blocks": 1, "growth": 2},
    "span": {"channels": 4, "blocks": 3},
    "smfanet": {"channels": 4, "blocks": 1},
    "srcnn": {"channels": 4},
    "srresnet": {"channels": 4, "blocks": 2},
    "swinir": {"channels": 6, "blocks": 1, "heads": 2},
    "unet": {"channels": 4},
}
"""Arguments that make a generator small, by name in GENERATORS."""
EXACT = [name for name, generator in GENERATORS.items() if generator.exact_tiles]
"""The generators that promise that tiled equals whole."""


def noise(*shape: int) -> Tensor:
    """Random values 0…1, always the same for a shape."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


def randomise(generator: Generator, std: float, seed: int = 0) -> Generator:
    """Draw all weights, so that each of them changes the result."""
    for parameter in generator.eval().requires_grad_(False).parameters():
        nn.init.normal_(parameter, std=std, generator=torch.Generator().manual_seed(seed))
    return generator


def random_generator(noise: int = 0) -> Generator:
    """A small SRResNet with random weights."""
    return randomise(SRResNet(2, channels=4, blocks=1, noise=noise), 0.2, 2)


def small_generator(name: str) -> Generator:
    """A small generator of any architecture with random weights."""
    return randomise(GENERATORS[name](**SMALL[name]), 0.1)


class OutOfMemory(SRResNet):
    """A generator for which memory runs out when it reads more than `limit` pixels."""

    def __init__(self, limit: float, error: Callable[[], Exception] = lambda: torch.OutOfMemoryError("out of memory")):
        super().__init__(2, channels=4, blocks=1)
        randomise(self, 0.2)
        self.error, self.limit = error, limit
        self.read, self.failed = list[int](), list[int]()
        """Pixels of the inputs, of all and of those that failed."""

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge; the black sample on which memory is counted always fits."""
        if not x.any():
            return super().forward(x)
        self.read.append(x.shape[-1] * x.shape[-2])
        if self.read[-1] > self.limit:
            self.failed.append(self.read[-1])
            raise self.error()
        return super().forward(x)
