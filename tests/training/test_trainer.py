"""The training loop on small pictures and networks."""

import errno
import json
import math
import shutil
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import draw_smooth_pictures

from srgan_cli.errors import SrganError, UsageError, WeightsError
from srgan_cli.networks import DISCRIMINATORS
from srgan_cli.training.config import ADVERSARIAL, PIXEL, TrainConfig
from srgan_cli.training.data.dataset import Dataset, load_dataset
from srgan_cli.training.losses.adversarial import ADVERSARIAL_LOSSES
from srgan_cli.training.losses.total import PerceptualLoss
from srgan_cli.training.models import discriminator as discriminator_module
from srgan_cli.training.optim.optimizer import ComputeContext, OptimizerStep
from srgan_cli.training.recipe import read_recipe
from srgan_cli.training.run import validation
from srgan_cli.training.run.checkpoints import CHECKPOINT, read_checkpoint
from srgan_cli.training.run.clock import StepReport
from srgan_cli.training.run.folder import RunFolder
from srgan_cli.training.run.initial_weights import prepare_run
from srgan_cli.training.run.validation import BestValidation, HeldOut
from srgan_cli.training.trainer import Trainer
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.weights.file import load_weights

STEPS = 20
"""12 of the pixel phase and 8 of the adversarial phase."""


@pytest.fixture
def config(smooth_pictures: Path, small_run: Callable[..., TrainConfig]) -> TrainConfig:
    return small_run(smooth_pictures, name="tiny", steps=STEPS)


@pytest.fixture
def dataset(config: TrainConfig) -> Dataset:
    return load_dataset(config)


def fresh(config: TrainConfig, dataset: Dataset) -> Trainer:
    config, initial = prepare_run(config)
    return Trainer(config, dataset, initial=initial)


def checkpoint(config: TrainConfig) -> dict[str, Any]:
    return read_checkpoint(config.run.folder)


def resumed_run(config: TrainConfig, dataset: Dataset) -> Trainer:
    state = checkpoint(config)
    return Trainer.resume(config.replace(equivariance=state["config"]["equivariance"]), dataset, state)


def log(config: TrainConfig) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (config.run.folder / "metrics.jsonl").read_text().splitlines()]


@dataclass(frozen=True)
class Finished:
    """A run of the settings of `config`, which tests only read."""

    config: TrainConfig
    trainer: Trainer
    reports: list[StepReport]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, small_run_in: Callable[..., TrainConfig]) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("finished")
    config = small_run_in(folder / "run", draw_smooth_pictures(folder / "data"), name="tiny", steps=STEPS)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    trainer = fresh(config, load_dataset(config))
    yield Finished(config, trainer, list(trainer.fit()))
    torch.set_num_threads(before)


def until(trainer: Trainer, step: int) -> Iterator[StepReport]:
    for report in trainer.fit():
        if report.step == step:
            trainer.stop()
        yield report


def test_a_run_has_both_phases_and_writes_weights_checkpoint_and_log(finished: Finished) -> None:
    reports, config = finished.reports, finished.config
    assert [report.step for report in reports] == list(range(1, STEPS + 1))
    assert [report.phase for report in reports] == [PIXEL] * 12 + [ADVERSARIAL] * 8
    assert set(reports[0].losses) == {"pixel"}
    assert set(reports[-1].losses) == {"pixel", "discriminator", "adversarial"}
    depends = {"checkpoint-before.pt", "tiny-best.safetensors", "events"}
    assert {path.name for path in config.run.folder.iterdir()} - depends == {
        "checkpoint.pt",
        "config.json",
        "metrics.jsonl",
        "samples",
        "tiny-fidelity.safetensors",
        "tiny.safetensors",
    }
    lines = log(config)
    assert lines[0]["step"] == 0
    assert lines[-1]["step"] == STEPS
    assert {"psnr", "ssim", "pixel", "phase"} <= lines[-1].keys()


