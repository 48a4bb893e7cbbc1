"""A day of load: whether one process keeps its memory, its open files and its speed over thousands of pictures.

    python benchmarks/soak.py [--pictures 2000] [--rounds 10] [--headroom 200M] [--model srgan] [--plot soak.png]

Crops of examples/, of 32 to 100 pixels a side and in all formats that need no extra, no two alike, are enlarged by a
single `srgan upscale IN/ OUT/`.  It is looked at from outside, through Linux's /proc, whenever a picture is done.
Prints a Markdown table of the rounds, which are equally many pictures one after the other, and draws a plot; CPU
seconds, which other work does not lengthen.  Exits 1 if a picture failed, if the most memory that the system has ever
counted for the process is beyond what it had after the first picture and `--headroom`, if its memory still grows by a
twentieth in the second half, if files stay open, or if a later round takes a quarter more CPU than the second one.
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

from srgan_cli.image.io import read_picture, write_picture
from srgan_cli.image.picture import Picture
from srgan_cli.upscaling.tiles.memory import parse_bytes

EXAMPLES = [Path(__file__).parents[1] / f"examples/{name}.png" for name in ("astronaut", "cat", "street")]
SUFFIXES = (".png", ".jpg", ".webp", ".tif", ".bmp", ".gif", ".avif")
SIDES = (32, 100)
SLOWER = 1.25
"""Times the CPU seconds of the second round that a later one may take."""
GROWN = 1.05
"""Times the mean memory of the round in the middle that the last one may have."""
HEIGHT, WIDTH, MARGIN = 150, 720, 40
"""Of a panel of the plot, in pixels, and around it."""
HEADINGS = ("pictures", "resident MB, mean", "highest so far", "open files, most", "threads", "CPU ms / picture")


@dataclass(frozen=True)
class Sample:
    """The process when a picture was done: bytes now and at most, open files, threads, CPU seconds so far."""

    resident: int
    peak: int
    handles: int
    threads: int
    cpu: float


def main(
    pictures: int = 2000,
    rounds: int = 10,
    headroom: str = "200M",
    model: str = "srgan",
    plot: Path = Path("soak.png"),
) -> None:
    """Soak, print the table, draw the plot."""
    room, each = parse_bytes(headroom), pictures // rounds
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
    draw(samples, [milliseconds(parts, number) for number in range(len(parts))], room).save(plot)
    faults = list(judge(parts, room, failed))
    print("", *(faults or ["flat: memory, open files and speed"]), sep="\n")
    sys.exit(1 if faults else 0)


def make_pictures(folder: Path, count: int) -> None:
    """Crops by chance, the same ones every time."""
    folder.mkdir()
    chance, examples = random.Random(0), [read_picture(path).pixels for path in EXAMPLES]
    for number in range(count):
        pixels, (height, width) = chance.choice(examples), (chance.randint(*SIDES), chance.randint(*SIDES))
        top, left = chance.randint(0, pixels.shape[1] - height), chance.randint(0, pixels.shape[2] - width)
        crop = Picture(pixels[:, top : top + height, left : left + width].contiguous())
        write_picture(crop, folder / f"{number:06}{SUFFIXES[number % len(SUFFIXES)]}")


def soak(command: Sequence[str]) -> tuple[list[Sample], list[str]]:
    """What the process was like after each picture, and the pictures that failed, each with the error."""
    samples: list[Sample] = []
    failed: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        for line in process.stdout:
            told = json.loads(line)
            with suppress(OSError, StopIteration):  # it has ended meanwhile
                samples.append(look(process.pid))
            failed += [] if told["status"] == "enlarged" else [f"{told['in']}: {told['error']}"]
    if process.returncode not in (0, 1) or len(samples) < 2:
        sys.exit(f"{shlex.join(command)} ended with {process.returncode} after {len(samples)} pictures")
    return samples, failed


def look(process: int) -> Sample:
    """The process as it is now."""
    place = Path(f"/proc/{process}")
    ticks = place.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]
    memory = [status(process, key) for key in ("VmRSS", "VmHWM")]
    handles, threads = (len(list((place / what).iterdir())) for what in ("fd", "task"))
    return Sample(*memory, handles, threads, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"))


def status(process: int, key: str) -> int:
    """Bytes of what /proc tells in kB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{key}:")).split()[1]) * 1024


