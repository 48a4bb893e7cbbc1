"""A training run of a few steps for torchrun; prints the losses as JSON.  With `die`, one process exits once.

It trains on the CPU.  While the processes connect, the machine seems to have GPUs, which must not be touched.
"""

import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import torch

from srgan_cli.system.distributed import World
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import load_dataset
from srgan_cli.training.run.checkpoints import has_checkpoint, read_checkpoint
from srgan_cli.training.run.initial_weights import prepare_run
from srgan_cli.training.trainer import Trainer


def refuse(device: object) -> NoReturn:
    """Stands for torch.cuda.set_device."""
    raise AssertionError(f"{device} was selected")


def main(data: str, run: str, batch: str, die: str = "") -> None:
    """Train, and print the losses of every step."""
    is_available = torch.cuda.is_available
    torch.cuda.is_available, torch.cuda.set_device = (lambda: True), refuse
    world = World.from_environment()
    config = TrainConfig.from_settings(
        data=Path(data),
        run=Path(run),
        scale=2,
        seconds=None,
        steps=8,
        pretrain_fraction=0.5,
        channels=4,
        blocks=1,
        discriminator_channels=2,
        discriminator_norm="none",
        batch=int(batch),
        patch=8,
        device="cpu",
    )
    with world.join("cpu"):
        torch.cuda.is_available = is_available
        assert world.size == 1 or torch.distributed.get_backend() == "gloo"
        dataset = load_dataset(config)
        if world.restarts and has_checkpoint(config.run.folder):
            trainer = Trainer.resume(config, dataset, read_checkpoint(config.run.folder), world=world)
        else:
            trainer = Trainer(prepare_run(config)[0], dataset, world=world)
        for report in trainer.fit():
            if die and report.step == 6 and world.rank == 1 and not world.restarts:
                os._exit(9)
            if world.is_main:
                print(json.dumps({"step": report.step, "restarts": world.restarts, **report.losses}), flush=True)
                if die and report.step == 5:
                    trainer.save()


if __name__ == "__main__":
    main(*sys.argv[1:])
