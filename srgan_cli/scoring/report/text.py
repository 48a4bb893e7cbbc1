"""A report as text: JSON, CSV, Markdown, LaTeX, and the grids that tables are drawn from."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import StringIO
from math import isfinite
from typing import Any

from srgan_cli.errors import UsageError
from srgan_cli.metrics import metric_of
from srgan_cli.scoring.protocol import RANGE, Protocol
from srgan_cli.scoring.report.bootstrap import Interval
from srgan_cli.scoring.report.report import Difference, Report, Score, Summary


@dataclass(frozen=True)
class Cell:
    """A table's cell; best: its value is the best of its column."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Grid:
    """A table: headings, rows, and what stands under them, which may be nothing."""

    headings: list[str]
    rows: list[list[Cell]]
    footer: list[str]


def main_grid(report: Report) -> Grid:
    """A row a picture and the means under them; of several methods, a row a method with its means and intervals."""
    return _methods_grid(report) if len(report.methods) > 1 else _pictures_grid(report)


def differences_grid(report: Report) -> Grid:
    """A row for every two methods: by how much the first one's means exceed the second's, with intervals."""
    metrics = report.protocol.of_pictures
    rows = [
        [
            Cell(f"{d.first} − {d.second}"),
            Cell(str(d.count)),
            *(Cell(_with_interval(name, d, "+")) for name in metrics),
        ]
        for d in report.differences
    ]
    return Grid(["paired difference", "pictures", *map(heading, metrics)], rows, [])


def heading(name: str) -> str:
    """A metric's label with its unit, and an arrow that says which way is better."""
    metric = metric_of(name)
    return f"{metric.label}{f' ({metric.unit})' if metric.unit else ''} {'↑' if metric.higher_is_better else '↓'}"


def interval_line(report: Report) -> str:
    """The intervals of the first method's means in a sentence; empty when there are none."""
    known = [(name, interval) for s in report.summaries[:1] for name, interval in s.interval.items() if interval]
    parts = [f"{metric_of(name).label} {_bounds(name, interval)}" for name, interval in known]
    return f"95 % interval of the mean: {', '.join(parts)}" if parts else ""


def to_csv(report: Report) -> str:
    """A line a picture and method, with the protocol's name, border and range; what has no value stays empty."""
    metrics = report.protocol.of_pictures
    protocol = report.protocol.name, report.protocol.border, RANGE
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["picture", "method", "protocol", "border", "range", *metrics, "problem"])
    for score in report.scores:
        values = [score.values.get(name, "") for name in metrics]
        writer.writerow([score.name, score.method, *protocol, *values, score.error])
    return file.getvalue()


def to_markdown(report: Report) -> str:
    """The tables of the terminal in Markdown, and the protocol."""
    grids = [main_grid(report), *([differences_grid(report)] if len(report.methods) > 1 else [])]
    texts = ["\n".join(_markdown_lines(grid)) for grid in grids]
    notes = [line for line in (interval_line(report) if len(report.methods) == 1 else "",) if line]
    return "\n\n".join([*texts, *notes, f"Protocol: {report.protocol}."]) + "\n"


def to_latex(report: Report) -> str:
    """The main table as a tabular with booktabs' rules, the protocol as a comment above it."""
    grid = main_grid(report)
    rows = [[_latex_cell(cell) for cell in row] for row in grid.rows]
    body = [" & ".join(row) + r" \\" for row in [[_escaped(text) for text in grid.headings], *rows]]
    if grid.footer:
        body += [r"\midrule", " & ".join(map(_escaped, grid.footer)) + r" \\"]
    columns = "l" + "r" * (len(grid.headings) - 1)
    lines = [f"% protocol: {report.protocol}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule", body[0], r"\midrule"]
    return "\n".join([*lines, *body[1:], r"\bottomrule", r"\end{tabular}"]) + "\n"


def to_json(report: Report) -> str:
    """The report as a JSON object; values that are not finite are written as null."""
    return "".join(json_pieces(report.protocol, report.scores, lambda: report))


