"""Measures the cost of a picture besides the network: planning, reading, writing, the manifest, and dispatch.

    python benchmarks/overheads.py [--files 10000] [--repeat 5] [--ray]

Prints medians of CPU seconds of one thread, which do not depend on other load, and bytes in memory or on the disk.
Pictures are examples/cat.png resampled to 512 x 512 (read) and 2048 x 2048 (written). Dispatch is the CPU time of this
process for a picture of 16 x 16 pixels that is resampled by one of two workers; --ray also measures it with Ray.
"""

import os
import time
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
import typer

from srgan_cli.batch import ray as ray_workers
from srgan_cli.batch import worker_processes
from srgan_cli.batch.naming import Naming
from srgan_cli.batch.planning import plan_batch
from srgan_cli.batch.resume import Manifest
from srgan_cli.batch.runner import Worker, run_batch
from srgan_cli.batch.task import UpscaleOptions
from srgan_cli.image.io import read_picture
from srgan_cli.image.ops import resize
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

CAT = Path(__file__).parents[1] / "examples/cat.png"
FORMATS = ("png", "jpg", "webp")
DISPATCHED = 300


def main(files: int = 10_000, repeat: int = 5, ray: bool = False) -> None:
    """Measure the cost of a picture besides the network and print a table."""
    torch.set_num_threads(1)
    print("| what | CPU ms | bytes |\n|---|---|---|")
    with TemporaryDirectory() as place:
        folder = Path(place)
        for what, seconds, size in (
            *measure_files(folder, files),
            *measure_pictures(folder, repeat),
            *measure_dispatch(folder, ray),
        ):
            print(f"| {what} | {1000 * seconds:.3f} | {f'{size:,.0f}' if size else ''} |", flush=True)


def measure_files(folder: Path, files: int) -> list[tuple[str, float, float]]:
    """Planning a file, recording it and reading the record: seconds, and bytes in memory or on the disk."""
    (folder / "many").mkdir()
    for number in range(files):
        (folder / f"many/{number}.png").touch()
    planned = cpu_and_memory(lambda: plan_batch([str(folder / "many")], f"{folder}/planned/", Naming()))
    manifest = Manifest(folder, "settings")
    recorded = cpu(lambda: [manifest.record(folder / f"many/{number}.png", "0" * 64) for number in range(files)], 1)
    read = cpu_and_memory(lambda: Manifest(folder, "settings"))
    return [
        ("plan a file", planned[0] / files, planned[1] / files),
        ("record a file in the manifest", recorded / files, manifest.path.stat().st_size / files),
        ("read the record", read[0] / files, read[1] / files),
    ]


def measure_pictures(folder: Path, repeat: int) -> list[tuple[str, float, float]]:
    """Reading and writing a picture of each format: seconds, and size of the file."""
    cat = read_picture(CAT).pixels
    small, large = (Picture(resize(cat, side, side).clamp(0, 1)) for side in (512, 2048))
    found = []
    for form in FORMATS:
        path, written = folder / f"small.{form}", folder / f"large.{form}"
        write_picture(small, path)
        reading, writing = partial(read_picture, path), partial(write_picture, large, written)
        found.append((f"read 512 x 512, {form}", cpu(reading, repeat), path.stat().st_size))
        found.append((f"write 2048 x 2048, {form}", cpu(writing, repeat), written.stat().st_size))
    return found


def measure_dispatch(folder: Path, ray: bool) -> list[tuple[str, float, float]]:
    """Dispatching a picture to a worker and receiving the result: seconds of this process."""
    (folder / "tiny").mkdir()
    for number in range(DISPATCHED):
        write_picture(Picture(torch.rand(3, 16, 16)), folder / f"tiny/{number}.png")
    spec = worker_processes.WorkerSpec(partial(Upscaler.load, "bicubic"), UpscaleOptions())
    local = lambda: worker_processes.start_process_workers(spec, ["cpu", "cpu"], TilePolicy())  # noqa: E731
    on_ray = lambda: ray_workers.start_ray_workers(spec, "cpu,cpu", TilePolicy())  # noqa: E731
    found = [("dispatch a file to a process", dispatch_seconds(folder, local), 0.0)]
    with ray_workers.ray_session("ray", "cpu,cpu") if ray else nullcontext():
        return [*found, *([("dispatch a file to Ray", dispatch_seconds(folder, on_ray), 0.0)] if ray else [])]


def dispatch_seconds(folder: Path, start: Callable[[], list[Worker]]) -> float:
    """CPU seconds of this process per picture, after the workers have started."""
    planned = plan_batch([str(folder / "tiny")], f"{folder}/dispatched{os.urandom(4).hex()}/", Naming())
    results = run_batch(start(), planned.tasks)
    for _ in range(DISPATCHED // 3):
        next(results)
    began = time.process_time()
    left = len(list(results))
    return (time.process_time() - began) / left


def cpu_and_memory(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds, and the bytes of memory that the result takes."""
    began = time.process_time()
    work()
    seconds = time.process_time() - began
    tracemalloc.start()
    result = work()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del result
    return seconds, size


def cpu(work: Callable[[], object], repeat: int) -> float:
    """The median of CPU seconds."""
    times = []
    for _ in range(repeat):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return median(times)


if __name__ == "__main__":
    typer.run(main)
