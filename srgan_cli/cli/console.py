"""Output to the terminal: lines, progress bars and tables.  Results go to stdout, everything else to stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from rich import progress as bars
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.text import Text

from srgan_cli.cli.stdio import translate_stdout_errors
from srgan_cli.errors import OutputClosed, printable
from srgan_cli.system.progress import Progress

PIPE_WIDTH = 1000  # columns of a table that is not printed on a terminal
is_quiet = False  # whether warnings alone are printed on stderr


class Screen(Console):
    """A terminal or a pipe.  Printing raises OutputClosed when its reader has closed it."""

    def on_broken_pipe(self) -> None:
        """Raise OutputClosed, where rich would end the program with 1."""
        raise OutputClosed("")


stderr = Screen(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def info(text: str, *, always: bool = False) -> None:
    """Print a line on stderr, with `always` also where warnings alone are printed."""
    if always or not is_quiet:
        stderr.print(printable(text))


def warn(text: str) -> None:
    """Print a warning on stderr: a problem that does not stop the work."""
    stderr.print(f"srgan: {printable(text)}", style="yellow")


@contextmanager
def progress_bar(label: str, *, then: str = "") -> Iterator[Progress]:
    """A progress bar on a terminal; nothing in a pipe.  `then` is the label when everything is computed."""
    with _bar(bars.TaskProgressColumn()) as progress:
        yield partial(_update, progress, progress.add_task(label, total=None), label, then)


@contextmanager
def frames_bar(label: str, frames: int) -> Iterator[Progress]:
    """A progress bar that shows frames and frames a second; the amounts that it is given may have any unit."""
    with _bar(bars.MofNCompleteColumn(), _FrameRate()) as progress:
        task = progress.add_task(label, total=frames)
        yield lambda done, total: progress.update(task, completed=done * frames // total)


def _update(progress: bars.Progress, task: bars.TaskID, label: str, then: str, done: int, total: int) -> None:
    """Show an amount, or at the end `then`, which takes an unknown time."""
    if done < total or not then:
        progress.update(task, completed=done, total=total, description=label)
    else:
        progress.update(task, total=None, description=f"{label}: {then}")


def _bar(*columns: bars.ProgressColumn) -> bars.Progress:
    return bars.Progress(
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        *columns,
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(),
        console=stderr,
        transient=True,
        disable=is_quiet or not stderr.is_terminal,
    )


class _FrameRate(bars.ProgressColumn):
    def render(self, task: bars.Task) -> Text:
        """The rate of the last moments."""
        return Text("" if task.speed is None else f"{task.speed:.1f} frames/s")


def width() -> int:
    """Columns of the terminal, or those of a table in a pipe."""
    screen = Screen()
    return screen.width if screen.is_terminal else PIPE_WIDTH


def natural_width(drawing: RenderableType) -> int:
    """The columns that a drawing takes where it is not wrapped."""
    screen = Screen(width=PIPE_WIDTH)
    return Measurement.get(screen, screen.options, drawing).maximum


def show(*results: RenderableType) -> None:
    """Draw tables and text on stdout; outside a terminal lines are not wrapped.  Raises OutputClosed."""
    screen = Screen(highlight=False, width=width())
    with translate_stdout_errors(), screen.capture() as drawn:  # it flushes the stream, too
        for result in results:
            screen.print(result, soft_wrap=isinstance(result, Text) and not screen.is_terminal)
    write_text(drawn.get())


def write_line(text: object) -> None:
    """Print a line on stdout, unchanged and unbuffered.  Raises OutputClosed."""
    write_text(f"{text}\n")


def write_text(text: str) -> None:
    """Print text on stdout, unchanged and unbuffered.  Raises OutputClosed when its reader has closed it."""
    with translate_stdout_errors():
        sys.stdout.write(text)
        sys.stdout.flush()
