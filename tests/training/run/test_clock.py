"""Progress of a run, and the size of its patches."""

import pytest

from srgan_cli.training.config import TrainConfig
from srgan_cli.training.run import clock
from srgan_cli.training.run.clock import RunProgress, patch_and_batch


def test_progress_counts_steps_or_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock.time, "monotonic", lambda: 100.0)
    by_steps = RunProgress(TrainConfig.from_settings(seconds=None, steps=8), steps=2)
    by_time = RunProgress(TrainConfig.from_settings(seconds=60), seconds=15)
    assert by_steps.fraction == by_time.fraction == 0.25
    by_time.start()
    monkeypatch.setattr(clock.time, "monotonic", lambda: 115.0)
    assert by_time.fraction == 0.5
    assert by_time.remaining == 30
    monkeypatch.setattr(clock.time, "monotonic", lambda: 1000.0)
    assert by_time.fraction == 1


def test_patches_grow_in_four_stages_at_a_constant_number_of_pixels() -> None:
    config = TrainConfig.from_settings(patch=24, patch_growth=2.0, batch=16)
    stages = [patch_and_batch(config, progress) for progress in (0.0, 0.24, 0.25, 0.5, 0.75, 1.0)]
    assert stages == [(24, 16), (24, 16), (32, 9), (40, 6), (48, 4), (48, 4)]
    assert patch_and_batch(TrainConfig(), 1.0) == (24, 16)
