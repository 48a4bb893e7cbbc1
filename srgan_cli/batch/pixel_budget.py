"""A limit on the pixels that are in memory at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock


class PixelBudget:
    """Pixels that threads may hold at once.  Requests are served in order; one that exceeds the budget runs alone."""

    def __init__(self, pixels: int) -> None:
        self.pixels, self.available = pixels, pixels
        self.entrance, self.changed = Lock(), Condition()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
        """Wait until so many pixels are available, and hold them."""
        share = min(pixels, self.pixels)
        with self.entrance, self.changed:
            self.changed.wait_for(lambda: self.available >= share)
            self.available -= share
        try:
            yield
        finally:
            with self.changed:
                self.available += share
                self.changed.notify_all()
