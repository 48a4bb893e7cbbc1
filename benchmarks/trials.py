"""Compares settings of training by short runs of equal time or equal steps, one after another.

    python benchmarks/trials.py PICTURES benchmarks/trials/gan-losses.toml --runs FOLDER [--only NAME ...]

The TOML file is a recipe with a table for each trial, which overrides settings. The pictures are decoded once. A row is
printed after each trial: parameters of the generator, steps, milliseconds per step, and the scores of the last
validation. FOLDER keeps all run folders.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from srgan_cli.system.memory_usage import retain_freed_memory
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import Dataset, load_dataset
from srgan_cli.training.run.clock import StepReport
from srgan_cli.training.run.initial_weights import prepare_run
from srgan_cli.training.trainer import Trainer


def main(
    pictures: Path,
    trials: Path,
    runs: Annotated[Path, typer.Option(help="Folder for the run folders of the trials.")],
    only: Annotated[list[str] | None, typer.Option(help="Trials to run. [default: all]")] = None,
) -> None:
    """Compare settings of training and print a Markdown table."""
    settings = tomllib.loads(trials.read_text(encoding="utf8"))
    common = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    chosen = [name for name in settings if name not in common and (not only or name in only)]
    dataset: Dataset | None = None
    for name in chosen:
        config = configured(pictures, runs / name, {**common, **settings[name]})
        first, dataset = dataset is None, dataset or load_dataset(config)
        show(name, *trained(config, dataset), first=first)


def configured(pictures: Path, run: Path, settings: dict[str, Any]) -> TrainConfig:
    """The settings of a trial; with `steps`, there is no default time."""
    untimed = {"seconds": None} if "steps" in settings else {}
    return TrainConfig.from_json({"data": str(pictures), "run": run, **untimed, **settings})


def trained(config: TrainConfig, dataset: Dataset) -> tuple[int, float, StepReport]:
    """The parameters of the generator, the seconds of training, and the last report of a trial."""
    adapted, initial = prepare_run(config)
    retain_freed_memory()  # as srgan train does
    trainer = Trainer(adapted, dataset, initial=initial)
    *_, last = trainer.fit()
    return trainer.gan.generator.parameter_count, trainer.progress.seconds, last


def show(name: str, parameters: int, seconds: float, last: StepReport, first: bool) -> None:
    """Print a row; above the first one also the headings."""
    if first:
        print(f"| trial | parameters | steps | ms a step | {' | '.join(last.scores)} |")
        print(f"|{'---|' * (4 + len(last.scores))}")
    scores = " | ".join(f"{value:.4f}" for value in last.scores.values())
    print(f"| {name} | {parameters:,} | {last.step} | {1000 * seconds / last.step:.0f} | {scores} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
