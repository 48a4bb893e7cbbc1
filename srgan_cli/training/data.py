"""Training pictures: decoded once, with their low-resolution partners, and cut into random patches."""

import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from srgan_cli.errors import PictureError, SrganError
from srgan_cli.files import find_pictures
from srgan_cli.picture import picture_size, read_picture
from srgan_cli.pixels import downscale, levels
from srgan_cli.progress import Progress
from srgan_cli.tiling import Window
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.degrade import JPEG_BLOCK, degrade

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
    """Decode the pictures below `config.data` and make their partners by MATLAB-compatible bicubic.

    About one in twenty (at most `config.validation`, at least one) is held out, drawn by `config.seed`.  Pixels stay in
    memory if they fit into half of it, else in one memory-mapped file in the run folder.  Files that cannot
    be read and pictures smaller than a patch are listed in `skipped`.  Transparent pictures are laid on white.
    `progress` is called with the files done and in all.  Raises SrganError when fewer than two pictures are left.
    """
    sizes, skipped = _survey(find_pictures(config.data), config)
    store = _Store(sizes.values(), config)
    pairs: list[Pair] = []
    with ThreadPoolExecutor(DECODERS) as pool:
        work = pool.map(lambda path: _decode(path, sizes[path], config), sizes)
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
        [_centre(pairs[index], config) for index in sorted(held_out)],
        sorted(skipped, key=lambda skip: skip.path),
    )


def sample_batch(
    pairs: Sequence[Pair], config: TrainConfig, random: torch.Generator, patch: int, batch: int
) -> tuple[Tensor, Tensor]:
    """Random patches in random orientations: (batch, 3, patch, patch) and their partners, values 0…1.

    A `config.degraded_share` of the low-resolution ones are degraded.
    """
    patches = [_random_patch(pairs, config, random, patch) for _ in range(batch)]
    low, high = (torch.stack(side).float().div_(255) for side in zip(*patches, strict=True))
    return low, high


def turn(pixels: Tensor, orientation: int) -> Tensor:
    """One of the eight orientations of a square (..., S, S), by number 0 to 7."""
    turned = torch.rot90(pixels, orientation % 4, (-2, -1))
    return turned.flip(-1) if orientation >= 4 else turned


def _random_patch(
    pairs: Sequence[Pair], config: TrainConfig, random: torch.Generator, patch: int
) -> tuple[Tensor, Tensor]:
    pair = pairs[_below(len(pairs), random)]
    height, width = pair.low.shape[-2:]
    top, left = _below(height - patch + 1, random), _below(width - patch + 1, random)
    window = Window(top, left, top + patch, left + patch)
    spoilt = config.degraded_share > 0 and float(torch.rand((), generator=random)) < config.degraded_share
    low = _degraded_patch(pair.low, window, random) if spoilt else pair.low[:, *window.slices]
    high = pair.high[:, *window.scaled(config.scale).slices]
    orientation = _below(8, random)
    return turn(low, orientation), turn(high, orientation)


def _degraded_patch(low: Tensor, window: Window, random: torch.Generator) -> Tensor:
    """A window of a picture as if the picture had been degraded; JPEG's blocks may begin anywhere."""
    height, width = low.shape[-2:]
    above, before = _below(JPEG_BLOCK, random), _below(JPEG_BLOCK, random)
    around = Window(
        max(0, window.top - above),
        max(0, window.left - before),
        min(height, window.bottom + JPEG_BLOCK),
        min(width, window.right + JPEG_BLOCK),
    )
    return degrade(low[:, *around.slices], random)[:, *window.within(around).slices]


def _below(end: int, random: torch.Generator) -> int:
    return int(torch.randint(end, (), generator=random))


def _survey(paths: Sequence[Path], config: TrainConfig) -> tuple[dict[Path, tuple[int, int]], list[Skipped]]:
    """Height and width of every usable picture, cut to multiples of the scale, and the files passed over."""
    sizes, skipped = {}, []
    smallest = config.largest_patch * config.scale
    for path in paths:
        try:
            height, width = picture_size(path)
        except PictureError as error:
            skipped.append(Skipped(path, error.message))
            continue
        if min(height, width) < smallest:
            skipped.append(Skipped(path, f"{path} is {width} x {height}, smaller than a patch of {smallest}"))
        else:
            sizes[path] = (height - height % config.scale, width - width % config.scale)
    return sizes, skipped


def _decode(path: Path, size: tuple[int, int], config: TrainConfig) -> Pair | Skipped:
    try:
        rgb = read_picture(path).on_white.rgb
    except PictureError as error:
        return Skipped(path, error.message)
    high = rgb[:, : size[0], : size[1]]
    return Pair(path.name, _bytes(downscale(high, config.scale)), _bytes(high))


def _bytes(pixels: Tensor) -> Tensor:
    return levels(pixels).to(torch.uint8)


class _Store:
    """One stretch of memory, or one file if memory is short, for all the pixels of a dataset."""

    def __init__(self, sizes: Iterable[tuple[int, int]], config: TrainConfig) -> None:
        needed = sum(3 * h * w + 3 * (h // config.scale) * (w // config.scale) for h, w in sizes)
        self.bytes = torch.from_numpy(_allocate(needed, config.run / "pixels.cache"))
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


def _centre(pair: Pair, config: TrainConfig) -> Pair:
    """The middle of a pair, small enough to validate on often."""
    height, width = pair.low.shape[-2:]
    side = VALIDATION_SIDE // config.scale
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    window = Window(top, left, min(height, top + side), min(width, left + side))
    low, high = pair.low[:, *window.slices], pair.high[:, *window.scaled(config.scale).slices]
    return Pair(pair.name, low.clone(), high.clone())
