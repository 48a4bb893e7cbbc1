"""Upscaler: runs a generator on a device, tile by tile."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property, partial
from itertools import groupby
from math import inf, isqrt
from pathlib import Path
from typing import Any, TypedDict, Unpack, overload

import torch
from torch import Tensor

from srgan_cli.errors import PictureError, UsageError
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.image.codec.samples import overlap
from srgan_cli.image.convert.kinds import HandT, Listed, Stored, StoredT, map_pictures
from srgan_cli.image.ops import KERNELS
from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.networks import Generator
from srgan_cli.networks.generators.base import Identity
from srgan_cli.system.arguments import Positive, checked
from srgan_cli.system.devices import pick_device
from srgan_cli.system.files import digest
from srgan_cli.system.progress import Progress
from srgan_cli.upscaling.compilation import CompiledGenerator, check_compiler
from srgan_cli.upscaling.ensemble import SelfEnsemble
from srgan_cli.upscaling.precision import with_precision
from srgan_cli.upscaling.scale import Scale, Size, check_scale
from srgan_cli.upscaling.tiles import memory_limit
from srgan_cli.upscaling.tiles.blending import Canvas
from srgan_cli.upscaling.tiles.geometry import Geometry, Window
from srgan_cli.upscaling.tiles.layers import Layers
from srgan_cli.upscaling.tiles.memory_limit import MemoryEstimate, ReservedMemory, TilePlan, TilePolicy
from srgan_cli.upscaling.tiles.progress import PictureProgress
from srgan_cli.upscaling.tiles.rows import RowBuffer, centre_crop, input_rows
from srgan_cli.upscaling.tiles.runner import TileRunner
from srgan_cli.upscaling.tiles.transfer import TileTransfer
from srgan_cli.weights.interpolation import interpolate
from srgan_cli.weights.registry import find_weights

DEFAULT_MODEL = "srgan"
_RESAMPLING_SCALE = 4
_RESAMPLING_TILE = 512
"""Resampling reads its tiles several times and is faster when they fit into the processor's cache."""
_LEAST_OVERLAP = 0.1  # the least part of a picture's range of values that lies in that of weights of measurements
_LEAST_REPORTS = 10
_LEAST_SIDE, _SIDE_PER_HALO = 128, 16
"""Tiles of this side at least are cut for the sake of progress: smaller ones take longer to read their halos."""
_RESAMPLING_MEMORY = 2**27  # of tiles and rows of tiles, so that memory hardly grows with the width of a picture


class _Options(TypedDict, total=False):
    scale: Scale
    progress: Progress | None


class _RangeOptions(_Options, total=False):
    value_range: ValueRange | None


