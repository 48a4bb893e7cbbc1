"""Settings of a run."""

import json
import re
import subprocess
import sys
from collections.abc import Collection
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from support import REPOSITORY

from srgan_cli.errors import UsageError
from srgan_cli.networks import DISCRIMINATORS, GENERATORS
from srgan_cli.networks.backbones import BACKBONES
from srgan_cli.training import settings
from srgan_cli.training.config import SETTINGS, TrainConfig
from srgan_cli.training.data.degradations import DEGRADATIONS
from srgan_cli.training.legacy import RENAMED_SETTINGS
from srgan_cli.training.losses.adversarial import ADVERSARIAL_LOSSES
from srgan_cli.training.losses.pixel import PIXEL_LOSSES
from srgan_cli.training.optim.equivariance import GROUPS
from srgan_cli.training.optim.optimizer import OPTIMIZERS, TRAINING_DTYPES
from srgan_cli.training.optim.schedule import SCHEDULES
from srgan_cli.training.recipe import former_settings, known_settings, read_recipe
from srgan_cli.training.run.checkpoints import CHECKPOINT, read_checkpoint, serialize
from srgan_cli.training.run.initial_weights import check_start
from srgan_cli.training.schema import OneOf
from srgan_cli.training.settings import DataFolder
from srgan_cli.weights.spandrel import PREFIX

RECIPES = sorted((REPOSITORY / "examples/recipes").glob("*.toml"))


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("generator", GENERATORS),
        ("discriminator", DISCRIMINATORS),
        ("gan_loss", ADVERSARIAL_LOSSES),
        ("pixel_loss", PIXEL_LOSSES),
        ("optimizer", OPTIMIZERS),
        ("schedule", SCHEDULES),
        ("precision", TRAINING_DTYPES),
        ("degradation", ["bicubic", *DEGRADATIONS]),
        ("equivariance", ["auto", *GROUPS, "off"]),
    ],
)
def test_the_literals_of_a_setting_are_the_names_in_its_registry(key: str, registry: Collection[str]) -> None:
    accepts = SETTINGS[key].accepts
    assert isinstance(accepts, OneOf)
    assert set(accepts.choices) == set(registry)


def test_the_literals_of_backbones_and_foreign_networks_are_those_of_their_modules() -> None:
    assert set(settings.BACKBONES) == set(BACKBONES)
    assert settings.FOREIGN_PREFIX == PREFIX


def test_settings_are_imported_without_torch() -> None:
    program = "import sys, srgan_cli.training.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_settings_are_grouped_and_frozen() -> None:
    config = TrainConfig.from_settings(channels=32, discriminator_channels=8, schedule="multistep")
    assert (config.generator.channels, config.discriminator.channels) == (32, 8)
    assert config.optim.lr_schedule == "multistep"
    with pytest.raises(FrozenInstanceError):
        config.generator.channels = 8  # type: ignore[misc]


def test_some_settings_can_be_replaced() -> None:
    config = TrainConfig.from_settings(data="photos", batch=3)
    changed = config.replace(patch=32)
    assert (changed.data.patch, changed.data.batch, config.data.patch) == (32, 3, 24)
    assert changed.replace(patch=24) == config
    with pytest.raises(TypeError, match="unknown settings: patches"):
        config.replace(patches=2)


FORMER = {
    "game": "hinge",
    "pixel_share": 0.5,
    "l2_share": 0.25,
    "unpaired_share": 0.125,
    "degraded_share": 0.75,
    "colour_share": 0.375,
    "mixup_share": 0.625,
    "cutblur_share": 0.875,
    "patch_choice": 7,
    "matching_weight": 0.3,
    "average": 0.9,
    "validation": 5,
}
"""Settings by their former names, none at its default."""


def current(config: TrainConfig) -> dict[str, Any]:
    return {former: config.to_settings()[name] for former, name in RENAMED_SETTINGS.items()}


def test_a_recipe_with_former_names_loads_and_they_can_be_listed(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in FORMER.items()) + "batch = 3\n")
    assert current(TrainConfig.from_settings(**read_recipe(path))) == FORMER
    assert former_settings(path) == RENAMED_SETTINGS
    written = tmp_path / "recipe.json"
    written.write_text(json.dumps({"game": "hinge", "batch": 3}))
    assert former_settings(written) == {"game": "gan_loss"}


@pytest.mark.parametrize(
    "lines", [("game = 'hinge'", "gan_loss = 'minimax'"), ("gan_loss = 'minimax'", "game = 'hinge'")]
)
def test_a_current_name_wins_over_the_former_one(tmp_path: Path, lines: tuple[str, str]) -> None:
    (tmp_path / "recipe.toml").write_text("\n".join(lines))
    assert read_recipe(tmp_path / "recipe.toml") == {"gan_loss": "minimax"}


def test_the_settings_of_an_earlier_run_load(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(FORMER))
    assert current(TrainConfig.from_settings(**read_recipe(path))) == FORMER
    assert former_settings(path) == {}


