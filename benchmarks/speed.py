"""Measures the speed of upscaling beside the matrix rate of this machine and beside other models, in one run.

    python benchmarks/speed.py [--bench BENCH] [--community FOLDER] [--device cpu] [--scale 4] [--side 384]
                               [--repeat 5] [--budget 120] [--only NAME ...] [--compile] [--markdown]

For each of the shipped weights (with default precision, in float32, and with --compile also built by torch.compile) and
each other method of `peers.py`:

- multiply-adds per output megapixel, in billions
- wall and CPU seconds per output megapixel of the network alone, on one square of SIDE pixels; if this is expected to
  take more than BUDGET seconds, the side is halved until it does not, and the row says so
- the rate in operations per second (two per multiply-add), and its share of the rate of a large matrix product in the
  same format; models that transform their convolutions (Winograd) may exceed 100 %
- the additional memory of the process
- the whole command `srgan upscale` on a large picture and on a folder of small ones: seconds, and their ratio to the
  time of the network alone for as many pixels
- PSNR on BT.601 luma of Set14 in BENCH, which contains <set>/x<scale>/HR and LR

All times are medians. Each method is measured in a process of its own, one after the other, and its row is printed to
stderr at once. The command and PSNR are omitted if they would take more than BUDGET seconds.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from typing import Annotated

import torch
import typer
from peers import Candidate, Case, community_models, ncnn_models, ours, read_cases
from PIL import Image
from tables import show

from srgan_cli.image.ops import quantise
from srgan_cli.image.picture import Picture
from srgan_cli.scoring.protocol import Protocol, compare
from srgan_cli.system.devices import pick_device
from srgan_cli.system.memory_usage import peak_rss, retain_freed_memory, rss
from srgan_cli.system.processes import limit_kernel_caches

EXAMPLE = Path(__file__).parents[1] / "examples/cat.png"
MATRIX_SIDE = 2048
MIN_SIDE = 96
LARGE, SMALL, SMALL_COUNT, TINY = (1536, 1024), (128, 96), 100, (16, 16)
BENCHMARK = "Set14"
HEADINGS = (
    *("model", "format", "G multiply-adds / MP", "s / MP", "CPU s / MP", "GFLOP/s", "of matrix rate", "MB"),
    *("large picture, s", "small ones, s", f"{BENCHMARK} PSNR"),
)
Seconds = tuple[float, float]
"""Wall and CPU seconds."""


@dataclass(frozen=True)
class Settings:
    """The settings of a measurement."""

    bench: Path | None
    community: Path | None
    device: str
    scale: int
    side: int
    repeat: int
    budget: float
    """The most seconds that a measurement is expected to take, unless it is of a square of MIN_SIDE pixels."""
    compile: bool

    def candidates(self, kind: str) -> list[Candidate]:
        """The methods of a kind in KINDS."""
        return KINDS[kind](self)


KINDS: dict[str, Callable[[Settings], list[Candidate]]] = {
    "ours": lambda settings: ours(settings.scale, settings.device),
    "ours in float32": lambda settings: ours(settings.scale, settings.device, "fp32"),
    "ours compiled": lambda settings: ours(settings.scale, settings.device, compile=True) if settings.compile else [],
    "ncnn": lambda settings: ncnn_models(settings.scale),
    "community": lambda settings: community_models(settings.community, settings.scale) if settings.community else [],
}


@dataclass(frozen=True)
class Cost:
    """The cost of a method, measured in a process of its own."""

    side: int
    """Side of the square that was upscaled."""
    seconds: Seconds
    """Per output megapixel."""
    peak: int
    """Additional memory in bytes."""
    rate: float
    """Operations per second of a matrix product in the same format."""
    psnr: float | None
    """None if it was not measured."""


def main(
    bench: Path | None = None,
    community: Path | None = None,
    device: str = "auto",
    scale: int = 4,
    side: int = 384,
    repeat: int = 5,
    budget: Annotated[float, typer.Option(help="The most seconds for one measurement.")] = 120,
    only: Annotated[list[str] | None, typer.Option(help="Methods to measure. [default: all]")] = None,
    compile: Annotated[bool, typer.Option("--compile", help="Also measure our weights with torch.compile.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Measure the speed of upscaling and print a table."""
    settings = Settings(bench, community, str(pick_device(device)), scale, side, repeat, budget, compile)
    if bench is None:
        print(f"PSNR is not measured: it needs --bench with {BENCHMARK}", file=sys.stderr)
    with TemporaryDirectory() as name:
        folder = Path(name)
        save_pictures(folder)
        rows = [
            measure(candidate, kind, settings, folder)
            for kind in KINDS
            for candidate in settings.candidates(kind)
            if not only or candidate.name in only
        ]
        start, _ = command_seconds(("upscale", "--overwrite", str(folder / "tiny"), str(folder / "out")), repeat)
    answer, _ = command_seconds(("--help",), repeat)
    threads = f"{settings.device}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    show(HEADINGS, rows, f"{threads}; srgan --help {answer:.2f} s, a picture of 16 x 16 pixels {start:.2f} s", markdown)


