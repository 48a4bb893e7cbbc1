"""Settings of a run."""

from pathlib import Path
from typing import Any

import pytest

from srgan_cli.errors import UsageError
from srgan_cli.training.config import TrainConfig


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
        {"generator": "nothing"},
        {"discriminator": "nothing"},
    ],
    ids=str,
)
def test_refuses_what_makes_no_sense(setting: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        TrainConfig(Path("data"), **setting)
