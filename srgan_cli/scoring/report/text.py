"""Reports as text: tables, CSV, Markdown, LaTeX, and JSON that can be written while pictures are scored."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from itertools import accumulate, groupby
from math import isfinite
from typing import Any

from srgan_cli.errors import UsageError, printable
from srgan_cli.metrics import metric_of
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.scoring.report.bootstrap import Interval
from srgan_cli.scoring.report.summary import Estimate, Report, Score, Summary


@dataclass(frozen=True)
class Cell:
    """A cell of a table."""

    text: str
    best: bool = False
    """Whether its value is the best of its column."""
    detail: str = ""
    """What stands behind the value, such as its interval."""


@dataclass(frozen=True)
class Grid:
    """A table."""

    headings: list[str]
    rows: list[list[Cell]]
    footer: list[str]
    """The last row; may be empty."""
    groups: tuple[str, ...] = ()
    """What stands above each heading, such as a data set; "" for nothing."""


def report_grids(report: Report) -> list[Grid]:
    """The table of one method, a row for each picture; of several methods a row each, and their differences."""
    return [_methods_grid(report), _differences_grid(report)] if len(report.methods) > 1 else [_pictures_grid(report)]


def report_notes(report: Report) -> list[str]:
    """The lines below the tables: for one method the intervals of its means, and the range of values."""
    intervals = _interval_line(report) if len(report.methods) == 1 else ""
    return [line for line in (intervals, _range_line(report)) if line]


def to_csv(report: Report) -> str:
    """A line per picture and method, with the protocol's name, border and range; missing values are empty."""
    metrics = report.protocol.picture_metrics
    protocol = report.protocol.name, report.protocol.border
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["picture", "method", "protocol", "border", "range", *metrics, "problem"])
    for score in report.scores:
        values = [score.values.get(name, "") for name in metrics]
        writer.writerow([score.name, score.method, *protocol, _range(score.value_range), *values, score.error])
    return file.getvalue()


def to_markdown(report: Report) -> str:
    """The tables in Markdown, and the protocol."""
    tables = ["\n".join(_markdown_lines(grid)) for grid in report_grids(report)]
    return "\n\n".join([*tables, *report_notes(report), f"Protocol: {report.protocol}."]) + "\n"


def to_latex(report: Report) -> str:
    """The first table as a tabular with booktabs rules; the protocol is a comment above it."""
    return _latex(report_grids(report)[0], report.protocol)


def sets_grid(reports: Mapping[str, Report]) -> Grid:
    """One table of the means of several data sets side by side, a row for each method."""
    columns = [(printable(name), _heading(m)) for name, report in reports.items() for m in report.protocol.metrics]
    groups, headings = zip(("", "method"), *columns, strict=True)
    methods = dict.fromkeys(method for report in reports.values() for method in report.methods)
    rows = [[_named(method), *_row_of_sets(method, reports.values())] for method in methods]
    return Grid([*headings], rows, [], groups)


def _named(name: str) -> Cell:
    """The cell of a name, in one line without control characters."""
    return Cell(printable(name))


def _row_of_sets(method: str, reports: Iterable[Report]) -> Iterator[Cell]:
    for report in reports:
        summary = next((found for found in report.summaries if found.method == method), None)
        for name in report.protocol.metrics:
            yield _cell(name, summary, best=method in report.best.get(name, ())) if summary else Cell("-")


def sets_to_text(reports: Mapping[str, Report], form: str) -> str:
    """The reports of several data sets in a format of RENDERERS, or as JSON."""
    first = next(iter(reports.values()))
    if form == "json":
        sets = [{"name": name, **json.loads(to_json(report))} for name, report in reports.items()]
        return json.dumps({"sets": sets}, indent=2, ensure_ascii=False) + "\n"
    if form == "csv":
        scores = [replace(s, name=f"{name}/{s.name}") for name, report in reports.items() for s in report.scores]
        return to_csv(replace(first, scores=scores))
    grid = sets_grid(reports)
    if form == "latex":
        return _latex(grid, first.protocol)
    return "\n".join([*_markdown_lines(grid), "", f"Protocol: {first.protocol}."]) + "\n"


