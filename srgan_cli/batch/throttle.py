"""Limits on what is in progress at once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Event, Lock, local

from srgan_cli.errors import SrganError
from srgan_cli.networks import Generator


class _Turns:
    """Lets one hand at a time ask a generator, and counts how long each has waited for that.

    Hung on the generator itself, so that all else that is done to a picture goes on side by side.
    """

    def __init__(self, generator: Generator) -> None:
        self.lock, self.hand = Lock(), local()
        self.stopped = Event()
        self.hooks = (
            generator.register_forward_pre_hook(self._take, prepend=True),
            generator.register_forward_hook(self._give, always_call=True),
        )

    def __deepcopy__(self, _memo: object) -> "_Turns":
        return self  # copies of the generator queue up with it

    @property
    def waited(self) -> float:
        """Seconds that this hand has waited in all."""
        seconds: float = getattr(self.hand, "waited", 0.0)
        return seconds

    def stop(self) -> None:
        """Have what is in hand given up at its next tile."""
        self.stopped.set()

    def heed(self) -> None:
        """Raises SrganError when it is time to stop."""
        if self.stopped.is_set():
            raise SrganError("stopped")

    def release(self) -> None:
        """Leave the generator as it was."""
        for hook in self.hooks:
            hook.remove()

    def _take(self, *_: object) -> None:
        asked = time.monotonic()
        self.lock.acquire()
        self.hand.waited = self.waited + time.monotonic() - asked

    def _give(self, *_: object) -> None:
        self.lock.release()


class _Room:
    """Pixels that may be in hand at once; who comes first is let in first, and alone if it takes more."""

    def __init__(self, pixels: int) -> None:
        self.pixels, self.free = pixels, pixels
        self.door, self.changed = Lock(), Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        share = min(pixels, self.pixels)
        with self.door, self.changed:
            self.changed.wait_for(lambda: self.free >= share)
            self.free -= share
        try:
            yield
        finally:
            with self.changed:
                self.free += share
                self.changed.notify_all()
