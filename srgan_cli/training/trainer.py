"""Trainer: the loop.  A pixel phase brings the generator near, then it plays against the discriminator."""

import copy
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from srgan_cli.devices import pick_device, pick_dtype
from srgan_cli.errors import SrganError, UsageError, WeightsError
from srgan_cli.files import atomic_write
from srgan_cli.networks import DISCRIMINATORS, GENERATORS, Generator
from srgan_cli.picture import Picture
from srgan_cli.pixels import quantise
from srgan_cli.report import Protocol, compare
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data import Dataset, Pair, sample_batch
from srgan_cli.training.losses import adversarial_loss, discriminator_loss, pixel_loss
from srgan_cli.training.schedule import Clock, warm_cosine
from srgan_cli.upscaler import Upscaler
from srgan_cli.weights import SUFFIX, WeightsCard, find_weights, load_weights, save_weights

PIXEL, ADVERSARIAL = "pixel", "adversarial"
CHECKPOINT = "checkpoint.pt"
METRICS_LOG = "metrics.jsonl"
PLACES = ("data", "run", "init_from", "device")
"""Settings that name places of one machine and stay off the weights card."""
VALIDATIONS = 20
LARGEST_SHARE_OF_VALIDATION = 1 / 15
LARGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class StepReport:
    """Where a run stands after a step.

    losses: of this step, by name.  scores: of the last validation, by metric.  rate: pictures (patches) a second.
    progress: 0…1.  remaining: seconds.
    """

    step: int
    phase: str
    progress: float
    losses: dict[str, float]
    scores: dict[str, float]
    rate: float
    remaining: float


@dataclass
class _Validations:
    """How far the run was at the last one, when it ended, what it cost (seconds), and what it found."""

    progress: float = 0.0
    ended: float = 0.0
    cost: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)


