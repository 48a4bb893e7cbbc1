"""Compares the speed of the trainer with that of the bare networks and the matrix rate of this machine.

    python benchmarks/training.py PICTURES [--steps 20] [--config RECIPE] [--device auto]

For each phase of the run, except degradation learning, prints steps per second of

- the trainer on real pictures, with cropping, degradation, losses and averaging
- the trainer on one fixed batch, and the ratio of the two
- a bare loop of the same networks and optimizers on one fixed batch,

then the patches per second of the trainer, the rate of the bare loop in operations per second (two per multiply-add,
forward and backward), its share of the rate of a large matrix product in the same format, and the peak memory.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from srgan_cli.system.devices import peak_memory
from srgan_cli.system.memory_usage import retain_freed_memory
from srgan_cli.training.config import DEGRADATION, TrainConfig
from srgan_cli.training.data.dataset import Dataset, load_dataset
from srgan_cli.training.optim.optimizer import ComputeContext
from srgan_cli.training.recipe import read_recipe
from srgan_cli.training.trainer import Trainer

MATRIX_SIDE = 2048
ROUNDS = 5
WIDTH = 120
HEADINGS = (
    *("phase", "trainer", "one batch", "trainer / one batch", "bare", "trainer / bare"),
    *("patches / s", "GFLOP/s", "of rate"),
)


def main(
    pictures: Path,
    steps: int = 20,
    recipe: Annotated[Path | None, typer.Option("--config", help="Recipe of the run.")] = None,
    device: str = "auto",
) -> None:
    """Compare the trainer with the bare networks and print a table."""
    retain_freed_memory()
    settings = read_recipe(recipe) if recipe else {}
    with TemporaryDirectory() as run:
        config = TrainConfig.from_json({**settings, "data": str(pictures), "run": run, "device": device})
        dataset = load_dataset(config)
        precision = ComputeContext.for_device(device, config.optim.precision)
        rate = matrix_rate(precision, steps)
        table = Table(title=f"{precision.device}, {precision.dtype}, matrix product {rate / 1e9:.0f} GFLOP/s")
        for heading in HEADINGS:
            table.add_column(heading, justify="right")
        for phase in (phase for phase in config.phase_fractions if phase != DEGRADATION):
            table.add_row(phase, *measured(phase, config, dataset, steps, rate))
        Console(width=WIDTH).print(table, f"peak memory {peak_memory(precision.device) / 1e9:.2f} GB")


def measured(phase: str, config: TrainConfig, dataset: Dataset, steps: int, rate: float) -> list[str]:
    """The row of a phase."""
    retain_freed_memory()  # as srgan train does
    real, fixed = Trainer(config, dataset), Trainer(config, dataset)
    batch = fixed._batch(0.0, 0)
    fixed._batch = lambda *_: batch  # type: ignore[method-assign]
    for trainer in (real, fixed):
        trainer.benchmark(phase, 0)
        trainer.monitor.rate_share = 0.0  # otherwise a discriminator that has learned the one batch would be skipped
    # alternating, because the clock rate of a processor varies
    rounds = [[seconds_of(partial(t._train_step, 0.0), steps) for t in (real, fixed)] for _ in range(ROUNDS)]
    whole, without_data = (1 / median(times) for times in zip(*rounds, strict=True))
    step = bare_step(fixed, *batch)
    with FlopCounterMode(display=False) as counter:
        step()
    bare = 1 / seconds_of(step, steps)
    achieved = counter.get_total_flops() * bare
    return [
        f"{whole:.2f} / s",
        f"{without_data:.2f} / s",
        f"{whole / without_data:.1%}",
        f"{bare:.2f} / s",
        f"{whole / bare:.0%}",
        f"{whole * config.data.batch:.0f}",
        f"{achieved / 1e9:.0f}",
        f"{achieved / rate:.0%}",
    ]


def bare_step(trainer: Trainer, low: Tensor, high: Tensor) -> Callable[[], None]:
    """A step with nothing but the networks, forward and backward, and their optimizers."""
    gan = trainer.gan

    def step() -> None:
        with trainer.compute.autocast():
            generated = gan.generator(low.contiguous(memory_format=torch.channels_last)).float()
        total = (generated - high).abs().mean()
        if gan.discriminator:
            outputs = gan.discriminator.discriminate(high, generated)
            total = total + sum(gan.discriminator.generator_losses(outputs).values())
            if gan.loss.perceptual:
                total = total + gan.loss.perceptual(generated, high)
        total.backward(inputs=[*gan.generator.parameters()], retain_graph=gan.discriminator is not None)
        gan.optimizer_step.optimizer.step()
        gan.optimizer_step.optimizer.zero_grad(set_to_none=True)
        if gan.discriminator:
            gan.discriminator.train_step(outputs, trainer.rng)

    return step


def matrix_rate(precision: ComputeContext, repeat: int) -> float:
    """Operations per second of a product of square matrices in the format of training."""
    left, right = torch.rand(2, MATRIX_SIDE, MATRIX_SIDE, device=precision.device, dtype=precision.dtype)
    return 2 * MATRIX_SIDE**3 / seconds_of(lambda: (left @ right).sum().item(), repeat)


def seconds_of(work: Callable[[], object], repeat: int) -> float:
    """Mean wall time, after one run to warm up."""
    work()
    began = time.perf_counter()
    for _ in range(repeat):
        work()
    return (time.perf_counter() - began) / repeat


if __name__ == "__main__":
    typer.run(main)
