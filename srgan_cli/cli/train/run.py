"""What srgan train does once it knows what is asked for."""

import signal
from pathlib import Path
from typing import Any

import typer

from srgan_cli.cli.console import info, progress_bar, warn, write_line
from srgan_cli.cli.train.view import show_check, training_view
from srgan_cli.system.distributed import World
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import Dataset, load_dataset
from srgan_cli.training.preflight import check_disk_space, estimate_cost, find_problems
from srgan_cli.training.run.folder import read_checkpoint
from srgan_cli.training.run.origin import check_start, prepare_run
from srgan_cli.training.trainer import Trainer

_END_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def start_run(config: TrainConfig, world: World, max_pixels: int | None = None) -> None:
    """Make a new run, and train.  Raises SrganError, and Exit where a signal ended it."""
    with world.join(config.device):
        config, origin = prepare_run(config)
        _fit(Trainer(config, _load_dataset(config, max_pixels, world.is_main), origin, world))


def resume_run(run: Path, world: World, max_pixels: int | None = None, **changes: Any) -> None:
    """Train on with the run in a folder, some of its settings changed.  Raises as `begin` does."""
    state = read_checkpoint(run)
    config = TrainConfig.from_json(state["config"], run=run, **changes)
    with world.join(config.device):
        _fit(Trainer.resume(config, _load_dataset(config, max_pixels, world.is_main), state, world))


def check_run(config: TrainConfig, max_pixels: int | None = None) -> None:
    """Tell what is wrong with the pictures and what the run would take.  Raises SrganError where it would fail."""
    config, origin = check_start(config)
    dataset = _load_dataset(config, max_pixels)
    taken = estimate_cost(config, dataset, origin)
    show_check(list(find_problems(dataset, config)), taken, config)
    check_disk_space(taken, config.run)


def _load_dataset(config: TrainConfig, max_pixels: int | None, verbose: bool = True) -> Dataset:
    if not verbose:
        return load_dataset(config, max_pixels=max_pixels)
    with progress_bar("reading pictures") as progress:
        dataset = load_dataset(config, progress, max_pixels=max_pixels)
    for skip in dataset.skipped:
        warn(f"skipped: {skip.reason}")
    info(
        f"{len(dataset.training)} pictures to train on, {len(dataset.validation)} held out, "
        f"{len(dataset.skipped)} skipped"
    )
    return dataset


def _fit(trainer: Trainer) -> None:
    """Train; the first Ctrl-C, SIGTERM or SIGHUP saves and ends, a second one ends at once."""
    received: list[int] = []

    def save_and_end(number: int, _frame: object) -> None:
        received.append(number)
        trainer.stop()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        info("saving; once more to end at once")

    for number in _END_SIGNALS:
        signal.signal(number, save_and_end)
    if not trainer.world.is_main:
        for _ in trainer.fit():
            pass
        return
    with training_view(trainer.config) as show:
        for report in trainer.fit():
            show(report)
    if received:
        info(f"saved; go on with: srgan train --run {trainer.config.run} --resume")
        raise typer.Exit(128 + received[0])
    write_line(trainer.folder.weights)
