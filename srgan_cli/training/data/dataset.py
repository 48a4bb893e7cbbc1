"""Training pictures, decoded once, with their low-resolution partners."""

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import takewhile, zip_longest
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from srgan_cli.errors import PictureError, SrganError
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.image.io import picture_size, read_picture
from srgan_cli.image.ops import downscale, to_bytes
from srgan_cli.metrics.perceptual.feature_distance import MIN_SIDE
from srgan_cli.scoring.protocol import parse_range
from srgan_cli.system.discovery import find_pictures
from srgan_cli.system.distributed import World
from srgan_cli.system.pairing import pair_by_name
from srgan_cli.system.progress import Progress
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.measurements import MeasurementReader, common_range, valid_corners
from srgan_cli.training.data.store import PixelCache
from srgan_cli.training.run.contact_sheet import PARTNERS, SAMPLES
from srgan_cli.training.run.folder import is_run_folder
from srgan_cli.upscaling.tiles.geometry import Window

VALIDATION_SIDE = 384
DECODERS = 4
HeightWidth = tuple[int, int]
Decoded = TypeVar("Decoded")


@dataclass(frozen=True)
class Pair:
    """A picture and its low-resolution partner."""

    name: str
    low: Tensor
    """uint8 (3, H / scale, W / scale); of measurements float32 (bands, H / scale, W / scale), see Measurement."""
    high: Tensor
    """The same of H x W."""
    weight: float = 1.0
    """How many times as often as others it is sampled."""
    valid: Tensor | None = None
    """bool (1, H / scale, W / scale): where measurements have data; None if everywhere."""
    teacher_samples: "tuple[TeacherSample, ...]" = ()
    """Cached outputs of a teacher, one for each degradation of the low-resolution picture."""


@dataclass(frozen=True)
class TeacherSample:
    """Input and output of a teacher for a whole picture."""

    low: Tensor
    """uint8 (3, H / scale, W / scale)."""
    output: Tensor
    """uint8 (3, H, W)."""


@dataclass(frozen=True)
class Skipped:
    """A file that cannot be used."""

    path: Path
    reason: str
    """A sentence that names the file."""


@dataclass(frozen=True)
class Dataset:
    """The decoded pictures of a run."""

    training: list[Pair]
    validation: list[Pair]
    """The centres of the pictures that are held out."""
    skipped: list[Skipped]
    unpaired: list[Tensor] = field(default_factory=list)
    """Low-resolution pictures of other scenes, uint8 (3, H, W)."""
    left_out: list[Path] = field(default_factory=list)
    """Pictures inside the data that runs of this tool have made."""
    value_range: ValueRange | None = None
    """The values of measurements that the network sees as 0 and 1."""

    @property
    def digest(self) -> str:
        """A hash of the names, sizes and weights of the pictures."""
        content: list[Any] = [
            [(pair.name, *pair.high.shape, *([pair.weight] if pair.weight != 1 else [])) for pair in part]
            for part in (self.training, self.validation)
        ]
        if self.unpaired:
            content.append([pixels.shape for pixels in self.unpaired])
        return sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True)
class _Entry:
    """The files of a picture and of its partner, if it has one."""

    path: Path
    partner: Path | None = None
    weight: float = 1.0


def load_dataset(config: TrainConfig, progress: Progress | None = None, *, max_pixels: int | None = None) -> Dataset:
    """Decode the pictures of a run.

    Low-resolution partners are read from `low`, or made by MATLAB-compatible bicubic reduction.  Pictures below
    `held_out` are for validation; without it about one in twenty is drawn, at least one and at most
    `validation_pictures`.  Transparent pictures are composited on white.  A picture below several folders has the
    weight of the last one; pictures in run folders inside the data are left out.  Files that cannot be used are listed
    in `skipped`, among them pictures of more than `max_pixels` pixels (None: DEFAULT_MAX_PIXELS).  Pixels that exceed
    half of the memory go to memory-mapped files in the run folder.  `progress` is called with the number of files done
    and in all.

    Raises SrganError for fewer than two usable pictures, and for a folder of unpaired pictures without a usable one.
    """
    entries, skipped, left_out = _entries(config)
    paths, bands, text = [entry.path for entry in entries], config.data.bands, config.data.value_range
    if config.data.held_out:
        _below(paths, config)  # raises before any picture is decoded
    value_range = (parse_range(text) if text else common_range(paths, bands, max_pixels)) if bands else None
    loader = _Loader(config, max_pixels, skipped, value_range and MeasurementReader(bands, value_range, max_pixels))
    paired = list(loader.pairs(entries, progress))
    pairs = [pair for _, pair in paired]
    if len(pairs) < 2:
        found = f"{len(pairs)} usable picture{'s' * (not pairs)} in {config.data.folder_names}"
        hint = "add pictures; hundreds are better, and --check counts them"
        hint = f"the first that cannot be used: {skipped[0].reason}" if skipped else hint
        raise SrganError(f"{found}, expected at least 2: one to train on and one to validate with", hint)
    unpaired = loader.unpaired() if config.data.unpaired else []
    held_out = held_out_indices([entry.path for entry, _ in paired], config)
    return Dataset(
        [pair for index, pair in enumerate(pairs) if index not in held_out],
        [centre(pairs[index], config.scale, VALIDATION_SIDE) for index in sorted(held_out)],
        sorted(skipped, key=lambda skip: skip.path),
        unpaired,
        left_out,
        value_range,
    )


