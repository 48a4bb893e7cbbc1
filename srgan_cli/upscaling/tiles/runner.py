"""TileRunner: enlarges the tiles of one picture, and takes smaller ones when memory runs out."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from srgan_cli.errors import SrganError, is_out_of_memory
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.image.codec.samples import UNIT_RANGE
from srgan_cli.image.ops import LINEAR, Kernel
from srgan_cli.image.picture import Picture
from srgan_cli.networks.generators.base import Identity
from srgan_cli.upscaling.tiles.blending import Canvas
from srgan_cli.upscaling.tiles.geometry import Geometry, Window
from srgan_cli.upscaling.tiles.transfer import TileTransfer

_ALPHA_TOLERANCE = 1e-4
_SMALLEST_TILE = 16
_NO_LIMIT = 2**31
Result = TypeVar("Result")
InFlight = deque[tuple[Window, Callable[[], Tensor]]]
"""Outputs of submitted tiles, each with the function that waits for its result."""


class TileRunner:
    """Enlarges a picture's tiles, smaller ones once memory runs out: `warn` gets a message, `on_shrink` their side."""

    def __init__(
        self,
        transfer: TileTransfer,
        *,
        warn: Callable[[str], None],
        on_shrink: Callable[[int], None],
        on_layers: Callable[[float], None] | None = None,
    ) -> None:
        """`on_layers` is called with the input pixels that the layers computed so far of a tile are worth."""
        self.transfer, self.max_side = transfer, _NO_LIMIT
        self._warn, self._on_shrink, self._on_layers = warn, on_shrink, on_layers

    def run(self, canvas: Canvas, outputs: Iterable[Window], advance: Callable[[int], None]) -> None:
        """Enlarge windows of the picture into a canvas; `advance` is called with the input pixels that are done.

        On a GPU each tile is computed while the one before is copied back.
        Raises SrganError when memory does not suffice for the smallest tiles.
        """
        pending, in_flight = deque(outputs), InFlight()
        while pending or in_flight:
            if pending and len(in_flight) <= self.transfer.prefetch:
                self._start_next(canvas, pending, in_flight)
            else:
                self._finish_next(canvas, pending, in_flight, advance)

    def _start_next(self, canvas: Canvas, pending: deque[Window], in_flight: InFlight) -> None:
        """Submit the first window, or the first piece of it when it exceeds `max_side`."""
        output, *rest = pending.popleft().split(self.max_side, self.max_side)
        pending.extendleft(reversed(rest))
        if started := self._attempt(output, partial(self._start_tile, canvas, output)):
            in_flight.append((output, started))
        else:
            pending.appendleft(output)

    def _finish_next(
        self, canvas: Canvas, pending: deque[Window], in_flight: InFlight, advance: Callable[[int], None]
    ) -> None:
        output, collect = in_flight.popleft()
        if (result := self._attempt(output, collect)) is None:
            pending.appendleft(output)
        else:
            canvas.blend_in(output, result)
            advance(output.area)

    def _attempt(self, output: Window, work: Callable[[], Result]) -> Result | None:
        """Return the result of `work`, or None when memory ran out; tiles are then smaller."""
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        self._shrink(output)
        return None

    def _shrink(self, output: Window) -> None:
        longest = max(output.height, output.width)
        if longest <= _SMALLEST_TILE:
            message = f"memory runs out even for tiles of {longest} pixels"
            raise SrganError(message, "close other programs, or take --device cpu")
        if self.max_side == _NO_LIMIT:
            size = f"{output.width} x {output.height} pixels"
            self._warn(f"memory ran out at a tile of {size}: going on with smaller ones")
        self.max_side = min(self.max_side, -(-longest // 2))
        self._on_shrink(self.max_side)
        if self.transfer.device.type == "cuda":
            torch.cuda.empty_cache()

    def _start_tile(self, canvas: Canvas, output: Window) -> Callable[[], Tensor]:
        """Start to enlarge a window.  The returned function returns colour, and alpha if the picture has it."""
        geometry = canvas.geometry
        if self.max_side < geometry.side:  # a piece; the window that all tiles share would take as much memory again
            geometry = replace(geometry, side=0)
        seen, blended = geometry.input_window(output), geometry.blend_window(output)
        layers, parts = canvas.layers[:, *seen.relative_to(canvas.input_window).slices], geometry.layers
        resize = partial(geometry.resize_output, at=seen, output=blended, scale=1)
        if isinstance(self.transfer.generator, Identity):
            return lambda: _resampled(layers[: parts.visible], canvas.header, geometry.kernel, resize)
        start = partial(self._start_generator, parts.noise(layers), geometry=geometry, at=seen, output=blended)
        ranges, order = canvas.header.pixel_ranges, [band for group in parts.groups for band in group]
        started = [_start_group(layers[list(group)], ranges[group[0]], start, resize) for group in parts.groups]
        alpha = layers[parts.bands : parts.visible].float()
        sharp = start(alpha) if parts.has_alpha else None

        def collect() -> Tensor:
            bands = torch.cat([enlarged() for enlarged in started])
            if order != sorted(order):
                bands = bands[[order.index(band) for band in range(len(order))]]
            return bands if sharp is None else torch.cat([bands, _snap_alpha(sharp(), resize(alpha)).to(bands)])

        return collect

    def _start_generator(
        self, noise: Tensor, pixels: Tensor, *, geometry: Geometry, at: Window, output: Window
    ) -> Callable[[], Tensor]:
        """Start to enlarge the window `at` (C, H, W), 0…1; the returned function returns the result for `output`."""
        scale, grey = geometry.scale, len(pixels) == 1
        needed = output.pad(geometry.resize_margin, geometry.height, geometry.width)
        part = needed.relative_to(at).scaled(scale).slices

        def crop(enlarged: Tensor) -> Tensor:
            cropped = enlarged[:, *part]
            return cropped.mean(dim=0, keepdim=True) if grey else cropped

        report, area = self._on_layers, output.area
        on_layer = report and (lambda share: report(share * area))
        tile = torch.cat([pixels.expand(self.transfer.generator.bands, -1, -1), noise.float()])
        collect = self.transfer.submit(tile, crop, on_layer)
        return lambda: geometry.resize_output(collect(), needed, output, scale).clamp(0, 1)


def _start_group(
    pixels: Tensor,
    pixel_range: ValueRange,
    start: Callable[[Tensor], Callable[[], Tensor]],
    resize: Callable[[Tensor], Tensor],
) -> Callable[[], Tensor]:
    """Start to enlarge bands whose range is 0…1 for the network.  What lies outside the range is resized and added."""
    low, high = pixel_range
    if (low, high) == UNIT_RANGE and (not len(pixels) or (pixels.min() >= 0 and pixels.max() <= 1)):
        return start(pixels.float())
    inside = pixels.clamp(low, high)
    excess = pixels - inside
    started = start(((inside - low) / (high - low)).float())

    def collect() -> Tensor:
        enlarged = started().to(pixels.dtype) * (high - low) + low
        return enlarged + resize(excess) if excess.any() else enlarged

    return collect


def _resampled(layers: Tensor, header: Picture, kernel: Kernel, resize: Callable[..., Tensor]) -> Tensor:
    """Bands and alpha after resampling; bands within 0…1, unless their samples have units of their own."""
    bands = resize(layers[: len(header.pixels)])
    if not header.has_own_units:
        bands.clamp_(0, 1)
    if header.alpha is None:
        return bands
    # other kernels overshoot, and clipping would make the whole picture more transparent
    alpha = resize(layers[len(header.pixels) :], kernel=LINEAR if kernel.radius > LINEAR.radius else kernel)
    return torch.cat([bands, alpha])


def _snap_alpha(sharp: Tensor, smooth: Tensor) -> Tensor:
    """Return the generator's alpha, exactly 0 or 1 where resampled alpha is fully transparent or opaque."""
    sharp[smooth >= 1 - _ALPHA_TOLERANCE] = 1
    sharp[smooth <= _ALPHA_TOLERANCE] = 0
    return sharp
