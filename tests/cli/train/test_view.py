"""The progress of training: a table on a terminal, lines in a pipe."""

import io

import pytest

from srgan_cli.cli.train.view import training_view
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.run.report import StepReport


def step(number: int, scores: dict[str, float]) -> StepReport:
    return StepReport(number, "pixel", number / 10, {"pixel": 0.25}, scores, 99.0, 3661.0)


def test_a_line_is_printed_for_every_validation_in_a_pipe(screen: io.StringIO) -> None:
    first, second = {"psnr": 20.0}, {"psnr": 21.5}
    with training_view(TrainConfig()) as show:
        for number, scores in enumerate([first, first, second, second], 1):
            show(step(number, scores))
    lines = screen.getvalue().splitlines()
    assert [line.partition(" (")[0] for line in lines] == ["step 1", "step 3"]
    assert "psnr 21.5" in lines[1]
    assert "1:01:01 left" in lines[1]


@pytest.mark.parametrize("screen", [True], indirect=True)
def test_a_table_is_drawn_on_a_terminal(screen: io.StringIO) -> None:
    with training_view(TrainConfig.from_settings(name="mine")) as show:
        show(step(7, {"psnr": 21.5, "ssim": 0.75}))
    drawn = screen.getvalue()
    assert all(
        word in drawn
        for word in ("mine", "7 (pixel phase)", "pixel loss", "0.2500", "21.50", "0.7500", "99", "1:01:01")
    )
