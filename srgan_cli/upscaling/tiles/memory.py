"""How much memory there is to take, how much a tile takes, and which tiles therefore.

Between two layers of a network lie its activations; what of them is alive at once grows with the pixels that the
network reads.  It is counted on a small picture, and checked against processes in the tests.
"""

import copy
import re
import weakref
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.image.codec.raster import band_rows
from srgan_cli.image.picture import ImageStream
from srgan_cli.system.files import format_bytes
from srgan_cli.system.memory import retain_freed_memory, rss, total_memory
from srgan_cli.upscaling.tiles.geometry import Geometry
from srgan_cli.upscaling.tiles.tiling import TilePolicy, even_length

MIN_BUDGET, MAX_BUDGET = 768 * 2**20, 2 * 2**30
"""Between these is what tiles and rows of tiles may take where no limit is given: an eighth of the machine's memory,
the least on a GPU, and where workers share the machine."""
_WORKSPACE = 2.0
"""Convolutions copy what they read and make into another order: measured up to 1.84 of the activations, on a CPU,
and up to 2.33 on one without bfloat16, where what is counted for the allocator has room for it."""
_BUFFERED_ROWS = 3
"""Rows of the picture, the same joined to further ones, and with their colour bled."""
_OVERHEAD = 128 * 2**20
"""For decoders, encoders, threads, and what the allocator keeps."""
_ALLOCATOR_FACTOR = 1.6
"""Times what tiles and rows take, for what the allocator keeps of those before: measured up to 1.45."""
_STEP = 16
_SAMPLE = 48
_FLOAT = 4
_PINNED_FACTOR = 2 * 2
"""Results in page-locked memory, the one that is collected and the next; torch takes powers of two for each."""
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def parse_bytes(text: str) -> int:
    """Bytes of a text such as 800M, 2G or 1.5GiB, with units of 1024.  Raises UsageError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if not found or not float(found[1]):
        raise UsageError(f"cannot tell how much memory {text!r} is", "write it as 800M or 2G")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def retain_freed_memory_within(policy: TilePolicy) -> None:
    """See keep_freed; nothing happens under a limit, which counts as taken what is kept.  For long work."""
    if policy.max_memory is None:
        retain_freed_memory()


def activation_bytes(network: nn.Module, channels: int) -> float:
    """Bytes of activations that are alive at once while the network reads a picture, a pixel of it.

    Counted while it enlarges a small picture: on a CPU that takes less than to import what tensors without values take,
    on which it is counted elsewhere, unless the network decides by values.
    """
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    if device.type != "cpu":
        with suppress(RuntimeError):  # it decides by values
            return _count_activations(copy.deepcopy(network).to("meta"), channels, torch.device("meta"))
    return _count_activations(network, channels, device)


def _count_activations(network: nn.Module, channels: int, device: torch.device) -> float:
    with torch.no_grad(), AllocationTracker() as tracker:
        network(torch.zeros(1, channels, _SAMPLE, _SAMPLE, device=device))
    return float(tracker.peak / _SAMPLE**2)


class AllocationTracker(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the bytes of all tensors that come into being, for as long as they live."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live: set[int] = set()
        self.current = self.peak = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """torch would import its compiler to keep it away from this, which takes longer than a small picture."""
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


@dataclass(frozen=True)
class ReservedMemory:
    """What tiles may not take, in bytes: what is promised to others, and what the process has already.

    The pictures of one file share it: their results, as they come, take what was promised to them.
    """

    promised: int = 0

    @property
    def in_use(self) -> int:
        """What the process had when this was asked for first, and what it has outgrown the promise by since."""
        return max(self._at_start, (rss() or 0) - self.promised)

    @cached_property
    def _at_start(self) -> int:
        return rss() or 0


@dataclass(frozen=True)
class MemoryEstimate:
    """What enlarging a picture takes, in bytes.

    bytes_per_pixel: for a pixel that a tile reads.  bytes_per_row: for a row of input pixels that a row of tiles
    reads or answers for, with
    what comes of it.  fixed_bytes: whatever the tiles.  halo: how far tiles read beyond what they keep.
    on_host: whether tiles and rows share one memory; where not, pinned_bytes_per_pixel: of the host's for a pixel
    that a tile reads.
    reserved: what of the host's memory is taken already.
    """

    bytes_per_pixel: float
    bytes_per_row: float
    fixed_bytes: float
    halo: int
    on_host: bool = True
    pinned_bytes_per_pixel: float = 0
    reserved: ReservedMemory = field(default_factory=ReservedMemory)

    @classmethod
    def for_picture(
        cls, stream: ImageStream, geometry: Geometry, activations: float, reserved: ReservedMemory, on_host: bool
    ) -> "MemoryEstimate":
        """What a picture takes that goes through a network with so many bytes of activations a pixel."""
        transparent = stream.header.alpha is not None
        layers = len(stream.header.pixels) + transparent
        results = _FLOAT * 3 * (2 + 3 * geometry.area_ratio) * (1 + transparent)  # alpha goes through the network too
        network = _WORKSPACE * activations
        tile = max(network, results) if on_host else network + results  # there the last tile's are still on their way
        line = stream.width * _FLOAT * layers
        coming = _BUFFERED_ROWS * band_rows(stream.width, layers) * line
        row, passing = line * (_BUFFERED_ROWS + geometry.area_ratio), _PINNED_FACTOR * _FLOAT * 3 * geometry.scale**2
        fixed, halo = coming + reserved.promised, geometry.halo + 2 * (geometry.grid - 1)
        return cls(tile, row, fixed, halo, on_host, passing, reserved)

    def for_tiles(self, height: int, width: int) -> float:
        """Bytes for tiles that keep so many pixels."""
        rows, columns = height + 2 * self.halo, width + 2 * self.halo
        tile, band = (
            _ALLOCATOR_FACTOR * self.bytes_per_pixel * rows * columns,
            _ALLOCATOR_FACTOR * self.bytes_per_row * rows,
        )
        return self.fixed_bytes + (
            tile + band if self.on_host else max(tile, band + self.pinned_bytes_per_pixel * rows * columns)
        )


def plan_tile_sides(estimate: MemoryEstimate, height: int, width: int, policy: TilePolicy) -> tuple[int, int]:
    """Height and width of the tiles of a picture: those that compute the least twice, of all that there is room for.

    Raises SrganError when the policy sets a limit that cannot be kept.
    """
    most = policy.sides(height, width)
    least = most if policy.size == 0 else (min(_STEP, most[0]), min(_STEP, most[1]))
    budget = _budget(estimate, policy)
    if estimate.for_tiles(*most) <= budget or (policy.max_memory is None and least == most):
        return most
    if policy.max_memory is not None and estimate.for_tiles(*least) > budget:
        raise _limit_error(policy.max_memory, policy.max_memory - budget + estimate.for_tiles(*least), estimate)
    down, across = (
        {
            even_length(length, side): _total_read(length, side, estimate.halo)
            for side in (*range(low, high, _STEP), high)
        }
        for length, low, high in zip((height, width), least, most, strict=True)
    )
    fitting = [sides for sides in product(down, across) if estimate.for_tiles(*sides) <= budget] or [least]
    return min(fitting, key=lambda sides: down[sides[0]] * across[sides[1]])


def _total_read(length: int, side: int, halo: int) -> int:
    """What tiles of at most this side read along a side of the picture: what lies round their cuts twice."""
    return length + 2 * halo * (ceil(length / side) - 1)


def plan_uniform_side(estimate: MemoryEstimate, height: int, width: int, policy: TilePolicy) -> int:
    """The longest side of what tiles keep that all read windows of one shape: the policy's, halved until there is room.

    Raises SrganError as plan_sides does.
    """
    side, budget = policy.size or max(height, width), _budget(estimate, policy)
    while policy.size and side > _STEP and estimate.for_tiles(min(side, height), min(side, width)) > budget:
        side = -(-side // 2)
    needed = estimate.for_tiles(min(side, height), min(side, width))
    if policy.max_memory is not None and needed > budget:
        raise _limit_error(policy.max_memory, policy.max_memory - budget + needed, estimate)
    return side


def check_decode_memory(size: int, reserved: ReservedMemory, policy: TilePolicy) -> None:
    """Raises SrganError when so many bytes, which a picture takes to be decoded, are beyond the policy's limit."""
    if policy.max_memory is None or not size:
        return
    needed = size + _OVERHEAD + reserved.in_use
    if needed > policy.max_memory:
        raise SrganError(
            f"this picture cannot be read within {format_bytes(policy.max_memory)}: decoded whole, it takes "
            f"{format_bytes(needed)}",
            f"allow --max-memory {format_bytes(needed * 1.05)}, or make it a plain PNG or TIFF, read in parts",
        )


def _budget(estimate: MemoryEstimate, policy: TilePolicy) -> float:
    if policy.max_memory is None:
        eighth = (total_memory() or 0) // 8 if estimate.on_host and not policy.shared_machine else 0
        return min(max(MIN_BUDGET, eighth), MAX_BUDGET) + estimate.fixed_bytes
    return policy.max_memory - _OVERHEAD - (estimate.reserved.in_use if estimate.on_host else 0)


def _limit_error(limit: int, needed: float, estimate: MemoryEstimate) -> SrganError:
    other = ", or write a TIFF, without --consistent" if estimate.fixed_bytes > needed / 2 else ""
    return SrganError(
        f"this picture cannot be enlarged within {format_bytes(limit)}: it takes {format_bytes(needed)}",
        f"allow --max-memory {format_bytes(needed * 1.05)}{other}",
    )
