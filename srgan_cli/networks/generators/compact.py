"""Compact: a chain of convolutions, the shape of many public models for photographs, drawings and video.

Source: SRVGGNetCompact of X. Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic
Data, ICCVW 2021 (arXiv:2107.10833).  The tensors have the names of the public files, so that other programs read
them too.
"""

from typing import Any, Self

import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.networks.generators.base import RGB, Generator, zero_init


class Compact(Generator):
    """PReLU convolutions and a pixel shuffle, added to nearest upscaling; `blocks` are those between first and last."""

    def __init__(self, scale: int = 4, channels: int = 64, blocks: int = 16, bands: int = RGB) -> None:
        super().__init__(scale=scale, channels=channels, blocks=blocks, bands=bands)
        layers: list[nn.Module] = [nn.Conv2d(bands, channels, 3, padding=1), nn.PReLU(channels)]
        for _ in range(blocks):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.PReLU(channels)]
        self.body = nn.Sequential(*layers, zero_init(nn.Conv2d(channels, bands * scale**2, 3, padding=1)))

    @classmethod
    def from_shapes(cls, tensors: dict[str, Any]) -> Self | None:
        """The generator whose state dict has the keys and shapes of `tensors`; None where there is none."""
        if "body.0.weight" not in tensors:
            return None
        kernels = {key: value for key, value in tensors.items() if getattr(value, "ndim", 0) == len("OIHW")}
        last = max(kernels, key=lambda key: int(key.split(".")[1]))  # safetensors has body.10 before body.2
        scale, channels = round((len(kernels[last]) / RGB) ** 0.5), len(tensors["body.0.weight"])
        return cls.fitting(tensors, scale=scale, channels=channels, blocks=len(kernels) - 2)

    def forward(self, x: Tensor) -> Tensor:
        """The upscaled pictures. Before training, this is nearest-neighbour upscaling."""
        return F.pixel_shuffle(self.body(x) + x.repeat_interleave(self.scale**2, dim=1), self.scale)
