"""Estimates the memory that tiles take, and chooses their size.

The activations of a network that are alive at once grow with the number of pixels that it reads.  They are counted on
a small picture; tests compare the estimate with the memory of processes.
"""

import copy
import re
import weakref
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import ceil, inf, prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.image.codec.raster import band_rows
from srgan_cli.networks import Generator
from srgan_cli.system.arguments import Count, Positive, checked
from srgan_cli.system.files import format_bytes
from srgan_cli.system.memory_usage import rss, total_memory
from srgan_cli.upscaling.tiles.geometry import Geometry, even_length

MIN_BUDGET, MAX_BUDGET = 768 * 2**20, 2 * 2**30
"""Without a limit, tiles and rows of tiles may take an eighth of the machine's memory between these bounds, and the
lower bound on a GPU or when workers share the machine."""
WORKSPACE = 2.0
"""Memory of a network as a multiple of its activations: convolutions copy their input in another layout.  Measured up
to 1.84 on a CPU, and up to 2.33 on a CPU without bfloat16, where ALLOCATOR_FACTOR covers the rest."""
_BUFFERED_ROWS = 3  # copies of input rows: as read, joined to further rows, and with colour bled under alpha
OVERHEAD = 128 * 2**20  # memory of decoders, encoders and threads, and what the allocator keeps
ALLOCATOR_FACTOR = 1.6
"""Memory of tiles and rows as a multiple of their size: the allocator keeps freed blocks.  Measured up to 1.45."""
_STEP = 16
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SAMPLE = 48
_FLOAT = 4
_PINNED_FACTOR = 2 * 2
"""Two results are in page-locked memory at a time, and torch rounds each up to a power of two."""


