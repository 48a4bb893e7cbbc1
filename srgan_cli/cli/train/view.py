"""Training on the terminal: the progress of a run, and the findings of --check."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

import srgan_cli.cli.console as console
from srgan_cli.metrics import METRICS
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.preflight import Cost, Finding
from srgan_cli.training.run.report import StepReport

_SMOOTHING = 0.98


def show_check(findings: list[Finding], cost: Cost, config: TrainConfig) -> None:
    """Draw the findings about the pictures and the cost of the run on stdout."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("picture", no_wrap=True)
    table.add_column("remark")
    for finding in findings:
        table.add_row(Text(finding.name), Text(finding.remark))
    rates = ", ".join(f"{rate:.2f} steps a second ({phase} phase)" for phase, rate in cost.rates.items())
    console.show(
        *([table] if findings else []),
        Text(f"{len(findings)} remarks; {rates}; {cost.hours:.2f} hours in all"),
        *([Text(f"{cost.teacher_hours:.2f} hours before that for the teacher's cache")] if cost.teacher_hours else []),
        Text(f"{cost.memory / 1e9:.2f} GB of memory, {cost.disk / 1e6:.0f} MB on the disk in {config.run.folder}"),
    )


@contextmanager
def training_view(config: TrainConfig) -> Iterator[Callable[[StepReport], None]]:
    """A function to call with each report: it updates a table on a terminal, and prints lines in a pipe."""
    if not console.stderr.is_terminal:
        yield _LineView()
        return
    with Live(console=console.stderr, refresh_per_second=4) as live:
        averages: dict[str, float] = {}

        def show(report: StepReport) -> None:
            for name, loss in report.losses.items():
                averages[name] = averages.get(name, loss) * _SMOOTHING + loss * (1 - _SMOOTHING)
            live.update(_table(config, report, averages))
            if report.notice:
                console.warn(report.notice)

        yield show


class _LineView:
    """Prints a line after each validation."""

    def __init__(self) -> None:
        self.scores: dict[str, float] = {}

    def __call__(self, report: StepReport) -> None:
        if report.notice:
            console.warn(report.notice)
        if report.scores is not self.scores:
            self.scores = report.scores
            parts = [f"{name} {value:.4g}" for name, value in {**report.losses, **report.scores}.items()]
            console.info(
                f"step {report.step} ({report.progress:.0%}, {report.phase}): {', '.join(parts)}, "
                f"{report.rate:.0f} patches/s, {_duration(report.remaining)} left"
            )


def _table(config: TrainConfig, report: StepReport, averages: dict[str, float]) -> RenderableType:
    """One quantity a line, so that the table fits a narrow terminal."""
    table = Table(box=SIMPLE_HEAD, show_header=False, title=Text(config.run.name), title_justify="left")
    rows = {
        "step": f"{report.step} ({report.phase} phase)",
        **{f"{name} loss": f"{loss:.4f}" for name, loss in averages.items()},
        **{METRICS[key].label: f"{value:.{METRICS[key].decimals}f}" for key, value in report.scores.items()},
        "patches a second": f"{report.rate:.0f}",
        "time left": _duration(report.remaining),
    }
    for heading, value in rows.items():
        table.add_row(heading, value)
    return Group(table, ProgressBar(total=1.0, completed=report.progress))


def _duration(seconds: float) -> str:
    return "?" if math.isinf(seconds) else str(timedelta(seconds=round(seconds)))
