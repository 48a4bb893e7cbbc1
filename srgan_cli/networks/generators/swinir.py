"""SwinIR: a transformer whose attention stays within windows that move by half a window from layer to layer.

Sources: J. Liang et al., SwinIR: Image Restoration Using Swin Transformer, ICCVW 2021 (arXiv:2108.10257);
Z. Liu et al., Swin Transformer, ICCV 2021 (arXiv:2103.14030).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.networks.generators.base import BicubicResidual, Generator, padded_to_grid, zero_init

WINDOW = 8
"""Side of an attention window in pixels."""
GROUP = 6
"""Layers that share a convolution and a way round them."""
MASKED = -100.0
"""Added to the attention between pixels that are neighbours only because the picture was rolled."""


class SwinIR(Generator):
    """Groups of attention layers at input resolution, one sub-pixel layer, added to the bicubic enlargement.

    The paper's lightweight network has 60 channels, 24 layers (`blocks`) and 6 heads.
    Input (N, 3, H, W), output (N, 3, scale x H, scale x W).
    """

    grid = WINDOW

    def __init__(self, scale: int = 4, channels: int = 60, blocks: int = 24, heads: int = 6) -> None:
        super().__init__(scale=scale, channels=channels, blocks=blocks, heads=heads)
        if heads < 1 or channels % heads:
            raise ValueError(f"{channels} channels cannot be shared among {heads} heads of attention")
        self.blocks = blocks
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(
            *[ResidualGroup(channels, min(GROUP, blocks - start), heads) for start in range(0, blocks, GROUP)]
        )
        self.norm = nn.LayerNorm(channels)
        self.fuse = nn.Conv2d(channels, channels, 3, padding=1)
        self.tail = zero_init(nn.Conv2d(channels, 3 * scale**2, 3, padding=1))
        self.bicubic = BicubicResidual(scale)
        self.shuffle = nn.PixelShuffle(scale)

    @property
    def receptive_radius(self) -> int:
        """In input pixels, at most: every layer may carry a pixel to the other end of its window."""
        return super().receptive_radius + (WINDOW - 1) * self.blocks

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged pictures.  An untrained generator gives the bicubic enlargement."""
        height, width = x.shape[-2:]
        shallow = self.head(padded_to_grid(x, WINDOW))
        deep = _to_maps(self.norm(_to_tokens(self.body(shallow))))
        change = self.tail(shallow + self.fuse(deep))[..., :height, :width]
        enlarged: Tensor = self.shuffle(self.bicubic(x) + change)
        return enlarged


class ResidualGroup(nn.Module):
    """Attention layers, every second one on shifted windows, and a convolution, added to what came in."""

    def __init__(self, channels: int, layers: int, heads: int) -> None:
        super().__init__()
        shifts = [WINDOW // 2 * (index % 2) for index in range(layers)]
        self.layers = nn.Sequential(*[SwinLayer(channels, heads, shift) for shift in shifts])
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        change: Tensor = self.convolution(_to_maps(self.layers(_to_tokens(x))))
        return x + change


class SwinLayer(nn.Module):
    """Attention within windows, then two dense layers a pixel, each added to what came in: (N, H, W, C)."""

    def __init__(self, channels: int, heads: int, shift: int) -> None:
        super().__init__()
        self.shift = shift
        self.first_norm = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads)
        self.second_norm = nn.LayerNorm(channels)
        self.dense = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output, of the shape of its input."""
        height, width = x.shape[1:3]
        rolled = torch.roll(self.first_norm(x), (-self.shift, -self.shift), (1, 2))
        walls = _attention_mask(height, width, self.shift, x.device) if self.shift else None
        attended = _from_windows(self.attention(_to_windows(rolled), walls), height, width)
        x = x + torch.roll(attended, (self.shift, self.shift), (1, 2))
        change: Tensor = self.dense(self.second_norm(x))
        return x + change


class WindowAttention(nn.Module):
    """Self-attention with a learned bias for every offset of two pixels: (N, windows, WINDOW², C)."""

    offsets: Tensor

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.bias = nn.Parameter(torch.zeros(heads, (2 * WINDOW - 1) ** 2))
        nn.init.trunc_normal_(self.bias, std=0.02)
        self.register_buffer("offsets", _offsets(), persistent=False)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The attended windows; `mask` (windows, 1, WINDOW², WINDOW²) is added to the attention before its softmax."""
        batch, windows, pixels, channels = x.shape
        split = self.queries_keys_values(x).view(batch, windows, pixels, 3, self.heads, channels // self.heads)
        queries, keys, values = split.permute(3, 0, 1, 4, 2, 5)
        bias = self.bias[:, self.offsets]
        mask = (bias if mask is None else bias + mask).to(queries.dtype)
        attended = F.scaled_dot_product_attention(queries, keys, values, mask)
        projected: Tensor = self.project(attended.transpose(2, 3).reshape(batch, windows, pixels, channels))
        return projected


def _to_tokens(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1)


def _to_maps(tokens: Tensor) -> Tensor:
    return tokens.permute(0, 3, 1, 2).contiguous()


def _to_windows(x: Tensor) -> Tensor:
    """(N, H, W, C) to (N, windows, WINDOW², C)."""
    batch, height, width, channels = x.shape
    cut = x.view(batch, height // WINDOW, WINDOW, width // WINDOW, WINDOW, channels)
    return cut.transpose(2, 3).reshape(batch, -1, WINDOW**2, channels)


def _from_windows(windows: Tensor, height: int, width: int) -> Tensor:
    batch, _, _, channels = windows.shape
    laid = windows.view(batch, height // WINDOW, width // WINDOW, WINDOW, WINDOW, channels)
    return laid.transpose(2, 3).reshape(batch, height, width, channels)


def _attention_mask(height: int, width: int, shift: int, device: torch.device) -> Tensor:
    """What keeps pixels from opposite edges of the picture apart in a rolled window: (windows, 1, WINDOW², WINDOW²).

    Made on the device: a copy to it would wait for all that it has still to compute.
    """
    rows, columns = (_strips(length, shift, device) for length in (height, width))
    regions = _to_windows((3 * rows[:, None] + columns)[None, ..., None].float())[0, ..., 0]
    apart = regions[:, :, None] != regions[:, None, :]
    return (apart * MASKED)[:, None]


def _strips(length: int, shift: int, device: torch.device) -> Tensor:
    """For every row or column of a rolled picture, which of three stretches it is from."""
    place = torch.arange(length, device=device)
    return (place >= length - WINDOW).long() + (place >= length - shift).long()


def _offsets() -> Tensor:
    """For every two pixels of a window the number of their offset: (WINDOW², WINDOW²)."""
    line = torch.arange(WINDOW)
    apart = line[:, None] - line + WINDOW - 1
    square = apart[:, None, :, None] * (2 * WINDOW - 1) + apart[None, :, None, :]
    return square.reshape(WINDOW**2, WINDOW**2)