def test_the_same_settings_give_the_same_log_and_best_weights_however_slow_the_validations(
    config: TrainConfig, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "MIN_STEPS", 3)
    config = config.replace(learning_rate=2e-3)
    list(fresh(config, dataset).fit())
    settings = read_recipe(config.run.folder / "config.json")
    again = TrainConfig.from_settings(data=config.data.folders, run=tmp_path / "again", device="cpu", **settings)
    assert again.replace(run=config.run.folder) == config.replace(equivariance="d4")
    score = HeldOut.score
    monkeypatch.setattr(HeldOut, "score", lambda *given: (time.sleep(0.2), score(*given))[1])
    list(fresh(again, dataset).fit())
    lines, same = ([{**line, "seconds": 0} for line in log(each)] for each in (config, again))
    assert [line["step"] for line in lines] == [0, 3, 6, 9, 12, 15, 18, 20]
    assert lines == same
    for name in ("tiny-best", "tiny"):
        made, other = (load_weights(each.run.folder / f"{name}.safetensors")[0] for each in (config, again))
        assert all(torch.equal(a, b) for a, b in zip(made.parameters(), other.parameters(), strict=True))


def test_the_best_validation_has_the_best_perceptual_score_at_an_acceptable_psnr() -> None:
    best = BestValidation()
    assert not best.update({"psnr": 40.0, "sqd": 0.1}, "sqd"), "there is none in the pixel phase"
    best = BestValidation(fidelity=30.0)
    assert best.update({"psnr": 29.0, "sqd": 0.4}, "sqd")
    assert not best.update({"psnr": 30.0, "sqd": 0.5}, "sqd")
    assert not best.update({"psnr": 28.4, "sqd": 0.1}, "sqd")
    assert best.update({"psnr": 28.6, "sqd": 0.3}, "sqd")


def test_validations_are_compared_by_the_measure_of_the_best() -> None:
    best = BestValidation(fidelity=30.0)
    assert best.update({"psnr": 30.0, "gradients": 0.2}, "gradients")
    assert not best.update({"psnr": 30.0, "gradients": 0.3, "sqd": 0.1}, "sqd"), "worse by the former measure"
    assert best.update({"psnr": 30.0, "gradients": 0.1, "sqd": 0.5}, "sqd")
    assert best == BestValidation(30.0, 0.1, "gradients")
    assert best.update({"psnr": 30.0, "sqd": 0.4}, "sqd"), "the former measure is not available"
    assert best == BestValidation(30.0, 0.4, "sqd")


def test_the_best_weights_of_the_adversarial_phase_are_kept(
    config: TrainConfig, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "MIN_STEPS", 3)
    trainer = fresh(config.replace(pretrain_fraction=0.0), dataset)
    for report in until(trainer, 3):
        if report.step == 1:
            trainer.best.fidelity = 0.0  # every PSNR is acceptable
    card = load_weights(config.run.folder / "tiny-best.safetensors")[1]
    assert card.scores["validation"]["gradients"] == trainer.best.value < math.inf
    assert resumed_best(trainer) == trainer.best


def resumed_best(trainer: Trainer) -> BestValidation:
    trainer.save()
    return resumed_run(trainer.config, trainer.dataset).best


def test_reports_know_the_held_out_psnr_from_the_start_also_of_a_resumed_run(
    config: TrainConfig, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "MIN_STEPS", 3)
    *_, report = until(fresh(config, dataset), 7)
    scored = [line["psnr"] for line in log(config)]
    assert len(scored) == 3
    assert report.psnr == tuple(scored)
    assert report.bicubic == pytest.approx(scored[0], abs=0.01), "a new generator is bicubic"
    assert report.device == "cpu"
    assert 0 < (report.learning_rate or 0) < config.optim.learning_rate
    assert next(iter(resumed_run(config, dataset).fit())).psnr == tuple(scored)


def test_the_weights_can_be_used_and_describe_their_training(finished: Finished) -> None:
    weights = finished.trainer.folder.weights
    _, card = load_weights(weights)
    assert (card.name, card.scale, card.training["steps"]) == ("tiny", 2, STEPS)
    assert card.scores["validation"]["psnr"] > 0
    assert Upscaler.load(weights, device="cpu").generator.scale == 2


def test_the_pixel_phase_improves_psnr(config: TrainConfig, dataset: Dataset) -> None:
    config = config.replace(steps=40, pretrain_fraction=1.0, learning_rate=5e-3)
    reports = list(fresh(config, dataset).fit())
    assert reports[-1].scores["psnr"] < 60
    lines = log(config)
    assert lines[-1]["psnr"] > lines[0]["psnr"] + 0.5


