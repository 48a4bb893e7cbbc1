"""Tests of training use small networks, which run fastest on one core."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from srgan_cli.training.config import TrainConfig


@pytest.fixture(autouse=True)
def _small_networks(one_core: None) -> None:
    """Every test here runs on one core."""


@pytest.fixture
def small_run(tmp_path: Path) -> Callable[..., TrainConfig]:
    """Makes the settings of a run on a folder that takes seconds, with further settings."""

    def make(data: Path, **settings: Any) -> TrainConfig:
        network = {"scale": 2, "channels": 8, "blocks": 1, "discriminator_channels": 4}
        length = {"seconds": None, "steps": 20, "batch": 2, "patch": 8}
        run = {"data": data, "run": tmp_path / "run", "device": "cpu"}
        return TrainConfig.from_settings(**run | network | length | settings)

    return make
