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
from srgan_cli.image.picture import Scan
from srgan_cli.system.files import said
from srgan_cli.system.memory import keep_freed, machine_memory, resident
from srgan_cli.upscaling.tiles.geometry import Geometry
from srgan_cli.upscaling.tiles.tiling import TilePolicy, even

LEAST_ROOM, MOST_ROOM = 768 * 2**20, 2 * 2**30
"""Between these is what tiles and rows of tiles may take where no limit is given: an eighth of the machine's memory,
the least on a GPU, and where workers share the machine."""
_WORKSPACE = 2.0
"""Convolutions copy what they read and make into another order: measured up to 1.84 of the activations, on a CPU,
and up to 2.33 on one without bfloat16, where what is counted for the allocator has room for it."""
_ROWS_HELD = 3
"""Rows of the picture, the same joined to further ones, and with their colour bled."""
_AROUND = 128 * 2**20
"""For decoders, encoders, threads, and what the allocator keeps."""
_KEPT = 1.6
"""Times what tiles and rows take, for what the allocator keeps of those before: measured up to 1.45."""
_STEP = 16
_SAMPLE = 48
_FLOAT = 4
_PASSING = 2 * 2
"""Results in page-locked memory, the one that is collected and the next; torch takes powers of two for each."""
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def parse_bytes(text: str) -> int:
    """Bytes of a text such as 800M, 2G or 1.5GiB, with units of 1024.  Raises UsageError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if not found or not float(found[1]):
        raise UsageError(f"cannot tell how much memory {text!r} is", "write it as 800M or 2G")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def keep_freed_within(policy: TilePolicy) -> None:
    """See keep_freed; nothing happens under a limit, which counts as taken what is kept.  For long work."""
    if policy.max_memory is None:
        keep_freed()


def activation_bytes(network: nn.Module, channels: int) -> float:
    """Bytes of activations that are alive at once while the network reads a picture, a pixel of it.

    Counted while it enlarges a small picture: on a CPU that takes less than to import what tensors without values take,
    on which it is counted elsewhere, unless the network decides by values.
    """
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    if device.type != "cpu":
        with suppress(RuntimeError):  # it decides by values
            return _counted(copy.deepcopy(network).to("meta"), channels, torch.device("meta"))
    return _counted(network, channels, device)


def _counted(network: nn.Module, channels: int, device: torch.device) -> float:
    with torch.no_grad(), _Alive() as alive:
        network(torch.zeros(1, channels, _SAMPLE, _SAMPLE, device=device))
    return float(alive.peak / _SAMPLE**2)


class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the bytes of all tensors that come into being, for as long as they live."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.known: set[int] = set()
        self.now = self.peak = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """torch would import its compiler to keep it away from this, which takes longer than a small picture."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for made in tree_leaves(result):
            if isinstance(made, Tensor) and made.untyped_storage()._cdata not in self.known:
                self._count(made.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self.known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size


@dataclass(frozen=True)
class Reserve:
    """What tiles may not take, in bytes: what is promised to others, and what the process has already.

    The pictures of one file share it: their results, as they come, take what was promised to them.
    """

    promised: int = 0

    @property
    def held(self) -> int:
        """What the process had when this was asked for first, and what it has outgrown the promise by since."""
        return max(self._at_first, (resident() or 0) - self.promised)

    @cached_property
    def _at_first(self) -> int:
        return resident() or 0


@dataclass(frozen=True)
class Demand:
    """What enlarging a picture takes, in bytes.

    pixel: for a pixel that a tile reads.  row: for a row of input pixels that a row of tiles reads or answers for, with
    what comes of it.  fixed: whatever the tiles.  halo: how far tiles read beyond what they keep.
    on_host: whether tiles and rows share one memory; where not, passing: of the host's for a pixel that a tile reads.
    reserve: what of the host's memory is taken already.
    """

    pixel: float
    row: float
    fixed: float
    halo: int
    on_host: bool = True
    passing: float = 0
    reserve: Reserve = field(default_factory=Reserve)

    @classmethod
    def of_picture(
        cls, scan: Scan, geometry: Geometry, activations: float, reserve: Reserve, on_host: bool
    ) -> "Demand":
        """What a picture takes that goes through a network with so many bytes of activations a pixel."""
        transparent = scan.outline.alpha is not None
        layers = len(scan.outline.pixels) + transparent
        results = _FLOAT * 3 * (2 + 3 * geometry.growth) * (1 + transparent)  # alpha goes through the network too
        network = _WORKSPACE * activations
        tile = max(network, results) if on_host else network + results  # there the last tile's are still on their way
        line = scan.width * _FLOAT * layers
        coming = _ROWS_HELD * band_rows(scan.width, layers) * line
        row, passing = line * (_ROWS_HELD + geometry.growth), _PASSING * _FLOAT * 3 * geometry.scale**2
        fixed, halo = coming + reserve.promised, geometry.halo + 2 * (geometry.grid - 1)
        return cls(tile, row, fixed, halo, on_host, passing, reserve)

    def of(self, height: int, width: int) -> float:
        """Bytes for tiles that keep so many pixels."""
        rows, columns = height + 2 * self.halo, width + 2 * self.halo
        tile, band = _KEPT * self.pixel * rows * columns, _KEPT * self.row * rows
        return self.fixed + (tile + band if self.on_host else max(tile, band + self.passing * rows * columns))


def plan_sides(demand: Demand, height: int, width: int, policy: TilePolicy) -> tuple[int, int]:
    """Height and width of the tiles of a picture: those that compute the least twice, of all that there is room for.

    Raises SrganError when the policy sets a limit that cannot be kept.
    """
    most = policy.sides(height, width)
    least = most if policy.size == 0 else (min(_STEP, most[0]), min(_STEP, most[1]))
    room = _room(demand, policy)
    if demand.of(*most) <= room or (policy.max_memory is None and least == most):
        return most
    if policy.max_memory is not None and demand.of(*least) > room:
        raise _too_little(policy.max_memory, policy.max_memory - room + demand.of(*least), demand)
    down, across = (
        {even(length, side): _read(length, side, demand.halo) for side in (*range(low, high, _STEP), high)}
        for length, low, high in zip((height, width), least, most, strict=True)
    )
    fitting = [sides for sides in product(down, across) if demand.of(*sides) <= room] or [least]
    return min(fitting, key=lambda sides: down[sides[0]] * across[sides[1]])


def _read(length: int, side: int, halo: int) -> int:
    """What tiles of at most this side read along a side of the picture: what lies round their cuts twice."""
    return length + 2 * halo * (ceil(length / side) - 1)


def plan_side(demand: Demand, height: int, width: int, policy: TilePolicy) -> int:
    """The longest side of what tiles keep that all read windows of one shape: the policy's, halved until there is room.

    Raises SrganError as plan_sides does.
    """
    side, room = policy.size or max(height, width), _room(demand, policy)
    while policy.size and side > _STEP and demand.of(min(side, height), min(side, width)) > room:
        side = -(-side // 2)
    needed = demand.of(min(side, height), min(side, width))
    if policy.max_memory is not None and needed > room:
        raise _too_little(policy.max_memory, policy.max_memory - room + needed, demand)
    return side


def check_decoded(size: int, reserve: Reserve, policy: TilePolicy) -> None:
    """Raises SrganError when so many bytes, which a picture takes to be decoded, are beyond the policy's limit."""
    if policy.max_memory is None or not size:
        return
    needed = size + _AROUND + reserve.held
    if needed > policy.max_memory:
        raise SrganError(
            f"this picture cannot be read within {said(policy.max_memory)}: decoded whole, it takes {said(needed)}",
            f"allow --max-memory {said(needed * 1.05)}, or make it a plain PNG or TIFF, read in parts",
        )


def _room(demand: Demand, policy: TilePolicy) -> float:
    if policy.max_memory is None:
        eighth = (machine_memory() or 0) // 8 if demand.on_host and not policy.frugal else 0
        return min(max(LEAST_ROOM, eighth), MOST_ROOM) + demand.fixed
    return policy.max_memory - _AROUND - (demand.reserve.held if demand.on_host else 0)


def _too_little(limit: int, needed: float, demand: Demand) -> SrganError:
    other = ", or write a TIFF, without --consistent" if demand.fixed > needed / 2 else ""
    return SrganError(
        f"this picture cannot be enlarged within {said(limit)}: it takes {said(needed)}",
        f"allow --max-memory {said(needed * 1.05)}{other}",
    )
