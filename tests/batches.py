"""Batches of srgan upscale in processes of their own, which tests interrupt and kill."""

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from PIL import Image

from srgan_cli.upscaling.upscaler import Upscaler

PATIENCE = 600
"""Seconds to wait for an event, on a machine that may be busy with other work."""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "srgan_cli", "upscale", *map(str, arguments)]


def outputs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.*") if path.name != ".srgan.jsonl")


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for an event.  Raises TimeoutError after PATIENCE seconds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def started(
    folder: Path | str, weights: Path, out: Path, *options: object, launch: list[str] | None = None
) -> subprocess.Popen[str]:
    """A running batch that has written a few pictures.  `launch` replaces the command `srgan upscale`."""
    line = [*(launch or command()), *map(str, (folder, out, "-m", weights, "--tile", 4, *options))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    wait_until(lambda: len(list(out.glob("deep/[0-9]*.png"))) >= 3 or process.poll() is not None)
    return process


def descendants(pid: int) -> dict[int, str]:
    """The children of a process, and their children, with their command lines."""
    found = {}
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # a process has ended meanwhile
            for child in map(int, children.read_text().split()):
                found[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
                found |= descendants(child)
    return found


def assert_whole(out: Path, count: int) -> None:
    """The folder holds `count` pictures that can be decoded, and nothing else."""
    assert outputs(out) == sorted(out / f"deep/{number}.png" for number in range(count))
    for path in outputs(out):
        with Image.open(path) as image:
            assert image.size == (256, 192)
            image.load()


def load_with_a_warning(device: str) -> Upscaler:
    """Bicubic enlarging, for worker processes, which cannot import the modules of tests."""
    warnings.warn("obsolete", stacklevel=2)
    return Upscaler.load("bicubic", device=device)
