"""Training towards the output of other generators."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from srgan_cli.cli import app
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.networks import GENERATORS
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import Dataset, load_dataset
from srgan_cli.training.data.sampling import Batch, BatchRequest, Sampler
from srgan_cli.training.data.teacher import CACHE_FILE, Teacher, TeacherCache, relative_cost, resolve_cache
from srgan_cli.training.preflight import estimate_cost
from srgan_cli.training.run.checkpoints import read_checkpoint
from srgan_cli.training.run.initial_weights import first_generator
from srgan_cli.training.trainer import Trainer
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import read_card, save_weights

CPU = torch.device("cpu")


def save_generator(path: Path, seed: int, scale: int = 2, blocks: int = 1) -> str:
    """A generator whose results are far from bicubic."""
    torch.manual_seed(seed)
    generator = GENERATORS["srresnet"](scale=scale, channels=8, blocks=blocks)
    torch.nn.init.normal_(generator.get_parameter("tail.weight"), std=0.05)
    save_weights(path, generator, WeightsCard.for_generator(generator, path.stem, licence="MIT"))
    return str(path)


@pytest.fixture
def teacher_file(tmp_path: Path) -> str:
    return save_generator(tmp_path / "teacher-a.safetensors", 1)


@pytest.fixture
def config(smooth_pictures: Path, teacher_file: str, small_run: Callable[..., TrainConfig]) -> TrainConfig:
    return small_run(
        smooth_pictures,
        name="tiny",
        steps=4,
        pretrain_fraction=1.0,
        teacher=[teacher_file],
        teacher_draws=2,
        degradation="mild",
        equivariance="off",
    )


@pytest.fixture
def dataset(config: TrainConfig) -> Dataset:
    return load_dataset(config)


def load(config: TrainConfig) -> Teacher:
    return Teacher.load(config, CPU)


def train(config: TrainConfig, dataset: Dataset) -> Trainer:
    config.run.folder.mkdir(exist_ok=True)
    trainer = Trainer(config, dataset)
    for _ in trainer.fit():
        pass
    return trainer


def a_batch(config: TrainConfig, dataset: Dataset) -> Batch:
    return Sampler(dataset.training, config).cut(BatchRequest(0, 8, 4))


def test_several_teachers_are_averaged(config: TrainConfig, tmp_path: Path) -> None:
    other = save_generator(tmp_path / "teacher-b.safetensors", 2)
    patch = torch.rand(2, 3, 8, 8)
    first, second = (load(config.replace(teacher=names)).enlarge(patch) for names in (config.teacher.models, (other,)))
    both = load(config.replace(teacher=(*config.teacher.models, other)))
    plain = [upscaler.generator(patch) for upscaler in both.upscalers]
    torch.testing.assert_close(both.enlarge(patch), torch.stack(plain).mean(0).clamp(0, 1))
    assert not torch.allclose(first, second)


def test_the_target_is_the_teacher_mixed_with_the_original(config: TrainConfig, dataset: Dataset) -> None:
    batch = a_batch(config, dataset)
    result = load(config).enlarge(batch.low)
    torch.testing.assert_close(load(config).target(batch), result)
    mixed = load(config.replace(teacher_weight=0.25)).target(batch)
    torch.testing.assert_close(mixed, 0.25 * result + 0.75 * batch.high)


def test_a_teacher_may_see_the_clean_picture(config: TrainConfig, dataset: Dataset) -> None:
    config = config.replace(teacher_input="clean", degradation="real")
    batch = a_batch(config, dataset)
    clean = a_batch(config.replace(degradation="bicubic"), dataset)
    assert not torch.equal(batch.low, clean.low)
    expected = load(config).enlarge(clean.low)
    torch.testing.assert_close(load(config).target(a_batch(config, dataset)).shape, expected.shape)
    assert batch.teacher is not None
    torch.testing.assert_close(load(config).target(batch), load(config).enlarge(batch.teacher))


def test_a_teacher_of_another_scale_is_refused(config: TrainConfig, tmp_path: Path) -> None:
    config = config.replace(teacher=(save_generator(tmp_path / "x4.safetensors", 1, scale=4),))
    with pytest.raises(UsageError, match="enlarges 4 times, the run 2"):
        load(config)


def test_cached_results_are_those_of_whole_pictures(config: TrainConfig, dataset: Dataset) -> None:
    cached = TeacherCache.plan(config, dataset).fill(dataset, load(config))
    assert [len(pair.teacher_samples) for pair in cached.training] == [2] * len(dataset.training)
    pair = cached.training[0]
    first, second = pair.teacher_samples
    assert not torch.equal(first.low, second.low)
    assert not torch.equal(first.low, pair.low)
    assert torch.equal(first.output, load(config).upscale(first.low))


def test_cached_patches_come_from_one_place(config: TrainConfig, dataset: Dataset) -> None:
    """Where the teacher's results are the originals, its patches are the original patches."""
    cached = TeacherCache.plan(config, dataset).placeholders(dataset)
    batch = a_batch(config, cached)
    assert batch.teacher is not None
    assert torch.equal(batch.teacher, batch.high)
    assert torch.equal(load(config).target(batch), batch.high)