def _latex(grid: Grid, protocol: Protocol) -> str:
    rows = [[_latex_cell(cell) for cell in row] for row in grid.rows]
    body = [" & ".join(row) + r" \\" for row in [[_escape(text) for text in grid.headings], *rows]]
    if grid.footer:
        body += [r"\midrule", " & ".join(map(_escape, grid.footer)) + r" \\"]
    columns = "l" + "r" * (len(grid.headings) - 1)
    lines = [f"% protocol: {protocol}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *_latex_groups(grid.groups)]
    return "\n".join([*lines, body[0], r"\midrule", *body[1:], r"\bottomrule", r"\end{tabular}"]) + "\n"


def _latex_groups(groups: Sequence[str]) -> Iterator[str]:
    """A line with the names of the groups over their columns, and the rules below them."""
    spans = [(name, len(list(columns))) for name, columns in groupby(groups)]
    ends = accumulate(width for _, width in spans)
    if any(groups):
        names = [rf"\multicolumn{{{width}}}{{c}}{{{_escape(name)}}}" if name else "" for name, width in spans]
        yield " & ".join(names) + r" \\"
        places = [(end - width + 1, end) for (name, width), end in zip(spans, ends, strict=True) if name]
        yield " ".join(rf"\cmidrule(lr){{{first}-{last}}}" for first, last in places)


class JsonStream:
    """Writes a report as a JSON object, each picture as soon as it is scored. Values that are not finite are null.

    Pictures that lack a metric follow at the end, where it is known whether another picture has it: then they failed.
    """

    def __init__(self, protocol: Protocol, write: Callable[[str], object]) -> None:
        self.write, self.separator = write, "\n"
        write(f'{{\n  "protocol": {_indented(protocol.to_json())},\n  "pictures": [')

    def add(self, score: Score) -> None:
        """Write the scores of one picture by one method, unless it failed or may yet."""
        if not (score.error or score.lacking):
            row = {"name": score.name, "method": score.method, **_finite(score.values), **_conditions(score)}
            self.write(f"{self.separator}    {json.dumps(row, ensure_ascii=False)}")
            self.separator = ",\n"

    def close(self, report: Report) -> None:
        """Write the rest of the report."""
        for score in report.scores:
            if score.lacking:
                self.add(replace(score, lacking={}))
        rest = {
            "mean": _finite(report.mean),
            "methods": [{"name": s.method, **_estimate(s)} for s in report.summaries],
            "differences": [{"first": d.first, "second": d.second, **_estimate(d)} for d in report.differences],
            "problems": report.errors,
            "notes": report.notes,
        }
        self.write("\n  ],\n" + ",\n".join(f'  "{key}": {_indented(value)}' for key, value in rest.items()) + "\n}\n")


def to_json(report: Report) -> str:
    """The report as a JSON object."""
    parts: list[str] = []
    stream = JsonStream(report.protocol, parts.append)
    for score in report.scores:
        stream.add(score)
    stream.close(report)
    return "".join(parts)


RENDERERS: dict[str, Callable[[Report], str]] = {"csv": to_csv, "markdown": to_markdown, "latex": to_latex}
"""The text formats of a finished report. JSON is written by JsonStream."""


def output_format(**flags: bool) -> str:
    """The name of the flag that is set; empty if none is. Raises UsageError for more than one."""
    given = [name for name, is_set in flags.items() if is_set]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in given)} exclude each other", "use one of them")
    return given[0] if given else ""


def _pictures_grid(report: Report) -> Grid:
    metrics = report.protocol.metrics
    values = [(s.name, s.values) for s in report.scores if not s.error]
    rows = [[_named(name), *(Cell(metric_of(m).format(v[m]) if m in v else "") for m in metrics)] for name, v in values]
    summaries = report.summaries[:1]
    footer = [_cell(m, s, interval=False) for s in summaries for m in metrics] or [Cell("-") for _ in metrics]
    means = [f"mean of {len(rows)}", *(cell.text + cell.detail for cell in footer)]
    return Grid(["picture", *map(_heading, metrics)], rows, means)


def _methods_grid(report: Report) -> Grid:
    metrics, best = report.protocol.metrics, report.best
    rows = [
        [_named(s.method), Cell(str(s.count)), *(_cell(name, s, best=s.method in best[name]) for name in metrics)]
        for s in report.summaries
    ]
    return Grid(["method", "pictures", *map(_heading, metrics)], rows, [])


