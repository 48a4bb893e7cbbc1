"""Tests whether memory, open files and speed of one process stay constant over thousands of pictures.

    python benchmarks/soak.py [--pictures 2000] [--rounds 10] [--headroom 200M] [--model srgan] [--plot soak.png]

A single `srgan upscale IN/ OUT/` upscales random crops of examples/, with sides of 32 to 100 pixels, in all formats
that need no extra. After each picture the process is measured through /proc (Linux). Prints a Markdown table of rounds
of equally many pictures and draws a plot. Times are CPU seconds, which do not depend on other load. Exits with 1 if

- a picture failed,
- the peak memory exceeds that after the first picture by more than `--headroom`,
- memory grows by more than 5 % in the second half,
- files stay open, or
- a later round takes 25 % more CPU time than the second one.
"""

import json
import os
import platform
import random
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import torch
import typer
from PIL import Image, ImageDraw, ImageFont

from srgan_cli.image.io import read_picture
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture
from srgan_cli.upscaling.tiles.memory_limit import parse_bytes

EXAMPLES = [Path(__file__).parents[1] / f"examples/{name}.png" for name in ("astronaut", "cat", "street")]
SUFFIXES = (".png", ".jpg", ".webp", ".tif", ".bmp", ".gif", ".avif")
SIDES = (32, 100)
SLOWER = 1.25
"""The largest CPU time of a later round, relative to the second one."""
GROWN = 1.05
"""The largest mean memory of the last round, relative to the middle one."""
HEIGHT, WIDTH, MARGIN = 150, 720, 40
"""Size of a panel of the plot and its margin, in pixels."""
HEADINGS = ("pictures", "mean RSS, MB", "peak so far", "most open files", "threads", "CPU ms / picture")


@dataclass(frozen=True)
class Sample:
    """The state of the process after a picture."""

    rss: int
    """Memory in bytes."""
    peak: int
    """Peak memory in bytes."""
    handles: int
    """Open files."""
    threads: int
    cpu: float
    """CPU seconds so far."""


def main(
    pictures: int = 2000,
    rounds: int = 10,
    headroom: str = "200M",
    model: str = "srgan",
    plot: Path = Path("soak.png"),
) -> None:
    """Upscale thousands of pictures in one process and test that it stays constant."""
    headroom_bytes, each = parse_bytes(headroom), pictures // rounds
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_pictures(folder / "in", each * rounds)
        command = [sys.executable, "-m", "srgan_cli", "upscale", "--json", "-m", model, "--device", "cpu"]
        samples, failed = soak([*command, str(folder / "in"), str(folder / "out")])
    parts = [samples[start : start + each] for start in range(0, len(samples), each)]
    torch_and_cores = f"torch {torch.__version__}, {len(os.sched_getaffinity(0))} cores"
    print(f"{len(samples)} pictures, {model}, {torch_and_cores} of {platform.machine()}", end="\n\n")
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}")
    for number, part in enumerate(parts):
        print(f"| {' | '.join(row(part, milliseconds(parts, number), (number + 1) * each))} |")
    draw(samples, [milliseconds(parts, number) for number in range(len(parts))], headroom_bytes).save(plot)
    faults = list(find_faults(parts, headroom_bytes, failed))
    print("", *(faults or ["constant: memory, open files and speed"]), sep="\n")
    sys.exit(1 if faults else 0)


def make_pictures(folder: Path, count: int) -> None:
    """Write random crops, the same ones every time."""
    folder.mkdir()
    rng, examples = random.Random(0), [read_picture(path).pixels for path in EXAMPLES]
    for number in range(count):
        pixels, (height, width) = rng.choice(examples), (rng.randint(*SIDES), rng.randint(*SIDES))
        top, left = rng.randint(0, pixels.shape[1] - height), rng.randint(0, pixels.shape[2] - width)
        crop = Picture(pixels[:, top : top + height, left : left + width].contiguous())
        write_picture(crop, folder / f"{number:06}{SUFFIXES[number % len(SUFFIXES)]}")


def soak(command: Sequence[str]) -> tuple[list[Sample], list[str]]:
    """The state of the process after each picture, and the errors of failed pictures."""
    samples: list[Sample] = []
    failed: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        for line in process.stdout:
            record = json.loads(line)
            with suppress(OSError, StopIteration):  # the process has ended
                samples.append(take_sample(process.pid))
            failed += [] if record["status"] == "enlarged" else [f"{record['in']}: {record['error']}"]
    if process.returncode not in (0, 1) or len(samples) < 2:
        sys.exit(f"{shlex.join(command)} ended with {process.returncode} after {len(samples)} pictures")
    return samples, failed


