"""How fast pictures are enlarged, beside what this machine can multiply and beside peers, in one run.

    python benchmarks/speed.py [--bench BENCH] [--community FOLDER] [--device cpu] [--scale 4] [--side 384]
                               [--repeat 5] [--budget 120] [--only NAME ...] [--compile] [--markdown]

For each of the shipped weights, as they run by default, in float32, and under --compile built by torch.compile, and for
each peer that `peers.py` finds:

- multiply-adds per output megapixel, in billions,
- wall and CPU seconds per output megapixel of the network alone, on a square of SIDE pixels in one piece, which
  is halved, and halved again, where it is expected to take more than BUDGET seconds in all, as the row then says,
- the rate that follows, two operations a multiply-add, and its share of the rate of a large matrix product in the same
  number format.  Peers that transform their convolutions (Winograd) may pass 100 %,
- the memory that it takes beyond what the process held,
- `srgan upscale` as a whole, process and all, on a large picture and on a folder of small ones: seconds, and how many
  times what the network alone takes for as many pixels,
- PSNR on BT.601 luma of Set14 in BENCH, which holds <set>/x<scale>/HR and LR.

All seconds are medians; each candidate is measured in a process of its own, one after the other, and its row goes to
stderr at once.  The command and PSNR are left out where they would take more than BUDGET seconds.
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
from peers import Candidate, Case, ncnn_models, ours, read_cases, spandrel_models
from PIL import Image
from tables import show

from srgan_cli.image.ops import quantise
from srgan_cli.image.picture import Picture
from srgan_cli.scoring.protocol import Protocol, compare
from srgan_cli.system.devices import pick_device
from srgan_cli.system.memory import peak_rss, retain_freed_memory, rss
from srgan_cli.system.processes import limit_kernel_caches

EXAMPLE = Path(__file__).parents[1] / "examples/cat.png"
MATRIX_SIDE = 2048
SMALLEST_SIDE = 96
LARGE, SMALL, SMALL_ONES, TINY = (1536, 1024), (128, 96), 100, (16, 16)
BENCHMARK = "Set14"
HEADINGS = (
    *("model", "format", "G multiply-adds / MP", "s / MP", "CPU s / MP", "GFLOP/s", "of matrix rate", "MB"),
    *("large picture, s", "small ones, s", f"{BENCHMARK} PSNR"),
)
Seconds = tuple[float, float]
"""Wall and CPU seconds."""


@dataclass(frozen=True)
class Wanted:
    """What is measured, and how.

    budget: seconds that a measurement may be expected to take, but for that of a square of SMALLEST_SIDE pixels.
    """

    bench: Path | None
    community: Path | None
    device: str
    scale: int
    side: int
    repeat: int
    budget: float
    compile: bool

    def candidates(self, kind: str) -> list[Candidate]:
        """Those of a kind, of KINDS."""
        return KINDS[kind](self)


KINDS: dict[str, Callable[[Wanted], list[Candidate]]] = {
    "ours": lambda wanted: ours(wanted.scale, wanted.device),
    "ours in float32": lambda wanted: ours(wanted.scale, wanted.device, "fp32"),
    "ours compiled": lambda wanted: ours(wanted.scale, wanted.device, compile=True) if wanted.compile else [],
    "ncnn": lambda wanted: ncnn_models(wanted.scale),
    "spandrel": lambda wanted: spandrel_models(wanted.community, wanted.scale) if wanted.community else [],
}


@dataclass(frozen=True)
class Cost:
    """What a candidate takes in a process of its own.

    side: of the square that the network enlarged.  seconds: per output megapixel.  peak: bytes beyond what the process
    held.  rate: operations a second of a matrix product in the same format.  psnr: where it was measured.
    """

    side: int
    seconds: Seconds
    peak: int
    rate: float
    psnr: float | None


def main(
    bench: Path | None = None,
    community: Path | None = None,
    device: str = "auto",
    scale: int = 4,
    side: int = 384,
    repeat: int = 5,
    budget: Annotated[float, typer.Option(help="Seconds that one measurement may be expected to take.")] = 120,
    only: Annotated[list[str] | None, typer.Option(help="Names to measure; all unless told.")] = None,
    compile: Annotated[bool, typer.Option("--compile", help="Measure our weights built by torch.compile too.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Measure and print the table."""
    wanted = Wanted(bench, community, str(pick_device(device)), scale, side, repeat, budget, compile)
    if bench is None:
        print(f"no PSNR: --bench names no folder with {BENCHMARK}", file=sys.stderr)
    with TemporaryDirectory() as name:
        folder = Path(name)
        save_pictures(folder)
        rows = [
            told(candidate, kind, wanted, folder)
            for kind in KINDS
            for candidate in wanted.candidates(kind)
            if not only or candidate.name in only
        ]
        start, _ = command_seconds(("upscale", "--overwrite", str(folder / "tiny"), str(folder / "out")), repeat)
    answer, _ = command_seconds(("--help",), repeat)
    threads = f"{wanted.device}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    show(HEADINGS, rows, f"{threads}; srgan --help {answer:.2f} s, a picture of 16 x 16 pixels {start:.2f} s", markdown)