def _differences_grid(report: Report) -> Grid:
    metrics = report.protocol.picture_metrics
    rows = [
        [_named(f"{d.first} − {d.second}"), Cell(str(d.count)), *(_cell(name, d, sign="+") for name in metrics)]
        for d in report.differences
    ]
    return Grid(["paired difference", "pictures", *map(_heading, metrics)], rows, [])


def _heading(name: str) -> str:
    """The label of a metric with its unit, and an arrow that shows which way is better."""
    metric = metric_of(name)
    return f"{metric.label}{f' ({metric.unit})' if metric.unit else ''} {'↑' if metric.higher_is_better else '↓'}"


def _interval_line(report: Report) -> str:
    """The intervals of the first method's means; empty without intervals."""
    known = [(name, interval) for s in report.summaries[:1] for name, interval in s.interval.items() if interval]
    parts = [f"{metric_of(name).label} {_bounds(name, interval)}" for name, interval in known]
    return f"95 % interval of the mean: {', '.join(parts)}" if parts else ""


def _range_line(report: Report) -> str:
    """The range of values of all pictures, or the first and the last of several; empty if no picture was scored."""
    ranges = [_range(bounds) for bounds in report.value_ranges]
    if len(ranges) < 2:
        return "".join(f"range of values: {bounds}" for bounds in ranges)
    return f"ranges of values: {ranges[0]} to {ranges[-1]}, {len(ranges)} in all"


def _range(bounds: tuple[float, float]) -> str:
    return "{:g}…{:g}".format(*bounds)


def _cell(name: str, found: Estimate, *, best: bool = False, sign: str = "", interval: bool = True) -> Cell:
    """The mean, and behind it its interval, its number of patches, and the number of infinite values left out."""
    if name not in found.finite_mean:
        return Cell("-")
    bounds = found.interval.get(name) if interval else None
    counts = found.counts if isinstance(found, Summary) else {}
    details = [
        f" {_bounds(name, bounds, sign)}" if bounds else "",
        f" of {counts[name]}" if name in counts else "",
        f" without {len(found.infinite[name])} inf" if name in found.infinite else "",
    ]
    return Cell(metric_of(name).format(found.finite_mean[name], sign), best, "".join(details))


def _bounds(name: str, interval: Interval, sign: str = "") -> str:
    low, high = (metric_of(name).format(bound, sign) for bound in interval)
    return f"[{low}, {high}]"


def _markdown_lines(grid: Grid) -> Iterator[str]:
    def line(texts: Iterable[str]) -> str:
        return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} |"

    groups = grid.groups or [""] * len(grid.headings)
    yield line(f"{group} {heading}".strip() for group, heading in zip(groups, grid.headings, strict=True))
    yield line(["---", *["---:"] * (len(grid.headings) - 1)])
    for row in grid.rows:
        yield line((f"**{cell.text}**" if cell.best else cell.text) + cell.detail for cell in row)
    if grid.footer:
        yield line(grid.footer)


def _latex_cell(cell: Cell) -> str:
    text = _escape(cell.text)
    return (rf"\textbf{{{text}}}" if cell.best else text) + _escape(cell.detail)


def _escape(text: str) -> str:
    """Text in which the special characters of LaTeX are escaped."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "−": "--"}
    special |= {character: f"\\{character}" for character in "&%$#_{}"}
    return "".join(special.get(character, character) for character in text)


def _estimate(found: Estimate) -> dict[str, Any]:
    interval = {key: list(bounds) if bounds else None for key, bounds in found.interval.items()}
    infinite = {"finite_mean": _finite(found.finite_mean), "infinite": found.infinite} if found.infinite else {}
    counts = {"counts": found.counts} if isinstance(found, Summary) and found.counts else {}
    return {"pictures": found.count, "mean": _finite(found.mean), **infinite, "interval": interval, **counts}


def _conditions(score: Score) -> dict[str, Any]:
    """How a picture was compared: its range of values, its frames if there are several, and pixels without data."""
    frames = {"frames": score.frames} if score.frames > 1 else {}
    reference, candidate = score.excluded
    excluded = {"excluded": {"reference": reference, "candidate": candidate}} if reference or candidate else {}
    return {"range": list(score.value_range), **frames, **excluded}


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {key: value if isfinite(value) else None for key, value in values.items()}


def _indented(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n  ")
