"""Loading large libraries in less time."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LARGE = "torch"


@contextmanager
def gc_paused() -> Iterator[None]:
    """Within it torch and what goes with it are imported.

    All of that stays until the process ends.  So Python neither looks for garbage among it meanwhile, nor ever again,
    which at the end alone would take as long as half of the imports.
    """
    if _LARGE in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