def milliseconds(parts: Sequence[Sequence[Sample]], number: int) -> float:
    """CPU milliseconds of a picture in a round; starting is left out."""
    before = parts[number - 1][-1] if number else parts[0][0]
    return 1000 * (parts[number][-1].cpu - before.cpu) / len(parts[number])


def row(part: Sequence[Sample], speed: float, done: int) -> list[str]:
    """The cells of a round."""
    resident = fmean(sample.resident for sample in part)
    most = [max(getattr(sample, key) for sample in part) for key in ("handles", "threads")]
    return [str(done), f"{resident / 1e6:.0f}", f"{part[-1].peak / 1e6:.0f}", *map(str, most), f"{speed:.1f}"]


def judge(parts: Sequence[Sequence[Sample]], room: int, failed: Sequence[str]) -> Iterator[str]:
    """What did not hold."""
    if failed:
        yield f"{len(failed)} pictures failed; {failed[0]}"
    grown = parts[-1][-1].peak - parts[0][0].resident
    if grown > room:
        yield f"it grew by {grown / 1e6:.0f} MB, beyond the {room / 1e6:.0f} MB of headroom"
    middle, last = (fmean(sample.resident for sample in part) for part in (parts[len(parts) // 2], parts[-1]))
    if last > GROWN * middle:
        yield f"it had {last / 1e6:.0f} MB in the last round, {middle / 1e6:.0f} MB in the one in the middle"
    early, late = max(sample.handles for sample in parts[0]), min(sample.handles for sample in parts[-1])
    if late > early:
        yield f"never less than {late} files were open in the last round, never more than {early} in the first"
    slowest = max(milliseconds(parts, number) for number in range(1, len(parts)))
    if slowest > SLOWER * milliseconds(parts, 1):
        yield f"a later round took {slowest:.1f} CPU ms a picture, the second one {milliseconds(parts, 1):.1f}"


def draw(samples: Sequence[Sample], speeds: Sequence[float], room: int) -> Image.Image:
    """Memory with its bound, open files, and CPU time, each against the pictures done."""
    memory = [sample.resident / 1e6 for sample in samples]
    panels: list[tuple[str, Sequence[float], float | None]] = [
        (
            f"resident MB, and the bound of {room / 1e6:.0f} MB more than after the first picture",
            memory,
            memory[0] + room / 1e6,
        ),
        ("open files", [sample.handles for sample in samples], None),
        ("CPU milliseconds a picture, by rounds", [speed for speed in speeds for _ in range(2)], None),
    ]
    image = Image.new("RGB", (WIDTH + 2 * MARGIN, len(panels) * (HEIGHT + MARGIN) + MARGIN), "white")
    for number, (title, values, bound) in enumerate(panels):
        panel(ImageDraw.Draw(image), number * (HEIGHT + MARGIN) + MARGIN, title, values, bound)
    return image


def panel(pen: ImageDraw.ImageDraw, top: int, title: str, values: Sequence[float], bound: float | None) -> None:
    """A line of values from 0 up, evenly spread, and a bound as another line."""
    font, highest = ImageFont.load_default(13), 1.1 * max(*values, bound or 0)
    place = lambda share, value: (MARGIN + share * WIDTH, top + HEIGHT * (1 - value / highest))  # noqa: E731
    pen.rectangle((*place(0, highest), *place(1, 0)), outline="grey")
    pen.text((MARGIN, top - 18), title, "black", font)
    for label in (0.0, max(values)):
        pen.text((4, place(0, label)[1] - 7), f"{label:.0f}", "black", font)
    pen.line([place(index / (len(values) - 1), value) for index, value in enumerate(values)], (31, 119, 180), 2)
    if bound is not None:
        pen.line([place(0, bound), place(1, bound)], (214, 39, 40), 1)


if __name__ == "__main__":
    typer.run(main)
