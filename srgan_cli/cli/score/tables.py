"""Tables of scores on the terminal."""

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from srgan_cli.cli.console import show
from srgan_cli.scoring.report.summary import Report
from srgan_cli.scoring.report.text import Grid, report_grids, report_notes, sets_grid


def show_report(report: Report) -> None:
    """Print the tables of scores on stdout, the best of a column in bold, and the protocol below."""
    show(*map(_table, report_grids(report)), *map(Text, [*report_notes(report), f"protocol: {report.protocol}"]))


def show_sets(reports: Mapping[str, Report]) -> None:
    """Print one table of several data sets on stdout, and the protocol below."""
    show(_table(sets_grid(reports)), Text(f"protocol: {next(iter(reports.values())).protocol}"))


def _table(grid: Grid) -> Table:
    """The first column is left-aligned and never wrapped; on a narrow terminal intervals go to the next line."""
    table = Table(box=SIMPLE_HEAD, show_footer=bool(grid.footer))
    for number, heading in enumerate(grid.headings):
        footer = Text(grid.footer[number]) if grid.footer else ""
        above = f"{grid.groups[number]}\n" if grid.groups else ""
        table.add_column(Text(above + heading), footer, justify="right" if number else "left", no_wrap=not number)
    for row in grid.rows:
        table.add_row(*(Text.assemble((cell.text, "bold" if cell.best else ""), cell.detail) for cell in row))
    return table
