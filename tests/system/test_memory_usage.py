"""Memory of the machine and of this process."""

import mmap
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from srgan_cli.system.memory_usage import peak_rss, rss, total_memory

PAGE_FAULTS = """
import resource, sys, torch
from srgan_cli.system.memory_usage import retain_freed_memory
if sys.argv[1] == "retained": retain_freed_memory()
for _ in range(12): torch.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5): torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
TRIMMED_BYTES = """
import torch
from srgan_cli.system.memory_usage import retain_freed_memory, rss, trim_heap
retain_freed_memory()
torch.ones(2**24)
before = rss()
trim_heap()
print(before - rss())
"""


def output_of(program: str, *arguments: str) -> int:
    """The number that a program prints."""
    command = [sys.executable, "-c", program, *arguments]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_rss_grows_by_what_is_written() -> None:
    before = rss()
    held = np.frombuffer(mmap.mmap(-1, 2**25), np.uint8)  # a tensor may reuse memory that was freed before
    held[:] = 1
    assert 0.8 * held.nbytes < rss() - before < 1.5 * held.nbytes
    peak = peak_rss()
    assert peak is not None
    assert peak >= rss()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_retained_memory_is_used_again() -> None:
    """Page faults of the same tensor of 64 MB, again and again, once the heap has grown to its size."""
    default, retained = (output_of(PAGE_FAULTS, how) for how in ("default", "retained"))
    assert retained < default / 100


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_trimming_the_heap_returns_freed_memory() -> None:
    assert output_of(TRIMMED_BYTES) > 0.9 * 4 * 2**24


@pytest.mark.skipif(not Path("/proc/self/comm").exists(), reason="the system has no process names")
@pytest.mark.parametrize("function", ["rss", "peak_rss"])
def test_a_process_whose_name_is_cut_within_a_letter_knows_its_memory(function: str) -> None:
    """Linux cuts process names to 15 bytes."""
    program = (
        "open('/proc/self/comm', 'wb').write('größe'.encode()[:3])\n"
        f"from srgan_cli.system.memory_usage import {function}\nprint({function}())"
    )
    assert output_of(program) > 2**20


def test_the_limit_of_a_container_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = total_memory()
    limits = tmp_path / "memory.max", tmp_path / "none"
    monkeypatch.setattr("srgan_cli.system.memory_usage.CGROUP_LIMITS", limits)
    limits[0].write_text("max\n")
    assert total_memory() >= whole
    limits[0].write_text("268435456\n")
    assert total_memory() == 2**28
