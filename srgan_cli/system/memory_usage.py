"""Memory of the machine and of this process, and what the C library does with freed memory."""

import ctypes
import re
import sys
from pathlib import Path

import psutil

CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""The files where Linux states the memory limit of a container, for control groups v2 and v1."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -3, -4, -8
"""Parameters of mallopt, from glibc's malloc.h."""
_LARGE = 2**24


def total_memory() -> int:
    """Bytes of memory in the machine, or the limit of the container, which psutil does not know."""
    limits = [int(text) for text in map(_read_file, CGROUP_LIMITS) if text.isdigit()]
    return min([int(psutil.virtual_memory().total), *limits])


def rss() -> int:
    """Bytes of this process in memory now (resident set size)."""
    return int(psutil.Process().memory_info().rss)


def peak_rss() -> int | None:
    """The most bytes that this process has had in memory; None on Windows.

    Linux has a counter for this process alone, which psutil does not read.  The counter of POSIX, used elsewhere, may
    be that of the process that started this one.
    """
    found = re.search(rb"^VmHWM:\s+(\d+) kB", _read_file(Path("/proc/self/status")), re.MULTILINE)
    return int(found[1]) * 1024 if found else _posix_peak_rss()


def retain_freed_memory() -> None:
    """Keep freed memory in the heap for the next large tensor, instead of requesting zeroed pages each time.

    It makes all threads share one heap, whatever the size of an allocation.  It changes the whole process, so only the
    command line calls it.  Does nothing where the C library is not glibc.
    """
    _set_malloc({_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _ARENA_MAX: 1})


def return_freed_memory() -> None:
    """Return large freed tensors to the system, so that they leave no holes in the heap; as `retain_freed_memory`."""
    _set_malloc({_MMAP_THRESHOLD: _LARGE, _ARENA_MAX: 1})


def _set_malloc(parameters: dict[int, int]) -> None:
    if library := _glibc():
        for name, value in parameters.items():
            library.mallopt(name, value)


def trim_heap() -> None:
    """Return freed memory from the heap to the system: holes that tensors of other sizes do not fit."""
    if library := _glibc():
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "gnu_get_libc_version") else None


def _read_file(path: Path) -> bytes:
    """The content of a file of the system; empty if it does not exist.  Bytes, since process names can be cut UTF-8."""
    try:
        return path.read_bytes().strip()
    except OSError:
        return b""


def _posix_peak_rss() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