def take_sample(process: int) -> Sample:
    """The present state of the process."""
    folder = Path(f"/proc/{process}")
    ticks = folder.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]
    memory = [status(process, key) for key in ("VmRSS", "VmHWM")]
    handles, threads = (len(list((folder / what).iterdir())) for what in ("fd", "task"))
    return Sample(*memory, handles, threads, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"))


def status(process: int, key: str) -> int:
    """An entry of /proc/<process>/status in bytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{key}:")).split()[1]) * 1024


def milliseconds(parts: Sequence[Sequence[Sample]], number: int) -> float:
    """CPU milliseconds per picture in a round, without the start of the process."""
    before = parts[number - 1][-1] if number else parts[0][0]
    return 1000 * (parts[number][-1].cpu - before.cpu) / len(parts[number])


def row(part: Sequence[Sample], speed: float, done: int) -> list[str]:
    """The row of a round."""
    rss = fmean(sample.rss for sample in part)
    most = [max(getattr(sample, key) for sample in part) for key in ("handles", "threads")]
    return [str(done), f"{rss / 1e6:.0f}", f"{part[-1].peak / 1e6:.0f}", *map(str, most), f"{speed:.1f}"]


def find_faults(parts: Sequence[Sequence[Sample]], headroom: int, failed: Sequence[str]) -> Iterator[str]:
    """A message for each criterion that failed."""
    if failed:
        yield f"{len(failed)} pictures failed; {failed[0]}"
    grown = parts[-1][-1].peak - parts[0][0].rss
    if grown > headroom:
        yield f"it grew by {grown / 1e6:.0f} MB, beyond the {headroom / 1e6:.0f} MB of headroom"
    middle, last = (fmean(sample.rss for sample in part) for part in (parts[len(parts) // 2], parts[-1]))
    if last > GROWN * middle:
        yield f"it had {last / 1e6:.0f} MB in the last round, {middle / 1e6:.0f} MB in the one in the middle"
    early, late = max(sample.handles for sample in parts[0]), min(sample.handles for sample in parts[-1])
    if late > early:
        yield f"never less than {late} files were open in the last round, never more than {early} in the first"
    slowest = max(milliseconds(parts, number) for number in range(1, len(parts)))
    if slowest > SLOWER * milliseconds(parts, 1):
        yield f"a later round took {slowest:.1f} CPU ms a picture, the second one {milliseconds(parts, 1):.1f}"


def draw(samples: Sequence[Sample], speeds: Sequence[float], headroom: int) -> Image.Image:
    """Plot memory with its bound, open files and CPU time over the pictures."""
    memory = [sample.rss / 1e6 for sample in samples]
    panels: list[tuple[str, Sequence[float], float | None]] = [
        (
            f"RSS in MB, and its bound: {headroom / 1e6:.0f} MB more than after the first picture",
            memory,
            memory[0] + headroom / 1e6,
        ),
        ("open files", [sample.handles for sample in samples], None),
        ("CPU milliseconds a picture, by rounds", [speed for speed in speeds for _ in range(2)], None),
    ]
    image = Image.new("RGB", (WIDTH + 2 * MARGIN, len(panels) * (HEIGHT + MARGIN) + MARGIN), "white")
    for number, (title, values, bound) in enumerate(panels):
        panel(ImageDraw.Draw(image), number * (HEIGHT + MARGIN) + MARGIN, title, values, bound)
    return image


def panel(pen: ImageDraw.ImageDraw, top: int, title: str, values: Sequence[float], bound: float | None) -> None:
    """Draw values from 0 up as a line, and the bound as another line."""
    font, highest = ImageFont.load_default(13), 1.1 * max(*values, bound or 0)
    position = lambda share, value: (MARGIN + share * WIDTH, top + HEIGHT * (1 - value / highest))  # noqa: E731
    pen.rectangle((*position(0, highest), *position(1, 0)), outline="grey")
    pen.text((MARGIN, top - 18), title, "black", font)
    for label in (0.0, max(values)):
        pen.text((4, position(0, label)[1] - 7), f"{label:.0f}", "black", font)
    pen.line([position(index / (len(values) - 1), value) for index, value in enumerate(values)], (31, 119, 180), 2)
    if bound is not None:
        pen.line([position(0, bound), position(1, bound)], (214, 39, 40), 1)


if __name__ == "__main__":
    typer.run(main)