def centre(pair: Pair, scale: int, side: int) -> Pair:
    """The centre of a pair, at most `side` high-resolution pixels wide and high."""
    height, width = pair.low.shape[-2:]
    side //= scale
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    window = Window(top, left, min(height, top + side), min(width, left + side))
    low, high = pair.low[:, *window.slices], pair.high[:, *window.scaled(scale).slices]
    valid = None if pair.valid is None else pair.valid[:, *window.slices].clone()
    return Pair(pair.name, low.clone(), high.clone(), valid=valid)


def training_files(config: TrainConfig) -> list[Path]:
    """The files of all pictures and partners of a run.  Raises SrganError as `load_dataset` does."""
    entries, _, _ = _entries(config)
    return [path for entry in entries for path in (entry.path, entry.partner) if path]


def _entries(config: TrainConfig) -> tuple[list[_Entry], list[Skipped], list[Path]]:
    """The pictures with the files of their partners, those whose partner is missing, and those that runs made."""
    entries: dict[Path, _Entry] = {}
    missing: list[Skipped] = []
    made: set[Path] = set()
    for source, low in zip_longest(config.data.folders, config.data.low):
        if low is None:
            found = {path: _Entry(path, None, source.weight) for path in find_pictures(source.folder)}
        else:
            pairing = pair_by_name(source.folder, low, template=config.data.pair)
            found = {path: _Entry(path, partner, source.weight) for _, path, partner in pairing.pairs}
            alone = pairing.only_reference
            missing += [Skipped(source.folder / name, f"{name} has no partner in {low}") for name in alone]
        made |= {path for path in found if _is_made(path, source.folder, config)}
        missing = [skip for skip in missing if not _is_made(skip.path, source.folder, config)]
        entries |= {path: entry for path, entry in found.items() if path not in made}
    return list(entries.values()), missing, sorted(made)


def _is_made(path: Path, root: Path, config: TrainConfig) -> bool:
    """Whether this run or another one made this picture; their folders may lie inside the data."""
    below = takewhile(lambda folder: folder != root, path.parents)
    own = path.parent.name in (SAMPLES, PARTNERS) and path.parent.parent.resolve() == config.run.folder.resolve()
    return own or any(map(is_run_folder, below))


