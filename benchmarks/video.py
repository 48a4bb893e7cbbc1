"""Measures how much enlarged video flickers, with and without --steady.

    python benchmarks/video.py PICTURES [-m WEIGHTS ...] [--frames 16] [--write FOLDER]

Each clip is a window that moves over a photograph: it pans, turns, zooms, or pans behind an object that moves the other
way. The motion is known, so that the warping error does not depend on an estimated flow: the mean squared difference
between a frame and the frame before, moved by the true motion, where its content was visible (Lai and others, Learning
Blind Video Temporal Consistency, 2018), on values 0…255. The temporal difference is the mean absolute difference
between two frames that follow each other. PSNR is that of Y without a border of 4 pixels, SQD that of
`srgan score`, both of every fourth frame.

Every clip is downscaled by 4 (bicubic) and enlarged by bicubic, and all weights frame by frame and with --steady.
`original` is the clip itself. Seconds are for a frame.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import cos, radians, sin
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor

from srgan_cli import Picture, Upscaler, read_picture, write_picture
from srgan_cli.image.luma import crop_border, luma
from srgan_cli.image.ops import downscale, resize
from srgan_cli.metrics import METRICS
from srgan_cli.system.discovery import find_pictures
from srgan_cli.upscaling.video.flow import warp
from srgan_cli.upscaling.video.steady import Steadier

SCALE = 4
SCORED = 4
"""PSNR and SQD are those of every so many frames."""
HEIGHT, WIDTH = 240, 320
"""Of the original clips."""
OBJECT = (80, 90, 150, 130)
"""Top, left, height and width of the moving object in the first frame."""
Affine = NDArray[np.float64]


@dataclass(frozen=True)
class Clip:
    """Frames with known motion."""

    name: str
    frames: list[Tensor]
    flows: list[NDArray[np.float32]]
    """From each frame but the first to the frame before, in pixels."""
    visible: list[NDArray[np.bool_]]
    """Where the content of each frame but the first was visible in the frame before."""


@dataclass(frozen=True)
class Layer:
    """A photograph that moves: `place(t)` takes pixels of frame t to pixels of the photograph."""

    photograph: Tensor
    place: Callable[[int], Affine]

    def frame(self, time: int) -> Tensor:
        """What the window shows."""
        rows, columns = np.indices((HEIGHT, WIDTH), np.float64)
        x, y = moved(self.place(time), columns, rows)
        image = np.ascontiguousarray(self.photograph.permute(1, 2, 0).numpy())
        return torch.from_numpy(
            cv2.remap(image, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LANCZOS4).clip(0, 1)
        ).permute(2, 0, 1)

    def flow(self, time: int) -> NDArray[np.float32]:
        """From frame `time` to the frame before."""
        rows, columns = np.indices((HEIGHT, WIDTH), np.float64)
        x, y = moved(np.linalg.inv(self.place(time - 1)) @ self.place(time), columns, rows)
        return np.stack([x - columns, y - rows], 2).astype(np.float32)


def moved(matrix: Affine, x: NDArray[np.float64], y: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Points after an affine map."""
    return [matrix[row, 0] * x + matrix[row, 1] * y + matrix[row, 2] for row in (0, 1)]


def affine(*, x: float, y: float, degrees: float = 0, zoom: float = 1) -> Affine:
    """A turn and a zoom about the centre of the window, and then a shift."""
    c, s = zoom * cos(radians(degrees)), zoom * sin(radians(degrees))
    about = np.array([[1, 0, WIDTH / 2], [0, 1, HEIGHT / 2], [0, 0, 1]])
    back = np.array([[1, 0, -WIDTH / 2], [0, 1, -HEIGHT / 2], [0, 0, 1]])
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]]) @ about @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ back


MOTIONS: dict[str, Callable[[int], Affine]] = {
    "pan": lambda t: affine(x=40 + 2.7 * t, y=60 + 1.3 * t),
    "turn": lambda t: affine(x=90, y=90, degrees=0.8 * t),
    "zoom": lambda t: affine(x=90, y=90, zoom=1.1 - 0.012 * t),
    "object": lambda t: affine(x=60 + 1.1 * t, y=100 - 0.7 * t),
}


def make_clips(photographs: list[Tensor], count: int) -> Iterator[Clip]:
    """One clip for each motion."""
    for (name, motion), photograph, other in zip(MOTIONS.items(), photographs, photographs[1:], strict=False):
        layer = Layer(photograph, motion)
        times = range(1, count)
        frames, flows = [layer.frame(time) for time in range(count)], [layer.flow(time) for time in times]
        masks = [np.zeros((HEIGHT, WIDTH), np.bool_) for _ in range(count)]
        if name == "object":
            front = Layer(other, lambda t: affine(x=40 - 3.4 * t, y=40 + 0.9 * t))
            masks = [object_mask(time) for time in range(count)]
            frames = [torch.where(torch.from_numpy(masks[t]), front.frame(t), frames[t]) for t in range(count)]
            flows = [np.where(masks[t][..., None], front.flow(t), flows[t - 1]) for t in times]
        yield Clip(name, frames, flows, [was_visible(flows[t - 1], masks[t], masks[t - 1]) for t in times])


def object_mask(time: int) -> NDArray[np.bool_]:
    """Where the object is."""
    top, left, height, width = OBJECT
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    first, start = round(top - 0.9 * time), round(left + 3.4 * time)
    mask[first : first + height, start : start + width] = True
    return mask


