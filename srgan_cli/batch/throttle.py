"""Limits on what is in progress at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock


class PixelBudget:
    """Pixels that may be in hand at once; who comes first is let in first, and alone if it takes more."""

    def __init__(self, pixels: int) -> None:
        self.pixels, self.available = pixels, pixels
        self.entrance, self.changed = Lock(), Condition()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
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
