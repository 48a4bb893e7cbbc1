"""Importing large libraries faster."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LARGE = "torch"


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the garbage collector while torch is imported, and exempt its objects, which live to the end."""
    if _LARGE in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
