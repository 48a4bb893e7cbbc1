"""Settings of a run."""

from pathlib import Path
from typing import Any

import pytest

from srgan_cli.errors import UsageError
from srgan_cli.training.config import TrainConfig, read_recipe

RECIPES = sorted((Path(__file__).parents[1] / "examples/recipes").glob("*.toml"))


def test_survives_json() -> None:
    config = TrainConfig(Path("a/b"), seconds=None, steps=7, scale=2)
    assert TrainConfig.from_json(config.to_json()) == config


def test_changes_win_over_what_was_stored() -> None:
    stored = TrainConfig(Path("a"), seconds=60).to_json()
    changed = TrainConfig.from_json(stored, data=Path("b"), seconds=None, steps=3)
    assert (changed.data, changed.seconds, changed.steps) == (Path("b"), None, 3)


@pytest.mark.parametrize(
    "setting",
    [
        {"scale": 5},
        {"steps": 10},
        {"seconds": None},
        {"seconds": -1.0},
        {"pixel_share": 1.5},
        {"patch": 4},
        {"batch": 0},
        {"average": 1.0},
        {"batch": 1, "patch": 8, "scale": 2},
        {"name": "folder/name"},
        {"adversarial_weight": float("inf")},
        {"matching_weight": -1.0},
        {"degraded_share": 1.1},
        {"patch_growth": 0.5},
        {"game": "chess"},
        {"perceptual_network": "resnet"},
        {"generator": "nothing"},
        {"discriminator": "nothing"},
    ],
    ids=str,
)
def test_refuses_what_makes_no_sense(setting: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        TrainConfig(Path("data"), **setting)


@pytest.mark.parametrize("path", RECIPES, ids=[path.stem for path in RECIPES])
def test_every_recipe_of_the_examples_is_a_run(path: Path) -> None:
    TrainConfig(Path("data"), **read_recipe(path))


def recipe(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_a_recipe_gives_settings_by_name(tmp_path: Path) -> None:
    settings = read_recipe(recipe(tmp_path, 'name = "mine"\nsteps = 7\nlearning_rate = 1\nbatch_norm = true\n'))
    assert settings == {"name": "mine", "steps": 7, "seconds": None, "learning_rate": 1, "batch_norm": True}
    assert TrainConfig(Path("data"), **settings).steps == 7


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("learning_rat = 1e-3", "unknown setting 'learning_rat'", "did you mean learning_rate?"),
        ("zzz = 1", "unknown setting 'zzz'", "there is: name, scale"),
        ('data = "x"', "unknown setting 'data'", ""),
        ('batch = "many"', "batch is 'many'", ""),
        ("batch = 1.5", "batch is 1.5 .*, expected a whole number", ""),
        ("steps = true", "steps is True", ""),
        ("batch =", "cannot read", ""),
    ],
)
def test_a_mistake_in_a_recipe_is_one_clear_line(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        read_recipe(recipe(tmp_path, text))
    assert hint in raised.value.hint


def test_a_missing_recipe_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_recipe(tmp_path / "none.toml")
