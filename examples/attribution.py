"""Which input pixels does a patch of the output rest on?

    python examples/attribution.py in.png out.png 40 60 [--model srgan-x4] [--side 16]

Draws the local attribution map of the generator for the square patch whose low-resolution centre is the pixel in
column 40 of row 60: the input in grey, and over it in red how much the patch's edges owe to each pixel.  Prints the
diffusion index: 0 where all rests on one pixel, 100 where it rests on all alike.

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

STRONGEST_BLUR = 3.0
"""Where the path of pictures begins, as a standard deviation in pixels."""


def main(source: Path, target: Path, column: int, row: int, model: str = "srgan-x4", side: int = 16) -> None:
    """Write the map and print the diffusion index."""
    generator, _ = load_weights(find_weights(model))
    pixels = read_picture(source).flatten_on_white.rgb
    map_ = attribution(generator, pixels, row, column, side)
    write_picture(Picture(drawn(pixels, map_)), target)
    print(f"diffusion index {diffusion_index(map_):.1f}")


def attribution(generator: Generator, pixels: Tensor, row: int, column: int, side: int = 16, steps: int = 24) -> Tensor:
    """How much the edges in an output patch owe to each input pixel: (H, W), not negative.

    The gradient is summed along a path from a blurred picture to the sharp one (3, H, W).  `row` and `column` are input
    pixels, `side` counts output pixels.
    """
    path = [blurred(pixels, STRONGEST_BLUR * (1 - step / steps)) for step in range(steps + 1)]
    total = torch.zeros_like(pixels)
    for before, after in pairwise(path):
        total += gradient(generator, after, row, column, side) * (after - before)
    return total.abs().sum(0)


def gradient(generator: Generator, pixels: Tensor, row: int, column: int, side: int) -> Tensor:
    """Of the edges in the output patch with respect to the input."""
    inputs = pixels.clone().requires_grad_(True)
    enlarged = generator(inputs[None])[0]
    top, left = (max(0, place * generator.scale - side // 2) for place in (row, column))
    patch = luma(enlarged)[:, top : top + side, left : left + side]
    edges = patch.diff(dim=-1).abs().sum() + patch.diff(dim=-2).abs().sum()
    return torch.autograd.grad(edges, inputs)[0]


def blurred(pixels: Tensor, deviation: float) -> Tensor:
    """The picture under a Gaussian."""
    return convolve(pixels, gaussian(deviation)) if deviation > 0 else pixels


def diffusion_index(map_: Tensor) -> float:
    """100 times one minus the Gini coefficient of the map."""
    values = map_.flatten().sort().values.double()
    count = len(values)
    ranks = torch.arange(1, count + 1)
    gini = ((2 * ranks - count - 1) * values).sum() / (count * values.sum())
    return float(100 * (1 - gini))


def drawn(pixels: Tensor, map_: Tensor) -> Tensor:
    """The input in grey with the map over it in red, (3, H, W)."""
    share = (map_ / map_.quantile(0.999)).clamp(0, 1) ** 0.5
    grey = luma(pixels) * 0.7
    red = torch.tensor([1.0, 0.1, 0.1])[:, None, None]
    return torch.lerp(grey.expand(3, -1, -1), red.expand_as(pixels), share)


if __name__ == "__main__":
    typer.run(main)