def json_pieces(protocol: Protocol, scores: Iterable[Score], finish: Callable[[], Report]) -> Iterator[str]:
    """The same JSON in pieces, a picture's while it is scored; `finish` gives the report at the end."""
    yield f'{{\n  "protocol": {_indented(protocol.describe())},\n  "pictures": ['
    separator = "\n"
    for score in scores:
        if not score.error:
            row = {"name": score.name, "method": score.method, **_finite(score.values)}
            yield f"{separator}    {json.dumps(row, ensure_ascii=False)}"
            separator = ",\n"
    report = finish()
    closing = {
        "mean": _finite(report.mean),
        "methods": [_summary(summary) for summary in report.summaries],
        "differences": [_difference(difference) for difference in report.differences],
        "problems": report.errors,
    }
    yield "\n  ],\n" + ",\n".join(f'  "{key}": {_indented(value)}' for key, value in closing.items()) + "\n}"


RENDERERS: dict[str, Callable[[Report], str]] = {
    "csv": to_csv,
    "markdown": to_markdown,
    "latex": to_latex,
    "json": to_json,
}
"""Forms of output that a pipe can take."""


def output_format(**flags: bool) -> str:
    """The form that was asked for; empty if none was.  Raises UsageError for more than one."""
    asked = [name for name, given in flags.items() if given]
    if len(asked) > 1:
        raise UsageError(f"found {' and '.join(f'--{name}' for name in asked)}", "give one of them")
    return asked[0] if asked else ""


def _pictures_grid(report: Report) -> Grid:
    metrics, means = report.protocol.metrics, report.mean
    rows = [
        [Cell(s.name), *(Cell(_number(name, s.values[name]) if name in s.values else "") for name in metrics)]
        for s in report.scores
        if not s.error
    ]
    counts = {key: f" of {count}" for s in report.summaries for key, count in s.counts.items()}
    footer = [f"{_number(name, means[name])}{counts.get(name, '')}" if name in means else "-" for name in metrics]
    return Grid(["picture", *map(heading, metrics)], rows, [f"mean of {len(rows)}", *footer])


def _methods_grid(report: Report) -> Grid:
    metrics, best = report.protocol.metrics, report.best
    rows = [
        [
            Cell(summary.method),
            Cell(str(summary.count)),
            *(Cell(_with_interval(name, summary), summary.method in best[name]) for name in metrics),
        ]
        for summary in report.summaries
    ]
    return Grid(["method", "pictures", *map(heading, metrics)], rows, [])


def _with_interval(name: str, found: Summary | Difference, sign: str = "") -> str:
    if name not in found.mean:
        return "-"
    interval = found.interval.get(name)
    counts = found.counts if isinstance(found, Summary) else {}
    seen = f" of {counts[name]}" if name in counts else ""
    return f"{_number(name, found.mean[name], sign)}{f' {_bounds(name, interval, sign)}' if interval else ''}{seen}"


def _bounds(name: str, interval: Interval, sign: str = "") -> str:
    return f"[{_number(name, interval.low, sign)}, {_number(name, interval.high, sign)}]"


def _number(name: str, value: float, sign: str = "") -> str:
    return f"{value:{sign}.{metric_of(name).decimals}f}"


def _markdown_lines(grid: Grid) -> Iterator[str]:
    def line(texts: Iterable[str]) -> str:
        return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} |"

    yield line(grid.headings)
    yield line(["---", *["---:"] * (len(grid.headings) - 1)])
    for row in grid.rows:
        yield line(f"**{cell.text}**" if cell.best else cell.text for cell in row)
    if grid.footer:
        yield line(grid.footer)


def _latex_cell(cell: Cell) -> str:
    return rf"\textbf{{{_escaped(cell.text)}}}" if cell.best else _escaped(cell.text)


def _escaped(text: str) -> str:
    """Text with the characters that mean something to LaTeX spelled out."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "−": "--"}
    special |= {character: f"\\{character}" for character in "&%$#_{}"}
    return "".join(special.get(character, character) for character in text)


def _summary(summary: Summary) -> dict[str, Any]:
    sets = {"counts": summary.counts} if summary.counts else {}
    return {"name": summary.method, **_estimate(summary), **sets}


def _difference(difference: Difference) -> dict[str, Any]:
    return {"first": difference.first, "second": difference.second, **_estimate(difference)}


def _estimate(found: Summary | Difference) -> dict[str, Any]:
    interval = {key: list(bounds) if bounds else None for key, bounds in found.interval.items()}
    return {"pictures": found.count, "mean": _finite(found.mean), "interval": interval}


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {key: value if isfinite(value) else None for key, value in values.items()}


def _indented(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n  ")
