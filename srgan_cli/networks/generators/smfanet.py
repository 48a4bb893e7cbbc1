"""SMFANet: local detail, and non-local features modulated by their own coarse maps, side by side.

Source: M. Zheng et al., SMFANet: A Lightweight Self-Modulation Feature Aggregation Network for Efficient Image
Super-Resolution, ECCV 2024.  The tensors have the names of the public files, so that those load.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.networks.generators.base import RGB, pad_to_grid
from srgan_cli.networks.generators.measured import MeasuredGenerator

POOLING = 8  # the non-local branch pools its maps by this factor
_STRIP_PIXELS = 8192  # on a CPU the maps are computed in strips of about so many pixels, which stay in its cache


class SMFANet(MeasuredGenerator):
    """Blocks of self-modulation feature aggregation, each with a partial convolution-based feed-forward network.

    With 48 channels and 12 blocks it is the paper's SMFANet+.  With `global_variance`, as in the paper, the variance
    of a map over the whole picture is part of the modulation; without it, only what is near counts.
    """

    grid = POOLING
    half_formats = (torch.float16,)  # as for rrdb, the last convolution makes the picture itself

    def __init__(
        self, scale: int = 4, channels: int = 36, blocks: int = 8, bands: int = RGB, global_variance: bool = True
    ) -> None:
        config = {"channels": channels, "blocks": blocks, "bands": bands, "global_variance": global_variance}
        super().__init__(scale=scale, **config)
        self.to_feat = nn.Conv2d(bands, channels, 3, padding=1)
        self.feats = nn.Sequential(*[_FeatureModulationBlock(channels, global_variance) for _ in range(blocks)])
        self.to_img = nn.Sequential(nn.Conv2d(channels, bands * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    @classmethod
    def from_shapes(cls, tensors: dict[str, Any]) -> Self | None:
        """The generator whose state dict has the keys and shapes of `tensors`; None where there is none."""
        if not {"to_feat.weight", "to_img.0.weight"} <= tensors.keys():
            return None
        blocks = len({key.split(".")[1] for key in tensors if key.startswith("feats.")})
        channels, scale = len(tensors["to_feat.weight"]), round((len(tensors["to_img.0.weight"]) / RGB) ** 0.5)
        has_variance = "feats.0.smfa.belt" in tensors
        return cls.fitting(tensors, scale=scale, channels=channels, blocks=blocks, global_variance=has_variance)

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged pictures."""
        height, width = (self.scale * side for side in x.shape[-2:])
        shallow = self.to_feat(pad_to_grid(x, POOLING))
        enlarged: Tensor = self.to_img(self.feats(shallow) + shallow)
        return enlarged[..., :height, :width].float()


