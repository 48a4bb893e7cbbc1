"""How much memory the machine has, and this process, now and at its peak; whether it keeps what it frees."""

import ctypes
import os
import re
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""What a container may take: the files of Linux's control groups, of their second version and their first."""
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
"""Names of glibc's malloc.h."""


def total_memory() -> int | None:
    """Bytes of memory that the machine has, or that the container may take; None where the system does not tell."""
    if not hasattr(os, "sysconf"):
        return None
    limits = [int(text) for text in map(_content, _LIMITS) if text.isdigit()]
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *limits])


def rss() -> int | None:
    """Bytes that this process has in memory now; where the system does not tell, the most that it has had."""
    return _read_status("VmRSS") or peak_rss()


def peak_rss() -> int | None:
    """The most bytes that this process has had in memory; None where the system does not tell.

    Linux tells of this process alone; the peak that POSIX knows there may be of the one that started it.
    """
    return _read_status("VmHWM") or _posix_peak()


def retain_freed_memory() -> None:
    """Have the C library keep what is freed for the next large tensor, rather than ask for zeroed pages each time.

    All threads draw on one heap then, whatever the size.  For the whole process; nothing happens where the C library
    is not glibc.
    """
    if library := _glibc():
        for name, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_ARENA_MAX, 1)):
            library.mallopt(name, value)


def trim_heap() -> None:
    """Have the C library give back what it keeps: holes in its heap, which tensors of ever new sizes do not fit."""
    if library := _glibc():
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "gnu_get_libc_version") else None


def _read_status(name: str) -> int | None:
    found = re.search(rb"^%s:\s+(\d+) kB" % name.encode(), _content(_STATUS), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _content(path: Path) -> bytes:
    """What the system tells in a file; nothing where there is none.  Names of programs in it need not be Unicode."""
    try:
        return path.read_bytes().strip()
    except OSError:
        return b""


def _posix_peak() -> int | None:
    if os.name == "nt":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
