"""SMFANet: local detail, and non-local features modulated by their own coarse maps, side by side.

Source: M. Zheng et al., SMFANet: A Lightweight Self-Modulation Feature Aggregation Network for Efficient Image
Super-Resolution, ECCV 2024.  The tensors have the names of the public files, so that those load.
"""

from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.networks.generators.base import RGB, pad_to_grid
from srgan_cli.networks.generators.measured import MeasuredGenerator

POOLING = 8
"""The non-local branch pools its maps by this factor."""


class SMFANet(MeasuredGenerator):
    """Blocks of self-modulation feature aggregation, each with a partial convolution-based feed-forward network.

    With 48 channels and 12 blocks it is the paper's SMFANet+.  The variance of a map over the whole picture is part of
    the modulation, so that tiled is close to whole, not equal.
    """

    def __init__(self, scale: int = 4, channels: int = 36, blocks: int = 8, bands: int = RGB) -> None:
        super().__init__(scale=scale, channels=channels, blocks=blocks, bands=bands)
        self.to_feat = nn.Conv2d(bands, channels, 3, padding=1)
        self.feats = nn.Sequential(*[_FeatureModulationBlock(channels) for _ in range(blocks)])
        self.to_img = nn.Sequential(nn.Conv2d(channels, bands * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    @classmethod
    def from_shapes(cls, tensors: dict[str, Any]) -> Self | None:
        """The generator whose state dict has the keys and shapes of `tensors`; None where there is none."""
        head, tail = tensors.get("to_feat.weight"), tensors.get("to_img.0.weight")
        if head is None or tail is None:
            return None
        blocks = 1 + max((int(key.split(".")[1]) for key in tensors if key.startswith("feats.")), default=-1)
        generator = cls(round((len(tail) / 3) ** 0.5), len(head), blocks)
        shapes = {key: value.shape for key, value in generator.state_dict().items()}
        return generator if shapes == {key: value.shape for key, value in tensors.items()} else None

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged pictures."""
        height, width = (self.scale * side for side in x.shape[-2:])
        shallow = self.to_feat(pad_to_grid(x, POOLING))
        enlarged: Tensor = self.to_img(self.feats(shallow) + shallow)
        return enlarged[..., :height, :width].float()


class _FeatureModulationBlock(nn.Module):
    """Aggregation and feed-forward network, each on normalised maps and added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.smfa = _FeatureAggregation(channels)
        self.pcfn = _PartialFeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.smfa(F.normalize(x)) + x
        change: Tensor = self.pcfn(F.normalize(x))
        return change + x


class _FeatureAggregation(nn.Module):
    """Self-modulation feature aggregation: one half of the channels for local detail, the other for the wide view."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.belt = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.linear_0 = nn.Conv2d(channels, 2 * channels, 1)
        self.linear_1 = nn.Conv2d(channels, channels, 1)
        self.linear_2 = nn.Conv2d(channels, channels, 1)
        self.lde = _LocalDetail(channels)
        self.dw_conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """The aggregated maps, of the shape of the input."""
        local, wide = self.linear_0(x).chunk(2, 1)
        aggregated: Tensor = self.linear_2(wide * self._modulation(wide) + self.lde(local))
        return aggregated

    def _modulation(self, x: Tensor) -> Tensor:
        coarse = self.dw_conv(F.max_pool2d(x, POOLING))
        modulation = F.gelu(self.linear_1(coarse * self.alpha + x.var((-2, -1), keepdim=True) * self.belt))
        return F.interpolate(modulation, scale_factor=POOLING, mode="nearest")


class _LocalDetail(nn.Module):
    """A depthwise convolution between layers of 1 x 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = 2 * channels
        depthwise = nn.Conv2d(channels, hidden, 3, padding=1, groups=channels)
        self.conv_0 = nn.Sequential(depthwise, nn.Conv2d(hidden, hidden, 1))
        self.conv_1 = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of the input."""
        detail: Tensor = self.conv_1(F.gelu(self.conv_0(x)))
        return detail


class _PartialFeedForward(nn.Module):
    """A feed-forward network that convolves a quarter of its hidden channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = 2 * channels
        self.convolved = hidden // 4
        self.conv_0 = nn.Conv2d(channels, hidden, 1)
        self.conv_1 = nn.Conv2d(self.convolved, self.convolved, 3, padding=1)
        self.conv_2 = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of the input."""
        first, rest = F.gelu(self.conv_0(x)).tensor_split([self.convolved], 1)
        change: Tensor = self.conv_2(torch.cat([F.gelu(self.conv_1(first)), rest], 1))
        return change
