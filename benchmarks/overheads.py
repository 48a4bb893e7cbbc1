"""What a picture costs beside the network: planning, reading, writing, the manifest, and handing it to a worker.

    python benchmarks/overheads.py [--files 10000] [--repeat 5] [--ray]

CPU seconds of one thread, medians, and so comparable between busy and idle machines; bytes that it takes in memory or
on the disk.  Pictures are examples/cat.png resampled to 512 x 512 (read) and 2048 x 2048 (written).  Handing over
counts what this process does for a picture of 16 x 16 pixels that two workers resample; --ray measures it on Ray too.
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

from srgan_cli.batch import ray as on_ray
from srgan_cli.batch import workers as crew
from srgan_cli.batch.manifest import Manifest
from srgan_cli.batch.naming import Naming
from srgan_cli.batch.planning import plan_batch
from srgan_cli.batch.runner import BatchRunner, Worker
from srgan_cli.batch.task import UpscaleOptions
from srgan_cli.image.io import read_picture, write_picture
from srgan_cli.image.ops import resize
from srgan_cli.image.picture import Picture
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

CAT = Path(__file__).parents[1] / "examples/cat.png"
FORMATS = ("png", "jpg", "webp")
HANDED = 300


def main(files: int = 10_000, repeat: int = 5, ray: bool = False) -> None:
    """Measure and print the table."""
    torch.set_num_threads(1)
    print("| what | CPU ms | bytes |\n|---|---|---|")
    with TemporaryDirectory() as place:
        folder = Path(place)
        for what, seconds, size in (*of_files(folder, files), *of_pictures(folder, repeat), *of_handing(folder, ray)):
            print(f"| {what} | {1000 * seconds:.3f} | {f'{size:,.0f}' if size else ''} |", flush=True)


def of_files(folder: Path, files: int) -> list[tuple[str, float, float]]:
    """Planning a file, noting it, and reading the note: seconds, and bytes in memory or on the disk."""
    (folder / "many").mkdir()
    for number in range(files):
        (folder / f"many/{number}.png").touch()
    planned = spent(lambda: plan_batch([str(folder / "many")], f"{folder}/planned/", Naming()))
    manifest = Manifest(folder, "recipe")
    noted = cpu(lambda: [manifest.record(folder / f"many/{number}.png", "0" * 64) for number in range(files)], 1)
    read = spent(lambda: Manifest(folder, "recipe"))
    return [
        ("plan a file", planned[0] / files, planned[1] / files),
        ("note a file in the manifest", noted / files, manifest.path.stat().st_size / files),
        ("read the note again", read[0] / files, read[1] / files),
    ]


def of_pictures(folder: Path, repeat: int) -> list[tuple[str, float, float]]:
    """Reading and writing a picture of each format: seconds, and bytes of the file."""
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


def of_handing(folder: Path, ray: bool) -> list[tuple[str, float, float]]:
    """Handing a picture to a worker and hearing of it: seconds of this process."""
    (folder / "tiny").mkdir()
    for number in range(HANDED):
        write_picture(Picture(torch.rand(3, 16, 16)), folder / f"tiny/{number}.png")
    order = crew.WorkerSpec(partial(Upscaler.load, "bicubic"), UpscaleOptions())
    beside = lambda: crew.start_workers(order, ["cpu", "cpu"], TilePolicy())  # noqa: E731
    on_cluster = lambda: on_ray.start_workers(order, "cpu,cpu", TilePolicy())  # noqa: E731
    found = [("hand a file to a process", handing(folder, beside), 0.0)]
    with on_ray.ray_session("ray", "cpu,cpu") if ray else nullcontext():
        return [*found, *([("hand a file to Ray", handing(folder, on_cluster), 0.0)] if ray else [])]


def handing(folder: Path, hire: Callable[[], list[Worker]]) -> float:
    """CPU seconds of this process for a picture, once the workers are there."""
    planned = plan_batch([str(folder / "tiny")], f"{folder}/handed{os.urandom(4).hex()}/", Naming())
    results = BatchRunner(*hire()).run(planned.tasks)
    for _ in range(HANDED // 3):
        next(results)
    began = time.process_time()
    left = len(list(results))
    return (time.process_time() - began) / left


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds, and bytes that what comes of it holds in memory."""
    began = time.process_time()
    work()
    seconds = time.process_time() - began
    tracemalloc.start()
    held = work()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del held
    return seconds, size


def cpu(work: Callable[[], object], repeat: int) -> float:
    """CPU seconds, the median of several times."""
    times = []
    for _ in range(repeat):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return median(times)


if __name__ == "__main__":
    typer.run(main)
