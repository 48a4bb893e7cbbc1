"""Upscaler: a generator on a device, with a tile policy."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from pathlib import Path

import torch
from torch import Tensor

from srgan_cli.errors import UsageError
from srgan_cli.image.alpha import bleed
from srgan_cli.image.ops import KERNELS
from srgan_cli.image.picture import Picture, Scan
from srgan_cli.networks import Generator
from srgan_cli.networks.generators.base import Unchanged
from srgan_cli.system.devices import pick_device
from srgan_cli.system.files import digest
from srgan_cli.system.progress import Progress
from srgan_cli.upscaling.compilation import Compiled, check_compiler
from srgan_cli.upscaling.ensemble import SelfEnsemble
from srgan_cli.upscaling.precision import guarded
from srgan_cli.upscaling.scale import Scale, Size, check_scale
from srgan_cli.upscaling.tiles.canvas import Canvas
from srgan_cli.upscaling.tiles.geometry import Geometry, Rolling
from srgan_cli.upscaling.tiles.memory import Demand, Reserve, activation_bytes, plan_side, plan_sides
from srgan_cli.upscaling.tiles.runner import Filling
from srgan_cli.upscaling.tiles.tiling import TilePolicy, Window, tiles
from srgan_cli.weights.interpolation import load_blend
from srgan_cli.weights.registry import find_weights

# oneDNN, and torch beside it, keep the machine code for 1024 shapes, which takes 100 MB and more; tiles have few.
for _cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_cache, "64")

DEFAULT_MODEL = "srgan"
_PLAIN_SCALE = 4
_PLAIN_TILE = 512
"""Resampling goes through little memory again and again, and is quicker where that fits into the cache."""


class Upscaler:
    """Enlarges pictures tile by tile; tiled equals whole.

    A generator that takes noise gives another plausible picture for every `seed`, and without one its calmest.
    Memory: a row of tiles, and the generator's activations over one tile with its halo; see TilePolicy.  Where it
    runs out nevertheless, smaller tiles are taken from there on, and `tell` hears of it once.
    """

    def __init__(
        self,
        generator: Generator,
        device: torch.device,
        policy: TilePolicy | None = None,
        name: str = "",
        seed: int | None = None,
        sha256: str = "",
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """`sha256` is that of the weights file.  Raises UsageError for a seed where the generator takes no noise."""
        if seed is not None and not generator.noise:
            raise UsageError(f"{name or 'the generator'} takes no noise: a seed changes nothing", "leave --seed out")
        self.name, self.sha256 = name, sha256
        self.seed = seed
        self.generator = generator.to(device).eval()
        self.generator.to(memory_format=generator.memory_format)
        self.device = device
        self.policy = policy or TilePolicy()
        self.scale = generator.scale
        self.kernel = KERNELS["bicubic"]
        self.compiled = next((part for part in generator.modules() if isinstance(part, Compiled)), None)
        self.filling = Filling(self.generator, device, tell)

    @classmethod
    def load(
        cls,
        model: str | Path = DEFAULT_MODEL,
        device: str = "auto",
        policy: TilePolicy | None = None,
        scale: float | None = None,
        strength: float | None = None,
        seed: int | None = None,
        self_ensemble: bool = False,
        precision: str = "auto",
        compile: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> "Upscaler":
        """An Upscaler of shipped weights by name, of a weights file, or of one fetched from an address;
        or of a kernel, bicubic or lanczos.  A Path is a file, whatever it is called.

        `scale` chooses among the scales of a name that has several; `strength` blends adversarial weights with their
        fidelity counterpart (see load_blend); `self_ensemble` takes the mean over eight flips and turns, in eight times
        the time; `precision` is auto, fp32, fp16 or bf16 (see guarded); `compile` has torch's compiler build the
        network for tiles that all read windows of one shape (see Compiled).
        Raises UnknownModel, UnknownDevice, UsageError, WeightsError, and SrganError where nothing can be compiled.
        """
        chosen = pick_device(device)
        if model in KERNELS:
            half = precision not in ("auto", "fp32")
            _check_plain(
                str(model), strength=strength is not None, self_ensemble=self_ensemble, precision=half, compile=compile
            )
            return cls._of_kernel(str(model), chosen, policy, seed)
        path = model if isinstance(model, Path) else find_weights(model, scale)
        generator, card = load_blend(path, strength)
        built = _compiled(generator, chosen) if compile else generator
        whole = SelfEnsemble(built) if self_ensemble else built
        return cls(guarded(whole, chosen, precision), chosen, policy, card.name, seed, digest(path), tell)

    @classmethod
    def _of_kernel(cls, name: str, device: torch.device, policy: TilePolicy | None, seed: int | None) -> "Upscaler":
        """What resamples and has no weights."""
        policy = policy or TilePolicy()
        cached = replace(policy, size=min(policy.size, _PLAIN_TILE), frugal=True)
        upscaler = cls(Unchanged(), device, cached, name, seed)
        upscaler.scale, upscaler.kernel = _PLAIN_SCALE, KERNELS[name]
        return upscaler

    def upscale(self, picture: Picture, scale: Scale = None, progress: Progress | None = None) -> Picture:
        """The enlarged picture; grey stays grey, alpha is enlarged too.

        A `scale` that is not the generator's own is reached by antialiased resampling of its result.
        `progress` is called with the input pixels done and in all.  Raises UsageError for a scale outside 1…16, and
        SrganError when memory does not suffice.
        """
        return self.upscale_scan(Scan.of(picture), scale, progress).whole()

    def upscale_scan(
        self, scan: Scan, scale: Scale = None, progress: Progress | None = None, reserve: Reserve | None = None
    ) -> Scan:
        """The same for a picture that comes in bands, and so does the result; it is computed while its bands are taken.

        `reserve`: the one that the pictures of a file share, for what is promised to their results.
        """
        height, width = self.target(scan.height, scan.width, scale)
        geometry = self._geometry(scan, height, width)
        outline = scan.outline
        pixels = outline.pixels.new_empty(len(outline.pixels), 0, width)
        alpha = None if outline.alpha is None else outline.alpha.new_empty(1, 0, width)

        def bands() -> Iterator[Picture]:
            planned, sides = self._plan(scan, geometry, reserve or Reserve())
            return self._bands(scan, planned, sides, _Counter(scan, progress))

        return Scan(replace(outline, pixels=pixels, alpha=alpha), height, bands)

    def target(self, height: int, width: int, scale: Scale = None) -> tuple[int, int]:
        """Height and width of what a picture of this size is enlarged to.  Raises UsageError as upscale does."""
        if isinstance(scale, Size):
            scale = scale.scale(height, width)
        check_scale(scale)
        factor = scale or self.scale
        return max(1, round(height * factor)), max(1, round(width * factor))

    def check_memory(self, height: int, width: int, scale: Scale = None, reserve: Reserve | None = None) -> None:
        """Raises SrganError when an opaque picture of this size cannot be enlarged within the policy's limit."""
        if self.policy.max_memory is not None:
            scan = Scan(Picture(torch.empty(3, 0, width)), height, lambda: iter(()))
            self._plan(scan, self._geometry(scan, *self.target(height, width, scale)), reserve or Reserve())

    def largest_seam(self, scan: Scan, scale: Scale = None, reserve: Reserve | None = None) -> float:
        """How far tiles are from the whole at most, 0…1, in the middle of this picture.

        A square that the generator can take whole is enlarged once so, and once in tiles of half its sides.
        """
        geometry = self._geometry(scan, *self.target(scan.height, scan.width, scale))
        _, sides = self._plan(scan, geometry, reserve or Reserve())
        crop = Scan.of(_middle(scan, *(side + 2 * geometry.halo for side in sides)))
        small = self._geometry(crop, *self.target(crop.height, crop.width, scale))
        whole, tiled = (
            torch.cat([band.pixels for band in self._bands(crop, small, cut, _Counter(crop, None))], 1)
            for cut in ((crop.height, crop.width), (-(-crop.height // 2), -(-crop.width // 2)))
        )
        return float((whole - tiled).abs().max())

    def _geometry(self, scan: Scan, height: int, width: int) -> Geometry:
        generator, transparent = self.generator, scan.outline.alpha is not None
        sizes = scan.height, scan.width, generator.scale, height, width
        return Geometry(*sizes, self.kernel, self._radius, generator.grid, generator.blend, transparent)

    @cached_property
    def _radius(self) -> int:
        return self.generator.receptive_radius

    @cached_property
    def _activation_bytes(self) -> float:
        return activation_bytes(self.generator, 3 + self.generator.noise)

    def _demand(self, scan: Scan, geometry: Geometry, reserve: Reserve) -> Demand:
        on_host = self.device.type == "cpu"
        return Demand.of_picture(scan, geometry, self._activation_bytes, reserve, on_host)

    def _plan(self, scan: Scan, geometry: Geometry, reserve: Reserve) -> tuple[Geometry, tuple[int, int]]:
        """How tiles are cut, and the height and width of what they keep."""
        demand = self._demand(scan, geometry, reserve)
        if self.compiled is None:
            return geometry, plan_sides(demand, scan.height, scan.width, self.policy)
        side = min(plan_side(demand, scan.height, scan.width, self.policy), self.filling.largest)
        planned = replace(geometry, side=side)
        height, width = planned.window
        self.compiled.expect(height, width, whole=height < scan.height and width < scan.width)
        return planned, planned.sides

    @torch.no_grad()
    def _bands(self, scan: Scan, geometry: Geometry, sides: tuple[int, int], report: "_Counter") -> Iterator[Picture]:
        """Rows of tiles, enlarged."""
        rolling = Rolling(self._layers(scan))
        cut = tiles(scan.height, scan.width, geometry.halo, sides, geometry.grid)
        rest = None
        for _, row in groupby(cut, lambda tile: tile.keep.top):
            canvas = self._row(scan.outline, rolling, geometry, [tile.keep for tile in row], report)
            if rest is not None:
                canvas.join(rest)
            part, rest = canvas.settled()
            rows = [part] if part.height else []
            del canvas, part  # before the next ones are made
            while rows:
                yield rows.pop()

    def _row(
        self, outline: Picture, rolling: Rolling, geometry: Geometry, keeps: list[Window], report: "_Counter"
    ) -> Canvas:
        strip = Window(keeps[0].top, keeps[0].left, keeps[-1].bottom, keeps[-1].right)
        read = geometry.read(strip)
        canvas = Canvas(outline, rolling.rows(read.top, read.bottom), read, geometry, strip)
        self.filling.fill(canvas, keeps, report.advance)
        return canvas

    def _layers(self, scan: Scan) -> Iterator[Tensor]:
        """Colour, alpha if there is any, and the noise of a seed, row by row, so that it is the same however cut."""
        random = torch.Generator().manual_seed(self.seed or 0)
        count = 0 if self.seed is None else self.generator.noise
        for band in bleed(scan).bands():
            alpha = [] if band.alpha is None else [band.alpha]
            rows = [torch.randn(count, 1, band.width, generator=random) for _ in range(band.height if count else 0)]
            yield torch.cat([band.pixels, *alpha, *([torch.cat(rows, 1)] if rows else [])])


def _compiled(generator: Generator, device: torch.device) -> Compiled:
    check_compiler(device)
    return Compiled(generator)


class _Counter:
    """Counts input pixels and tells whoever wants to know."""

    def __init__(self, scan: Scan, progress: Progress | None) -> None:
        self.layers = 1 if scan.outline.alpha is None else 2
        self.total = self.layers * scan.height * scan.width
        self.done = 0
        self.progress = progress

    def advance(self, pixels: int) -> None:
        self.done += self.layers * pixels
        if self.progress:
            self.progress(self.done, self.total)


def _check_plain(name: str, **given: bool) -> None:
    """Raises UsageError for an option that changes nothing where a kernel takes the place of a network."""
    for option in (option for option, is_given in given.items() if is_given):
        raise UsageError(f"{name} is no network", f"leave --{option.replace('_', '-')} out")


def _middle(scan: Scan, height: int, width: int) -> Picture:
    """At most so many pixels from the middle of a picture, as a picture of its own."""
    height, width = min(height, scan.height), min(width, scan.width)
    top, left = (scan.height - height) // 2, (scan.width - width) // 2
    found = Rolling(band.pixels[..., left : left + width] for band in scan.bands()).rows(0, top + height)[:, top:]
    return replace(scan.outline, pixels=found, alpha=None)