def test_a_clean_teacher_is_asked_once_a_picture(config: TrainConfig, dataset: Dataset) -> None:
    config = config.replace(teacher_input="clean", degradation="real")
    cached = TeacherCache.plan(config, dataset).fill(dataset, load(config))
    assert {len(pair.teacher_samples) for pair in cached.training} == {1}
    assert all(torch.equal(pair.teacher_samples[0].low, pair.low) for pair in cached.training)
    clean = a_batch(config.replace(degradation="bicubic"), cached)
    batch = a_batch(config, cached)
    assert not torch.equal(batch.low, clean.low)


def test_a_part_of_the_pictures_may_do(config: TrainConfig, dataset: Dataset) -> None:
    config = config.replace(teacher_fraction=0.3)
    cached = TeacherCache.plan(config, dataset).fill(dataset, load(config))
    assert len(cached.training) == 1


class CountingTeacher(Teacher):
    """Fails at a picture of some number, and counts."""

    calls = 0
    fails_at = 0

    def upscale(self, low: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.fails_at:
            raise KeyboardInterrupt
        return super().upscale(low)


def test_an_interrupted_cache_goes_on(config: TrainConfig, dataset: Dataset) -> None:
    teacher = CountingTeacher.load(config, CPU)
    assert isinstance(teacher, CountingTeacher)
    teacher.fails_at = 4
    cache = TeacherCache.plan(config, dataset)
    with pytest.raises(KeyboardInterrupt):
        cache.fill(dataset, teacher)
    seen: list[tuple[int, int]] = []
    resumed = CountingTeacher.load(config, CPU)
    cached = cache.fill(dataset, resumed, progress=lambda *numbers: seen.append(numbers))
    assert isinstance(resumed, CountingTeacher)
    assert resumed.calls == 3
    assert seen[-1] == (6, 6)
    first = cached.training[0].teacher_samples[0]
    assert torch.equal(first.output, load(config).upscale(first.low))


def test_other_settings_make_another_cache(config: TrainConfig, dataset: Dataset) -> None:
    TeacherCache.plan(config, dataset).fill(dataset, load(config))
    again = CountingTeacher.load(config, CPU)
    assert isinstance(again, CountingTeacher)
    TeacherCache.plan(config, dataset).fill(dataset, again)
    assert again.calls == 0
    changed = config.replace(seed=1)
    TeacherCache.plan(changed, dataset).fill(dataset, again)
    assert again.calls == 6


@pytest.mark.usefixtures("one_core")
def test_a_slow_teacher_is_cached(config: TrainConfig, tmp_path: Path) -> None:
    slow = config.replace(teacher=(save_generator(tmp_path / "slow.safetensors", 1, blocks=200),))
    small = torch.nn.Upsample(scale_factor=2)
    assert relative_cost(load(slow), small) > 20
    assert resolve_cache(slow, load(slow), lambda: small).teacher.cache == "on"
    large = first_generator(config.replace(blocks=100), None)
    assert resolve_cache(config, load(config), lambda: large).teacher.cache == "off"
    settled = config.replace(teacher_cache="on")
    assert resolve_cache(settled, load(config), lambda: large) == settled


def test_a_learned_degradation_cannot_be_cached(config: TrainConfig) -> None:
    learned = config.replace(unpaired="old/")
    assert resolve_cache(learned, load(config), lambda: torch.nn.Identity()).teacher.cache == "off"
    with pytest.raises(UsageError, match="a learned degradation"):
        resolve_cache(learned.replace(teacher_cache="on"), load(config), lambda: torch.nn.Identity())


@pytest.mark.parametrize("is_cached", [False, True])
def test_the_student_comes_nearer_to_its_teacher(config: TrainConfig, dataset: Dataset, is_cached: bool) -> None:
    config = config.replace(steps=60, degradation="bicubic", learning_rate=3e-3)
    dataset = TeacherCache.plan(config, dataset).fill(dataset, load(config)) if is_cached else dataset
    low = dataset.training[0].low[None] / 255
    wanted = load(config).enlarge(low)
    before = (first_generator(config, None)(low) - wanted).abs().mean()
    after = (train(config, dataset).gan.ema(low) - wanted).abs().mean()
    assert after < 0.8 * before


def test_the_card_names_the_teachers(config: TrainConfig, dataset: Dataset) -> None:
    train(config, dataset)
    card = read_card(config.run.folder / "tiny.safetensors")
    (named,) = card.training["teachers"]
    assert (named["name"], named["licence"]) == ("teacher-a", "MIT")
    assert len(named["sha256"]) == 64
    settings = card.training["settings"]
    assert settings["teacher_weight"] == 1.0
    assert "teacher" not in settings


def test_the_check_tells_what_the_teacher_takes(config: TrainConfig, dataset: Dataset) -> None:
    cost = estimate_cost(config.replace(teacher_cache="on"), dataset, teacher=load(config))
    assert cost.teacher_hours > 0
    assert cost.disk > 2 * 3 * 48 * 48 * 3
    assert not (config.run.folder / CACHE_FILE).exists()


@pytest.mark.parametrize("cache", ["on", "off"])
def test_the_command_takes_teachers(config: TrainConfig, tmp_path: Path, cache: str, teacher_file: str) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'teacher_cache = "{cache}"\nsteps = 2\nscale = 2\nchannels = 8\nblocks = 1\npretrain_fraction = 1.0\n'
    )
    data = str(config.data.folders[0].folder)
    common = ("train", data, "--config", str(recipe), "--teacher", teacher_file, "--batch", "2", "--patch", "8")
    run = ("--run", str(tmp_path / "mine"), "--device", "cpu")
    checked = CliRunner().invoke(app, [*common, *run, "--check"])
    assert checked.exit_code == 0, checked.output
    assert ("teacher's cache" in checked.stdout) == (cache == "on")
    assert CliRunner().invoke(app, [*common, *run]).exit_code == 0
    assert (tmp_path / "mine" / CACHE_FILE).exists() == (cache == "on")
    resumed = CliRunner().invoke(app, ["train", *run, "--resume", "--steps", "4"])
    assert resumed.exit_code == 0, resumed.output
    assert read_checkpoint(tmp_path / "mine")["steps"] == 4


def test_a_cache_for_which_there_is_no_room_is_one_clear_error(
    config: TrainConfig, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the room, a write to the memory-mapped file would end the process."""

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(SrganError, match=f"cannot write .*{CACHE_FILE}: No space left"):
        TeacherCache.plan(config, dataset).fill(dataset, load(config))
