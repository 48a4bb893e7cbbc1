"""Continues the training of photo-x4 from a checkpoint, for a given time, on a CUDA device or a CPU.

    python benchmarks/photo_crops.py PICTURES photos.zip --megabytes 25
    python benchmarks/photo_training.py photos.zip TEACHER CHECKPOINT WEIGHTS --minutes 8 [--device cuda]

It reads the checkpoint (without one it starts from WEIGHTS), writes it anew, at most 16 MB, and writes the averaged
generator to WEIGHTS. It needs $SRGAN_METRIC_WEIGHTS for SqueezeNet.

The student learns from TEACHER (Real-ESRGAN x4plus) on degraded crops. The target has the detail of the teacher's
output and the coarse values of the original, since the teacher shifts colours and brightness; its finest detail is
raised, since a small student reaches only a part of it. The losses are L1
distance, distance of SqueezeNet features, phase loss and an adversarial loss, all against the target.
A target is used --reuse times at different windows: 1 on a GPU, where the teacher is cheap, about 40 on a CPU.
"""

import io
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
import typer
from photo_crops import best_window
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from srgan_cli.image.ops import downscale, orient, to_bytes
from srgan_cli.networks import Generator
from srgan_cli.system.devices import pick_device
from srgan_cli.system.distributed import SINGLE_PROCESS
from srgan_cli.system.files import atomic_write
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.degradations import add_noise, convolve, gaussian, jpeg, mild, real
from srgan_cli.training.data.random import bernoulli, randint, seeded, uniform
from srgan_cli.training.data.sampling import MARGIN, Batch
from srgan_cli.training.models.gan import GAN
from srgan_cli.training.optim.optimizer import ComputeContext
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import load_weights, save_weights

SCALE = 4
CROP = 64
"""Side of the crops that the teacher sees, in low-resolution pixels."""
BUFFER = 512
"""Crops with the teacher's output that patches are cut from."""
FIRST_CROPS = 32.0
"""Crops that the teacher sees before the first step."""
RAMP = 500
"""Steps over which the adversarial weight rises."""
CHECKPOINT_SECONDS = 240
COARSE = 4.0
"""Standard deviation, in output pixels, of the blur that separates detail and coarse values."""
FINE, FINE_GAIN = 0.9, 1.4
"""The same for the finest detail, and the factor that the target has it by."""
TEACHER = {"name": "realesrgan-x4plus", "licence": "BSD-3-Clause", "source": "github.com/xinntao/Real-ESRGAN"}
"""What the card of the weights says of the teacher."""
Crop = tuple[Tensor, Tensor]
"""A degraded picture and its original or target, uint8 (3, H, W)."""


class DegradedCrops(IterableDataset[Crop]):
    """Random crops, degraded, without end."""

    def __init__(self, pack: Path, seed: int) -> None:
        with zipfile.ZipFile(pack) as archive:
            self.files = [archive.read(name) for name in sorted(archive.namelist())]
        self.seed = seed

    def __iter__(self) -> Iterator[Crop]:
        worker = get_worker_info()
        torch.set_num_threads(1)
        for number in count(worker.id if worker else 0, worker.num_workers if worker else 1):
            yield self.crop(seeded(self.seed, "crop", number))

    def crop(self, rng: torch.Generator) -> Crop:
        """One crop; the grid of JPEG blocks lies anywhere in it."""
        with Image.open(io.BytesIO(self.files[randint(len(self.files), rng)])) as image:
            pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
        high = best_window(pixels, SCALE * (CROP + 2 * MARGIN + 8), 4, rng)
        low = degrade(to_bytes(downscale(high / 255, SCALE)), high, rng)
        top, left = (MARGIN + randint(8, rng) for _ in range(2))
        low, high = low[:, top : top + CROP, left : left + CROP], high[:, SCALE * top :, SCALE * left :]
        return low.contiguous(), high[:, : SCALE * CROP, : SCALE * CROP].contiguous()


def degrade(low: Tensor, high: Tensor, rng: torch.Generator) -> Tensor:
    """As photographs from the web are, for 45 % of the crops; second-order for 32 %; clean or mild for the rest."""
    kind = uniform(0, 1, rng)
    if kind < 0.45:
        return photographed(low, high, rng)
    if kind < 0.77:
        return real(low, high, rng)
    return mild(low, high, rng) if bernoulli(0.5, rng) else low


