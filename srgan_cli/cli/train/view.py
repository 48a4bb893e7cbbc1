"""Training on the terminal: the progress of a run, and the findings of --check."""

import math
from collections.abc import Callable, Iterator, Sequence
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
from srgan_cli.training.config import ADVERSARIAL, PIXEL, TrainConfig
from srgan_cli.training.preflight import Cost, Finding
from srgan_cli.training.run.clock import StepReport
from srgan_cli.training.run.contact_sheet import SAMPLES, SHEET
from srgan_cli.training.run.folder import LOG
from srgan_cli.training.run.loggers import EVENTS, logs_events
from srgan_cli.training.run.validation import MAX_PSNR_LOSS

_SMOOTHING = 0.98
_LEVELS = "▁▂▃▄▅▆▇█"
_BARS = 40


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
        Text(f"{len(findings)} remark{'s' if len(findings) != 1 else ''}; {rates}; {cost.hours:.2f} hours in all"),
        *([Text(f"{cost.teacher_hours:.2f} hours before that for the teacher's cache")] if cost.teacher_hours else []),
        Text(f"{cost.memory / 1e9:.2f} GB of memory, {cost.disk / 1e6:.0f} MB on the disk in {config.run.folder}"),
    )


@contextmanager
def training_view(config: TrainConfig) -> Iterator[Callable[[StepReport], None]]:
    """A function to call with each report: it updates a table on a terminal, and prints lines in a pipe."""
    if not console.stderr.is_terminal:
        yield _LineView(config)
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
    """Prints a line at the start, and one after each validation."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.scores: dict[str, float] | None = None

    def __call__(self, report: StepReport) -> None:
        if self.scores is None:
            where = f"training on {report.device} in {self.config.run.folder}"
            console.info(f"{where}; discriminator: {_discriminator(self.config, report)}")
        if report.notice:
            console.warn(report.notice)
        if report.scores is not self.scores:
            self.scores = report.scores
            console.info(
                f"step {report.step} ({report.progress:.0%}, {report.phase}): {_values(report.losses)}; "
                f"held out: {_values(report.scores)}{_compared(report)}; {_rate(report.rate)} patches/s, "
                f"{_duration(report.remaining)} left"
            )


def _table(config: TrainConfig, report: StepReport, averages: dict[str, float]) -> RenderableType:
    """One quantity a line, so that the table fits a narrow terminal."""
    table = Table(box=SIMPLE_HEAD, show_header=False, title=Text(config.run.name), title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for heading, value in _rows(config, report, averages).items():
        if value:
            table.add_row(Text(heading), Text(value))
    return Group(table, ProgressBar(total=1.0, completed=report.progress))


def _rows(config: TrainConfig, report: StepReport, averages: dict[str, float]) -> dict[str, str]:
    """The quantities of the table; those without a value are empty."""
    memory = f", {report.memory / 1e9:.1f} GB of memory at most" if report.memory else ""
    scores = {
        f"{METRICS[key].label}, held out": f"{METRICS[key].format(value)} {METRICS[key].unit}".strip()
        for key, value in report.scores.items()
    }
    if "psnr" in report.scores:
        scores[f"{METRICS['psnr'].label}, held out"] += _compared(report)
    return {
        "step": f"{report.step} ({report.phase} phase)",
        "device": report.device + memory,
        "discriminator": _discriminator(config, report),
        **{f"{name} loss": f"{loss:.4f}" for name, loss in averages.items()},
        "learning rate": f"{report.learning_rate:.2e}" if report.learning_rate is not None else "",
        **scores,
        "PSNR so far": _course(report.psnr),
        "patches a second": _rate(report.rate),
        "time left": _duration(report.remaining),
        "run folder": str(config.run.folder),
        **_files(config),
        f"{config.run.name}-best": _best(report),
    }


def _values(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())


def _compared(report: StepReport) -> str:
    """What the held-out PSNR is to be compared with, in parentheses."""
    known = {"best": max(report.psnr), "start": report.psnr[0]} if report.psnr else {}
    if report.bicubic is not None:
        known["bicubic"] = report.bicubic
    return f" ({', '.join(f'{name} {value:.2f}' for name, value in known.items())})" if known else ""


def _discriminator(config: TrainConfig, report: StepReport) -> str:
    """When the discriminator joins, or that it has joined."""
    joins = config.phase_ends[PIXEL]
    if joins >= 1 or not config.loss.needs_discriminator:
        return "does not join"
    if report.phase == ADVERSARIAL:
        return "trains"
    seconds = report.remaining * (joins - report.progress) / max(1 - report.progress, 1e-9)
    return f"joins at {joins:.0%}, in {_duration(max(seconds, 0))}"


def _files(config: TrainConfig) -> dict[str, str]:
    """Where to look at pictures and curves."""
    folder = config.run.folder
    programs = {"trackio": f"trackio show --project {config.run.name}"}
    if logs_events(config.run.log, folder):
        programs[config.run.log] = f"tensorboard --logdir {folder / EVENTS}"
    curves = [str(folder / LOG), *([programs[config.run.log]] if config.run.log in programs else [])]
    return {"samples": str(folder / SAMPLES / SHEET), "curves": "; ".join(curves)}


def _best(report: StepReport) -> str:
    """What the weights of the best validation are best at."""
    if report.best is None:
        return ""
    metric, value = METRICS[report.best[0]], report.best[1]
    lost = f"a PSNR at most {MAX_PSNR_LOSS} dB below that without discriminator"
    return f"{metric.label} {metric.format(value)}, the best so far with {lost}"


def _course(values: Sequence[float]) -> str:
    """The last values as bars, and what the lowest and the highest bar stand for."""
    shown = values[-_BARS:]
    return f"{sparkline(shown)} {min(shown):.2f} to {max(shown):.2f}" if shown else ""


def sparkline(values: Sequence[float]) -> str:
    """The values as bars, from the lowest to the highest of them."""
    low, high = min(values, default=0), max(values, default=0)
    steps = (len(_LEVELS) - 1) / (high - low) if high > low else 0
    return "".join(_LEVELS[round((value - low) * steps)] for value in values)


def _rate(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 1 else f"{rate:.1g}"


def _duration(seconds: float) -> str:
    return "?" if math.isinf(seconds) else str(timedelta(seconds=round(seconds)))