def test_the_checkpoint_of_an_earlier_run_loads(tmp_path: Path) -> None:
    stored = {**FORMER, "data": ["photos"], "scale": 2, "no_longer_known": 1}
    (tmp_path / CHECKPOINT).write_bytes(serialize({"config": stored, "steps": 3}))
    config = TrainConfig.from_json(read_checkpoint(tmp_path)["config"])
    assert current(config) == FORMER
    assert (config.scale, config.data.folder_names) == (2, "photos")
    assert config.optim.equivariance == "off", "the run is older than equivariance"


def test_settings_survive_json() -> None:
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


def test_folders_may_be_one_or_several() -> None:
    config = TrainConfig.from_json({"data": ["a", "b:2"], "low": ["c", "d"]})
    assert config.data.folders == (DataFolder(Path("a")), DataFolder(Path("b"), 2.0))
    assert config.data.low == (Path("c"), Path("d"))
    assert TrainConfig.from_json({"data": "a", "low": "c"}).data.low == (Path("c"),)
    with pytest.raises(UsageError, match="2 folders of pictures and 1 folders of partners"):
        TrainConfig.from_json({"data": ["a", "b"], "low": "c"})


def test_changes_override_stored_settings() -> None:
    stored = TrainConfig.from_settings(data=Path("a"), seconds=60).to_json()
    changed = TrainConfig.from_json(stored, data=["b"], seconds=None, steps=3)
    assert changed.data.folders == (DataFolder(Path("b")),)
    assert (changed.schedule.seconds, changed.schedule.steps) == (None, 3)


@pytest.mark.parametrize(
    ("settings", "idle"),
    [
        ({}, []),
        ({"pretrain_fraction": 1.0, "gan_loss": "hinge", "r1_weight": 1.0}, ["gan_loss", "r1_weight"]),
        ({"pretrain_fraction": 0.0, "l2_fraction": 0.5, "gan_loss": "hinge"}, ["l2_fraction"]),
        ({"adversarial_weight": 0.0, "discriminator": "patch"}, ["discriminator"]),
        ({"discriminator": "unet", "discriminator_norm": "none"}, ["discriminator_norm"]),
        ({"cutblur_prob": 0.5, "teacher_weight": 0.5}, ["teacher_weight", "cutblur_prob"]),
        ({"cutblur_prob": 0.5, "degradation": "mild"}, []),
        ({"degradation": "real", "low": "low"}, ["low"]),
        ({"degradation": "real", "degradation_prob": 0.5, "low": "low"}, []),
    ],
    ids=str,
)
def test_settings_without_effect_beside_others_are_known(settings: dict[str, Any], idle: list[str]) -> None:
    assert [*TrainConfig.from_settings(data="data", **settings).idle_settings] == idle


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
        {"discriminator": "patch", "patch": 11, "scale": 2},
        {"perceptual_weight": 1.0, "perceptual_network": "alexnet", "patch": 15, "scale": 2},
        {"pixel_weight": 0.0},
        {"pixel_weight": 0.0, "adversarial_weight": 0.0, "pretrain_fraction": 0.0},
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
def test_a_setting_outside_its_range_is_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        TrainConfig.from_settings(data=Path("data"), **setting)


@pytest.mark.parametrize("path", RECIPES, ids=[path.stem for path in RECIPES])
def test_every_recipe_of_the_examples_is_valid(path: Path, tmp_path: Path) -> None:
    config = TrainConfig.from_settings(data=Path("data"), **{**read_recipe(path), "run": tmp_path / "run"})
    check_start(config)  # its initial weights fit its equivariance


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
        ("zzz = 1", "unknown setting 'zzz'", "known settings: scale, name, seed, device, log"),
        ('run = "x"', "unknown setting 'run'", ""),
        ("data = [1]", r"data is \[1\] .*, expected a text or a list of texts", ""),
        ('batch = "many"', "batch is 'many'", ""),
        ("batch = 1.5", "batch is 1.5 .*, expected a whole number", ""),
        ("steps = true", "steps is True", ""),
        ("game = 3", "game is 3", ""),
        ("batch =", "cannot read", ""),
    ],
)
def test_a_mistake_in_a_recipe_is_one_clear_error(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        read_recipe(recipe(tmp_path, text))
    assert hint in raised.value.hint


@pytest.mark.parametrize("text", ["7", "[]", "null", '"batch"', "[" * 100_000])
def test_json_without_settings_is_one_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"does not hold settings|cannot read"):
        read_recipe(path)


def test_a_missing_recipe_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_recipe(tmp_path / "none.toml")


def test_the_reference_lists_what_a_recipe_may_hold() -> None:
    reference = (REPOSITORY / "docs/reference.md").read_text(encoding="utf8")
    table = reference.split("\n## Settings of a run\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` ", table, re.MULTILINE) == [*known_settings()]
