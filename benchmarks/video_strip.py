"""Draws docs/steady.png: frames of a video with and without --steady, and how much they differ over time.

    python benchmarks/video_strip.py docs/steady.png

A window pans over examples/cat.png. Its frames are downscaled by 4 and enlarged by srgan-x4, frame by frame (above) and
with --steady (below). The last five are drawn, moved back along the known motion, and beside them four times their
standard deviation over time, whose mean in levels of 255 is printed.
"""

from pathlib import Path

import numpy as np
import torch
import typer
import video
from PIL import Image
from torch import Tensor

from srgan_cli import Picture, Upscaler, read_picture
from srgan_cli.image.ops import downscale, to_bytes
from srgan_cli.upscaling.video.flow import warp
from srgan_cli.upscaling.video.steady import Steadier

CAT = Path(__file__).parents[1] / "examples/cat.png"
STEP = (1.7, 0.9)
"""Pixels to the right and down that the window moves in a frame."""
FRAMES, DRAWN = 9, 5
CROP = np.s_[:, 20:76, 22:106]
MARGIN, MAGNIFIED = 3, 2


def main(target: Path) -> None:
    """Draw the picture."""
    video.HEIGHT, video.WIDTH = 96, 144
    layer = video.Layer(read_picture(CAT).rgb, lambda t: video.affine(x=4 + STEP[0] * t, y=3 + STEP[1] * t))
    small = [downscale(layer.frame(time), video.SCALE) for time in range(FRAMES)]
    upscaler, steadier = Upscaler.load("srgan-x4", device="cpu"), Steadier()
    enlarged = [upscaler.upscale(Picture(frame)).pixels for frame in small]
    steady = [steadier.steady(frame, large) for frame, large in zip(small, enlarged, strict=True)]
    rows = [torch.cat(with_deviation(frames), 2) for frames in (enlarged, steady)]
    levels = to_bytes(torch.cat(rows, 1)).repeat_interleave(MAGNIFIED, 1).repeat_interleave(MAGNIFIED, 2)
    Image.fromarray(levels.permute(1, 2, 0).numpy()).quantize(192).save(target, optimize=True)


def with_deviation(frames: list[Tensor]) -> list[Tensor]:
    """The last frames where the last one is, and their deviation over time; each with a white margin."""
    parts = [followed(frames, time) for time in range(FRAMES - DRAWN, FRAMES)]
    deviation = torch.stack(parts).std(0).mean(0)
    typer.echo(f"{255 * float(deviation.mean()):.1f} levels")
    drawn = [*parts, (4 * deviation).clamp(0, 1).expand(3, -1, -1)]
    return [torch.nn.functional.pad(part, (0, MARGIN, 0, MARGIN), value=1) for part in drawn]


def followed(frames: list[Tensor], time: int) -> Tensor:
    """The part of a frame that shows what the middle of the last one shows."""
    flow = np.zeros((video.HEIGHT, video.WIDTH, 2), np.float32)
    flow[:] = [step * (FRAMES - 1 - time) for step in STEP]
    return warp(frames[time], flow)[CROP].clamp(0, 1)


if __name__ == "__main__":
    typer.run(main)
