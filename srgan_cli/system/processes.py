"""Starting worker processes, and ending them."""

import os
import signal
import warnings
from multiprocessing import get_all_start_methods, get_context, parent_process
from threading import Thread
from typing import Any


def context(*modules: str) -> Any:
    """A multiprocessing context that is safe with threads; if possible, processes share the imports of `modules`."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    forkserver = get_context("forkserver")
    forkserver.set_forkserver_preload(list(modules))
    return forkserver


def init_worker() -> None:
    """Set up a worker process: it ignores Ctrl-C and warnings of libraries, and ends when its parent is killed."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_kernel_caches() -> None:
    """Let oneDNN and torch cache machine code for 64 shapes, unless environment variables set another number.

    Their default of 1024 shapes takes 100 MB and more, and tiles have few shapes.  For the whole process; takes effect
    before the first network runs.
    """
    for variable in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(variable, "64")


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)  # sys.exit would only end this thread
