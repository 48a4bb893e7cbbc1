"""How near the shipped generators run to what this machine can multiply.

    python benchmarks/speed.py [--device cpu] [--tile 128 --tile 384] [--repeat 5]

For every shipped weights file and tile size: multiply-adds per output pixel, seconds per output megapixel (median),
the rate that follows (two operations a multiply-add), and its share of the rate of one large float32 matrix product
measured in the same run.  The halo that tiles compute twice counts as time, not as work.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from srgan_cli.devices import pick_device
from srgan_cli.networks import Generator
from srgan_cli.picture import Picture
from srgan_cli.tiling import TilePolicy
from srgan_cli.upscaler import Upscaler
from srgan_cli.weights import list_weights

SIDE = 384
MATRIX_SIDE = 2048


def main(
    device: str = "auto",
    tile: Annotated[list[int] | None, typer.Option(help="Tile sizes to try.")] = None,
    repeat: int = 5,
) -> None:
    """Measure and print the table."""
    chosen = pick_device(device)
    rate = matrix_rate(chosen, repeat)
    table = Table(title=f"{chosen}, {torch.get_num_threads()} threads, matrix product {rate / 1e9:.0f} GFLOP/s")
    for heading in (
        "weights",
        "parameters",
        "tile",
        "multiply-adds / px",
        "s / megapixel",
        "GFLOP/s",
        "of matrix rate",
    ):
        table.add_column(heading, justify="right")
    picture = Picture(torch.rand(3, SIDE, SIDE))
    for name in list_weights():
        for size in tile or [96, 192, 384]:
            upscaler = Upscaler.load(name, device, TilePolicy(size))
            generator = upscaler.generator
            work = multiply_adds(generator, chosen)
            megapixels = (SIDE * generator.scale) ** 2 / 1e6
            seconds = seconds_of(lambda upscaler=upscaler: upscaler.upscale(picture), repeat) / megapixels
            achieved = 2 * work * 1e6 / seconds
            table.add_row(
                name,
                f"{generator.parameter_count:,}",
                str(size),
                f"{work:,.0f}",
                f"{seconds:.3f}",
                f"{achieved / 1e9:.0f}",
                f"{achieved / rate:.0%}",
            )
    Console().print(table)


def matrix_rate(device: torch.device, repeat: int) -> float:
    """Operations a second of a float32 product of square matrices."""
    left, right = torch.rand(2, MATRIX_SIDE, MATRIX_SIDE, device=device)
    return 2 * MATRIX_SIDE**3 / seconds_of(lambda: (left @ right).sum().item(), repeat)


def multiply_adds(generator: Generator, device: torch.device) -> float:
    """Multiply-adds per output pixel."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        generator(torch.rand(1, 3, 64, 64, device=device))
    return counter.get_total_flops() / 2 / (64 * generator.scale) ** 2


def seconds_of(work: Callable[[], object], repeat: int) -> float:
    """Median wall time, after one run to warm up."""
    work()
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return median(times)


if __name__ == "__main__":
    typer.run(main)
