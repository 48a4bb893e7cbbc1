"""Draws the input pixels that a patch of the output depends on.

    python examples/attribution.py in.png out.png 40 60 [--model srgan-x4] [--side 16]

Draws the local attribution map of the generator for the square patch whose centre in the input is column 40 of row 60:
the input in grey, and over it in red the contribution of each pixel to the edges of the patch. Prints the diffusion
index: 0 if a single pixel contributes, 100 if all contribute equally.

Source: J. Gu and C. Dong, Interpreting Super-Resolution Networks with Local Attribution Maps, CVPR 2021
(arXiv:2011.11036).
"""

from itertools import pairwise
from pathlib import Path

import torch
import typer
from torch import Tensor

from srgan_cli import Picture, read_picture, write_picture
from srgan_cli.image.luma import luma
from srgan_cli.networks import Generator
from srgan_cli.training.data.degradations import convolve, gaussian
from srgan_cli.weights.file import load_weights
from srgan_cli.weights.registry import find_weights

MAX_BLUR = 3.0
"""Standard deviation in pixels of the blur at the start of the path."""


def main(source: Path, target: Path, column: int, row: int, model: str = "srgan-x4", side: int = 16) -> None:
    """Draw the input pixels that a patch of the output depends on, and print the diffusion index."""
    generator, _ = load_weights(find_weights(model))
    pixels = read_picture(source).flatten_on_white().rgb
    map_ = attribution(generator, pixels, row, column, side)
    write_picture(Picture(overlay(pixels, map_)), target)
    print(f"diffusion index {diffusion_index(map_):.1f}")


def attribution(generator: Generator, pixels: Tensor, row: int, column: int, side: int = 16, steps: int = 24) -> Tensor:
    """The contribution of each input pixel to the edges in an output patch: (H, W), not negative.

    The gradient is summed along a path from a blurred picture to the sharp one (3, H, W). `row` and `column` are input
    pixels, `side` counts output pixels.
    """
    path = [blurred(pixels, MAX_BLUR * (1 - step / steps)) for step in range(steps + 1)]
    total = torch.zeros_like(pixels)
    for before, after in pairwise(path):
        total += gradient(generator, after, row, column, side) * (after - before)
    return total.abs().sum(0)


def gradient(generator: Generator, pixels: Tensor, row: int, column: int, side: int) -> Tensor:
    """The gradient of the edges in the output patch with respect to the input."""
    inputs = pixels.clone().requires_grad_(True)
    upscaled = generator(inputs[None])[0]
    top, left = (max(0, position * generator.scale - side // 2) for position in (row, column))
    patch = luma(upscaled)[:, top : top + side, left : left + side]
    edges = patch.diff(dim=-1).abs().sum() + patch.diff(dim=-2).abs().sum()
    return torch.autograd.grad(edges, inputs)[0]


def blurred(pixels: Tensor, deviation: float) -> Tensor:
    """The picture after a Gaussian blur."""
    return convolve(pixels, gaussian(deviation)) if deviation > 0 else pixels


def diffusion_index(map_: Tensor) -> float:
    """100 (1 - the Gini coefficient of the map)."""
    values = map_.flatten().sort().values.double()
    count = len(values)
    ranks = torch.arange(1, count + 1)
    gini = ((2 * ranks - count - 1) * values).sum() / (count * values.sum())
    return float(100 * (1 - gini))


def overlay(pixels: Tensor, map_: Tensor) -> Tensor:
    """The input in grey with the map in red, (3, H, W)."""
    strength = (map_ / map_.quantile(0.999)).clamp(0, 1) ** 0.5
    grey = luma(pixels) * 0.7
    red = torch.tensor([1.0, 0.1, 0.1])[:, None, None]
    return torch.lerp(grey.expand(3, -1, -1), red.expand_as(pixels), strength)


if __name__ == "__main__":
    typer.run(main)
