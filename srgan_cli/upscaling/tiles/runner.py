"""How canvases are filled: tile after tile, and with smaller ones where memory runs out."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from srgan_cli.errors import SrganError, is_exhaustion
from srgan_cli.networks import Generator
from srgan_cli.upscaling.tiles.canvas import Canvas
from srgan_cli.upscaling.tiles.geometry import Geometry
from srgan_cli.upscaling.tiles.tiling import Window
from srgan_cli.upscaling.tiles.transfer import Passage

_EXACT = 1e-4
_SMALLEST_TILE = 16
_NO_LIMIT = 2**31
Done = TypeVar("Done")
UnderWay = deque[tuple[Window, Callable[[], Tensor]]]
"""Windows that have been sent, and what waits for what comes of each."""


class Filling:
    """Fills canvases by a generator on a device.

    Where memory runs out, smaller tiles are taken from there on, of at most `largest` pixels a side, and `tell` hears
    of it once.
    """

    def __init__(self, generator: Generator, device: torch.device, tell: Callable[[str], None] | None) -> None:
        self.generator = generator
        self.passage = Passage(generator, device)
        self.largest = _NO_LIMIT
        self._tell = tell

    def fill(self, canvas: Canvas, keeps: Iterable[Window], advance: Callable[[int], None]) -> None:
        """Enlarge windows, on a GPU each while the one before comes back; `advance` hears of the pixels done.

        Raises SrganError where memory does not suffice for the smallest tiles.
        """
        todo, under_way = deque(keeps), UnderWay()
        while todo or under_way:
            if todo and len(under_way) <= self.passage.ahead:
                self._send(canvas, todo, under_way)
            else:
                self._collect(canvas, todo, under_way, advance)

    def _send(self, canvas: Canvas, todo: deque[Window], under_way: UnderWay) -> None:
        """Send the first window, of which the pieces that are too large by now come one by one."""
        keep, *rest = todo.popleft().pieces(self.largest, self.largest)
        todo.extendleft(reversed(rest))
        if sent := self._tried(keep, partial(self._sent, canvas, keep)):
            under_way.append((keep, sent))
        else:
            todo.appendleft(keep)

    def _collect(
        self, canvas: Canvas, todo: deque[Window], under_way: UnderWay, advance: Callable[[int], None]
    ) -> None:
        keep, collect = under_way.popleft()
        result = self._tried(keep, collect)
        if result is None:
            todo.appendleft(keep)
        else:
            canvas.put(keep, result)
            advance(keep.area)

    def _tried(self, keep: Window, work: Callable[[], Done]) -> Done | None:
        """What work on a window gives; None where memory ran out, and tiles are smaller from there on."""
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if not is_exhaustion(error):
                raise
        self._shrink(keep)
        return None

    def _shrink(self, keep: Window) -> None:
        longest = max(keep.height, keep.width)
        if longest <= _SMALLEST_TILE:
            raise SrganError(
                f"memory runs out even for tiles of {longest} pixels", "close other programs, or take --device cpu"
            )
        if self._tell and self.largest == _NO_LIMIT:
            self._tell(f"memory ran out at a tile of {keep.width} x {keep.height} pixels: going on with smaller ones")
        self.largest = min(self.largest, -(-longest // 2))
        if self.passage.device.type == "cuda":
            torch.cuda.empty_cache()

    def _sent(self, canvas: Canvas, keep: Window) -> Callable[[], Tensor]:
        """Begin to enlarge a window; what gives its colour, and alpha if there is any."""
        geometry = canvas.geometry
        if self.largest < geometry.side:  # a piece: what all tiles read would take as much memory again
            geometry = replace(geometry, side=0)
        read, shown = geometry.read(keep), geometry.shown(keep)
        layers = canvas.layers[:, *read.within(canvas.read).slices]
        colours, transparent = len(canvas.outline.pixels), canvas.outline.alpha is not None
        noise = layers[colours + transparent :]
        colour = self._generated(layers[:colours], noise, geometry, read, shown)
        if not transparent:
            return colour
        alpha = layers[colours : colours + 1]
        sharp = self._generated(alpha, noise, geometry, read, shown)
        return lambda: torch.cat([colour(), _settled(sharp(), geometry.resampled(alpha, read, shown, 1))])

    def _generated(
        self, pixels: Tensor, noise: Tensor, geometry: Geometry, read: Window, keep: Window
    ) -> Callable[[], Tensor]:
        """What gives the result's pixels for a window, of colour or grey, from what the generator reads."""
        scale, grey = self.generator.scale, len(pixels) == 1
        needed = keep.grown(geometry.margin, geometry.height, geometry.width)
        part = needed.within(read).scaled(scale).slices

        def crop(enlarged: Tensor) -> Tensor:
            kept = enlarged[:, *part]
            return kept.mean(dim=0, keepdim=True) if grey else kept

        collect = self.passage.send(torch.cat([pixels.expand(3, -1, -1), noise]), crop)
        return lambda: geometry.resampled(collect(), needed, keep, scale).clamp(0, 1)


def _settled(sharp: Tensor, smooth: Tensor) -> Tensor:
    """Alpha with sharp edges from the generator; what is wholly opaque or wholly transparent stays exactly so."""
    sharp[smooth >= 1 - _EXACT] = 1
    sharp[smooth <= _EXACT] = 0
    return sharp
