"""Options of srgan train that others replace."""

from collections.abc import Callable
from pathlib import Path

from support import Outcome


def test_a_recipe_with_a_former_key_says_its_current_name(srgan: Callable[..., Outcome], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("average = 0.9\n")
    outcome = srgan("train", "--config", recipe)
    assert f"average is now ema_decay, in {recipe}" in outcome.err.replace("\n", " ")


def test_settings_that_initial_weights_replace_are_named(
    srgan: Callable[..., Outcome], smooth_pictures: Path, tmp_path: Path
) -> None:
    shape = ("--generator", "swinir", "--channels", 48, "--blocks", 3)
    outcome = srgan(
        *("train", "--check", smooth_pictures, "--run", tmp_path / "run", "--init-from", "srgan-x4", *shape),
        *("--patch", 8, "--batch", 1, "--steps", 1, "--device", "cpu"),
    )
    assert outcome.err.startswith(
        "srgan: generator swinir is left out: srgan-x4 has compact\nsrgan: blocks 3 is left out: srgan-x4 has 16\n"
    )
