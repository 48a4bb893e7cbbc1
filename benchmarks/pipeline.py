"""Measures the share of the time in which the network is busy while a folder is upscaled.

    python benchmarks/pipeline.py FOLDER [--model srgan] [--device auto] [--format .png] [--tile 512] [--compile]

Upscales every picture of the folder into a temporary folder, as `srgan upscale FOLDER OUT/` does. Prints the wall time
from opening the first file to writing the last one, the time in the generator (on a GPU that of the device), and their
ratio. The rest was spent on decoding, encoding, copying pixels and waiting for the disk.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from srgan_cli.batch.naming import Naming, suffix_of
from srgan_cli.batch.planning import plan_batch
from srgan_cli.batch.processor import ImageProcessor
from srgan_cli.batch.runner import run_batch
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy
from srgan_cli.upscaling.upscaler import DEFAULT_MODEL, Upscaler


class Stopwatch:
    """Measures the seconds spent in a generator, by forward hooks."""

    def __init__(self, upscaler: Upscaler) -> None:
        self.spans, self.device = list[tuple[Any, Any]](), upscaler.device
        upscaler.generator.register_forward_pre_hook(self.start)
        upscaler.generator.register_forward_hook(self.stop)

    def start(self, *_: object) -> None:
        """Called before the generator."""
        self.began = self.now()

    def stop(self, *_: object) -> None:
        """Called after the generator."""
        self.spans.append((self.began, self.now()))

    def now(self) -> Any:
        """The time; on a GPU an event that is reached when the work queued so far is done."""
        if self.device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self.device))
        return event

    @property
    def seconds(self) -> float:
        """The total seconds, after all work is done."""
        if self.device.type != "cuda":
            return sum(end - began for began, end in self.spans)
        torch.cuda.synchronize(self.device)
        return sum(began.elapsed_time(end) for began, end in self.spans) / 1000


def main(
    folder: Path,
    model: str = DEFAULT_MODEL,
    device: str = "auto",
    form: Annotated[str, typer.Option("--format", help="Format of the outputs.")] = "",
    tile: int = TilePolicy().size,
    compile: Annotated[bool, typer.Option("--compile", help="Have torch.compile build the network.")] = False,
) -> None:
    """Measure how busy the network is while a folder is upscaled."""
    upscaler = Upscaler.load(model, device=device, policy=TilePolicy(tile), compile=compile)
    watch = Stopwatch(upscaler)
    with TemporaryDirectory() as out:
        planned = plan_batch([str(folder)], f"{out}/", Naming(suffix=suffix_of(form)))
        began = time.perf_counter()
        results = list(run_batch([ImageProcessor(upscaler)], planned.tasks))
        wall = time.perf_counter() - began
    done = [result for result in results if result.status == "enlarged"]
    megapixels = sum(result.count * result.output_size[0] * result.output_size[1] for result in done) / 1e6
    table = Table(title=f"{upscaler.name} on {upscaler.device}, {torch.get_num_threads()} threads")
    for heading in ("files", "failed", "megapixels out", "wall s", "network s", "busy"):
        table.add_column(heading, justify="right")
    cells = (len(done), len(results) - len(done), f"{megapixels:.1f}", f"{wall:.1f}", f"{watch.seconds:.1f}")
    table.add_row(*map(str, cells), f"{watch.seconds / wall:.1%}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
