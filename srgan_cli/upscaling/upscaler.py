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
from srgan_cli.image.alpha import bleed_alpha
from srgan_cli.image.ops import KERNELS
from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.networks import Generator
from srgan_cli.networks.generators.base import Identity
from srgan_cli.system.devices import pick_device
from srgan_cli.system.files import digest
from srgan_cli.system.progress import Progress
from srgan_cli.upscaling.compilation import CompiledGenerator, check_compiler
from srgan_cli.upscaling.ensemble import SelfEnsemble
from srgan_cli.upscaling.precision import with_precision
from srgan_cli.upscaling.scale import Scale, Size, check_scale
from srgan_cli.upscaling.tiles.canvas import Canvas
from srgan_cli.upscaling.tiles.geometry import Geometry, RowBuffer
from srgan_cli.upscaling.tiles.memory import (
    MemoryEstimate,
    ReservedMemory,
    activation_bytes,
    plan_tile_sides,
    plan_uniform_side,
)
from srgan_cli.upscaling.tiles.runner import TileRunner
from srgan_cli.upscaling.tiles.tiling import TilePolicy, Window, tiles
from srgan_cli.weights.interpolation import interpolate
from srgan_cli.weights.registry import find_weights

# oneDNN, and torch beside it, keep the machine code for 1024 shapes, which takes 100 MB and more; tiles have few.
for _cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_cache, "64")

