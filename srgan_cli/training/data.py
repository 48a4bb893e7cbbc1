"""Training pictures, decoded once, with their low-resolution partners."""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from srgan_cli.errors import PictureError, SrganError
from srgan_cli.files import find_pictures, pair_by_name
from srgan_cli.picture import picture_size, read_picture
from srgan_cli.pixels import downscale, levels
from srgan_cli.progress import Progress
from srgan_cli.tiling import Window
from srgan_cli.training.config import TrainConfig
from srgan_cli.world import World

VALIDATION_SIDE = 384
DECODERS = 4


@dataclass(frozen=True)
class Pair:
    """A picture and its low-resolution partner: uint8 (3, H, W) and (3, H / scale, W / scale)."""

    name: str
    low: Tensor
    high: Tensor


@dataclass(frozen=True)
class Skipped:
    """A file that cannot be trained on, and a sentence that names it and says why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Dataset:
    """What a folder gives to train on."""

    training: list[Pair]
    validation: list[Pair]
    skipped: list[Skipped]

    @property
    def digest(self) -> str:
        """Changes when pictures come, go, or change their names or sizes."""
        content = [[(pair.name, *pair.high.shape) for pair in part] for part in (self.training, self.validation)]
        return sha256(json.dumps(content).encode()).hexdigest()


def load_dataset(config: TrainConfig, progress: Progress | None = None) -> Dataset:
    """Decode the pictures below `config.data`, and their partners: those of the same names below `config.low`, or by
    MATLAB-compatible bicubic where there is no such folder.

    About one in twenty (at most `config.validation`, at least one) is held out, drawn by `config.seed`.  Pixels stay in
    memory if they fit into half of it, else in one memory-mapped file in the run folder.  Files that cannot
    be read and pictures smaller than a patch are listed in `skipped`.  Transparent pictures are laid on white.
    `progress` is called with the files done and in all.  Raises SrganError when fewer than two pictures are left.
    """
    partners, skipped = _partners(config)
    sizes, unusable = _survey(partners, config)
    skipped += unusable
    store = _Store(sizes.values(), config)
    pairs: list[Pair] = []
    with ThreadPoolExecutor(DECODERS) as pool:
        work = pool.map(lambda path: _decode(path, partners[path], sizes[path], config), sizes)
        for done, result in enumerate(work, 1):
            if isinstance(result, Skipped):
                skipped.append(result)
            else:
                pairs.append(store.keep(result))
            if progress:
                progress(done, len(sizes))
    if len(pairs) < 2:
        raise SrganError(
            f"{len(pairs)} usable pictures in {config.data}, expected at least 2",
            f"pictures need {config.largest_patch * config.scale} pixels a side; a smaller --patch admits smaller ones",
        )
    held_out = _held_out(len(pairs), config)
    return Dataset(
        [pair for index, pair in enumerate(pairs) if index not in held_out],
        [centre(pairs[index], config.scale, VALIDATION_SIDE) for index in sorted(held_out)],
        sorted(skipped, key=lambda skip: skip.path),
    )


def centre(pair: Pair, scale: int, side: int) -> Pair:
    """The middle of a pair, at most `side` pixels of the original wide and high."""
    height, width = pair.low.shape[-2:]
    side //= scale
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    window = Window(top, left, min(height, top + side), min(width, left + side))
    low, high = pair.low[:, *window.slices], pair.high[:, *window.scaled(scale).slices]
    return Pair(pair.name, low.clone(), high.clone())


def _partners(config: TrainConfig) -> tuple[dict[Path, Path | None], list[Skipped]]:
    """The pictures, each with the file of its partner if partners are given, and those that have none."""
    if not config.low:
        return dict.fromkeys(find_pictures(config.data)), []
    pairing = pair_by_name(config.data, Path(config.low))
    alone = [Skipped(config.data / name, f"{name} has no partner in {config.low}") for name in pairing.only_reference]
    return {high: low for _, high, low in pairing.pairs}, alone


def _survey(
    partners: dict[Path, Path | None], config: TrainConfig
) -> tuple[dict[Path, tuple[int, int]], list[Skipped]]:
    """Height and width of every usable picture, cut to multiples of the scale, and the files passed over."""
    sizes, skipped = {}, []
    smallest = config.largest_patch * config.scale
    for path, partner in partners.items():
        try:
            height, width = picture_size(path)
            low = picture_size(partner) if partner else (height // config.scale, width // config.scale)
        except PictureError as error:
            skipped.append(Skipped(path, error.message))
            continue
        if min(height, width) < smallest:
            skipped.append(Skipped(path, f"{path} is {width} x {height}, smaller than a patch of {smallest}"))
        elif low != (height // config.scale, width // config.scale):
            skipped.append(
                Skipped(path, f"{path} is {width} x {height} and its partner {low[1]} x {low[0]}, not 1/{config.scale}")
            )
        else:
            sizes[path] = (low[0] * config.scale, low[1] * config.scale)
    return sizes, skipped


def _decode(path: Path, partner: Path | None, size: tuple[int, int], config: TrainConfig) -> Pair | Skipped:
    try:
        high = read_picture(path).on_white.rgb[:, : size[0], : size[1]]
        low = read_picture(partner).on_white.rgb if partner else downscale(high, config.scale)
    except PictureError as error:
        return Skipped(path, error.message)
    return Pair(path.name, _bytes(low), _bytes(high))


def _bytes(pixels: Tensor) -> Tensor:
    return levels(pixels).to(torch.uint8)


class _Store:
    """One stretch of memory, or one file if memory is short, for all the pixels of a dataset."""

    def __init__(self, sizes: Iterable[tuple[int, int]], config: TrainConfig) -> None:
        needed = sum(3 * h * w + 3 * (h // config.scale) * (w // config.scale) for h, w in sizes)
        self.bytes = torch.from_numpy(_allocate(needed, config.run / f"pixels-{World.here().rank}.cache"))
        self.used = 0

    def keep(self, pair: Pair) -> Pair:
        """The same pair, its pixels copied to the store."""
        return Pair(pair.name, self._copy(pair.low), self._copy(pair.high))

    def _copy(self, pixels: Tensor) -> Tensor:
        place = self.bytes[self.used : self.used + pixels.numel()].view(pixels.shape)
        self.used += pixels.numel()
        return place.copy_(pixels)


def _allocate(size: int, cache: Path) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    if size <= _memory() // 2:
        return np.empty(size, np.uint8)
    cache.parent.mkdir(parents=True, exist_ok=True)
    return np.memmap(cache, np.uint8, "w+", shape=(size,))


def _memory() -> int:
    """Bytes of memory in this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _held_out(count: int, config: TrainConfig) -> set[int]:
    wanted = max(1, min(config.validation, count // 20))
    random = torch.Generator().manual_seed(config.seed)
    return set(torch.randperm(count, generator=random)[:wanted].tolist())