def was_visible(flow: NDArray[np.float32], mask: NDArray[np.bool_], before: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where the flow leads into the frame before, at least 2 pixels from the edge of a layer."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    x, y = (np.rint(place + flow[..., axis]).astype(int) for axis, place in ((0, columns), (1, rows)))
    inside = (x >= 2) & (y >= 2) & (x < WIDTH - 2) & (y < HEIGHT - 2)
    kernel = np.ones((5, 5), np.uint8)
    layers = [(mask, before), (~mask, ~before)]
    seen = np.zeros_like(mask)
    for now, then in layers:
        solid_now, solid_then = (cv2.erode(part.astype(np.uint8), kernel).astype(bool) for part in (now, then))
        seen |= solid_now & solid_then[y.clip(0, HEIGHT - 1), x.clip(0, WIDTH - 1)]
    return inside & seen


@dataclass
class Row:
    """What was measured of a method on a clip."""

    warping_error: float
    temporal_difference: float
    psnr: float
    sqd: float
    seconds: float


def measure(clip: Clip, frames: list[Tensor], seconds: float) -> Row:
    """The row of one result."""
    errors, differences = [], []
    for number in range(1, len(frames)):
        before = warp(frames[number - 1], clip.flows[number - 1])
        squared = (255 * (frames[number] - before)).square().mean(0).numpy()
        errors.append(squared[clip.visible[number - 1]].mean())
        differences.append(float((255 * (frames[number] - frames[number - 1])).abs().mean()))
    pairs = list(zip(clip.frames, frames, strict=True))[::SCORED]
    psnr = [METRICS["psnr"].compute(*(crop_border(luma(part), SCALE) for part in pair)) for pair in pairs]
    sqd = [METRICS["sqd"].compute(*pair) for pair in pairs]
    return Row(*(float(np.mean(values)) for values in (errors, differences, psnr, sqd)), seconds)


def enlarge_all(clip: Clip, upscalers: list[Upscaler]) -> Iterator[tuple[str, list[Tensor], float]]:
    """Each method with its frames, and its seconds for a frame."""
    small = [downscale(frame, SCALE) for frame in clip.frames]
    yield "original", clip.frames, 0.0
    yield timed("bicubic", lambda frame: resize(frame, HEIGHT, WIDTH).clamp(0, 1), small)
    for upscaler in upscalers:
        name, enlarged, seconds = timed(upscaler.name, partial(enlarge, upscaler), small)
        yield name, enlarged, seconds
        pairs, steadier = iter(enlarged), Steadier()
        _, frames, more = timed("", lambda frame: steadier.steady(frame, next(pairs)), small)  # noqa: B023
        yield f"{name} --steady", frames, seconds + more


def enlarge(upscaler: Upscaler, frame: Tensor) -> Tensor:
    """The frame enlarged."""
    return upscaler.upscale(Picture(frame), scale=SCALE).pixels


def timed(name: str, enlarge: Callable[[Tensor], Tensor], frames: list[Tensor]) -> tuple[str, list[Tensor], float]:
    """The results, and the seconds for each."""
    began = time.monotonic()
    results = [enlarge(frame) for frame in frames]
    return name, results, (time.monotonic() - began) / len(frames)


def main(
    pictures: Path,
    model: Annotated[list[str] | None, typer.Option("-m", "--model", help="Weights. [default: srgan-x4]")] = None,
    frames: Annotated[int, typer.Option(help="Frames of a clip.")] = 16,
    write: Annotated[Path | None, typer.Option(help="Folder for the frames of all results.")] = None,
) -> None:
    """Make the clips, enlarge them and print a table."""
    photographs = list(large_pictures(pictures, len(MOTIONS) + 1))
    upscalers = [Upscaler.load(name, device="cpu") for name in model or ["srgan-x4"]]
    rows: dict[str, list[Row]] = {}
    for clip in make_clips(photographs, frames):
        for name, results, seconds in enlarge_all(clip, upscalers):
            rows.setdefault(name, []).append(measure(clip, results, seconds))
            if write:
                write_frames(write / clip.name / name.replace(" ", "-"), results)
    for clip_number, clip_name in [*enumerate(MOTIONS), (None, "mean")]:
        typer.echo(f"\n{clip_name}\n{'':36}warping   /bicubic  difference  PSNR    SQD      s/frame")
        for name, measured in rows.items():
            typer.echo(line(name, measured, rows["bicubic"], clip_number))


def line(name: str, measured: list[Row], bicubic: list[Row], number: int | None) -> str:
    """A line of the table: of one clip, or the mean of all."""

    def mean(part: list[Row], key: str) -> float:
        return float(np.mean([getattr(row, key) for row in (part if number is None else [part[number]])]))

    ratio = mean(measured, "warping_error") / mean(bicubic, "warping_error")
    values = (mean(measured, key) for key in ("temporal_difference", "psnr", "sqd", "seconds"))
    difference, psnr, sqd, seconds = values
    error = mean(measured, "warping_error")
    return f"{name:34}{error:9.3f}{ratio:11.3f}{difference:12.3f}{psnr:8.2f}{sqd:9.4f}{seconds:9.3f}"


def large_pictures(folder: Path, count: int) -> Iterator[Tensor]:
    """The first pictures of a folder that a window can move over."""
    found = 0
    for path in find_pictures(folder):
        pixels = read_picture(path).flatten_on_white().rgb
        if found < count and min(pixels.shape[1:]) >= 480:
            found += 1
            yield pixels
        elif found == count:
            return


def write_frames(folder: Path, frames: list[Tensor]) -> None:
    """Write the frames as 00.png and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        write_picture(Picture(frame), folder / f"{number:02}.png")


if __name__ == "__main__":
    typer.run(main)