DEFAULT_MODEL = "srgan"
_RESAMPLING_SCALE = 4
_RESAMPLING_TILE = 512
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
        warn: Callable[[str], None] | None = None,
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
        self.compiled = next((part for part in generator.modules() if isinstance(part, CompiledGenerator)), None)
        self.tile_runner = TileRunner(self.generator, device, warn)

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
        warn: Callable[[str], None] | None = None,
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
            _reject_network_options(
                str(model), strength=strength is not None, self_ensemble=self_ensemble, precision=half, compile=compile
            )
            return cls._from_kernel(str(model), chosen, policy, seed)
        path = model if isinstance(model, Path) else find_weights(model, scale)
        generator, card = interpolate(path, strength)
        built = _compiled(generator, chosen) if compile else generator
        whole = SelfEnsemble(built) if self_ensemble else built
        return cls(with_precision(whole, chosen, precision), chosen, policy, card.name, seed, digest(path), warn)

    @classmethod
    def _from_kernel(cls, name: str, device: torch.device, policy: TilePolicy | None, seed: int | None) -> "Upscaler":
        """What resamples and has no weights."""
        policy = policy or TilePolicy()
        cached = replace(policy, size=min(policy.size, _RESAMPLING_TILE), shared_machine=True)
        upscaler = cls(Identity(), device, cached, name, seed)
        upscaler.scale, upscaler.kernel = _RESAMPLING_SCALE, KERNELS[name]
        return upscaler

    def upscale(self, picture: Picture, scale: Scale = None, progress: Progress | None = None) -> Picture:
        """The enlarged picture; grey stays grey, alpha is enlarged too.

        A `scale` that is not the generator's own is reached by antialiased resampling of its result.
        `progress` is called with the input pixels done and in all.  Raises UsageError for a scale outside 1…16, and
        SrganError when memory does not suffice.
        """
        return self.upscale_stream(ImageStream.from_picture(picture), scale, progress).to_picture()

    def upscale_stream(
        self,
        stream: ImageStream,
        scale: Scale = None,
        progress: Progress | None = None,
        reserved: ReservedMemory | None = None,
    ) -> ImageStream:
        """The same for a picture that comes in bands, and so does the result; it is computed while its bands are taken.

        `reserved`: the one that the pictures of a file share, for what is promised to their results.
        """
        height, width = self.target(stream.height, stream.width, scale)
        geometry = self._geometry(stream, height, width)
        outline = stream.header
        pixels = outline.pixels.new_empty(len(outline.pixels), 0, width)
        alpha = None if outline.alpha is None else outline.alpha.new_empty(1, 0, width)

        def bands() -> Iterator[Picture]:
            planned, sides = self._plan(stream, geometry, reserved or ReservedMemory())
            return self._bands(stream, planned, sides, _ProgressCounter(stream, progress))

        return ImageStream(replace(outline, pixels=pixels, alpha=alpha), height, bands)

    def target(self, height: int, width: int, scale: Scale = None) -> tuple[int, int]:
        """Height and width of what a picture of this size is enlarged to.  Raises UsageError as upscale does."""
        if isinstance(scale, Size):
            scale = scale.scale(height, width)
        check_scale(scale)
        factor = scale or self.scale
        return max(1, round(height * factor)), max(1, round(width * factor))

    def check_memory(
        self, height: int, width: int, scale: Scale = None, reserved: ReservedMemory | None = None
    ) -> None:
        """Raises SrganError when an opaque picture of this size cannot be enlarged within the policy's limit."""
        if self.policy.max_memory is not None:
            scan = ImageStream(Picture(torch.empty(3, 0, width)), height, lambda: iter(()))
            self._plan(scan, self._geometry(scan, *self.target(height, width, scale)), reserved or ReservedMemory())

    def max_tiling_error(
        self, stream: ImageStream, scale: Scale = None, reserved: ReservedMemory | None = None
    ) -> float:
        """How far tiles are from the whole at most, 0…1, in the middle of this picture.

        A square that the generator can take whole is enlarged once so, and once in tiles of half its sides.
        """
        geometry = self._geometry(stream, *self.target(stream.height, stream.width, scale))
        _, sides = self._plan(stream, geometry, reserved or ReservedMemory())
        crop = ImageStream.from_picture(_centre_crop(stream, *(side + 2 * geometry.halo for side in sides)))
        small = self._geometry(crop, *self.target(crop.height, crop.width, scale))
        whole, tiled = (
            torch.cat([band.pixels for band in self._bands(crop, small, cut, _ProgressCounter(crop, None))], 1)
            for cut in ((crop.height, crop.width), (-(-crop.height // 2), -(-crop.width // 2)))
        )
        return float((whole - tiled).abs().max())

    def _geometry(self, stream: ImageStream, height: int, width: int) -> Geometry:
        generator, transparent = self.generator, stream.header.alpha is not None
        sizes = stream.height, stream.width, generator.scale, height, width
        return Geometry(*sizes, self.kernel, self._radius, generator.grid, generator.blend, transparent)

    @cached_property
    def _radius(self) -> int:
        return self.generator.receptive_radius

    @cached_property
    def _activation_bytes(self) -> float:
        return activation_bytes(self.generator, 3 + self.generator.noise)

    def _memory_estimate(self, stream: ImageStream, geometry: Geometry, reserved: ReservedMemory) -> MemoryEstimate:
        on_host = self.device.type == "cpu"
        return MemoryEstimate.for_picture(stream, geometry, self._activation_bytes, reserved, on_host)

    def _plan(
        self, stream: ImageStream, geometry: Geometry, reserved: ReservedMemory
    ) -> tuple[Geometry, tuple[int, int]]:
        """How tiles are cut, and the height and width of what they keep."""
        estimate = self._memory_estimate(stream, geometry, reserved)
        if self.compiled is None:
            return geometry, plan_tile_sides(estimate, stream.height, stream.width, self.policy)
        side = min(plan_uniform_side(estimate, stream.height, stream.width, self.policy), self.tile_runner.max_side)
        planned = replace(geometry, side=side)
        height, width = planned.window_size
        self.compiled.expect_shape(height, width, whole=height < stream.height and width < stream.width)
        return planned, planned.tile_sides

    @torch.no_grad()
    def _bands(
        self, stream: ImageStream, geometry: Geometry, sides: tuple[int, int], counter: "_ProgressCounter"
    ) -> Iterator[Picture]:
        """Rows of tiles, enlarged."""
        row_buffer = RowBuffer(self._input_bands(stream))
        cut = tiles(stream.height, stream.width, geometry.halo, sides, geometry.grid)
        overlap = None
        for _, row in groupby(cut, lambda tile: tile.output.top):
            canvas = self._upscale_row(stream.header, row_buffer, geometry, [tile.output for tile in row], counter)
            if overlap is not None:
                canvas.add_overlap(overlap)
            part, overlap = canvas.completed_rows()
            rows = [part] if part.height else []
            del canvas, part  # before the next ones are made
            while rows:
                yield rows.pop()

    def _upscale_row(
        self,
        header: Picture,
        row_buffer: RowBuffer,
        geometry: Geometry,
        outputs: list[Window],
        counter: "_ProgressCounter",
    ) -> Canvas:
        tile_row = Window(outputs[0].top, outputs[0].left, outputs[-1].bottom, outputs[-1].right)
        input_window = geometry.input_window(tile_row)
        canvas = Canvas(
            header, row_buffer.rows(input_window.top, input_window.bottom), input_window, geometry, tile_row
        )
        self.tile_runner.run(canvas, outputs, counter.advance)
        return canvas

    def _input_bands(self, stream: ImageStream) -> Iterator[Tensor]:
        """Colour, alpha if there is any, and the noise of a seed, row by row, so that it is the same however cut."""
        random = torch.Generator().manual_seed(self.seed or 0)
        count = 0 if self.seed is None else self.generator.noise
        for band in bleed_alpha(stream).bands():
            alpha = [] if band.alpha is None else [band.alpha]
            rows = [torch.randn(count, 1, band.width, generator=random) for _ in range(band.height if count else 0)]
            yield torch.cat([band.pixels, *alpha, *([torch.cat(rows, 1)] if rows else [])])


def _compiled(generator: Generator, device: torch.device) -> CompiledGenerator:
    check_compiler(device)
    return CompiledGenerator(generator)


class _ProgressCounter:
    """Counts input pixels and tells whoever wants to know."""

    def __init__(self, stream: ImageStream, progress: Progress | None) -> None:
        self.layers = 1 if stream.header.alpha is None else 2
        self.total = self.layers * stream.height * stream.width
        self.done = 0
        self.progress = progress

    def advance(self, pixels: int) -> None:
        self.done += self.layers * pixels
        if self.progress:
            self.progress(self.done, self.total)


def _reject_network_options(name: str, **given: bool) -> None:
    """Raises UsageError for an option that changes nothing where a kernel takes the place of a network."""
    for option in (option for option, is_given in given.items() if is_given):
        raise UsageError(f"{name} is no network", f"leave --{option.replace('_', '-')} out")


def _centre_crop(stream: ImageStream, height: int, width: int) -> Picture:
    """At most so many pixels from the middle of a picture, as a picture of its own."""
    height, width = min(height, stream.height), min(width, stream.width)
    top, left = (stream.height - height) // 2, (stream.width - width) // 2
    found = RowBuffer(band.pixels[..., left : left + width] for band in stream.bands()).rows(0, top + height)[:, top:]
    return replace(stream.header, pixels=found, alpha=None)