def save_pictures(folder: Path) -> None:
    """A large picture, many small ones, and a tiny one, in folders of those names."""
    with Image.open(EXAMPLE) as opened:
        picture = opened.convert("RGB")
    for name, size, count in (("large", LARGE, 1), ("small", SMALL, SMALL_ONES), ("tiny", TINY, 1)):
        (folder / name).mkdir()
        for number in range(count):
            part = (number % 10, number // 10, picture.width - 10, picture.height - 10)
            picture.resize(size, Image.Resampling.BICUBIC, box=part).save(folder / name / f"{number}.png")


def told(candidate: Candidate, kind: str, wanted: Wanted, folder: Path) -> list[str]:
    """The cells of a candidate, which stderr hears of at once."""
    print(f"{candidate.name} ...", file=sys.stderr, flush=True)
    cells = row(candidate, apart(cost, wanted, kind, candidate.name), wanted, folder)
    print(" | ".join(cells), file=sys.stderr, flush=True)
    return cells


def row(candidate: Candidate, cost: Cost, wanted: Wanted, folder: Path) -> list[str]:
    """The cells of a candidate."""
    wall, cpu = cost.seconds
    achieved = 2e6 * candidate.multiply_adds / wall
    return [
        candidate.name + (f", {cost.side} x {cost.side}" if cost.side < wanted.side else ""),
        str(candidate.dtype).removeprefix("torch."),
        f"{candidate.multiply_adds / 1e3:.1f}",
        f"{wall:.3f}",
        f"{cpu:.3f}",
        f"{achieved / 1e9:.0f}",
        f"{achieved / cost.rate:.0%} of {cost.rate / 1e9:.0f}",
        f"{cost.peak / 2**20:.0f}",
        whole(candidate, wall, wanted, folder / "large", LARGE[0] * LARGE[1]),
        whole(candidate, wall, wanted, folder / "small", SMALL[0] * SMALL[1] * SMALL_ONES),
        "" if cost.psnr is None else f"{cost.psnr:.2f}",
    ]


def whole(candidate: Candidate, wall: float, wanted: Wanted, pictures: Path, pixels: int) -> str:
    """Seconds of the whole command, and how many times those of the network alone; blank where it is not run."""
    if not candidate.options:
        return ""
    alone, times = wall * pixels * wanted.scale**2 / 1e6, max(1, wanted.repeat // 2)
    if alone * times > wanted.budget:
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


def apart(work: Callable[..., Cost], *arguments: object) -> Cost:
    """What a function gives in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def cost(wanted: Wanted, kind: str, name: str) -> Cost:
    """What the candidate of a kind and a name takes."""
    limit_kernel_caches()  # as srgan upscale does
    retain_freed_memory()
    candidate = next(found for found in wanted.candidates(kind) if found.name == name)
    before = rss() or 0
    network = candidate.network or (lambda low: candidate.enlarge(Case("", "", low, Picture(low))))
    side = affordable_side(network, wanted)
    low = torch.rand(3, side, side)
    taken = seconds_of(lambda: network(low), wanted.repeat)
    peak, rate = (peak_rss() or 0) - before, matrix_rate(candidate.dtype, wanted)
    wall, cpu = (seconds / ((side * wanted.scale) ** 2 / 1e6) for seconds in taken)
    return Cost(side, (wall, cpu), peak, rate, psnr(candidate, wall, wanted))


def affordable_side(network: Callable[[torch.Tensor], object], wanted: Wanted) -> int:
    """The side of the largest square, of SIDE halved and halved again, that the budget is expected to suffice for."""
    probe, side = torch.rand(3, SMALLEST_SIDE, SMALLEST_SIDE), wanted.side
    quick, _ = seconds_of(lambda: network(probe), 1)
    while side // 2 >= SMALLEST_SIDE and quick * (side / SMALLEST_SIDE) ** 2 * (wanted.repeat + 1) > wanted.budget:
        side //= 2
    return side


def psnr(candidate: Candidate, wall: float, wanted: Wanted) -> float | None:
    """The mean over the benchmark, or None where it is not there or there is no time; `wall` seconds a megapixel."""
    every = read_cases(wanted.bench, wanted.scale) if wanted.bench else ()
    cases = [case for case in every if case.benchmark == BENCHMARK]
    if not cases or sum(case.high[0].numel() for case in cases) / 1e6 * wall > wanted.budget:
        return None
    protocol = Protocol(border=wanted.scale, scale=wanted.scale, metrics=("psnr",))
    return fmean(compare(case.high, quantise(candidate.enlarge(case)), protocol)["psnr"] for case in cases)


def matrix_rate(dtype: torch.dtype, wanted: Wanted) -> float:
    """Operations a second of a product of square matrices in this format."""
    left, right = torch.rand(2, MATRIX_SIDE, MATRIX_SIDE, device=wanted.device).to(dtype)
    wall, _ = seconds_of(lambda: (left @ right).sum().item(), wanted.repeat)
    return 2 * MATRIX_SIDE**3 / wall


def seconds_of(work: Callable[[], object], repeat: int) -> Seconds:
    """Medians, after one run to warm up."""
    work()
    return medians(work, repeat, time.process_time)


def medians(work: Callable[[], object], repeat: int, cpu: Callable[[], float]) -> Seconds:
    """Median seconds of as many runs; `cpu` tells the CPU seconds so far."""
    walls, used = [], []
    for _ in range(repeat):
        began, spent = time.perf_counter(), cpu()
        work()
        walls.append(time.perf_counter() - began)
        used.append(cpu() - spent)
    return median(walls), median(used)


if __name__ == "__main__":
    typer.run(main)