@pytest.mark.parametrize("break_at", [5, 15], ids=["pixel phase", "adversarial phase"])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    config: TrainConfig, dataset: Dataset, break_at: int, tmp_path: Path, finished: Finished
) -> None:
    whole, broken = finished.trainer, config.replace(run=tmp_path / "broken")
    list(until(fresh(broken, dataset), break_at))
    resumed = resumed_run(broken, dataset)
    assert [report.step for report in resumed.fit()] == list(range(break_at + 1, STEPS + 1))
    assert resumed.gan.discriminator is not None
    assert whole.gan.discriminator is not None
    for left, right in [
        (whole.gan.generator, resumed.gan.generator),
        (whole.gan.ema, resumed.gan.ema),
        (whole.gan.discriminator.network, resumed.gan.discriminator.network),
    ]:
        assert all(torch.equal(a, b) for a, b in zip(left.parameters(), right.parameters(), strict=True))


def test_patches_grow_in_the_pixel_phase_which_ends_with_the_squared_loss(
    config: TrainConfig, dataset: Dataset
) -> None:
    config = config.replace(pretrain_fraction=1.0, patch_growth=2.0, l2_fraction=0.5, steps=8)
    trainer, shapes = fresh(config, dataset), []
    trainer.gan.generator.register_forward_pre_hook(lambda _, given: shapes.append(given[0].shape))
    reports = list(trainer.fit())
    assert (shapes[0], shapes[-1]) == ((2, 3, 8, 8), (1, 3, 16, 16))
    assert max(report.losses["pixel"] for report in reports[4:]) < 0.2 * min(r.losses["pixel"] for r in reports[:4])


@pytest.mark.usefixtures("random_backbones")
def test_every_adversarial_loss_and_discriminator_trains_with_all_other_losses(
    config: TrainConfig, dataset: Dataset
) -> None:
    for gan_loss in ADVERSARIAL_LOSSES:
        for discriminator in DISCRIMINATORS:
            rival = config.replace(
                run=config.run.folder / f"{gan_loss}-{discriminator}",
                pretrain_fraction=0.0,
                steps=2,
                gan_loss=gan_loss,
                discriminator=discriminator,
                perceptual_weight=1.0,
                perceptual_network="squeezenet",
                feature_matching_weight=1.0,
                patch=16,
                degradation="mild",
            )
            report = list(fresh(rival, dataset).fit())[-1]
            assert set(report.losses) == {"pixel", "discriminator", "adversarial", "matching", "perceptual"}
            assert 0 < report.losses["perceptual"] < 4


@pytest.mark.usefixtures("random_backbones")
def test_without_an_adversarial_weight_the_perceptual_loss_joins_alone(config: TrainConfig, dataset: Dataset) -> None:
    config = config.replace(adversarial_weight=0.0, perceptual_weight=0.5, perceptual_network="squeezenet", patch=16)
    trainer = fresh(config, dataset)
    reports = list(trainer.fit())
    assert set(reports[0].losses) == {"pixel"}
    assert set(reports[-1].losses) == {"pixel", "perceptual"}
    assert "adversary" not in checkpoint(config)
    extended = config.replace(steps=STEPS + 2)
    more = list(resumed_run(extended, dataset).fit())
    assert [set(report.losses) for report in more] == [{"pixel", "perceptual"}] * 2


@pytest.mark.usefixtures("random_backbones")
def test_the_distances_of_several_backbones_are_averaged(config: TrainConfig) -> None:
    pair = torch.rand(2, 1, 3, 64, 64)
    precision = ComputeContext.for_device("cpu", "fp32")
    one, other, both = (
        PerceptualLoss(config.replace(perceptual_network=name), precision)(*pair)
        for name in ("squeezenet", "alexnet", "squeezenet+alexnet")
    )
    assert both == pytest.approx((one + other) / 2)


def test_a_missing_backbone_is_found_before_any_work(config: TrainConfig, dataset: Dataset) -> None:
    with pytest.raises(SrganError, match="no such file"):
        fresh(config.replace(perceptual_weight=1.0, perceptual_weights="no/such/file.pth"), dataset)


def test_a_checkpoint_of_the_pixel_phase_has_no_discriminator(config: TrainConfig, dataset: Dataset) -> None:
    list(until(fresh(config, dataset), 3))
    assert checkpoint(config)["steps"] == 3, "stopping saves the current step"
    assert "adversary" not in checkpoint(config)
    list(until(resumed_run(config, dataset), STEPS - 1))
    assert "adversary" in checkpoint(config)