@dataclass(frozen=True)
class _Loader:
    """Decodes the pictures of a run into the cache; those that raise PictureError are added to `skipped`."""

    config: TrainConfig
    max_pixels: int | None
    skipped: list[Skipped]
    reader: MeasurementReader | None

    def pairs(self, entries: Iterable[_Entry], progress: Progress | None) -> Iterator[tuple[_Entry, Pair]]:
        """The usable pictures with their partners."""
        sizes = dict(self._each(self._size_of_pair, entries, map))
        pixel = 4 * self.config.data.bands or 3
        needed = sum(pixel * (prod(size) + prod(size) // self.config.scale**2) for size in sizes.values())
        cache = PixelCache(needed, _cache_file(self.config, "pixels"))
        with ThreadPoolExecutor(DECODERS) as pool:
            found = self._each(lambda entry: self._decode(entry, sizes[entry]), sizes, pool.map)
            for done, (entry, (low, high, valid)) in enumerate(found, 1):
                yield entry, Pair(entry.path.name, cache.add(low), cache.add(high), entry.weight, valid)
                if progress:
                    progress(done, len(sizes))

    def unpaired(self) -> list[Tensor]:
        """The unpaired low-resolution pictures.  Raises SrganError when none can be used."""
        data, folder = self.config.data, Path(self.config.data.unpaired)
        entries = [_Entry(path) for path in find_pictures(folder) if not _is_made(path, folder, self.config)]
        sizes = dict(self._each(lambda entry: self._size(entry, data.patch), entries, map))
        cache = PixelCache(sum(3 * prod(size) for size in sizes.values()), _cache_file(self.config, "unpaired"))
        with ThreadPoolExecutor(DECODERS) as pool:
            decoded = self._each(lambda entry: to_bytes(self._read(entry.path)), sizes, pool.map)
            pictures = [cache.add(pixels) for _, pixels in decoded]
        if not pictures:
            raise SrganError(f"no usable picture in {data.unpaired}", f"they need {data.patch} pixels a side")
        return pictures

    def _each(
        self, work: Callable[[_Entry], Decoded], entries: Iterable[_Entry], run: Callable[..., Iterator[Any]]
    ) -> Iterator[tuple[_Entry, Decoded]]:
        """Every usable entry with the result of `work`."""

        def attempt(entry: _Entry) -> Decoded | Skipped:
            try:
                return work(entry)
            except PictureError as error:
                return Skipped(entry.path, error.message)

        entries = list(entries)
        for entry, result in zip(entries, run(attempt, entries), strict=True):
            if isinstance(result, Skipped):
                self.skipped.append(result)
            else:
                yield entry, result

    def _size_of_pair(self, entry: _Entry) -> HeightWidth:
        """The size of the picture, cropped to multiples of the scale."""
        scale = self.config.scale
        height, width = self._size(entry, max(self.config.data.largest_patch * scale, MIN_SIDE))  # of a patch, a metric
        expected = height // scale, width // scale
        low = picture_size(entry.partner, max_pixels=self.max_pixels) if entry.partner else expected
        if low != expected:
            message = f"{entry.path} is {width} x {height} and its partner {low[1]} x {low[0]}, not 1/{scale}"
            raise PictureError(message, "name the folder of partners of this scale with --low, or give its --scale")
        return low[0] * scale, low[1] * scale

    def _size(self, entry: _Entry, smallest: int) -> HeightWidth:
        """The size of a picture whose sides have at least `smallest` pixels."""
        height, width = picture_size(entry.path, max_pixels=self.max_pixels)
        if min(height, width) < smallest:
            message = f"{entry.path} is {width} x {height}, expected at least {smallest} pixels a side"
            raise PictureError(message, "lower --patch")
        return height, width

    def _decode(self, entry: _Entry, size: HeightWidth) -> tuple[Tensor, Tensor, Tensor | None]:
        """The partner, the picture, and where they are valid."""
        if self.reader:
            return self._decode_measurement(self.reader, entry, size)
        high = self._read(entry.path)[:, : size[0], : size[1]]
        low = self._read(entry.partner) if entry.partner else downscale(high, self.config.scale)
        return to_bytes(low), to_bytes(high), None

    def _decode_measurement(
        self, reader: MeasurementReader, entry: _Entry, size: HeightWidth
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """As `_decode`.  Raises PictureError where no patch has data everywhere, too."""
        high = reader.read(entry.path).cropped(*size)
        reduced = high.reduced(self.config.scale)
        low = reader.read(entry.partner) if entry.partner else reduced
        valid = low.valid & reduced.valid
        if not valid_corners(valid, self.config.data.largest_patch).any():
            raise PictureError("{path} has no patch with data everywhere", "lower --patch", path=entry.path)
        return low.levels, high.levels, None if valid.all() else valid

    def _read(self, path: Path) -> Tensor:
        """A photograph.  Raises PictureError for further bands, which would be dropped."""
        picture = read_picture(path, max_pixels=self.max_pixels)
        if (found := len(picture.pixels)) != picture.bands.colours:
            message = "{path} has {found} bands, photographs have 1 or 3"
            raise PictureError(message, "train on measurements with --bands all", path=path, found=found)
        return picture.flatten_on_white().rgb


def _cache_file(config: TrainConfig, name: str) -> Path:
    """The file for pixels that do not fit into memory, one for each process."""
    return config.run.folder / f"{name}-{World.from_environment().rank}.cache"


def held_out_indices(paths: list[Path], config: TrainConfig) -> set[int]:
    """The indices of the pictures for validation.  Raises SrganError as `_below` does."""
    if config.data.held_out:
        return _below(paths, config)
    wanted = max(1, min(config.data.validation_pictures, len(paths) // 20))
    rng = torch.Generator().manual_seed(config.run.seed)  # checkpoints depend on this choice
    return set(torch.randperm(len(paths), generator=rng)[:wanted].tolist())


def _below(paths: list[Path], config: TrainConfig) -> set[int]:
    """The indices of the pictures below `held_out`.  Raises SrganError for none of them, and for all."""
    if not (folder := Path(config.data.held_out).resolve()).is_dir():
        raise SrganError(f"no such folder: {config.data.held_out}", "name it with its path, such as photos/held-out")
    below = {index for index, path in enumerate(paths) if path.parent.resolve().is_relative_to(folder)}
    if not 0 < len(below) < len(paths):
        message = f"{len(below)} of the {len(paths)} usable pictures in {config.data.folder_names} are below {folder}"
        raise SrganError(message, "hold out a folder inside DATA, or one that is itself named as DATA")
    return below
