"""Running srgan train: loads the pictures, trains, shows the progress."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer

from srgan_cli.cli.console import info, progress_bar, warn, write_line
from srgan_cli.cli.train.view import show_check, training_view
from srgan_cli.system.devices import pick_device
from srgan_cli.system.distributed import World
from srgan_cli.system.files import check_space
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import Dataset, load_dataset
from srgan_cli.training.data.teacher import Teacher, TeacherCache, resolve_cache
from srgan_cli.training.models.build import untaken_settings
from srgan_cli.training.preflight import estimate_cost, find_misplaced, find_problems
from srgan_cli.training.run.checkpoints import read_checkpoint
from srgan_cli.training.run.folder import unused_folder
from srgan_cli.training.run.initial_weights import InitialWeights, check_start, first_generator, prepare_run
from srgan_cli.training.run.loggers import check_logger
from srgan_cli.training.trainer import Trainer

_END_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_SAMPLED_PAIRS = 8  # the real pairs whose registration is checked before a run


def start_run(config: TrainConfig, world: World, max_pixels: int | None = None, *, numbered: bool = False) -> None:
    """Start a new run, with `numbered` in the first unused folder.  Raises SrganError, and Exit after a signal."""
    named = config.run.folder
    with world.join(config.run.device):
        config = world.broadcast(_with_unused_folder(config) if numbered else config)
        with _removed_if_empty(config.run.folder):
            asked, (config, initial) = config, prepare_run(config)
            if world.is_main:
                _warn_of_replaced(asked, config)
            config, teacher = _load_teacher(config, initial, world)
            dataset = _load_dataset(config, max_pixels, verbose=world.is_main)
            if world.is_main:
                _print_number(named, config.run.folder)
                _warn_of_misplaced(config, dataset)
            dataset = _cache_teacher(config, dataset, teacher, world)
            _fit(Trainer(config, dataset, initial=initial, world=world))


@contextmanager
def _removed_if_empty(folder: Path) -> Iterator[None]:
    """Delete a new folder in which a run that fails has left nothing."""
    existed = folder.exists()
    try:
        yield
    except BaseException:  # even a KeyboardInterrupt
        if not existed:
            with suppress(OSError):  # it is not empty, or was not made
                folder.rmdir()
        raise


def resume_run(run: Path, world: World, max_pixels: int | None = None, **changes: Any) -> None:
    """Continue the run in a folder, with some settings changed.  Raises as `start_run` does."""
    state = read_checkpoint(run, warn)
    config = TrainConfig.from_json(state["config"], run=run, **changes)
    check_logger(config.run.log, run)
    with world.join(config.run.device):
        config, teacher = _load_teacher(config, None, world)
        dataset = _load_dataset(config, max_pixels, verbose=world.is_main)
        dataset = _cache_teacher(config, dataset, teacher, world)
        _fit(Trainer.resume(config, dataset, state, world=world))


def check_run(config: TrainConfig, max_pixels: int | None = None, *, numbered: bool = False) -> None:
    """Show problems of the pictures and the cost of the run.  Raises SrganError if the run would fail."""
    named, config = config.run.folder, _with_unused_folder(config) if numbered else config
    asked, (config, initial) = config, check_start(config)
    _warn_of_replaced(asked, config)
    config, teacher = _load_teacher(config, initial, World())
    dataset = _load_dataset(config, max_pixels)
    _print_number(named, config.run.folder)
    cost = estimate_cost(config, dataset, initial, teacher)
    show_check(list(find_problems(dataset, config, max_pixels=max_pixels)), cost, config)
    check_space(config.run.folder, cost.disk)


def _warn_of_replaced(asked: TrainConfig, config: TrainConfig) -> None:
    """Print which settings are replaced by those of the initial weights, are not for the network, or have no effect."""
    default, before, after = (vars(each.generator) for each in (TrainConfig(), asked, config))
    untaken, architecture = untaken_settings(config), config.generator.architecture
    for key in [key for key in default if before[key] not in (default[key], after[key])]:
        reason = (
            f"{architecture} does not take it" if key in untaken else f"{config.generator.init_from} has {after[key]}"
        )
        warn(f"{'generator' if key == 'architecture' else key} {before[key]} is left out: {reason}")
    for key, reason in asked.idle_settings.items():
        warn(f"{key} has no effect: {reason}")


def _with_unused_folder(config: TrainConfig) -> TrainConfig:
    """The settings with the first unused of the run folder and those with a number behind."""
    return config.replace(run=unused_folder(config.run.folder))


def _print_number(named: Path, folder: Path) -> None:
    """Print that a run goes to another folder than the named one, which is used."""
    if folder != named:
        info(f"{named} is used; this run goes to {folder}")


def _load_teacher(
    config: TrainConfig, initial: InitialWeights | None, world: World
) -> tuple[TrainConfig, Teacher | None]:
    """The settings with the teacher's cache on or off, and the teacher if there is one."""
    if not config.teacher.models:
        return config, None
    teacher = Teacher.load(config, pick_device(world.device(config.run.device)))
    return world.broadcast(resolve_cache(config, teacher, lambda: first_generator(config, initial))), teacher