@checked
class Upscaler:
    """Enlarges pictures tile by tile; tiled equals whole.

    A generator that takes noise gives a different plausible picture for every `seed`; without a seed the noise is 0.
    Memory: a row of tiles, and the generator's activations for one tile with its halo; see TilePolicy.  When memory
    runs out nevertheless, the rest of the picture is enlarged in smaller tiles, `warn` is called with a message, and
    later pictures get tiles that read no more pixels at once.
    Threads may share an Upscaler; one at a time runs the generator.
    """

    def __init__(
        self,
        generator: Generator,
        device: torch.device,
        *,
        policy: TilePolicy | None = None,
        name: str = "",
        seed: int | None = None,
        sha256: str = "",
        value_range: ValueRange | None = None,
        takes_turns_with: "Upscaler | None" = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """`sha256` is the digest of the weights file, `value_range` that of its measurements (see WeightsCard).

        Those that take turns never run their generators at the same time.
        Raises UsageError for a seed if the generator takes no noise."""
        if seed is not None and not generator.noise:
            found = f"{name or 'the generator'} takes no noise: a seed changes nothing"
            raise UsageError(found, "leave --seed out", option="seed")
        self.name, self.sha256, self.value_range, self.seed = name, sha256, value_range, seed
        self.generator = generator.to(device).to(memory_format=generator.memory_format).eval()
        self.device, self.policy = device, policy or TilePolicy()
        self.scale: float = generator.scale
        self.kernel = KERNELS["bicubic"]
        self.compiled = next((part for part in generator.modules() if isinstance(part, CompiledGenerator)), None)
        lock = takes_turns_with.transfer.lock if takes_turns_with else None
        self.transfer: TileTransfer = TileTransfer(self.generator, device, lock)
        self.max_input_pixels = inf  # most pixels that a tile may read at once, as learned when memory ran out
        self._warn = warn or (lambda _: None)

    @classmethod
    def load(
        cls,
        model: str | Path = DEFAULT_MODEL,
        *,
        device: str | torch.device = "auto",
        policy: TilePolicy | None = None,
        scale: float | None = None,
        strength: float | None = None,
        seed: int | None = None,
        self_ensemble: bool = False,
        precision: str = "auto",
        compile: bool = False,
        takes_turns_with: "Upscaler | None" = None,
        warn: Callable[[str], None] | None = None,
    ) -> "Upscaler":
        """Load the Upscaler of a model: a name, a weights file, an address, or a kernel (bicubic, lanczos or nearest).

        A Path always is a file.  `scale` chooses among the scales of a name that has several, and is that of a kernel.
        `strength` interpolates between adversarial weights and their fidelity counterpart (see `interpolate`).
        `self_ensemble` averages over eight flips and turns, in eight times the time.  `precision` is auto, fp32, fp16
        or bf16 (see `with_precision`).  `compile` compiles the generator (see CompiledGenerator).
        Raises UnknownModel, UnknownDevice, UsageError and WeightsError, and SrganError when compilation fails.
        """
        chosen = pick_device(device)
        if model in KERNELS:
            half = precision not in ("auto", "fp32")
            given = {"strength": strength is not None, "self-ensemble": self_ensemble, "precision": half}
            for option, is_given in {**given, "compile": compile}.items():
                if is_given:
                    raise UsageError(f"{model} is not a network", f"leave --{option} out", option=option)
            check_scale(scale)
            return cls._from_kernel(str(model), chosen, policy or TilePolicy(), seed, scale or _RESAMPLING_SCALE)
        path = model if isinstance(model, Path) else find_weights(model, scale)
        generator, card = interpolate(path, strength)
        if compile:
            check_compiler(chosen)
            generator = CompiledGenerator(generator)
        running = with_precision(SelfEnsemble(generator) if self_ensemble else generator, chosen, precision)
        origin = partial(cls, name=card.name, sha256=digest(path), value_range=card.value_range)
        return origin(running, chosen, policy=policy, seed=seed, takes_turns_with=takes_turns_with, warn=warn)

    @classmethod
    def _from_kernel(
        cls, name: str, device: torch.device, policy: TilePolicy, seed: int | None, scale: float
    ) -> "Upscaler":
        small = replace(policy, size=min(policy.size, _RESAMPLING_TILE), working_memory=_RESAMPLING_MEMORY)
        upscaler = cls(Identity(), device, policy=small, name=name, seed=seed)
        upscaler.scale, upscaler.kernel = scale, KERNELS[name]
        return upscaler

    @property
    def is_kernel(self) -> bool:
        """Whether it resamples, without a network."""
        return isinstance(self.generator, Identity)

    @property
    def wait_seconds(self) -> float:
        """Seconds that the calling thread has waited for other threads to run the generator, in total."""
        return self.transfer.lock.wait_seconds

    @overload
    def upscale(self, image: Stored, **options: Unpack[_Options]) -> Picture: ...
    @overload
    def upscale(self, image: Listed[StoredT], **options: Unpack[_Options]) -> list[Picture]: ...
    @overload
    def upscale(self, image: Iterator[Stored], **options: Unpack[_Options]) -> Iterator[Picture]: ...
    @overload
    def upscale(self, image: HandT, **options: Unpack[_RangeOptions]) -> HandT: ...
    @overload
    def upscale(self, image: Listed[HandT], **options: Unpack[_RangeOptions]) -> list[HandT]: ...
    @overload
    def upscale(self, image: Iterator[HandT], **options: Unpack[_RangeOptions]) -> Iterator[HandT]: ...
    @overload
    def upscale(self, image: Listed[Any], **options: Unpack[_RangeOptions]) -> list[Any]: ...
    def upscale(
        self,
        image: Any,
        *,
        scale: Scale = None,
        value_range: ValueRange | None = None,
        progress: Progress | None = None,
    ) -> Any:
        """Return the enlarged picture in the kind of `image`, or those of a list, a batch or an iterator.

        `image` is a Picture or an ImageStream; the path of a file, which gives a Picture; a NumPy array (H, W) or
        (H, W, C) or a tensor (C, H, W) or (N, C, H, W) of uint8, uint16 or floats; a PIL image; a list of these, or an
        iterator, whose results are computed when they are taken.  Grey stays grey, and alpha is enlarged too.  Floats
        are 0…1 unless `value_range` names the values of black and white.

        A `scale` other than the generator's own is reached by antialiased resampling of its result.
        `progress` is called with the number of input pixels done and their total, separately for each picture.
        Raises UsageError for a scale outside 1…16 and for a picture that is not taken, PictureError for a file that
        cannot be read, and SrganError when memory does not suffice.
        """
        return map_pictures(image, partial(self._upscale_picture, scale=scale, progress=progress), value_range)

    def _upscale_picture(self, picture: Picture | ImageStream, *, scale: Scale, progress: Progress | None) -> Picture:
        stream = picture if isinstance(picture, ImageStream) else ImageStream.from_picture(picture)
        chosen = self.for_picture(stream.header)
        stream = chosen.prepare(stream)
        plan = chosen.plan(stream.height, stream.width, scale=scale, layers=Layers.of(stream.header))
        return chosen.upscale_stream(stream, plan, progress=progress).to_picture()

    def for_picture(self, header: Picture) -> "Upscaler":
        """Return this one; for a map of classes, whose values must not be blended, one that takes the nearest pixel."""
        return self._nearest if header.bands.has_classes and self.kernel is not KERNELS["nearest"] else self

    @cached_property
    def _nearest(self) -> "Upscaler":
        return self._from_kernel("nearest", self.device, self.policy, None, self.scale)

    def prepare(self, stream: ImageStream) -> ImageStream:
        """A picture as the generator sees it: measurements in the range of the weights, with a note on other values.

        Raises PictureError for another number of bands.
        """
        if (known := self.value_range) is None:
            return stream
        header, bands = stream.header, self.generator.bands
        if len(header.pixels) != bands:
            found = f"{self.name} takes pictures of {bands} bands, this one has {len(header.pixels)}"
            raise PictureError(found, "take other weights")
        own = header.value_ranges or ((0.0, header.full_scale),)
        strange = next((ends for ends in own if overlap(ends, known) < _LEAST_OVERLAP), None)
        note = "its values of about {:.6g} to {:.6g} are not those of the weights, {:.6g} to {:.6g}"
        notes = header.notes if strange is None else (*header.notes, note.format(*strange, *known))
        ranges, colours = (known,) * bands, tuple(range(bands))
        return stream.map(lambda part: replace(part, rgb_bands=colours, value_ranges=ranges, notes=notes))

    def upscale_stream(self, stream: ImageStream, plan: TilePlan, *, progress: Progress | None = None) -> ImageStream:
        """Return the enlarged picture as a stream, which computes its bands when they are read.

        `plan` is made by `plan` for the size of this picture, and its layers.
        `progress` may raise an exception to end the work between two tiles.
        """
        header, geometry = stream.header, plan.geometry
        if header.dtype.kind != "f" and header.pixels.dtype == torch.float64 and not self.is_kernel:
            message = "its integers exceed 24 bits, and a network computes with 24"
            raise PictureError(message, "take -m bicubic, lanczos or nearest")
        bands = partial(self._bands, stream, geometry, plan.tile_sides, progress)
        return ImageStream(header.with_size(0, geometry.target_width), geometry.target_height, bands)

    def target(self, height: Positive, width: Positive, scale: Scale = None) -> tuple[int, int]:
        """Return the height and width of the enlarged picture.  Raises UsageError as `upscale` does."""
        if isinstance(scale, Size):
            scale = scale.scale(height, width)
        check_scale(scale)
        factor = scale or self.scale
        return max(1, round(height * factor)), max(1, round(width * factor))

    def plan(
        self,
        height: Positive,
        width: Positive,
        *,
        scale: Scale = None,
        layers: Layers | None = None,
        reserved: ReservedMemory | None = None,
    ) -> TilePlan:
        """Plan the tiles of a picture of this size.

        Raises UsageError as `upscale` does, and SrganError when the picture cannot be enlarged within the policy's
        memory limit, of which `reserved` is not available to tiles.
        """
        network, reserved = self.generator, reserved or ReservedMemory()
        sizes = height, width, network.scale, *self.target(height, width, scale)
        own = {"radius": network.receptive_radius, "grid": network.grid, "blend": network.blend}
        geometry = Geometry(*sizes, kernel=self.kernel, layers=layers or Layers(), **own)
        activations, on_host, most = self._activation_bytes, self.device.type == "cpu", self.max_input_pixels
        estimate = MemoryEstimate.for_picture(geometry, activations, reserved, on_host=on_host, max_input_pixels=most)
        if self.compiled is None:
            policy = self._reporting_policy(geometry)
            return TilePlan(geometry, memory_limit.plan_tile_sides(estimate, height, width, policy))
        uniform = replace(geometry, side=memory_limit.plan_uniform_side(estimate, height, width, self.policy))
        return TilePlan(uniform, uniform.tile_sides)

    def _reporting_policy(self, geometry: Geometry) -> TilePolicy:
        """Return the policy; on a CPU with tiles so small that progress is reported often, at little cost."""
        if self.device.type != "cpu" or not self.policy.size:
            return self.policy
        tiles = -(-_LEAST_REPORTS // max(1, self.transfer.layers.count))
        side = isqrt(geometry.height * geometry.width // tiles)
        return replace(self.policy, size=min(self.policy.size, max(side, _LEAST_SIDE, _SIDE_PER_HALO * geometry.halo)))

    def max_tiling_error(self, stream: ImageStream, plan: TilePlan) -> float:
        """The largest difference (0…1) between a crop from the middle that is enlarged whole and in four tiles."""
        halo = plan.geometry.halo
        crop = ImageStream.from_picture(centre_crop(stream, *(side + 2 * halo for side in plan.tile_sides)))
        geometry = plan.geometry.for_crop(crop.height, crop.width, Layers.of(crop.header))
        whole, tiled = (
            torch.cat([band.pixels for band in self._bands(crop, geometry, sides, None)], 1)
            for sides in ((crop.height, crop.width), (-(-crop.height // 2), -(-crop.width // 2)))
        )
        spans = torch.tensor([high - low for low, high in crop.header.pixel_ranges]).view(-1, 1, 1)
        return float(((whole - tiled).abs() / spans).max())

    @cached_property
    def _activation_bytes(self) -> float:
        with self.transfer.lock, self.transfer.layers.counting():
            return memory_limit.activation_bytes(self.generator, self.generator.bands + self.generator.noise)

    @torch.no_grad()
    def _bands(
        self, stream: ImageStream, geometry: Geometry, tile_sides: tuple[int, int], progress: Progress | None
    ) -> Iterator[Picture]:
        """Yield the result, one row of tiles after the other."""
        if self.compiled and geometry.side:
            height, width = geometry.window_size
            self.compiled.expect_shape(height, width, whole=height < geometry.height and width < geometry.width)
        row_buffer, counter = RowBuffer(self._input_rows(stream)), PictureProgress(stream, progress)
        # On a GPU a layer that returns is not computed, and a hook in a compiled network would compile it again.
        reports_layers = progress and self.device.type == "cpu" and not self.compiled
        learn, on_layers = partial(self._learn_limit, geometry), counter.advance_layers if reports_layers else None
        runner = TileRunner(self.transfer, warn=self._warn, on_shrink=learn, on_layers=on_layers)
        cut = Window(0, 0, stream.height, stream.width).split(*tile_sides)
        overlap = None
        for outputs in (list(row) for _, row in groupby(cut, lambda output: output.top)):
            canvas = Canvas(stream.header, row_buffer, geometry, outputs)
            runner.run(canvas, outputs, counter.advance_tile)
            if overlap is not None:
                canvas.add_overlap(overlap)
            part, overlap = canvas.completed_rows()
            rows = [part] if part.height else []
            del canvas, part  # frees them before the next row is allocated
            while rows:
                yield rows.pop()

    def _input_rows(self, stream: ImageStream) -> Iterator[Tensor]:
        noise, is_nearest = self.generator.noise, self.is_kernel and self.kernel is KERNELS["nearest"]
        return input_rows(stream, 0 if self.seed is None else noise, self.seed or 0, keep_colours=is_nearest)

    def _learn_limit(self, geometry: Geometry, max_side: int) -> None:
        """Remember that memory ran out for tiles whose output has a side longer than `max_side`."""
        area = memory_limit.input_area((max_side, max_side), (geometry.height, geometry.width), geometry.max_halo)
        self.max_input_pixels = min(self.max_input_pixels, area)
