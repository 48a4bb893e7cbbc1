"""How much memory this process has, now and at its peak."""

import os
import re
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident() -> int | None:
    """Bytes that this process has in memory now; where the system does not tell, the most that it has had."""
    return _told("VmRSS") or peak_resident()


def peak_resident() -> int | None:
    """The most bytes that this process has had in memory; None where the system does not tell.

    Linux tells of this process alone; the peak that POSIX knows there may be of the one that started it.
    """
    return _told("VmHWM") or _posix_peak()


def _told(name: str) -> int | None:
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def _posix_peak() -> int | None:
    if os.name == "nt":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
