"""How much of a picture is enlarged, counted by tiles and by the layers that a generator has computed of a tile."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from torch import nn

from srgan_cli.image.picture import ImageStream
from srgan_cli.system.progress import Progress
from srgan_cli.upscaling.tiles.layers import Layers

_REPORTS = 200  # about the largest number of reports for a picture


class LayerWatch:
    """Reports the layers of a generator when they are computed."""

    def __init__(self, generator: nn.Module) -> None:
        self.layers = [layer for layer in generator.modules() if [*layer.parameters(recurse=False)]]
        self.count = 0  # layers of a forward pass, one that runs twice counted twice; 0 before `counting`

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the layers of the forward pass that runs meanwhile."""
        computed: list[None] = []
        with self._calling(lambda: computed.append(None)):
            yield
        self.count = len(computed)

    def reporting(self, report: Callable[[float], None] | None) -> AbstractContextManager[None]:
        """Call `report` with its share of the forward pass after each layer."""
        count = self.count
        return self._calling(lambda: report(1 / count)) if report and count else nullcontext()

    @contextmanager
    def _calling(self, report: Callable[[], None]) -> Iterator[None]:
        def hook(*_: Any) -> None:
            report()

        handles = [layer.register_forward_hook(hook) for layer in self.layers]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


class PictureProgress:
    """Counts the input pixels of a picture that are done and reports them; once for each run of the network."""

    def __init__(self, stream: ImageStream, progress: Progress | None) -> None:
        self.passes = Layers.of(stream.header).passes
        self.total = self.passes * stream.height * stream.width
        self.done = self.reported = 0
        self.within_tile = 0.0
        self.progress = progress

    def advance_tile(self, pixels: int) -> None:
        """A tile of so many pixels is done."""
        self.done, self.within_tile = self.done + self.passes * pixels, 0.0
        self._report(self.done)

    def advance_layers(self, pixels: float) -> None:
        """A part of a tile that is worth so many pixels is done."""
        self.within_tile += pixels
        done = min(self.done + int(self.within_tile), self.total - 1)
        if done - self.reported >= self.total / _REPORTS:
            self._report(done)

    def _report(self, done: int) -> None:
        if self.progress and done > self.reported:
            self.progress(done, self.total)
        self.reported = max(done, self.reported)
