"""Tables of scores on the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from srgan_cli.cli.console import natural_width, show, width
from srgan_cli.scoring.report.summary import Report
from srgan_cli.scoring.report.text import Cell, Grid, report_grids, report_notes, sets_grid

_GAP = 3  # columns of the terminal between two columns of a table
_LEAST_NAME = 10  # the width that is left to names beside a wide column


def show_report(report: Report) -> None:
    """Print the tables of scores on stdout, the best of a column in bold, and the protocol below."""
    tables = [table for grid in report_grids(report) for table in _tables(grid)]
    show(*tables, *map(Text, [*report_notes(report), f"protocol: {report.protocol}"]))


def show_sets(reports: Mapping[str, Report]) -> None:
    """Print one table of several data sets on stdout, and the protocol below."""
    show(*_tables(sets_grid(reports)), Text(f"protocol: {next(iter(reports.values())).protocol}"))


def _tables(grid: Grid) -> Iterator[Table]:
    """The table; on a narrow terminal several with the first column, below each other, that do not split groups."""
    widths, room = [_least_width(grid, number) for number in range(len(grid.headings))], width() - 1
    numbers = range(1, len(widths))
    runs = [list(run) for _, run in groupby(numbers, lambda number: grid.groups[number] if grid.groups else number)]
    widest = max((sum(widths[number] for number in run) for run in runs), default=0)
    widths[0] = min(widths[0], max(room - widest, _LEAST_NAME))
    chosen = [0]
    for run in runs:
        if len(chosen) > 1 and sum(widths[number] for number in (*chosen, *run)) > room:
            yield _table(grid, chosen, widths)
            chosen = [0]
        chosen += run
    yield _table(grid, chosen, widths)


def _least_width(grid: Grid, number: int) -> int:
    """The width of a column whose headings break at blanks, and whose intervals stand below their values."""
    parts = [part for row in grid.rows for part in (row[number].text, row[number].detail.strip())]
    parts += grid.footer[number : number + 1]
    parts += (*grid.headings[number].split(), *(grid.groups[number].split() if grid.groups else ()))
    return max(map(cell_len, parts)) + _GAP


def _table(grid: Grid, numbers: Sequence[int], widths: Sequence[int]) -> Table:
    """The columns of these numbers, with these widths if the terminal is too narrow for better ones."""
    table = _drawn(grid, numbers, " ")
    if natural_width(table) > width():
        table = _drawn(grid, numbers, "\n")
        for number, column in zip(numbers, table.columns, strict=True):
            column.width = widths[number] - _GAP
    return table


def _drawn(grid: Grid, numbers: Sequence[int], between: str) -> Table:
    table = Table(box=SIMPLE_HEAD, show_footer=bool(grid.footer))
    for number in numbers:
        footer = Text(grid.footer[number]) if grid.footer else ""
        heading = Text((f"{grid.groups[number]}\n" if grid.groups else "") + grid.headings[number])
        table.add_column(heading, footer, justify="right" if number else "left", overflow="fold")
    for row in grid.rows:
        table.add_row(*(_text(row[number], between) for number in numbers))
    return table


def _text(cell: Cell, between: str) -> Text:
    detail = between + cell.detail.strip() if cell.detail else ""
    return Text.assemble((cell.text, "bold" if cell.best else ""), detail)
