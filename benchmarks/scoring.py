"""Compares `srgan score` with a serial loop over the functions of scikit-image, in speed and values.

    python benchmarks/scoring.py REF OUT [--repeat 3]

REF and OUT are folders with pictures of equal names. The loop reads both pictures with Pillow, converts them by
rgb2ycbcr, cuts the border and calls peak_signal_noise_ratio and structural_similarity; its imports are not timed. The
command is timed with and without its start.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

BORDER = 4


def main(reference: Path, candidate: Path, repeat: int = 3) -> None:
    """Compare srgan score with a loop over scikit-image."""
    ours = timed(lambda: command(reference, candidate), repeat)
    first = sorted(reference.iterdir())[0], sorted(candidate.iterdir())[0]
    starting = timed(lambda: command(*first), repeat)[0]
    serial = timed(lambda: loop(reference, candidate), repeat)
    largest = max(abs(a - b) for name, row in serial[1].items() for a, b in zip(row, ours[1][name], strict=True))
    print(f"{len(serial[1])} pictures, {os.cpu_count()} cores, the best of {repeat} runs")
    print(f"serial loop over scikit-image  {serial[0]:8.2f} s")
    print(f"srgan score                    {ours[0]:8.2f} s  ({serial[0] / ours[0]:.2f} times as fast)")
    print(f"  without its start            {ours[0] - starting:8.2f} s  ({serial[0] / (ours[0] - starting):.2f} times)")
    print(f"largest difference of a value  {largest:.1e}")


def timed(work: Any, repeat: int) -> tuple[float, dict[str, list[float]]]:
    """The shortest time of several runs, and the result of the last one."""
    seconds = []
    for _ in range(repeat):
        began = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - began)
    return min(seconds), result


def command(reference: Path, candidate: Path) -> dict[str, list[float]]:
    """PSNR and SSIM by picture, by `srgan score`."""
    words = [
        sys.executable,
        "-m",
        "srgan_cli",
        "score",
        str(reference),
        str(candidate),
        "--scale",
        str(BORDER),
        "--json",
    ]
    report = json.loads(subprocess.run(words, capture_output=True, check=True, text=True).stdout)
    return {row["name"]: [row["psnr"], row["ssim"]] for row in report["pictures"]}


def loop(reference: Path, candidate: Path) -> dict[str, list[float]]:
    """PSNR and SSIM by picture, by scikit-image."""
    partners = {path.stem: path for path in candidate.iterdir()}
    return {path.stem: values(path, partners[path.stem]) for path in sorted(reference.iterdir())}


def values(reference: Path, candidate: Path) -> list[float]:
    """PSNR and SSIM of two files."""
    x, y = luma(reference), luma(candidate)
    similarity = structural_similarity(
        x, y, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return [float(peak_signal_noise_ratio(x, y, data_range=1)), float(similarity)]


def luma(path: Path) -> NDArray[np.float64]:
    """Luma without the border, 16/255 to 235/255."""
    with Image.open(path) as image:
        pixels: NDArray[np.float64] = rgb2ycbcr(np.asarray(image.convert("RGB")))[..., 0] / 255
    return pixels[BORDER:-BORDER, BORDER:-BORDER]


if __name__ == "__main__":
    typer.run(main)
