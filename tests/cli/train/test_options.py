"""Options of srgan train: former names, and those that initial weights replace."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support import Outcome


@pytest.mark.parametrize(
    ("former", "value", "current"),
    [("--game", "hinge", "--gan-loss"), ("--pixel-share", "0.5", "--pretrain-fraction")],
)
def test_a_former_option_is_accepted_and_says_its_current_name(
    srgan: Callable[..., Outcome], former: str, value: str, current: str
) -> None:
    outcome = srgan("train", former, value)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines()[:2] == [
        f"srgan: {former} is now {current}",
        "srgan: no pictures to train on",
    ]
    assert former not in srgan("train", "--help").out


def test_a_former_option_sets_its_current_setting(srgan: Callable[..., Outcome], tmp_path: Path) -> None:
    outcome = srgan("train", tmp_path, "--game", "chess")
    assert outcome.code == 2
    assert "gan_loss is 'chess'" in outcome.err


def test_a_recipe_with_a_former_key_says_its_current_name(srgan: Callable[..., Outcome], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("average = 0.9\n")
    outcome = srgan("train", "--config", recipe)
    assert f"average is now ema_decay, in {recipe}" in outcome.err.replace("\n", " ")


def test_one_process_of_torchrun_says_the_current_name(
    srgan: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert srgan("train", "--game", "hinge").err.splitlines()[0] == "srgan: no pictures to train on"


def test_settings_that_initial_weights_replace_are_named(
    srgan: Callable[..., Outcome], smooth_pictures: Path, tmp_path: Path
) -> None:
    shape = ("--generator", "swinir", "--channels", 48, "--blocks", 3, "--batch-norm")
    outcome = srgan(
        *("train", "--check", smooth_pictures, "--run", tmp_path / "run", "--init-from", "srgan-x4", *shape),
        *("--patch", 8, "--batch", 1, "--steps", 1, "--device", "cpu"),
    )
    assert outcome.err.startswith(
        "srgan: generator swinir is left out: srgan-x4 has compact\nsrgan: blocks 3 is left out: srgan-x4 has 16\n"
        "srgan: batch_norm True is left out: compact does not take it\n"
    )
