"""Tables of scores."""

import re

import pytest

from srgan_cli.cli.score.tables import show_report
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
