"""Reports as text, parsed by other programs."""

import csv
import json
import re
from dataclasses import replace
from math import inf

import pytest

from srgan_cli.errors import UsageError
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.scoring.report import bootstrap
from srgan_cli.scoring.report.summary import Report, Score
from srgan_cli.scoring.report.text import (
    JsonStream,
    output_format,
    report_grids,
    to_csv,
    to_json,
    to_latex,
    to_markdown,
)


def strict_json(text: str) -> dict[str, list[dict[str, object]]]:
    """JSON read by a parser that refuses Infinity and NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    content: dict[str, list[dict[str, object]]] = json.loads(text, parse_constant=refuse)
    return content


@pytest.fixture(autouse=True)
def _intervals_of_two_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the reports of these tests are short."""
    monkeypatch.setattr(bootstrap, "MIN_ROWS", 2)


@pytest.fixture
def one() -> Report:
    scores = [Score("a", {"psnr": 20.0, "sqd": 0.25}, method="m"), Score("b", {"psnr": 30.0, "sqd": 0.75}, method="m")]
    return Report(
        Protocol(channels="rgb", border=2, metrics=("psnr", "sqd")),
        [*scores, Score("c", {}, error="is damaged", method="m")],
        ["d"],
        [],
    )


@pytest.fixture
def two() -> Report:
    values = {"good_one": (30.0, 32.0), "bad|one": (20.0, 21.0)}
    scores = [
        Score(name, {"psnr": row[index], "sqd": 1 / row[index]}, method=method)
        for index, name in enumerate("ab")
        for method, row in values.items()
    ]
    return Report(Protocol(channels="rgb", border=2, metrics=("psnr", "sqd")), scores, [], [])


def test_json_contains_protocol_means_and_pictures(one: Report) -> None:
    content = strict_json(to_json(one))
    assert content["protocol"] == one.protocol.to_json() | {"metrics": ["psnr", "sqd"]}
    assert content["mean"] == {"psnr": 25, "sqd": 0.5}
    assert content["pictures"] == [
        {"name": "a", "method": "m", "psnr": 20, "sqd": 0.25, "range": [0, 1]},
        {"name": "b", "method": "m", "psnr": 30, "sqd": 0.75, "range": [0, 1]},
    ]
    assert content["problems"] == ["c: is damaged", "d: only among the references"]
    assert content["methods"][0]["interval"] == {"psnr": [20, 30], "sqd": [0.25, 0.75]}


def test_values_that_are_not_finite_are_null_in_json() -> None:
    content = strict_json(to_json(Report(Protocol(metrics=("psnr",)), [Score("a", {"psnr": inf})], [], [])))
    assert content["pictures"][0]["psnr"] is None
    assert content["mean"] == {"psnr": None}


def test_json_without_any_score_is_valid() -> None:
    assert strict_json(to_json(Report(Protocol(), [], [], [])))["pictures"] == []


def test_json_of_several_methods_contains_their_differences(two: Report) -> None:
    content = strict_json(to_json(two))
    assert [method["name"] for method in content["methods"]] == ["good_one", "bad|one"]
    (difference,) = content["differences"]
    assert difference["first"] == "good_one"
    assert difference["mean"]["psnr"] == 10.5  # type: ignore[index]


def test_json_of_a_picture_is_written_as_soon_as_it_is_scored(one: Report) -> None:
    written: list[str] = []
    stream = JsonStream(one.protocol, written.append)
    assert written[-1].endswith('"pictures": [')
    for score in one.scores:
        stream.add(score)
        assert score.error or f'"name": "{score.name}"' in written[-1]
    stream.close(one)
    assert "".join(written) == to_json(one)


def test_csv_has_a_line_per_picture_and_method(one: Report) -> None:
    rows = list(csv.DictReader(to_csv(one).splitlines()))
    assert [row["picture"] for row in rows] == ["a", "b", "c"]
    assert rows[0] == {
        **{
            "picture": "a",
            "method": "m",
            "protocol": "rgb",
            "border": "2",
            "range": "0…1",
            "psnr": "20.0",
            "sqd": "0.25",
        },
        "problem": "",
    }
    assert rows[2]["psnr"] == ""
    assert rows[2]["problem"] == "is damaged"