def parse_bytes(text: str) -> int:
    """Parse a size such as 800M, 2G or 1.5GiB, with units of 1024.  Raises UsageError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    size = float(found[1]) * _UNITS[found[2].upper()] if found else 0
    if not 1 <= size < inf:
        raise UsageError(f"cannot read the memory size {text!r}", "write it as --max-memory 800M or 2G")
    return int(size)


@checked
@dataclass(frozen=True)
class TilePolicy:
    """Limits on the size of tiles."""

    size: Count = 1024
    """Longest side of a tile's output in input pixels; 0 processes the picture whole."""
    max_memory: Positive | None = None
    """Limit on the memory of the whole process, in bytes.

    With None, tiles and rows of tiles may take an eighth of the machine's memory, at least 768 MiB and at most 2 GiB;
    on a GPU, or when the machine is shared, 768 MiB.
    """
    shared_machine: bool = False
    """Whether other workers share this machine's memory."""
    working_memory: float = inf
    """Limit on the memory of a tile and its row, in bytes, as far as the smallest tiles keep it."""

    def sides(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of a tile's output: as few tiles as allowed, of about equal size."""
        return (even_length(height, self.size), even_length(width, self.size)) if self.size else (height, width)


def activation_bytes(network: Generator, channels: int) -> float:
    """Return the peak memory of a network's activations, in bytes for each input pixel.

    Counted while the network enlarges a small black picture.  A network on another device is counted with meta tensors
    unless its control flow depends on values; on a CPU, importing what meta tensors need would take longer.
    """
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    if device.type != "cpu":
        with suppress(RuntimeError):  # its control flow depends on values
            return _count_activations(copy.deepcopy(network).to("meta"), channels, torch.device("meta"))
    return getattr(network, "native_bytes", 0) + _count_activations(network, channels, device)


def _count_activations(network: nn.Module, channels: int, device: torch.device) -> float:
    with torch.no_grad(), AllocationTracker() as tracker:
        network(torch.zeros(1, channels, _SAMPLE, _SAMPLE, device=device))
    return float(tracker.peak / _SAMPLE**2)


class AllocationTracker(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that are created while it is active, until they are freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live: set[int] = set()
        self.current = self.peak = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return False: otherwise torch imports its compiler, which takes longer than a small picture."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in self.live:
                self._count(tensor.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self.live.add(key)
        self.current += size
        self.peak = max(self.peak, self.current)
        weakref.finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self.live.discard(key)
        self.current -= size


@checked
@dataclass(frozen=True)
class ReservedMemory:
    """Memory that is not available to tiles: what the process has in use and what is promised to other parts of it.

    The pictures of one file share it.  As their results are stored, the process grows into the promised memory.
    """

    promised: int = 0
    """Bytes reserved for decoded pictures and results."""

    @property
    def in_use(self) -> int:
        """Bytes in use at the first call, or bytes in use now beyond the promised ones if that is more."""
        return max(self._at_start, rss() - self.promised)

    @cached_property
    def _at_start(self) -> int:
        return rss()


@checked
@dataclass(frozen=True)
class TilePlan:
    """How one picture is cut into tiles, made once by `Upscaler.plan`."""

    geometry: Geometry
    """Sizes of the picture and its result, and what a tile reads around its output."""
    tile_sides: tuple[int, int]
    """Height and width of a tile's output, in input pixels."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Memory that enlarging a picture takes, in bytes."""

    bytes_per_pixel: float
    """For each pixel that a tile reads."""
    bytes_per_row: float
    """For each input row of a row of tiles, including its result."""
    fixed_bytes: float
    """Independent of the tiles."""
    halo: int
    """How far tiles read beyond their output, in pixels."""
    on_host: bool = True
    """Whether tiles and rows share one memory, as on a CPU."""
    pinned_bytes_per_pixel: float = 0
    """Host memory for each pixel that a tile on a GPU reads."""
    reserved: ReservedMemory = field(default_factory=ReservedMemory)
    """Host memory that is not available."""
    max_input_pixels: float = inf
    """Most pixels that a tile may read at once."""

    @classmethod
    def for_picture(
        cls, geometry: Geometry, activations: float, reserved: ReservedMemory, *, on_host: bool, max_input_pixels: float
    ) -> "MemoryEstimate":
        """Estimate for an RGB picture and a network with this many bytes of activations for each pixel."""
        layers = geometry.layers.floats
        results = _FLOAT * 3 * (2 + 3 * geometry.area_ratio) * geometry.layers.passes
        network = WORKSPACE * activations
        tile = max(network, results) if on_host else network + results  # a GPU still copies the previous results
        line = geometry.width * _FLOAT * layers
        bands = _BUFFERED_ROWS * band_rows(geometry.width, layers) * line
        row, pinned = line * (_BUFFERED_ROWS + geometry.area_ratio), _PINNED_FACTOR * _FLOAT * 3 * geometry.scale**2
        return cls(tile, row, bands + reserved.promised, geometry.max_halo, on_host, pinned, reserved, max_input_pixels)

    def for_tiles(self, height: int, width: int) -> float:
        """Return the bytes for tiles whose output has this size."""
        rows, columns = height + 2 * self.halo, width + 2 * self.halo
        tile = ALLOCATOR_FACTOR * self.bytes_per_pixel * rows * columns
        band = ALLOCATOR_FACTOR * self.bytes_per_row * rows
        pinned = self.pinned_bytes_per_pixel * rows * columns
        return self.fixed_bytes + (tile + band if self.on_host else max(tile, band + pinned))


def plan_tile_sides(estimate: MemoryEstimate, height: int, width: int, policy: TilePolicy) -> tuple[int, int]:
    """The height and width of tiles that fit into memory and read the least.  Raises SrganError where none fit."""
    picture, most, limit = (height, width), policy.sides(height, width), _budget(estimate, policy)
    budget = min(limit, policy.working_memory + estimate.fixed_bytes)
    keep_whole = policy.size == 0 and _fits(estimate, most, picture, inf)
    least = most if keep_whole else (min(_STEP, most[0]), min(_STEP, most[1]))
    if _fits(estimate, most, picture, budget) or (policy.max_memory is None and least == most):
        return most
    _check_limit(estimate, least, policy, limit)

    def pixels_read(length: int, low: int, high: int) -> dict[int, int]:
        """For each side, the pixels that tiles read along one dimension, with overlaps counted twice."""
        sides = {even_length(length, side): ceil(length / side) for side in (*range(low, high, _STEP), high)}
        return {side: length + 2 * estimate.halo * (count - 1) for side, count in sides.items()}

    down, across = map(pixels_read, picture, least, most)
    least = min(down), min(across)
    lowest = product([least[0]], across)  # where a row of the least tiles exceeds the budget, they may still be wide
    fitting = [sides for sides in product(down, across) if _fits(estimate, sides, picture, budget)]
    fitting = fitting or [sides for sides in lowest if _fits(estimate, sides, picture, limit)] or [least]
    return min(fitting, key=lambda sides: down[sides[0]] * across[sides[1]])


def plan_uniform_side(estimate: MemoryEstimate, height: int, width: int, policy: TilePolicy) -> int:
    """The longest side of tiles of one shape: the policy's, halved until they fit.  Raises as plan_tile_sides."""
    side, budget = policy.size or max(height, width), _budget(estimate, policy)

    def sides() -> tuple[int, int]:
        return min(side, height), min(side, width)

    while side > _STEP and not _fits(estimate, sides(), (height, width), budget if policy.size else inf):
        side = -(-side // 2)
    _check_limit(estimate, sides(), policy, budget)
    return side


def input_area(sides: tuple[int, int], picture: tuple[int, int], halo: int) -> int:
    """Return the most pixels that a tile reads whose output has these sides, in a picture of this height and width."""
    return prod(min(side + 2 * halo, length) for side, length in zip(sides, picture, strict=True))


def _fits(estimate: MemoryEstimate, sides: tuple[int, int], picture: tuple[int, int], budget: float) -> bool:
    small_enough = input_area(sides, picture, estimate.halo) <= estimate.max_input_pixels
    return small_enough and estimate.for_tiles(*sides) <= budget


def _check_limit(estimate: MemoryEstimate, sides: tuple[int, int], policy: TilePolicy, budget: float) -> None:
    """Raise SrganError when the policy has a limit and tiles of these sides exceed it."""
    needed = estimate.for_tiles(*sides)
    if policy.max_memory is not None and needed > budget:
        whole = policy.max_memory - budget + needed
        limit, takes = format_bytes(policy.max_memory), f"it takes {format_bytes(whole)}"
        other = ", or write a TIFF, without --consistent" if estimate.fixed_bytes > whole / 2 else ""
        hint = f"allow --max-memory {format_bytes(whole * 1.05)}{other}"
        raise SrganError(f"this picture cannot be enlarged within {limit}: {takes}", hint)


def check_decode_memory(size: int, reserved: ReservedMemory, policy: TilePolicy) -> None:
    """Raise SrganError when decoding a picture, which takes `size` bytes, exceeds the policy's limit."""
    if policy.max_memory is None or not size:
        return
    if (needed := size + OVERHEAD + reserved.in_use) > policy.max_memory:
        limit, takes = format_bytes(policy.max_memory), f"decoded whole, it takes {format_bytes(needed)}"
        hint = f"allow --max-memory {format_bytes(needed * 1.05)}, or make it a plain PNG or TIFF, read in parts"
        raise SrganError(f"this picture cannot be read within {limit}: {takes}", hint)


def _budget(estimate: MemoryEstimate, policy: TilePolicy) -> float:
    if policy.max_memory is None:
        eighth = total_memory() // 8 if estimate.on_host and not policy.shared_machine else 0
        return min(max(MIN_BUDGET, eighth), MAX_BUDGET) + estimate.fixed_bytes
    return policy.max_memory - OVERHEAD - (estimate.reserved.in_use if estimate.on_host else 0)