def photographed(low: Tensor, high: Tensor, rng: torch.Generator) -> Tensor:
    """The original after blur, reduction, noise and JPEG."""
    blurred = convolve(high.float(), gaussian(uniform(0.2, 2, rng)))
    mode = ("bicubic", "bicubic", "bilinear")[randint(3, rng)]
    small = F.interpolate(blurred[None], low.shape[-2:], mode=mode, antialias=True)[0]
    noisy = add_noise(small, uniform(0, 8, rng), rng, grey=bernoulli(0.3, rng))
    compressed = jpeg(noisy, 40 + randint(56, rng), "4:2:0" if bernoulli(0.7, rng) else "4:4:4")
    return compressed.clamp(0, 255).to(torch.uint8)


def with_coarse_values(detailed: Tensor, original: Tensor) -> Tensor:
    """The detail of one picture (N, 3, H, W) on the coarse values of another."""
    return detailed + blur(original - detailed, COARSE)


def with_fine_detail(pixels: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) with their finest detail raised."""
    return torch.lerp(blur(pixels, FINE), pixels, FINE_GAIN)


def blur(pixels: Tensor, deviation: float) -> Tensor:
    """Pictures (N, 3, H, W) under a Gaussian as far as three standard deviations; the edge is mirrored."""
    radius = round(3 * deviation)
    line = torch.exp(-0.5 * (torch.arange(-radius, radius + 1.0) / deviation) ** 2)
    line = (line / line.sum()).view(1, 1, 1, -1).to(pixels)
    padded = F.pad(pixels.flatten(0, 1)[:, None], [radius] * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, line), line.mT).view_as(pixels)


@dataclass
class ReplayBuffer:
    """The latest crops with their targets."""

    crops: list[Crop] = field(default_factory=list)

    def add(self, low: Tensor, target: Tensor) -> None:
        """Add crops (N, 3, H, W)."""
        self.crops = [*self.crops, *zip(low, target, strict=True)][-BUFFER:]

    def patches(self, batch: int, patch: int, rng: torch.Generator) -> Batch:
        """Random windows in random orientations."""
        rows = [self._patch(patch, rng) for _ in range(batch)]
        return Batch(*(torch.stack(side).float().div_(255) for side in zip(*rows, strict=True)))

    def _patch(self, patch: int, rng: torch.Generator) -> list[Tensor]:
        low, target = self.crops[randint(len(self.crops), rng)]
        top, left = (randint(CROP - patch + 1, rng) for _ in range(2))
        orientation = randint(8, rng)
        parts = ((low, 1), (target, SCALE))
        windows = [p[:, s * top : s * (top + patch), s * left : s * (left + patch)] for p, s in parts]
        return [orient(window, orientation) for window in windows]


def main(
    pack: Path,
    teacher: Path,
    checkpoint: Path,
    weights: Path,
    minutes: float = 8.0,
    device: str = "auto",
    workers: int = 0,
    reuse: Annotated[float, typer.Option(help="Uses of every target.")] = 1.0,
    batch: int = 12,
    patch: int = 32,
    learning_rate: float = 6e-5,
    perceptual_weight: float = 1.5,
    adversarial_weight: float = 0.1,
    discriminator_channels: int = 16,
    anneal: Annotated[bool, typer.Option("--anneal", help="Reduce the learning rate to zero.")] = False,
    seed: int = 0,
) -> None:
    """Train for some minutes, and write checkpoint and weights."""
    config = settings(batch, patch, learning_rate, perceptual_weight, adversarial_weight, discriminator_channels, seed)
    run = Run(config, pick_device(device), checkpoint, weights)
    loader = DataLoader(DegradedCrops(pack, seed + run.steps), 8, num_workers=workers)
    upscaler = Upscaler.load(teacher, device=str(run.compute.device))
    buffer, crops, began, saved = ReplayBuffer(), iter(loader), time.monotonic(), time.monotonic()
    rng, due = seeded(seed, "patches", run.steps), FIRST_CROPS
    while (elapsed := (time.monotonic() - began) / 60) < minutes:
        while due >= 8:
            low, high = (part.to(run.compute.device) for part in next(crops))
            with torch.no_grad():
                detailed = with_coarse_values(upscaler.generator(low / 255), high / 255)
                buffer.add(low, to_bytes(with_fine_detail(detailed).clamp(0, 1)))
            due -= 8
        run.step(buffer.patches(batch, patch, rng), 1 - elapsed / minutes if anneal else 1.0, rng)
        due += batch * (patch / CROP) ** 2 / reuse
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            run.save()
            saved = time.monotonic()
    run.save()


def settings(
    batch: int, patch: int, rate: float, perceptual: float, adversarial: float, channels: int, seed: int
) -> TrainConfig:
    """The settings of the losses and optimisers."""
    return TrainConfig.from_settings(
        data="photos",
        name="photo-x4",
        pretrain_fraction=0.0,
        batch=batch,
        patch=patch,
        equivariance="off",
        optimizer="muon",
        adversarial_learning_rate=rate,
        discriminator_learning_rate=4e-4,
        discriminator="unet",
        discriminator_channels=channels,
        gan_loss="relativistic",
        adversarial_weight=adversarial,
        perceptual_network="squeezenet",
        perceptual_weight=perceptual,
        phase_weight=4.0,
        ema_decay=0.998,
        seed=seed,
    )


class Run:
    """Student and discriminator, and the files that they are kept in."""

    def __init__(self, config: TrainConfig, device: torch.device, checkpoint: Path, weights: Path) -> None:
        torch.manual_seed(config.run.seed)
        generator, self.card = load_weights(weights)
        self.checkpoint, self.weights = checkpoint, weights
        self.compute = ComputeContext.for_device(str(device))
        self.gan = GAN(config, generator.train().requires_grad_(True), self.compute, SINGLE_PROCESS)
        self.gan.end_pretraining()
        self.steps, self.seconds, self.ramp_steps = 0, 0.0, 0
        self.began = time.monotonic()
        if checkpoint.is_file():
            self._load(torch.load(checkpoint, map_location="cpu", weights_only=True))

    def step(self, batch: Batch, factor: float, rng: torch.Generator) -> None:
        """One step of both networks."""
        ramp = min(1.0, self.ramp_steps / RAMP)
        self.gan.set_learning_rate(factor * min(1.0, (self.ramp_steps + 1) / 100))
        result = self.gan.train_step(batch, batch.high, squared=False, adversarial_ramp=ramp, rng=rng)
        self.steps += 1
        self.ramp_steps += 1
        if result.finite:
            self.gan.update_ema(self.steps)
        if self.steps % 50 == 0:
            print(
                f"step {self.steps}:",
                *(f"{name} {loss:.4f}" for name, loss in result.losses.items()),
                flush=True,
            )

    def save(self) -> None:
        """Write checkpoint and weights; momenta in half the bytes, and none of the discriminator's optimizer."""
        now = time.monotonic()
        self.seconds += now - self.began
        self.began = now
        average: Generator = self.gan.ema
        state: dict[str, Any] = {
            "generator": self.gan.generator.state_dict(),
            "average": average.state_dict(),
            "optimizer": as_type(self.gan.optimizer_step.state_dict(), torch.bfloat16),
            "steps": self.steps,
            "seconds": self.seconds,
        }
        if self.gan.discriminator and self.ramp_steps:
            state |= {"discriminator": as_type(self.gan.discriminator.network.state_dict(), torch.float16)}
            state |= {"discriminator_channels": self.gan.config.discriminator.channels, "ramp": self.ramp_steps}
        with atomic_write(self.checkpoint) as temporary:
            torch.save(state, temporary)
        card = WeightsCard.for_generator(average, "photo-x4", licence=self.card.licence, training=self._story())
        save_weights(self.weights, average, card)

    def _story(self) -> dict[str, Any]:
        hours = round(self.seconds / 3600, 3)
        return {**self.card.training, "steps": self.steps, "hours": hours, "teachers": [TEACHER]}

    def _load(self, state: dict[str, Any]) -> None:
        self.gan.generator.load_state_dict(state["generator"])
        self.gan.ema.load_state_dict(state["average"])
        self.gan.optimizer_step.load_state_dict(as_type(state["optimizer"], torch.float32))
        self.steps, self.seconds = state["steps"], state["seconds"]
        if self.gan.discriminator and state.get("discriminator_channels") == self.gan.config.discriminator.channels:
            self.gan.discriminator.network.load_state_dict(as_type(state["discriminator"], torch.float32))
            self.ramp_steps = state["ramp"]


def as_type(state: Any, dtype: torch.dtype) -> Any:
    """Nested dictionaries and lists with all floating-point tensors of this type."""
    if isinstance(state, dict):
        return {key: as_type(value, dtype) for key, value in state.items()}
    if isinstance(state, list):
        return [as_type(value, dtype) for value in state]
    return state.to(dtype) if isinstance(state, Tensor) and state.is_floating_point() and state.numel() > 1 else state


if __name__ == "__main__":
    typer.run(main)
