"""SwinIR: a transformer with attention in windows, which every second layer shifts by half a window.

Sources: J. Liang et al., SwinIR: Image Restoration Using Swin Transformer, ICCVW 2021 (arXiv:2108.10257);
Z. Liu et al., Swin Transformer, ICCV 2021 (arXiv:2103.14030).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.networks.generators.base import RGB, BicubicResidual, Generator, pad_to_grid, zero_init

WINDOW = 8  # side of an attention window in pixels
GROUP = 6  # layers per residual group
MASKED = -100.0
"""Added to the attention between pixels that are neighbours only because the feature map was rolled."""


class SwinIR(Generator):
    """Groups of attention layers at input resolution and one pixel shuffle, added to bicubic upscaling.

    The lightweight network of the paper has 60 channels, 24 layers (`blocks`) and 6 heads.
    """

    grid = WINDOW

    def __init__(self, scale: int = 4, channels: int = 60, blocks: int = 24, heads: int = 6, bands: int = RGB) -> None:
        super().__init__(scale=scale, channels=channels, blocks=blocks, heads=heads, bands=bands)
        if heads < 1 or channels % heads:
            raise ValueError(f"the number of channels, {channels}, must be a multiple of the number of heads, {heads}")
        self.blocks = blocks
        self.head = nn.Conv2d(bands, channels, 3, padding=1)
        sizes = (min(GROUP, blocks - start) for start in range(0, blocks, GROUP))  # not a list: `blocks` may be huge
        self.body = nn.Sequential(*[_ResidualGroup(channels, size, heads) for size in sizes])
        self.norm = nn.LayerNorm(channels)
        self.fuse = nn.Conv2d(channels, channels, 3, padding=1)
        self.tail = zero_init(nn.Conv2d(channels, bands * scale**2, 3, padding=1))
        self.bicubic = BicubicResidual(scale)

    @property
    def receptive_radius(self) -> int:
        """An upper bound in input pixels: every layer may carry information to the other end of its window."""
        return super().receptive_radius + (WINDOW - 1) * self.blocks

    def forward(self, x: Tensor) -> Tensor:
        """The upscaled pictures. Before training, this is bicubic upscaling."""
        height, width = x.shape[-2:]
        shallow = self.head(pad_to_grid(x, WINDOW))
        deep = _to_maps(self.norm(_to_tokens(self.body(shallow))))
        residual = self.tail(shallow + self.fuse(deep))[..., :height, :width]
        return F.pixel_shuffle(self.bicubic(x) + residual, self.scale)


class _ResidualGroup(nn.Module):
    """Attention layers, every second one with shifted windows, and a convolution, with a residual connection."""

    def __init__(self, channels: int, layers: int, heads: int) -> None:
        super().__init__()
        shifts = [WINDOW // 2 * (index % 2) for index in range(layers)]
        self.layers = nn.Sequential(*[_SwinLayer(channels, heads, shift) for shift in shifts])
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.convolution(_to_maps(self.layers(_to_tokens(x))))
        return x + residual


class _SwinLayer(nn.Module):
    """Window attention, then a two-layer MLP per pixel, each with a residual connection: (N, H, W, C)."""

    def __init__(self, channels: int, heads: int, shift: int) -> None:
        super().__init__()
        self.shift = shift
        self.first_norm = nn.LayerNorm(channels)
        self.attention = _WindowAttention(channels, heads)
        self.second_norm = nn.LayerNorm(channels)
        self.dense = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        rolled = torch.roll(self.first_norm(x), (-self.shift, -self.shift), (1, 2))
        mask = _attention_mask(height, width, self.shift, x.device) if self.shift else None
        attended = _from_windows(self.attention(_to_windows(rolled), mask), height, width)
        x = x + torch.roll(attended, (self.shift, self.shift), (1, 2))
        residual: Tensor = self.dense(self.second_norm(x))
        return x + residual


class _WindowAttention(nn.Module):
    """Self-attention with a learned bias for each relative position of two pixels: (N, windows, WINDOW², C)."""

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
        """The windows after attention. `mask` (windows, 1, WINDOW², WINDOW²) is added before the softmax."""
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
    windows = x.view(batch, height // WINDOW, WINDOW, width // WINDOW, WINDOW, channels)
    return windows.transpose(2, 3).reshape(batch, -1, WINDOW**2, channels)


def _from_windows(windows: Tensor, height: int, width: int) -> Tensor:
    batch, _, _, channels = windows.shape
    rows = windows.view(batch, height // WINDOW, width // WINDOW, WINDOW, WINDOW, channels)
    return rows.transpose(2, 3).reshape(batch, height, width, channels)


def _attention_mask(height: int, width: int, shift: int, device: torch.device) -> Tensor:
    """Masks attention across the edges of a rolled map, made on the device: (windows, 1, WINDOW², WINDOW²)."""
    rows, columns = (_regions(length, shift, device) for length in (height, width))
    regions = _to_windows((3 * rows[:, None] + columns)[None, ..., None].float())[0, ..., 0]
    different = regions[:, :, None] != regions[:, None, :]
    return (different * MASKED)[:, None]


def _regions(length: int, shift: int, device: torch.device) -> Tensor:
    """For every row or column of a rolled feature map, which of three regions it comes from."""
    position = torch.arange(length, device=device)
    return (position >= length - WINDOW).long() + (position >= length - shift).long()


def _offsets() -> Tensor:
    """The index of the relative position of each two pixels of a window: (WINDOW², WINDOW²)."""
    line = torch.arange(WINDOW)
    offset = line[:, None] - line + WINDOW - 1
    square = offset[:, None, :, None] * (2 * WINDOW - 1) + offset[None, :, None, :]
    return square.reshape(WINDOW**2, WINDOW**2)
