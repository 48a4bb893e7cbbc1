"""Compares two ways to enlarge a band beside colour: by the network on its own, and guided by the network's colour.

    python benchmarks/bands.py PICTURES [--model fidelity] [--scale 4] [--side 256]

The band is drawn from photographs as near infrared: a nonlinear mix of the channels, plus a part of another photograph
as texture of its own.  "Guided" is bicubic plus the detail that the network adds to luma, times the local regression of
the band's detail on luma's, measured in the small picture.  Prints the mean PSNR of the band.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
import typer
from torch import Tensor

from srgan_cli import Upscaler, read_picture
from srgan_cli.image.ops import downscale, resize

RADIUS = 4
SHARES = (0.0, 0.1, 0.3)
"""How much of the band is its own texture."""


def main(pictures: Path, model: str = "fidelity", scale: int = 4, side: int = 256) -> None:
    """Print a Markdown table."""
    upscaler = Upscaler.load(model, scale=scale)
    found = [
        crop for path in sorted(pictures.glob("*.png")) if (crop := centre(read_picture(path).rgb, side)) is not None
    ]
    print(f"{len(found)} pictures of {side} x {side}, {model} x{scale}\n")
    print("| own texture | bicubic | one by one | guided by colour |\n|---|---|---|---|")
    for share in SHARES:
        results = []
        for index, colour in enumerate(found):
            band = infrared(colour, found[index - 1], share)
            results.append(torch.tensor([psnr(made, band) for made in enlarged(colour, band, upscaler, scale)]))
        means = torch.stack(results).mean(0).tolist()
        print(f"| {share:.0%} | " + " | ".join(f"{mean:.2f}" for mean in means) + " |", flush=True)


def centre(pixels: Tensor, side: int) -> Tensor | None:
    """The middle of a picture; None if it is smaller."""
    top, left = (pixels.shape[1] - side) // 2, (pixels.shape[2] - side) // 2
    return pixels[:, top : top + side, left : left + side] if min(top, left) >= 0 else None


def infrared(colour: Tensor, other: Tensor, share: float) -> Tensor:
    """A band (1, H, W) that depends on colour, and on another picture by this share."""
    red, green, blue = colour
    mixed = 0.7 * green**0.7 + 0.6 * red * (1 - blue)
    return ((1 - share) * mixed + share * other.mean(0)).clamp(0, 1)[None]


def enlarged(colour: Tensor, band: Tensor, upscaler: Upscaler, scale: int) -> list[Tensor]:
    """The band by bicubic, by the network, and guided by the network's colour."""
    height, width = band.shape[1:]
    small, luma = downscale(band, scale), downscale(colour, scale).mean(0, keepdim=True)
    plain = resize(small, height, width)
    detail = upscaler.upscale(downscale(colour, scale)).mean(0, keepdim=True) - resize(luma, height, width)
    guided = plain + resize(slope(small, luma), height, width) * detail
    return [plain.clamp(0, 1), upscaler.upscale(small), guided.clamp(0, 1)]


def slope(band: Tensor, luma: Tensor) -> Tensor:
    """The regression of a band on luma in squares around each pixel, of what differs from the mean of the square."""
    together, alone = mean(band * luma) - mean(band) * mean(luma), mean(luma * luma) - mean(luma) ** 2
    return together / (alone + 1e-4)


def mean(band: Tensor) -> Tensor:
    """The mean of squares around each pixel."""
    return F.avg_pool2d(band[None], 2 * RADIUS + 1, 1, RADIUS, count_include_pad=False)[0]


def psnr(made: Tensor, band: Tensor) -> float:
    """Decibels, 4 pixels of the border left out."""
    return float(-10 * torch.log10((made - band)[:, 4:-4, 4:-4].square().mean()))


if __name__ == "__main__":
    typer.run(main)