def test_training_time_counts_over_resumptions(config: TrainConfig, dataset: Dataset) -> None:
    timed = config.replace(steps=None, seconds=1000.0)
    list(until(fresh(timed, dataset), 2))
    RunFolder(timed.run.folder, "").save_checkpoint({**checkpoint(timed), "seconds": 999.99})
    assert len(list(resumed_run(timed, dataset).fit())) <= 2


def test_a_finished_run_is_extended_only_on_request(config: TrainConfig, dataset: Dataset, finished: Finished) -> None:
    shutil.copytree(finished.config.run.folder, config.run.folder)
    with pytest.raises(UsageError, match="is finished"):
        resumed_run(config, dataset)
    longer = resumed_run(config.replace(steps=3 * STEPS), dataset)
    rates = [longer.gan.optimizer_step.optimizer.param_groups[0]["lr"] for _ in longer.fit()]
    assert len(rates) == 2 * STEPS
    assert 0 < rates[-1] < rates[0]
    assert all(line["phase"] == ADVERSARIAL for line in log(config)[-2:])


def test_a_run_does_not_resume_with_other_pictures(config: TrainConfig, dataset: Dataset) -> None:
    list(until(fresh(config, dataset), 1))
    fewer = replace(dataset, training=dataset.training[1:])
    with pytest.raises(UsageError, match="not those with which the run started"):
        resumed_run(config, fewer)


def test_lines_logged_after_the_checkpoint_are_dropped(config: TrainConfig, dataset: Dataset) -> None:
    list(until(fresh(config, dataset), 4))
    RunFolder(config.run.folder, "").log({"step": 9})
    list(resumed_run(config, dataset).fit())
    steps = [line["step"] for line in log(config)]
    assert 9 not in steps
    assert steps == sorted(set(steps))


def test_ten_unusable_steps_restore_the_last_validation_at_half_the_learning_rate(
    config: TrainConfig, dataset: Dataset
) -> None:
    trainer = fresh(config.replace(steps=20, pretrain_fraction=1.0), dataset)
    reports = []
    for report in trainer.fit():
        if report.step == 4:
            torch.nn.init.constant_(trainer.gan.generator.get_parameter("head.weight"), float("nan"))
        reports.append(report)
    notices = {report.step: report.notice for report in reports if report.notice}
    assert list(notices) == [14]
    assert "losses were not finite for 10 steps" in notices[14]
    assert trainer.monitor.rate_share == 0.5
    assert all(report.losses["pixel"] > 0 for report in reports[14:])
    assert all(value.isfinite().all() for value in load_weights(trainer.folder.weights)[0].state_dict().values())