def _cache_teacher(config: TrainConfig, dataset: Dataset, teacher: Teacher | None, world: World) -> Dataset:
    """The dataset, with the teacher's output if that is cached."""
    if teacher is None or config.teacher.cache == "off":
        return dataset
    cache = TeacherCache.plan(config, dataset)
    if not world.is_main:
        return cache.fill(dataset, teacher, world)
    run = config.run.folder
    info(f"caching the teacher's output in {run}; if interrupted, the same command with --run {run} continues")
    with progress_bar("caching the teacher's output") as progress:
        return cache.fill(dataset, teacher, world, progress)


def _warn_of_misplaced(config: TrainConfig, dataset: Dataset) -> None:
    """Print one of the real partners that do not lie on their picture, among a few."""
    if found := list(find_misplaced([*dataset.training, *dataset.validation], config, most=_SAMPLED_PAIRS)):
        warn(f"{found[0].name} {found[0].remark}; srgan train --check lists such pairs, {len(found)} or more")


def _load_dataset(config: TrainConfig, max_pixels: int | None, *, verbose: bool = True) -> Dataset:
    if not verbose:
        return load_dataset(config, max_pixels=max_pixels)
    with progress_bar("reading pictures") as progress:
        dataset = load_dataset(config, progress, max_pixels=max_pixels)
    for skip in dataset.skipped:
        warn(f"skipped: {skip.reason}")
    if dataset.left_out:
        folders = ", ".join(sorted({str(path.parent) for path in dataset.left_out}))
        info(f"left out: {len(dataset.left_out)} pictures that runs of srgan have made, in {folders}")
    held_out, skipped = len(dataset.validation), len(dataset.skipped)
    info(f"{len(dataset.training)} pictures to train on, {held_out} held out, {skipped} skipped")
    return dataset


def _fit(trainer: Trainer) -> None:
    """Train.  The first Ctrl-C, SIGTERM or SIGHUP saves and stops; a second one stops at once."""
    with _saving_on_signals(trainer) as received:
        if not trainer.world.is_main:
            for _ in trainer.fit():
                pass
            return
        with training_view(trainer.config) as show:
            for report in trainer.fit():
                show(report)
    if received:
        info(f"saved; continue with: srgan train --run {trainer.config.run.folder} --resume")
        raise typer.Exit(128 + received[0])
    write_line(trainer.folder.weights)


@contextmanager
def _saving_on_signals(trainer: Trainer) -> Iterator[list[int]]:
    """The numbers of the signals that have come; the first of each kind ends the training after this step."""
    received: list[int] = []

    def save_and_end(number: int, _frame: object) -> None:
        received.append(number)
        trainer.stop()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        info("saving; press Ctrl-C again to stop at once")

    before = {number: signal.signal(number, save_and_end) for number in _END_SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