def test_markdown_marks_the_best_and_escapes_bars(two: Report) -> None:
    lines = to_markdown(two).splitlines()
    assert lines[0] == "| method | pictures | PSNR (dB) ↑ | SQD ↓ |"
    assert lines[2].startswith("| good_one | 2 | **31.00** [30.00, 32.00] | **0.0323** ")
    assert lines[3].startswith("| bad\\|one | 2 | 20.50 [20.00, 21.00] |")
    assert lines[-1] == f"Protocol: {two.protocol}."
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 5 for line in lines[:4])


def test_names_are_printed_in_one_line_without_control_characters(one: Report) -> None:
    odd = replace(one, scores=[replace(score, name="a\n\x1b[31mb") for score in one.scores])
    for text in (to_markdown(odd), to_latex(odd)):
        assert "a \\x1b[31mb " in text.replace("\\textbackslash{}", "\\")


def test_markdown_of_one_method_has_a_row_per_picture(one: Report) -> None:
    lines = to_markdown(one).splitlines()
    assert lines[2:5] == ["| a | 20.00 | 0.2500 |", "| b | 30.00 | 0.7500 |", "| mean of 2 | 25.00 | 0.5000 |"]
    assert "95 % interval of the mean: PSNR [20.00, 30.00], SQD [0.2500, 0.7500]" in lines


def test_latex_escapes_special_characters(two: Report) -> None:
    text = to_latex(two)
    assert r"good\_one & 2 & \textbf{31.00} [30.00, 32.00]" in text
    assert r"PSNR (dB) $\uparrow$" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") for line in rows} == {3}
    assert text.count("\\begin") == text.count("\\end") == 1


def test_differences_are_printed_with_their_sign(two: Report) -> None:
    (row,) = report_grids(two)[1].rows
    assert [cell.text + cell.detail for cell in row[:3]] == ["good_one − bad|one", "2", "+10.50 [+10.00, +11.00]"]


def test_metrics_of_sets_are_printed_with_the_number_of_pictures() -> None:
    scores = [Score("a", {}, method=name) for name in ("m", "n")]
    set_scores = {"m": {"kid": (0.125, 640)}, "n": {}}
    report = Report(Protocol(metrics=("kid",)), scores, [], [], set_scores=set_scores)
    assert [[cell.text + cell.detail for cell in row][2] for row in report_grids(report)[0].rows] == [
        "0.12500 of 640",
        "-",
    ]


def test_only_one_output_format_at_a_time() -> None:
    assert output_format(json=False, csv=True) == "csv"
    assert output_format(json=False) == ""
    with pytest.raises(UsageError, match="--json and --csv exclude each other"):
        output_format(json=True, csv=True)


def test_infinite_values_are_left_out_of_the_printed_mean_and_named() -> None:
    values = {"black": inf, "b": 20.0, "c": 22.0}
    report = Report(Protocol(metrics=("psnr",)), [Score(name, {"psnr": v}) for name, v in values.items()], [], [])
    assert report_grids(report)[0].footer == ["mean of 3", "21.00 without 1 inf"]
    assert report.notes == ["PSNR is infinite for black; the mean is that of the other 2"]
    content = strict_json(to_json(report))
    assert content["mean"] == {"psnr": None}
    assert content["methods"][0]["finite_mean"] == {"psnr": 21}
    assert content["methods"][0]["infinite"] == {"psnr": ["black"]}


def test_one_perfect_picture_does_not_make_a_method_the_best() -> None:
    values = {"lucky": (inf, 20.0), "good": (30.0, 31.0)}
    scores = [Score(n, {"psnr": row[i]}, method=m) for m, row in values.items() for i, n in enumerate("ab")]
    assert Report(Protocol(metrics=("psnr",)), scores, [], []).best == {"psnr": {"good"}}


def test_conditions_of_a_comparison_are_reported() -> None:
    score = Score("a", {"psnr": 1.0}, frames=3, value_range=(-10.0, 90.5), excluded=(5, 7), notes=("was turned",))
    report = Report(Protocol(metrics=("psnr",)), [score], [], [])
    (row,) = strict_json(to_json(report))["pictures"]
    assert row["range"] == [-10, 90.5]
    assert row["frames"] == 3
    assert row["excluded"] == {"reference": 5, "candidate": 7}
    assert report.notes == [
        "a: was turned",
        "a: pixels without data are left out: 5 of the reference, 7 of the candidate",
    ]
    assert "range of values: -10…90.5" in to_markdown(report)


def test_intervals_can_be_left_out(two: Report) -> None:
    text = to_latex(replace(two, has_intervals=False))
    assert r"good\_one & 2 & \textbf{31.00} & " in text
    assert "[" not in text.partition("begin")[2]
