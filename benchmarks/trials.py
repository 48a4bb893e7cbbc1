"""Which settings train best at equal time or equal steps: short runs that differ in a few settings, one after another.

    python benchmarks/trials.py PICTURES benchmarks/trials/gan-losses.toml --runs FOLDER [--only NAME ...]

TRIALS is a recipe (keys of TrainConfig) with a table for each trial that says what it does otherwise.  The pictures
are decoded once.  A row is printed as soon as its trial is done: parameters of the generator, steps, milliseconds a
step, and the scores of the last validation on the held-out pictures.  FOLDER keeps every run, to look at its samples.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import Dataset, load_dataset
from srgan_cli.training.run.origin import prepare_run
from srgan_cli.training.trainer import StepReport, Trainer


def main(
    pictures: Path,
    trials: Path,
    runs: Annotated[Path, typer.Option(help="The folder that receives a run folder for each trial.")],
    only: Annotated[list[str] | None, typer.Option(help="Trials to run; all unless told.")] = None,
) -> None:
    """Run every trial and print the table in Markdown."""
    settings = tomllib.loads(trials.read_text(encoding="utf8"))
    common = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    chosen = [name for name in settings if name not in common and (not only or name in only)]
    dataset: Dataset | None = None
    for name in chosen:
        config = configured(pictures, runs / name, {**common, **settings[name]})
        first, dataset = dataset is None, dataset or load_dataset(config)
        show(name, *trained(config, dataset), first=first)


def configured(pictures: Path, run: Path, settings: dict[str, Any]) -> TrainConfig:
    """The settings of a trial; steps put the default time out of force."""
    untimed = {"seconds": None} if "steps" in settings else {}
    return TrainConfig.from_json({"data": str(pictures), "run": run, **untimed, **settings})


def trained(config: TrainConfig, dataset: Dataset) -> tuple[int, float, StepReport]:
    """The generator's parameters, the seconds trained, and the last report of a trial."""
    adapted, origin = prepare_run(config)
    trainer = Trainer(adapted, dataset, origin)
    *_, last = trainer.fit()
    return trainer.gan.generator.parameter_count, trainer.progress.seconds, last


def show(name: str, parameters: int, seconds: float, last: StepReport, first: bool) -> None:
    """Print a row, and the headings above the first."""
    if first:
        print(f"| trial | parameters | steps | ms a step | {' | '.join(last.scores)} |")
        print(f"|{'---|' * (4 + len(last.scores))}")
    scores = " | ".join(f"{value:.4f}" for value in last.scores.values())
    print(f"| {name} | {parameters:,} | {last.step} | {1000 * seconds / last.step:.0f} | {scores} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