def save_pictures(folder: Path) -> None:
    """Write a large picture, many small ones and a tiny one to folders of these names."""
    with Image.open(EXAMPLE) as opened:
        picture = opened.convert("RGB")
    for name, size, count in (("large", LARGE, 1), ("small", SMALL, SMALL_COUNT), ("tiny", TINY, 1)):
        (folder / name).mkdir()
        for number in range(count):
            part = (number % 10, number // 10, picture.width - 10, picture.height - 10)
            picture.resize(size, Image.Resampling.BICUBIC, box=part).save(folder / name / f"{number}.png")


def measure(candidate: Candidate, kind: str, settings: Settings, folder: Path) -> list[str]:
    """The row of a method, which is also printed to stderr."""
    print(f"{candidate.name} ...", file=sys.stderr, flush=True)
    cells = row(candidate, in_process(cost, settings, kind, candidate.name), settings, folder)
    print(" | ".join(cells), file=sys.stderr, flush=True)
    return cells


def row(candidate: Candidate, cost: Cost, settings: Settings, folder: Path) -> list[str]:
    """The row of a method."""
    wall, cpu = cost.seconds
    achieved = 2e6 * candidate.multiply_adds / wall
    return [
        candidate.name + (f", {cost.side} x {cost.side}" if cost.side < settings.side else ""),
        str(candidate.dtype).removeprefix("torch."),
        f"{candidate.multiply_adds / 1e3:.1f}",
        f"{wall:.3f}",
        f"{cpu:.3f}",
        f"{achieved / 1e9:.0f}",
        f"{achieved / cost.rate:.0%} of {cost.rate / 1e9:.0f}",
        f"{cost.peak / 2**20:.0f}",
        command_cost(candidate, wall, settings, folder / "large", LARGE[0] * LARGE[1]),
        command_cost(candidate, wall, settings, folder / "small", SMALL[0] * SMALL[1] * SMALL_COUNT),
        "" if cost.psnr is None else f"{cost.psnr:.2f}",
    ]


def command_cost(candidate: Candidate, wall: float, settings: Settings, pictures: Path, pixels: int) -> str:
    """Seconds of the whole command and their ratio to those of the network; empty if it is not run."""
    if not candidate.options:
        return ""
    alone, times = wall * pixels * settings.scale**2 / 1e6, max(1, settings.repeat // 2)
    if alone * times > settings.budget:
        return ""
    places = str(pictures), str(pictures.with_name("out"))
    seconds, _ = command_seconds(("upscale", "--overwrite", *candidate.options, *places), times)
    return f"{seconds:.1f} ({seconds / alone:.2f})"


def command_seconds(words: Sequence[str], repeat: int) -> Seconds:
    """Median seconds of an srgan command."""

    def cpu() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    command = [sys.executable, "-m", "srgan_cli", *words]
    return medians(lambda: subprocess.run(command, check=True, capture_output=True), repeat, cpu)


def in_process(work: Callable[..., Cost], *arguments: object) -> Cost:
    """The result of a function in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def cost(settings: Settings, kind: str, name: str) -> Cost:
    """The cost of the method with this kind and name."""
    limit_kernel_caches()  # as srgan upscale does
    retain_freed_memory()
    candidate = next(found for found in settings.candidates(kind) if found.name == name)
    before = rss() or 0
    network = candidate.network or (lambda low: candidate.upscale(Case("", "", low, Picture(low))))
    side = affordable_side(network, settings)
    low = torch.rand(3, side, side)
    taken = seconds_of(lambda: network(low), settings.repeat)
    peak, rate = (peak_rss() or 0) - before, matrix_rate(candidate.dtype, settings)
    wall, cpu = (seconds / ((side * settings.scale) ** 2 / 1e6) for seconds in taken)
    return Cost(side, (wall, cpu), peak, rate, psnr(candidate, wall, settings))


def affordable_side(network: Callable[[torch.Tensor], object], settings: Settings) -> int:
    """SIDE, halved until the measurement is expected to stay within the budget."""
    probe, side = torch.rand(3, MIN_SIDE, MIN_SIDE), settings.side
    quick, _ = seconds_of(lambda: network(probe), 1)
    while side // 2 >= MIN_SIDE and quick * (side / MIN_SIDE) ** 2 * (settings.repeat + 1) > settings.budget:
        side //= 2
    return side


def psnr(candidate: Candidate, wall: float, settings: Settings) -> float | None:
    """The mean over the benchmark; None if it is missing or takes too long at `wall` seconds per megapixel."""
    every = read_cases(settings.bench, settings.scale) if settings.bench else ()
    cases = [case for case in every if case.benchmark == BENCHMARK]
    if not cases or sum(case.high[0].numel() for case in cases) / 1e6 * wall > settings.budget:
        return None
    protocol = Protocol(border=settings.scale, scale=settings.scale, metrics=("psnr",))
    return fmean(compare(case.high, quantise(candidate.upscale(case)), protocol)["psnr"] for case in cases)


def matrix_rate(dtype: torch.dtype, settings: Settings) -> float:
    """Operations per second of a product of square matrices in this format."""
    left, right = torch.rand(2, MATRIX_SIDE, MATRIX_SIDE, device=settings.device).to(dtype)
    wall, _ = seconds_of(lambda: (left @ right).sum().item(), settings.repeat)
    return 2 * MATRIX_SIDE**3 / wall


def seconds_of(work: Callable[[], object], repeat: int) -> Seconds:
    """Median seconds, after one run to warm up."""
    work()
    return medians(work, repeat, time.process_time)


def medians(work: Callable[[], object], repeat: int, cpu: Callable[[], float]) -> Seconds:
    """Median seconds of `repeat` runs; `cpu` returns the CPU seconds so far."""
    walls, cpus = [], []
    for _ in range(repeat):
        began, spent = time.perf_counter(), cpu()
        work()
        walls.append(time.perf_counter() - began)
        cpus.append(cpu() - spent)
    return median(walls), median(cpus)


if __name__ == "__main__":
    typer.run(main)
