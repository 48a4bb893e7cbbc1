"""Measures peak memory and time of `srgan upscale --max-memory 2G` on drawn scenes of growing size.

    python benchmarks/memory.py [--sides 3000 --sides 10000] [--rows 1500] [--strips 3000 --strips 30000]
                                [--model srcnn] [--folder .]

Scenes are GeoTIFFs of 16 bits in tiles of 256 x 256 pixels, drawn and compressed window by window: squares of four
bands, and of two bands with holes, by bicubic x2; strips of three bands and 512 rows by a network.  --rows cuts the
squares short: memory depends on their width.  Prints a line of a Markdown table for each.  A square of 30 000 pixels
needs 30 GB of free disk.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import rasterio
import typer
from rasterio.windows import Window

BLOCK, STRIP_ROWS = 256, 512
Numbers = Annotated[list[int] | None, typer.Option()]


def main(
    sides: Numbers = None,
    rows: int | None = None,
    strips: Numbers = None,
    model: str = "srcnn",
    folder: Path | None = None,
) -> None:
    """Measure memory and time against the size of a scene."""
    print("| scene | model | s | CPU s | MB | output, MB |\n|---|---|---|---|---|---|")
    for side in sides if sides is not None else [3000, 10_000]:
        for bands, nodata in ((4, None), (2, 0)):
            measure(min(side, rows or side), side, bands, nodata, ["-m", "bicubic", "-s", "2"], folder)
    for width in strips if strips is not None else [3000, 30_000]:
        measure(STRIP_ROWS, width, 3, None, ["-m", model], folder)


def measure(height: int, width: int, bands: int, nodata: int | None, settings: list[str], folder: Path | None) -> None:
    """Draw a scene, enlarge it, and print a line."""
    with TemporaryDirectory(dir=folder) as place:
        source, target = Path(place, "in.tif"), Path(place, "out.tif")
        draw(source, height, width, bands, nodata)
        command = [sys.executable, "-m", "srgan_cli", "upscale", "--json", "--max-memory", "2G"]
        command += ["--max-pixels", str(height * width), *settings]
        began, before = time.perf_counter(), os.times()
        done = subprocess.run([*command, source, target], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        seconds, after = time.perf_counter() - began, os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        peak, size = json.loads(done.stdout.splitlines()[0])["peak_memory"], target.stat().st_size
    scene = f"{width} x {height}, {bands} bands{'' if nodata is None else ', holes'}"
    print(f"| {scene} | {settings[1]} | {seconds:.0f} | {cpu:.0f} | {peak / 1e6:.0f} | {size / 1e6:.0f} |", flush=True)


def draw(path: Path, height: int, width: int, bands: int, nodata: int | None) -> None:
    """Write smooth waves, the same in each row of blocks; a fifth is no data, if there is such a value."""
    options = {
        "driver": "GTiff", "dtype": "uint16", "compress": "deflate", "zlevel": 1, "predictor": 2, "tiled": True,
        "blockxsize": BLOCK, "blockysize": BLOCK, "crs": "EPSG:32633", "bigtiff": "IF_SAFER", "nodata": nodata,
        "transform": rasterio.transform.from_origin(500_000, 4_000_000, 10, 10),
        "photometric": "rgb" if bands > 2 else "minisblack",
    }  # fmt: skip
    y, x = np.ogrid[:BLOCK, :width]
    waves = [9000 + 3000 * (np.sin(x / 90 + band) + np.cos(y * 2 * np.pi / BLOCK)) for band in range(bands)]
    values = np.stack(waves).astype(np.uint16)
    if nodata is not None:
        values[:, (y // 100 + x // 200) % 5 == 0] = nodata
    with rasterio.open(path, "w", height=height, width=width, count=bands, **options) as file:
        for top in range(0, height, BLOCK):
            rows = values[:, : height - top]
            file.write(rows, window=Window(0, top, width, rows.shape[1]))


if __name__ == "__main__":
    typer.run(main)
