"""Settings of a run."""

from pathlib import Path
from typing import Any

import pytest
from support import REPOSITORY

from srgan_cli.errors import UsageError
from srgan_cli.training.config import DataFolder, TrainConfig
from srgan_cli.training.recipe import read_recipe

RECIPES = sorted((REPOSITORY / "examples/recipes").glob("*.toml"))


def test_survives_json() -> None:
    config = TrainConfig.from_settings(
        data=(DataFolder(Path("a/b")), DataFolder(Path("c"), 2.5)),
        low=(Path("d"), Path("e")),
        seconds=None,
        steps=7,
        scale=2,
    )
    assert TrainConfig.from_json(config.to_json()) == config


def test_a_folder_may_have_a_weight(tmp_path: Path) -> None:
    assert DataFolder.of("photos/") == DataFolder(Path("photos"))
    assert DataFolder.of("photos/:3") == DataFolder(Path("photos"), 3.0)
    assert DataFolder.of("C:\\photos") == DataFolder(Path("C:\\photos"))
    odd = tmp_path / "shot:2"
    odd.mkdir()
    assert DataFolder.of(str(odd)) == DataFolder(odd)
    for source in (*(DataFolder(Path("a"), weight) for weight in (0.25, 1e6, 1 / 3, 1e-7, 1e22)), DataFolder(odd)):
        assert DataFolder.of(str(source)) == source
    with pytest.raises(UsageError, match="weight 0"):
        DataFolder.of("photos:0")
    with pytest.raises(UsageError, match="weight inf"):
        DataFolder.of("photos:1e999")


def test_places_may_be_one_or_many() -> None:
    config = TrainConfig.from_json({"data": ["a", "b:2"], "low": ["c", "d"]})
    assert config.data.folders == (DataFolder(Path("a")), DataFolder(Path("b"), 2.0))
    assert config.data.low == (Path("c"), Path("d"))
    assert TrainConfig.from_json({"data": "a", "low": "c"}).data.low == (Path("c"),)
    with pytest.raises(UsageError, match="2 folders of pictures and 1 folders of partners"):
        TrainConfig.from_json({"data": ["a", "b"], "low": "c"})


def test_changes_win_over_what_was_stored() -> None:
    stored = TrainConfig.from_settings(data=Path("a"), seconds=60).to_json()
    changed = TrainConfig.from_json(stored, data=["b"], seconds=None, steps=3)
    assert changed.data.folders == (DataFolder(Path("b")),)
    assert (changed.schedule.seconds, changed.schedule.steps) == (None, 3)


@pytest.mark.parametrize(
    "setting",
    [
        {"scale": 5},
        {"degradation_learning_fraction": 0.0},
        {"unpaired": "low", "low": (Path("low"),)},
        {"cutblur_prob": 2.0},
        {"degradation": "harsh"},
        {"steps": 10},
        {"seconds": None},
        {"seconds": -1.0},
        {"pretrain_fraction": 1.5},
        {"patch": 4},
        {"batch": 0},
        {"learning_rate": -1e-3},
        {"adversarial_learning_rate": float("nan")},
        {"ema_decay": 1.0},
        {"batch": 1, "patch": 8, "scale": 2},
        {"name": "folder/name"},
        {"name": ".."},
        {"name": ""},
        {"name": "a\0b"},
        {"name": "\ud800"},
        {"name": "x" * 300},
        {"adversarial_weight": float("inf")},
        {"feature_matching_weight": -1.0},
        {"degradation_prob": 1.1},
        {"patch_growth": 0.5},
        {"validation_pictures": 0},
        {"gan_loss": "chess"},
        {"perceptual_network": "resnet"},
        {"perceptual_network": "squeezenet+resnet"},
        {"perceptual_network": "squeezenet+vgg16", "perceptual_weights": "vgg16.pth"},
        {"generator": "nothing"},
        {"discriminator": "nothing"},
    ],
    ids=str,
)
def test_refuses_what_makes_no_sense(setting: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        TrainConfig.from_settings(data=Path("data"), **setting)


@pytest.mark.parametrize("path", RECIPES, ids=[path.stem for path in RECIPES])
def test_every_recipe_of_the_examples_is_a_run(path: Path) -> None:
    TrainConfig.from_settings(data=Path("data"), **read_recipe(path))


def recipe(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_a_recipe_gives_settings_by_name(tmp_path: Path) -> None:
    settings = read_recipe(recipe(tmp_path, 'name = "mine"\nsteps = 7\nlearning_rate = 1\nbatch_norm = true\n'))
    assert settings == {"name": "mine", "steps": 7, "seconds": None, "learning_rate": 1, "batch_norm": True}
    assert TrainConfig.from_settings(data=Path("data"), **settings).schedule.steps == 7


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("learning_rat = 1e-3", "unknown setting 'learning_rat'", "did you mean learning_rate?"),
        ("zzz = 1", "unknown setting 'zzz'", "known settings: scale, name, seed, device, seconds"),
        ('run = "x"', "unknown setting 'run'", ""),
        ("data = [1]", r"data is \[1\] .*, expected a text or a list of texts", ""),
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


@pytest.mark.parametrize("text", ["7", "[]", "null", '"batch"', "[" * 100_000])
def test_json_without_settings_is_one_clear_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"does not hold settings|cannot read"):
        read_recipe(path)


def test_a_missing_recipe_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_recipe(tmp_path / "none.toml")
