"""The tables of benchmarks. This module is imported by them and has no command line."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table


def show(headings: Sequence[str], rows: Sequence[Sequence[str]], title: str, markdown: bool) -> None:
    """Print a table, as Markdown or drawn."""
    if markdown:
        lines = [headings, ["---"] * len(headings), *rows]
        print(f"{title}\n", *(f"| {' | '.join(line)} |" for line in lines), sep="\n")
        return
    table = Table(*headings, title=title)
    for cells in rows:
        table.add_row(*cells)
    Console(width=None if Console().is_terminal else 200).print(table)
