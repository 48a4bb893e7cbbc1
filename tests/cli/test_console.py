"""Bars on a terminal, silence in a pipe."""

import io
import re

import pytest
from rich.console import Console

from srgan_cli.cli import console
from srgan_cli.cli.score.tables import show_report
from srgan_cli.cli.train.view import training_view
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.scoring.report.report import Report, Score
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.trainer import StepReport


def step(number: int, scores: dict[str, float]) -> StepReport:
    return StepReport(number, "pixel", number / 10, {"pixel": 0.25}, scores, 99.0, 3661.0)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> io.StringIO:
    """What stderr receives; a terminal if the test says so."""
    received = io.StringIO()
    terminal = getattr(request, "param", False)
    monkeypatch.setattr(
        console,
        "stderr",
        Console(file=received, force_terminal=terminal, width=60, soft_wrap=True, markup=False, emoji=False),
    )
    return received


@pytest.mark.parametrize(("screen", "seen"), [(True, True), (False, False)], indirect=["screen"])
def test_a_bar_is_drawn_on_a_terminal_only(screen: io.StringIO, seen: bool) -> None:
    with console.progress_bar("cat.png") as advance:
        advance(1, 2)
        advance(2, 2)
    assert ("cat.png" in screen.getvalue()) == seen


def test_training_says_a_line_for_every_validation_in_a_pipe(screen: io.StringIO) -> None:
    first, second = {"psnr": 20.0}, {"psnr": 21.5}
    with training_view(TrainConfig()) as show:
        for number, scores in enumerate([first, first, second, second], 1):
            show(step(number, scores))
    lines = screen.getvalue().splitlines()
    assert [line.partition(" (")[0] for line in lines] == ["step 1", "step 3"]
    assert "psnr 21.5" in lines[1]
    assert "1:01:01 left" in lines[1]


@pytest.mark.parametrize("screen", [True], indirect=True)
def test_training_draws_a_table_on_a_terminal(screen: io.StringIO) -> None:
    with training_view(TrainConfig.from_settings(name="mine")) as show:
        show(step(7, {"psnr": 21.5, "ssim": 0.75}))
    drawn = screen.getvalue()
    assert all(
        word in drawn
        for word in ("mine", "7 (pixel phase)", "pixel loss", "0.2500", "21.50", "0.7500", "99", "1:01:01")
    )


def test_messages_with_brackets_are_not_taken_for_markup(screen: io.StringIO) -> None:
    console.info("file [red] :cat:.png")
    console.warn("file [/b].png")
    assert screen.getvalue() == "file [red] :cat:.png\nsrgan: file [/b].png\n"


def test_names_with_brackets_stay_themselves_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
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
