"""What a person sees: bars and tables.  Everything on stderr but results; no bars in a pipe."""

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich import progress as bars
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from srgan_cli.errors import OutputClosed
from srgan_cli.system.progress import Progress

if TYPE_CHECKING:
    from srgan_cli.scoring.report.report import Report
    from srgan_cli.scoring.report.text import Grid
    from srgan_cli.training.config import TrainConfig
    from srgan_cli.training.preflight import Cost, Finding
    from srgan_cli.training.trainer import StepReport
    from srgan_cli.weights.registry import ModelInfo

_stderr = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
PIPE_WIDTH = 1000


def info(text: str) -> None:
    """A line for the person at the terminal."""
    _stderr.print(text)


def warn(text: str) -> None:
    """A line about something that went wrong without stopping the work."""
    _stderr.print(f"srgan: {text}", style="yellow")


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """A bar on a terminal, nothing in a pipe; call it with what is done and what there is in all."""
    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=_stderr, transient=True, disable=not _stderr.is_terminal) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def show_report(report: "Report") -> None:
    """Print the tables of scores on stdout, the best of a column in bold, and the protocol under them."""
    from srgan_cli.scoring.report.text import report_grids, report_notes

    lines = [*report_notes(report), f"protocol: {report.protocol}"]
    _show(*map(_table, report_grids(report)), *map(Text, lines))


def _show(*results: RenderableType) -> None:
    """Draw on stdout; in a pipe there is room for long lines.  Raises OutputClosed as write_text does."""
    screen = Console(highlight=False)
    if not screen.is_terminal:
        screen = Console(highlight=False, width=PIPE_WIDTH)
    with screen.capture() as drawn:
        for result in results:
            screen.print(result, soft_wrap=isinstance(result, Text))
    write_text(drawn.get())


def write_record(record: dict[str, Any]) -> None:
    """A line of JSON on stdout, at once."""
    write_line(json.dumps(record))


def write_line(text: object) -> None:
    """A line on stdout as it stands, at once.  Raises OutputClosed when nobody reads it any more."""
    write_text(f"{text}\n")


def write_text(text: str) -> None:
    """Write to stdout at once, without formatting. Raises OutputClosed if nobody reads it any more."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise OutputClosed from error


def _table(grid: "Grid") -> Table:
    """The first column is left-aligned; on a narrow terminal intervals go to the next line."""
    table = Table(box=SIMPLE_HEAD, show_footer=bool(grid.footer))
    for number, heading in enumerate(grid.headings):
        footer = Text(grid.footer[number]) if grid.footer else ""
        table.add_column(Text(heading), footer, justify="right" if number else "left", no_wrap=not number)
    for row in grid.rows:
        table.add_row(*(Text(cell.text, style="bold" if cell.best else "") for cell in row))
    return table


def print_models(entries: "list[ModelInfo]") -> None:
    """Weights as a table on stdout."""
    table = Table(box=SIMPLE_HEAD)
    for heading in ("model", "scale", "network", "MB", "licence", "PSNR / SSIM"):
        table.add_column(heading, justify="right" if heading in ("scale", "MB") else "left", overflow="fold")
    for entry in entries:
        size = f"{entry.path.stat().st_size / 1e6:.1f}"
        known = (f"x{entry.card.scale}", entry.card.architecture) if entry.card else ("?", "?")
        last = _format_scores(entry.card.scores) if entry.card else entry.reason
        table.add_row(*(Text(cell) for cell in (entry.name, *known, size, entry.licence or "unknown", last)))
    _show(table)


def _format_scores(scores: dict[str, Any]) -> str:
    rows = {name: row for name, row in scores.items() if isinstance(row, dict) and {"psnr", "ssim"} <= row.keys()}
    return ", ".join(f"{name} {row['psnr']:.2f} / {row['ssim']:.4f}" for name, row in rows.items())


def show_check(findings: "list[Finding]", cost: "Cost", config: "TrainConfig") -> None:
    """What is remarkable about the pictures and what the run would take, on stdout."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("picture", no_wrap=True)
    table.add_column("remark")
    for finding in findings:
        table.add_row(Text(finding.name), Text(finding.remark))
    rates = ", ".join(f"{rate:.2f} steps a second ({phase} phase)" for phase, rate in cost.rates.items())
    _show(
        *([table] if findings else []),
        Text(f"{len(findings)} remarks; {rates}; {cost.hours:.2f} hours in all"),
        Text(f"{cost.memory / 1e9:.2f} GB of memory, {cost.disk / 1e6:.0f} MB on the disk in {config.run}"),
    )


@contextmanager
def training_view(config: "TrainConfig") -> Iterator[Callable[["StepReport"], None]]:
    """How a run goes: a live table on a terminal, a line for every validation in a pipe; call it with each report."""
    if not _stderr.is_terminal:
        yield _PlainView()
        return
    with Live(console=_stderr, refresh_per_second=4) as live:
        averages: dict[str, float] = {}

        def show(report: "StepReport") -> None:
            for name, loss in report.losses.items():
                averages[name] = averages.get(name, loss) * 0.98 + loss * 0.02
            live.update(_training_table(config, report, averages))
            if report.notice:
                warn(report.notice)

        yield show


class _PlainView:
    """Says a line whenever the scores have changed."""

    def __init__(self) -> None:
        self.scores: dict[str, float] = {}

    def __call__(self, report: "StepReport") -> None:
        if report.notice:
            warn(report.notice)
        if report.scores is not self.scores:
            self.scores = report.scores
            parts = [f"{name} {value:.4g}" for name, value in {**report.losses, **report.scores}.items()]
            info(
                f"step {report.step} ({report.progress:.0%}, {report.phase}): {', '.join(parts)}, "
                f"{report.rate:.0f} patches/s, {_duration(report.remaining)} left"
            )


def _training_table(config: "TrainConfig", report: "StepReport", averages: dict[str, float]) -> RenderableType:
    """One line a quantity, so that it fits a narrow terminal."""
    from srgan_cli.metrics import METRICS

    table = Table(box=SIMPLE_HEAD, show_header=False, title=Text(config.name), title_justify="left")
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
