"""The training loop on pictures of a few pixels."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data import Dataset, load_dataset
from srgan_cli.training.trainer import ADVERSARIAL, CHECKPOINT, PIXEL, StepReport, Trainer, check_run, read_checkpoint
from srgan_cli.upscaler import Upscaler
from srgan_cli.weights import load_weights

STEPS = 20


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    folder = tmp_path / "data"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(4):
        small = Image.fromarray(random.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        small.resize((48, 48), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return TrainConfig(
        folder,
        tmp_path / "run",
        name="tiny",
        scale=2,
        seconds=None,
        steps=STEPS,
        channels=8,
        blocks=1,
        discriminator_channels=4,
        batch=2,
        patch=8,
        device="cpu",
    )


@pytest.fixture
def dataset(config: TrainConfig) -> Dataset:
    return load_dataset(config)


def fresh(config: TrainConfig, dataset: Dataset) -> Trainer:
    check_run(config)
    return Trainer(config, dataset)


def until(trainer: Trainer, step: int) -> Iterator[StepReport]:
    for report in trainer.fit():
        if report.step == step:
            trainer.stop()
        yield report


def test_a_run_passes_both_phases_and_leaves_weights_checkpoint_and_log(config: TrainConfig, dataset: Dataset) -> None:
    reports = list(fresh(config, dataset).fit())
    assert [report.step for report in reports] == list(range(1, STEPS + 1))
    assert [report.phase for report in reports] == [PIXEL] * 12 + [ADVERSARIAL] * 8
    assert set(reports[0].losses) == {"pixel"}
    assert set(reports[-1].losses) == {"pixel", "discriminator", "adversarial"}
    assert sorted(path.name for path in config.run.iterdir()) == [
        "checkpoint.pt",
        "metrics.jsonl",
        "tiny-fidelity.safetensors",
        "tiny.safetensors",
    ]
    lines = [json.loads(line) for line in (config.run / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["step"] == 0
    assert lines[-1]["step"] == STEPS
    assert {"psnr", "ssim", "pixel", "phase"} <= lines[-1].keys()


def test_the_weights_run_at_once_and_tell_their_story(config: TrainConfig, dataset: Dataset) -> None:
    trainer = fresh(config, dataset)
    list(trainer.fit())
    _, card = load_weights(trainer.weights_path)
    assert (card.name, card.scale, card.training["steps"]) == ("tiny", 2, STEPS)
    assert card.scores["validation"]["psnr"] > 0
    assert Upscaler.load(trainer.weights_path, "cpu").generator.scale == 2


def test_the_pixel_phase_learns(config: TrainConfig, dataset: Dataset) -> None:
    config = replace(config, steps=150, pixel_share=1.0)
    reports = list(fresh(config, dataset).fit())
    assert reports[-1].scores["psnr"] < 60
    lines = [json.loads(line) for line in (config.run / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["psnr"] > lines[0]["psnr"] + 0.5


@pytest.mark.parametrize("break_at", [5, 15], ids=["pixel phase", "adversarial phase"])
def test_resuming_gives_what_an_unbroken_run_gives_bit_for_bit(
    config: TrainConfig, dataset: Dataset, break_at: int, tmp_path: Path
) -> None:
    whole = fresh(config, dataset)
    list(whole.fit())
    broken = replace(config, run=tmp_path / "broken")
    list(until(fresh(broken, dataset), break_at))
    resumed = Trainer.resume(broken, dataset)
    assert [report.step for report in resumed.fit()] == list(range(break_at + 1, STEPS + 1))
    for name in ("generator", "average", "discriminator"):
        parts = (getattr(trainer, name).state_dict() for trainer in (whole, resumed))
        for left, right in zip(*(part.values() for part in parts), strict=True):
            assert torch.equal(left, right)


def test_stopping_saves_the_step_in_hand(config: TrainConfig, dataset: Dataset) -> None:
    list(until(fresh(config, dataset), 3))
    assert read_checkpoint(config.run)["steps"] == 3


def test_the_time_trained_counts_over_resumptions(config: TrainConfig, dataset: Dataset) -> None:
    timed = replace(config, steps=None, seconds=1000.0)
    list(until(fresh(timed, dataset), 2))
    state = read_checkpoint(timed.run)
    torch.save({**state, "seconds": 999.999}, timed.run / CHECKPOINT)
    assert len(list(Trainer.resume(timed, dataset).fit())) <= 1


def test_a_run_is_never_overwritten(config: TrainConfig, dataset: Dataset) -> None:
    list(until(fresh(config, dataset), 1))
    with pytest.raises(UsageError, match="already holds a run"):
        check_run(config)


def test_fine_tuning_starts_from_given_weights(config: TrainConfig, dataset: Dataset, tmp_path: Path) -> None:
    first = fresh(config, dataset)
    list(first.fit())
    second = replace(config, run=tmp_path / "second", init_from=str(first.weights_path), pixel_share=0.0)
    trainer = fresh(second, dataset)
    for left, right in zip(first.average.parameters(), trainer.generator.parameters(), strict=True):
        assert torch.equal(left, right)
    assert next(trainer.fit()).phase == ADVERSARIAL
    with pytest.raises(UsageError, match="enlarges 2 times"):
        Trainer(replace(second, scale=4), dataset)


@pytest.mark.parametrize("content", [b"", b"garbage", None], ids=["empty", "garbage", "missing"])
def test_an_unusable_checkpoint_is_one_clear_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(WeightsError):
        read_checkpoint(tmp_path)