@dataclass(frozen=True)
class _Strip:
    """Some rows of all maps."""

    top: int
    bottom: int

    def of(self, maps: Tensor) -> Tensor:
        """Its rows."""
        return maps[..., self.top : self.bottom, :]

    def padded(self, maps: Tensor) -> Tensor:
        """Its rows and one more on each side, where there is one: what a 3 x 3 convolution needs."""
        return maps[..., max(self.top - 1, 0) : self.bottom + 1, :]

    def crop(self, maps: Tensor) -> Tensor:
        """Its rows of padded maps."""
        first = min(self.top, 1)
        return maps[..., first : first + self.bottom - self.top, :]

    def pooled(self, maps: Tensor) -> Tensor:
        """Its rows of maps that are pooled."""
        return maps[..., self.top // POOLING : self.bottom // POOLING, :]


def _strips(maps: Tensor) -> list[_Strip]:
    """Strips of (N, C, H, W); one where gradients are needed, on other devices and in compiled code."""
    height, width = maps.shape[-2:]
    if torch.is_grad_enabled() or maps.device.type != "cpu" or torch.compiler.is_compiling():
        return [_Strip(0, height)]
    step = max(1, _STRIP_PIXELS // (width * POOLING)) * POOLING
    return [_Strip(top, min(top + step, height)) for top in range(0, height, step)]


def _join(strips: list[_Strip], like: Tensor, function: Callable[[_Strip], Tensor]) -> Tensor:
    """The rows that `function` returns for each strip, as maps with the shape of `like`."""
    if len(strips) == 1:
        return function(strips[0])
    maps = torch.empty_like(like)
    for strip in strips:
        strip.of(maps).copy_(function(strip))
    return maps


class _FeatureModulationBlock(nn.Module):
    """Aggregation and feed-forward network, each on normalised maps and added to its input."""

    def __init__(self, channels: int, global_variance: bool) -> None:
        super().__init__()
        self.smfa = _FeatureAggregation(channels, global_variance)
        self.pcfn = _PartialFeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        strips = _strips(x)
        aggregated = self.smfa(x, strips)

        def fed_forward(strip: _Strip) -> Tensor:
            return strip.crop(self.pcfn(F.normalize(strip.padded(aggregated)))) + strip.of(aggregated)

        return _join(strips, x, fed_forward)


class _FeatureAggregation(nn.Module):
    """Self-modulation feature aggregation: one half of the channels for local detail, the other for the wide view."""

    def __init__(self, channels: int, global_variance: bool) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.belt = nn.Parameter(torch.zeros(1, channels, 1, 1)) if global_variance else None
        self.linear_0 = nn.Conv2d(channels, 2 * channels, 1)
        self.linear_1 = nn.Conv2d(channels, channels, 1)
        self.linear_2 = nn.Conv2d(channels, channels, 1)
        self.lde = _LocalDetail(channels)
        self.dw_conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x: Tensor, strips: list[_Strip]) -> Tensor:
        """The input and the aggregated maps, added."""
        to_local, to_wide = _split(self.linear_0, [len(x[0])] * 2)
        wide = _join(strips, x, lambda strip: _pointwise(F.normalize(strip.of(x)), *to_wide))
        modulation = self._modulation(wide)

        def aggregated(strip: _Strip) -> Tensor:
            local = strip.crop(self.lde(_pointwise(F.normalize(strip.padded(x)), *to_local)))
            modulated = strip.of(wide) * F.interpolate(strip.pooled(modulation), scale_factor=POOLING, mode="nearest")
            return strip.of(x) + _pointwise(modulated + local, self.linear_2.weight, self.linear_2.bias)

        return _join(strips, x, aggregated)

    def _modulation(self, x: Tensor) -> Tensor:
        """How much each map counts, pooled."""
        coarse = self.dw_conv(F.max_pool2d(x, POOLING)) * self.alpha
        if self.belt is not None:
            coarse = coarse + x.var((-2, -1), keepdim=True) * self.belt
        modulation: Tensor = F.gelu(self.linear_1(coarse))
        return modulation


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
        weight, bias, pointwise, pointwise_bias = self.conv_0.parameters()
        order = [*range(0, len(weight), 2), *range(1, len(weight), 2)]
        # Two maps of a channel are slow to compute on a CPU; one of the channel and one of its copy are not.
        maps = F.conv2d(torch.cat([x, x], 1), weight[order], bias[order], padding=1, groups=len(order))
        hidden = F.gelu(_pointwise(maps, pointwise[:, order], pointwise_bias))
        return _pointwise(hidden, self.conv_1.weight, self.conv_1.bias)


class _PartialFeedForward(nn.Module):
    """A feed-forward network that convolves a quarter of its hidden channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = 2 * channels
        self.sizes = [hidden // 4, hidden - hidden // 4]
        self.conv_0 = nn.Conv2d(channels, hidden, 1)
        self.conv_1 = nn.Conv2d(hidden // 4, hidden // 4, 3, padding=1)
        self.conv_2 = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of the input."""
        first, rest = (F.gelu(_pointwise(x, *part)) for part in _split(self.conv_0, self.sizes))
        from_first, from_rest = self.conv_2.weight.split_with_sizes(self.sizes, 1)
        convolved = F.gelu(self.conv_1(first))
        return _pointwise(convolved, from_first, self.conv_2.bias) + _pointwise(rest, from_rest)


def _split(convolution: nn.Conv2d, sizes: list[int]) -> Iterator[tuple[Tensor, Tensor]]:
    """Weight and bias of convolutions that make so many maps each: their results need no copy, as slices would."""
    assert convolution.bias is not None
    return zip(convolution.weight.split_with_sizes(sizes), convolution.bias.split_with_sizes(sizes), strict=True)


def _pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A convolution of 1 x 1 as a matrix product, which needs no copy of maps whose channels are innermost."""
    return F.linear(x.movedim(1, -1), weight.flatten(1), bias).movedim(-1, 1)