class Trainer:
    """One run: two networks, their optimisers, and the run folder that they are saved to."""

    def __init__(self, config: TrainConfig, dataset: Dataset) -> None:
        self.config = config
        self.dataset = dataset
        self.device = pick_device(config.device)
        self.dtype = pick_dtype(self.device)
        torch.manual_seed(config.seed)
        self.random = torch.Generator().manual_seed(config.seed)
        self.generator = _build_generator(config).to(self.device)
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.discriminator = DISCRIMINATORS[config.discriminator](config.discriminator_channels).to(self.device)
        self.generator_optimizer = _adam(self.generator)
        self.discriminator_optimizer = _adam(self.discriminator)
        self.clock = Clock(config)
        self.phase = PIXEL
        self.phase_step = 0
        self.stopping = False
        self._validations = _Validations()
        self._recent: dict[str, list[float]] = defaultdict(list)

    @classmethod
    def resume(cls, config: TrainConfig, dataset: Dataset) -> "Trainer":
        """The run of `config.run` as its checkpoint left it.  Raises WeightsError for an unusable checkpoint."""
        trainer = cls(config, dataset)
        trainer._restore(read_checkpoint(config.run))
        return trainer

    def fit(self) -> Iterator[StepReport]:
        """Train to the end of the schedule, or to the step in which `stop` is called; then everything is saved."""
        _make_folder(self.config.run)
        self.clock.start()
        self._validations.ended = self.clock.seconds
        if not self._validations.scores:
            self._validate()
        while self.clock.progress < 1 and not self.stopping:
            if self.phase == PIXEL and self.clock.progress >= self.config.pixel_share:
                self._begin_adversarial()
            began = time.monotonic()
            losses = self._train_step()
            rate = self.config.batch / (time.monotonic() - began)
            if self._validation_due():
                self._validate()
                self.save()
            yield self._report(losses, rate)
        self._validate()
        self.save()

    def stop(self) -> None:
        """Let `fit` end after the step in hand."""
        self.stopping = True

    def save(self) -> None:
        """Write the deployable weights and the checkpoint."""
        self._save_weights(self.config.name)
        with atomic_write(self.config.run / CHECKPOINT) as temporary:
            torch.save(self._state(), temporary)

    @property
    def weights_path(self) -> Path:
        """The deployable file."""
        return self.config.run / f"{self.config.name}{SUFFIX}"

    def _train_step(self) -> dict[str, float]:
        self._set_learning_rates()
        low, high = (x.to(self.device) for x in sample_batch(self.dataset.training, self.config, self.random))
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            generated = self.generator(low).float()
        losses = {"pixel": pixel_loss(generated, high)}
        total = self.config.pixel_weight * losses["pixel"]
        if self.phase == ADVERSARIAL:
            losses["discriminator"] = self._discriminator_step(high, generated.detach())
            losses["adversarial"] = adversarial_loss(self._judge(generated))
            total = total + self.config.adversarial_weight * losses["adversarial"]
        _descend(total, self.generator, self.generator_optimizer)
        self._move_average()
        self.clock.steps += 1
        self.phase_step += 1
        measured = {name: float(loss.detach()) for name, loss in losses.items()}
        for name, value in measured.items():
            self._recent[name].append(value)
        return measured

    def _discriminator_step(self, real: Tensor, fake: Tensor) -> Tensor:
        self.discriminator.requires_grad_(True)
        loss = discriminator_loss(self._judge(real), self._judge(fake))
        _descend(loss, self.discriminator, self.discriminator_optimizer)
        self.discriminator.requires_grad_(False)
        return loss

    def _judge(self, pictures: Tensor) -> Tensor:
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits: Tensor = self.discriminator(pictures)
        return logits.float()

    def _begin_adversarial(self) -> None:
        """From here on the averaged generator plays against the discriminator; the pixel phase's result is kept."""
        if self.clock.steps:
            self._save_weights(f"{self.config.name}-fidelity")
        self.generator.load_state_dict(self.average.state_dict())
        self.generator_optimizer = _adam(self.generator)
        self.phase = ADVERSARIAL
        self.phase_step = 0

    def _set_learning_rates(self) -> None:
        start, end = (0.0, self.config.pixel_share) if self.phase == PIXEL else (self.config.pixel_share, 1.0)
        factor = warm_cosine((self.clock.progress - start) / (end - start), self.phase_step)
        base = self.config.learning_rate if self.phase == PIXEL else self.config.adversarial_learning_rate
        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = base * factor

    @torch.no_grad()
    def _move_average(self) -> None:
        """Exponential moving average, faster in the first steps of a phase so that it forgets where it began."""
        decay = min(self.config.average, (1 + self.phase_step) / (10 + self.phase_step))
        for kept, current in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            kept.lerp_(current, 1 - decay)
        for statistic, latest in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            statistic.copy_(latest)

    def _validation_due(self) -> bool:
        last = self._validations
        rare_enough = self.clock.seconds - last.ended >= last.cost / LARGEST_SHARE_OF_VALIDATION
        return rare_enough and self.clock.progress - last.progress >= 1 / VALIDATIONS

    def _validate(self) -> None:
        """Score the averaged generator on the held-out pictures, the way users run it, and log it."""
        began = self.clock.seconds
        upscaler = Upscaler(copy.deepcopy(self.average), self.device)
        rows = [_score(upscaler, pair) for pair in self.dataset.validation]
        scores = {key: fmean(row[key] for row in rows) for key in rows[0]}
        self._validations = _Validations(self.clock.progress, self.clock.seconds, self.clock.seconds - began, scores)
        losses = {name: fmean(values) for name, values in self._recent.items()}
        self._recent.clear()
        line = {"step": self.clock.steps, "seconds": round(began, 1), "phase": self.phase, **losses, **scores}
        with (self.config.run / METRICS_LOG).open("a", encoding="utf8") as log:
            log.write(json.dumps(line) + "\n")

    def _report(self, losses: dict[str, float], rate: float) -> StepReport:
        return StepReport(
            self.clock.steps,
            self.phase,
            self.clock.progress,
            losses,
            self._validations.scores,
            rate,
            self.clock.remaining,
        )

    def _save_weights(self, name: str) -> None:
        card = WeightsCard.of(
            self.average,
            name,
            training={
                "pictures": len(self.dataset.training),
                "steps": self.clock.steps,
                "hours": round(self.clock.seconds / 3600, 3),
                "device": str(self.device),
                "settings": {key: value for key, value in self.config.to_json().items() if key not in PLACES},
            },
            scores={"validation": {"protocol": str(_protocol(self.config.scale)), **self._validations.scores}},
        )
        save_weights(self.config.run / f"{name}{SUFFIX}", self.average, card)

    def _state(self) -> dict[str, Any]:
        return {
            "config": self.config.to_json(),
            **{name: part.state_dict() for name, part in self._parts().items()},
            "random": self.random.get_state(),
            "steps": self.clock.steps,
            "seconds": self.clock.seconds,
            "phase": self.phase,
            "phase_step": self.phase_step,
            "validations": asdict(self._validations),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            for name, part in self._parts().items():
                part.load_state_dict(state[name])
            self.random.set_state(state["random"].cpu())
            self.clock = Clock(self.config, state["steps"], state["seconds"])
            self.phase, self.phase_step = state["phase"], state["phase_step"]
            self._validations = _Validations(**state["validations"])
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise WeightsError(f"{self.config.run / CHECKPOINT} does not fit its own settings: {error}") from error
        _forget_after(self.config.run / METRICS_LOG, self.clock.steps)

    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "average": self.average,
            "discriminator": self.discriminator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }


