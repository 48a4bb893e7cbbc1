"""Limits on what is in progress at once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Event, Lock, local

from srgan_cli.errors import SrganError
from srgan_cli.networks import Generator


class _GeneratorLock:
    """Lets one hand at a time ask a generator, and counts how long each has waited for that.

    Hung on the generator itself, so that all else that is done to a picture goes on side by side.
    """

    def __init__(self, generator: Generator) -> None:
        self.lock, self.thread = Lock(), local()
        self.stopped = Event()
        self.hooks = (
            generator.register_forward_pre_hook(self._acquire, prepend=True),
            generator.register_forward_hook(self._release, always_call=True),
        )

    def __deepcopy__(self, _memo: object) -> "_GeneratorLock":
        return self  # copies of the generator queue up with it

    @property
    def wait_seconds(self) -> float:
        """Seconds that this hand has waited in all."""
        seconds: float = getattr(self.thread, "waited", 0.0)
        return seconds

    def stop(self) -> None:
        """Have what is in hand given up at its next tile."""
        self.stopped.set()

    def check_cancelled(self) -> None:
        """Raises SrganError when it is time to stop."""
        if self.stopped.is_set():
            raise SrganError("stopped")

    def release(self) -> None:
        """Leave the generator as it was."""
        for hook in self.hooks:
            hook.remove()

    def _acquire(self, *_: object) -> None:
        began = time.monotonic()
        self.lock.acquire()
        self.thread.waited = self.wait_seconds + time.monotonic() - began

    def _release(self, *_: object) -> None:
        self.lock.release()


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
