"""The progress of training: a table on a terminal, lines in a pipe."""

import io

import pytest

from srgan_cli.cli.train.view import _rate, sparkline, training_view
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.run.clock import StepReport


def step(number: int, scores: dict[str, float], phase: str = "pixel", **known: object) -> StepReport:
    facts = {"device": "cpu", "memory": 2_500_000_000, "psnr": (20.0, 23.25, 21.5), "bicubic": 20.5, **known}
    return StepReport(number, phase, number / 10, {"pixel": 0.25}, scores, 0.25, 3661.0, **facts)  # type: ignore[arg-type]


def test_a_pipe_gets_a_line_at_the_start_and_one_for_every_validation(screen: io.StringIO) -> None:
    first, second = {"psnr": 20.0}, {"psnr": 21.5}
    with training_view(TrainConfig()) as show:
        for number, scores in enumerate([first, first, second, second], 1):
            show(step(number, scores))
    lines = screen.getvalue().splitlines()
    assert lines[0] == "training on cpu in run; discriminator: joins at 60%, in 0:33:54"
    assert [line.partition(" (")[0] for line in lines[1:]] == ["step 1", "step 3"]
    assert "held out: psnr 21.5 (best 23.25, start 20.00, bicubic 20.50)" in lines[2]
    assert "0.2 patches/s, 1:01:01 left" in lines[2]
    assert "\x1b" not in screen.getvalue()


def drawn(screen: io.StringIO, report: StepReport, **settings: object) -> str:
    """What the table says, without its layout."""
    with training_view(TrainConfig.from_settings(name="mine", **settings)) as show:
        show(report)
    return " ".join(screen.getvalue().split())


def test_rates_are_plain_numbers() -> None:
    assert [_rate(rate) for rate in (0.0, 0.25, 9.7, 99.0)] == ["0", "0.2", "10", "99"]


@pytest.mark.parametrize("screen", [True], indirect=True)
def test_the_table_says_where_and_how_the_run_goes(screen: io.StringIO) -> None:
    text = drawn(screen, step(7, {"psnr": 21.5, "ssim": 0.75}, learning_rate=1e-4), log="none", pretrain_fraction=0.9)
    for words in (
        *("mine", "7 (pixel phase)", "pixel loss", "0.2500", "a second 0.2 time", "1:01:01", "run folder"),
        *("device cpu, 2.5 GB of memory at most", "discriminator joins at 90%, in 0:40:41", "learning rate 1.00e-04"),
        *("PSNR, held out 21.50 dB (best", "SSIM, held out 0.7500"),
        *("PSNR so far ▁█▄ 20.00 to 23.25", "samples run/samples/sheet.png", "curves run/metrics.jsonl"),
    ):
        assert words in text
    assert "tensorboard" not in text
    assert "mine-best" not in text


@pytest.mark.parametrize("screen", [True], indirect=True)
def test_the_adversarial_phase_explains_its_best_weights(screen: io.StringIO) -> None:
    text = drawn(screen, step(9, {"psnr": 21.5}, "adversarial", best=("lpips", 0.125)), log="trackio")
    assert "discriminator trains" in text
    assert "mine-best LPIPS 0.125" in text
    assert "trackio show --project mine" in text


@pytest.mark.parametrize("screen", [True], indirect=True)
def test_a_run_of_the_pixel_phase_alone_says_so(screen: io.StringIO) -> None:
    assert "discriminator does not join" in drawn(screen, step(1, {}, psnr=(), bicubic=None), pretrain_fraction=1.0)


def test_a_sparkline_shows_values_between_their_extremes() -> None:
    assert sparkline([1, 2, 3]) == "▁▅█"
    assert sparkline([5, 5]) == "▁▁"
    assert sparkline([]) == ""
    assert sparkline([*range(8)]) == "▁▂▃▄▅▆▇█"
