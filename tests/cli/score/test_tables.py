"""Tables of scores."""

import re

import pytest

from srgan_cli.cli.score.tables import show_report, show_sets
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.scoring.report.summary import Report, Score


def test_names_with_brackets_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    scores = [Score(name, {"psnr": 1.0, "ssim": 0.5}) for name in ("x[/b]", ":cat:[red]")]
    show_report(Report(Protocol(), scores, [], []))
    printed = capsys.readouterr().out
    assert "x[/b] " in printed
    assert ":cat:[red] " in printed


def test_the_best_of_a_column_is_bold_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = [Score("a", {"psnr": value, "ssim": 0.5}, method=name) for name, value in (("m", 20.0), ("n", 21.0))]
    monkeypatch.setenv("FORCE_COLOR", "1")
    show_report(Report(Protocol(), scores, [], []))
    printed = capsys.readouterr().out
    assert re.search(r"\x1b\[1m *21\.00", printed)
    assert not re.search(r"\x1b\[1m *20\.00", printed)


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_table_wider_than_the_terminal_is_divided_and_no_value_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    values = [round(30 + number / 100, 2) for number in range(5)]
    reports = {
        f"Set{number}": Report(
            Protocol(), [Score(str(v), {"psnr": v + number, "ssim": 0.1234}) for v in values], [], []
        )
        for number in range(9)
    }
    show_sets(reports)
    lines = [
        re.sub(r"\x1b\[[0-9;]*m", "", line) for line in capsys.readouterr().out.split("protocol: ")[0].splitlines()
    ]
    assert max(map(len, lines)) <= columns
    for number in range(9):
        assert sum(f"{30.02 + number:.2f}" in line for line in lines) == 1
        assert sum(line.count(f"Set{number}") for line in lines) == 2