def read_checkpoint(run: Path) -> dict[str, Any]:
    """What a run left to go on from.  No code in it is ever executed.  Raises WeightsError if there is none."""
    path = run / CHECKPOINT
    if not path.is_file():
        raise WeightsError(f"no checkpoint in {run}", "name the run's folder with --run, or start without --resume")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling a damaged file fails in many ways
        raise WeightsError(f"cannot read {path}: it is damaged", "train anew in another folder") from error
    return state


def check_run(config: TrainConfig) -> None:
    """Raises UsageError, before any work, when the run folder holds another run or the first weights are unknown."""
    if (config.run / CHECKPOINT).exists():
        raise UsageError(f"{config.run} already holds a run", "go on with --resume, or name another folder with --run")
    if config.init_from:
        find_weights(config.init_from, config.scale)


def _build_generator(config: TrainConfig) -> Generator:
    if not config.init_from:
        return GENERATORS[config.generator](
            scale=config.scale, channels=config.channels, blocks=config.blocks, batch_norm=config.batch_norm
        )
    generator, card = load_weights(find_weights(config.init_from, config.scale))
    if card.scale != config.scale:
        raise UsageError(
            f"{config.init_from} enlarges {card.scale} times, the run is for {config.scale}",
            f"add --scale {card.scale}",
        )
    return generator.train().requires_grad_(True)


def _make_folder(run: Path) -> None:
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SrganError(f"cannot make the folder {run}: {error.strerror}", "choose another --run") from error


def _adam(network: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))


def _descend(loss: Tensor, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
    optimizer.step()


def _protocol(scale: int) -> Protocol:
    return Protocol("y", scale)


def _score(upscaler: Upscaler, pair: Pair) -> dict[str, float]:
    enlarged = upscaler.upscale(Picture(pair.low.float() / 255))
    return compare(pair.high.float() / 255, quantise(enlarged.pixels), _protocol(upscaler.generator.scale))


def _forget_after(log: Path, step: int) -> None:
    """Drop the lines that were logged after the checkpoint which is resumed."""
    if not log.is_file():
        return
    lines = log.read_text(encoding="utf8").splitlines()
    kept = [line for line in lines if json.loads(line)["step"] <= step]
    with atomic_write(log) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf8")