def test_a_run_that_always_diverges_ends_and_keeps_saved_files(
    config: TrainConfig, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = fresh(config.replace(steps=1000, pretrain_fraction=1.0), dataset)
    reports = trainer.fit()
    next(reports)
    trainer.save()
    monkeypatch.setattr(trainer.gan.loss, "total", lambda *_: torch.tensor(float("inf")))
    with pytest.raises(SrganError, match="diverges"):
        list(reports)
    assert all(value.isfinite().all() for value in load_weights(trainer.folder.weights)[0].state_dict().values())


def test_a_saturated_discriminator_is_not_updated_and_sends_the_run_back(
    config: TrainConfig, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discriminator_module, "SATURATION", 100.0)
    trainer = fresh(config.replace(steps=45, pretrain_fraction=0.0), dataset)
    notices = []
    before: dict[str, Any] = {}
    for report in trainer.fit():
        assert trainer.gan.discriminator is not None
        before = before or {key: value.clone() for key, value in trainer.gan.discriminator.network.named_parameters()}
        notices += [report.notice] * bool(report.notice)
    assert len(notices) == 3
    assert "saturated" in notices[0]
    assert trainer.monitor.rate_share == 1 / 8
    assert trainer.gan.discriminator is not None
    for key, value in trainer.gan.discriminator.network.named_parameters():
        assert torch.equal(value, before[key])


def test_accumulated_batches_make_one_step_of_a_larger_one(config: TrainConfig, dataset: Dataset) -> None:
    whole, parts = (
        fresh(
            config.replace(run=config.run.folder / str(n), batch=4 // n, accumulate=n, pretrain_fraction=1.0), dataset
        )
        for n in (1, 2)
    )
    for trainer in (whole, parts):
        list(until(trainer, 1))
    for left, right in zip(whole.gan.generator.parameters(), parts.gan.generator.parameters(), strict=True):
        torch.testing.assert_close(left, right, atol=1e-5, rtol=1e-3)


def test_an_incomplete_step_leaves_nothing_for_the_next_one() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    step = OptimizerStep(network, ComputeContext.for_device("cpu", "fp32"), "adam", accumulate=3)
    for factor in (1.0, float("nan"), 1.0):
        step.minimize(factor * network.weight.sum())
    step.set_learning_rate(1.0)
    before = network.weight.item()
    assert [step.minimize(network.weight.sum()) and network.weight.item() == before for _ in range(3)] == [
        True,
        True,
        False,
    ]


class SavedActivation:
    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


def test_accumulated_batches_do_not_keep_their_activations(config: TrainConfig, dataset: Dataset) -> None:
    trainer = fresh(config.replace(accumulate=3, pretrain_fraction=0.0), dataset)
    saved: weakref.WeakSet[SavedActivation] = weakref.WeakSet()
    living: list[int] = []

    def save(tensor: torch.Tensor) -> SavedActivation:
        activation = SavedActivation(tensor.detach())  # a saved output would hold its own graph
        saved.add(activation)
        return activation

    trainer.gan.generator.register_forward_pre_hook(lambda *_: living.append(len(saved)))
    with torch.autograd.graph.saved_tensors_hooks(save, lambda activation: activation.tensor):
        list(until(trainer, 1))
    assert living == [0, 0, 0]


@pytest.mark.parametrize(
    "setting",
    [
        {"optimizer": "adamw"},
        {"optimizer": "rmsprop"},
        {"schedule": "multistep"},
        {"precision": "fp32"},
        {"pixel_loss": "charbonnier"},
        {"frequency_weight": 0.1, "phase_weight": 1.0},
        {"noise": 2},
        {"dropout": 0.2},
        {"generator": "unet"},
        {"generator": "srcnn"},
        {"generator": "span", "precision": "bf16"},
        {"generator": "rrdb", "channels": 16},
        {"generator": "swinir", "channels": 12},
        {"gan_loss": "wasserstein"},
        {"r1_weight": 1.0, "label_smoothing": 0.1},
        {"discriminator": "patch", "patch": 12},
    ],
    ids=str,
)
def test_every_setting_trains_both_phases(config: TrainConfig, dataset: Dataset, setting: dict[str, Any]) -> None:
    reports = list(fresh(config.replace(steps=10, **setting), dataset).fit())
    assert [report.phase for report in reports] == [PIXEL] * 6 + [ADVERSARIAL] * 4
    assert all(np.isfinite(list(report.losses.values())).all() for report in reports)
    assert not any(report.notice for report in reports)


@pytest.mark.slow
@pytest.mark.parametrize("gan_loss", ADVERSARIAL_LOSSES)
def test_every_adversarial_loss_trains_for_hundreds_of_steps_without_diverging(
    config: TrainConfig, dataset: Dataset, gan_loss: str
) -> None:
    config = config.replace(
        steps=500, pretrain_fraction=0.2, gan_loss=gan_loss, discriminator_channels=8, feature_matching_weight=0.1
    )
    reports = list(fresh(config, dataset).fit())
    assert [report.notice for report in reports if report.notice] == []
    assert all(np.isfinite(list(report.losses.values())).all() for report in reports)
    began, ended = log(config)[0]["psnr"], log(config)[-1]["psnr"]
    assert ended > began - 1.5, "PSNR stays close to its start"
    assert load_weights(config.run.folder / "tiny-fidelity.safetensors")[1].training["steps"] == 100


def test_the_fidelity_weights_carry_their_own_scores(finished: Finished) -> None:
    card = load_weights(finished.config.run.folder / "tiny-fidelity.safetensors")[1]
    (line,) = [line for line in log(finished.config) if line["step"] == card.training["steps"]]
    assert card.scores["validation"]["psnr"] == line["psnr"]


@pytest.mark.parametrize("name", ["config.json", "samples", "tiny.safetensors", "tiny-best.safetensors"])
def test_files_that_no_run_has_written_are_not_replaced(config: TrainConfig, name: str) -> None:
    config.run.folder.mkdir(exist_ok=True)
    (config.run.folder / name).write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        prepare_run(config)
    (config.run.folder / name).rename(config.run.folder / "notes.txt")
    prepare_run(config)


def test_a_run_is_never_overwritten(config: TrainConfig, dataset: Dataset) -> None:
    list(until(fresh(config, dataset), 1))
    with pytest.raises(UsageError, match="already holds a run"):
        prepare_run(config)


def test_fine_tuning_starts_from_given_weights_of_any_shape(
    config: TrainConfig, dataset: Dataset, tmp_path: Path, finished: Finished
) -> None:
    weights = Path(shutil.copy(finished.trainer.folder.weights, tmp_path))
    second = config.replace(run=tmp_path / "second", init_from=str(weights), pretrain_fraction=0.0, channels=99)
    trainer = fresh(second, dataset)
    for left, right in zip(finished.trainer.gan.ema.parameters(), trainer.gan.generator.parameters(), strict=True):
        assert torch.equal(left, right)
    assert next(trainer.fit()).phase == ADVERSARIAL
    trainer.save()
    weights.unlink()
    resumed = resumed_run(trainer.config, dataset)
    resumed.save()
    training = load_weights(resumed.folder.weights)[1].training
    assert training["settings"]["channels"] == 8
    assert (training["started_from"]["name"], training["started_from"]["training"]["steps"]) == ("tiny", STEPS)


def test_weights_of_another_scale_initialise_the_trunk(
    config: TrainConfig, dataset: Dataset, finished: Finished
) -> None:
    second = config.replace(scale=4, init_from=str(finished.trainer.folder.weights))
    generator = fresh(second, dataset).gan.generator
    given = finished.trainer.gan.ema.state_dict()
    for key, value in generator.state_dict().items():
        assert torch.equal(value, given[key]) != key.startswith("tail")
    assert generator.scale == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"init_from": "nosuch"}, "no weights named"),
        ({"device": "tpu"}, "no device"),
        ({"run": Path(__file__)}, "cannot write"),
    ],
)
def test_a_run_that_cannot_work_is_refused_before_any_work(
    config: TrainConfig, dataset: Dataset, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    trainer = fresh(config, dataset)
    trainer.save()
    change = {key: str(trainer.folder.weights) if value == "WEIGHTS" else value for key, value in change.items()}
    with pytest.raises(SrganError, match=message):
        prepare_run(config.replace(**{"run": tmp_path / "other", **change}))


@pytest.mark.parametrize("content", [b"", b"garbage", None], ids=["empty", "garbage", "missing"])
def test_an_unreadable_checkpoint_is_one_clear_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(WeightsError):
        read_checkpoint(tmp_path)


def test_a_damaged_checkpoint_is_replaced_by_the_one_before(config: TrainConfig, dataset: Dataset) -> None:
    list(until(fresh(config, dataset), 3))
    list(until(resumed_run(config, dataset), 5))
    (config.run.folder / CHECKPOINT).write_bytes(b"cut short")
    warnings: list[str] = []
    assert read_checkpoint(config.run.folder, warnings.append)["steps"] == 3
    assert [text.rpartition(": ")[2] for text in warnings] == ["the run continues from the checkpoint before it"]
    (config.run.folder / CHECKPOINT).unlink()
    assert checkpoint(config)["steps"] == 3


def test_a_run_older_than_a_setting_resumes_without_it(config: TrainConfig, dataset: Dataset) -> None:
    """Its checkpoint and settings hold neither candidate patches nor equivariance."""
    list(until(fresh(config.replace(candidate_patches=1, equivariance="off"), dataset), 1))
    state = checkpoint(config)
    recipe = json.loads((config.run.folder / "config.json").read_text())
    for stored in (state["config"], recipe):
        del stored["candidate_patches"], stored["equivariance"]
    RunFolder(config.run.folder, "").save_checkpoint(state)
    (config.run.folder / "config.json").write_text(json.dumps(recipe))
    for settings in (checkpoint(config)["config"], read_recipe(config.run.folder / "config.json")):
        assert (settings["candidate_patches"], settings["equivariance"]) == (1, "off")


def test_a_full_disk_is_one_clear_error_and_keeps_the_last_checkpoint(
    config: TrainConfig, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(until(fresh(config, dataset), 1))
    before = (config.run.folder / CHECKPOINT).read_bytes()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SrganError, match="No space left"):
        RunFolder(config.run.folder, "").save_checkpoint({"steps": 2})
    assert (config.run.folder / CHECKPOINT).read_bytes() == before
