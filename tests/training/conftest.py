"""Tests of training use small networks, which run fastest on one core."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from srgan_cli.training.config import TrainConfig


@pytest.fixture(autouse=True)
def _small_networks(one_core: None) -> None:
    """Every test here runs on one core."""


@pytest.fixture(scope="session")
def small_run_in() -> Callable[..., TrainConfig]:
    """Makes the settings of a run in a folder, on a folder, that takes seconds, with further settings."""

    def make(run: Path, data: Path, **settings: Any) -> TrainConfig:
        network = {"scale": 2, "channels": 8, "blocks": 1, "discriminator_channels": 4}
        length = {"seconds": None, "steps": 20, "batch": 2, "patch": 8}
        return TrainConfig.from_settings(**{"data": data, "run": run, "device": "cpu"} | network | length | settings)

    return make


@pytest.fixture
def small_run(tmp_path: Path, small_run_in: Callable[..., TrainConfig]) -> Callable[..., TrainConfig]:
    """Makes the settings of a run on a folder, with further settings."""
    return partial(small_run_in, tmp_path / "run")
