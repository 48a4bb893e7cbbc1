"""Trainer: the loop.  A pixel phase brings the generator near, then it plays against the discriminator."""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.networks.expansion import expand, folded
from srgan_cli.picture import Picture
from srgan_cli.pixels import quantise
from srgan_cli.report import Protocol, compare
from srgan_cli.training.adversary import Adversary
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data import Dataset, Pair, sample_batch
from srgan_cli.training.losses import l1_loss, l2_loss
from srgan_cli.training.optimisation import Precision, adam, descend, set_learning_rate
from srgan_cli.training.perceptual import PerceptualLoss
from srgan_cli.training.run import Origin, RunFolder
from srgan_cli.training.schedule import Clock, patch_and_batch, warm_cosine
from srgan_cli.upscaler import Upscaler
from srgan_cli.weights import WeightsCard

PIXEL, ADVERSARIAL = "pixel", "adversarial"
VALIDATIONS = 20
LARGEST_SHARE_OF_VALIDATION = 1 / 15
SECONDS_BETWEEN_CHECKPOINTS = 600
ADVERSARIAL_RAMP = 0.2
"""The part of the adversarial phase in which the generator comes to heed the discriminator, who has to learn first."""
PLACES = ("data", "run", "init_from", "perceptual_file", "device")
"""Settings that name places of one machine and stay off the weights card."""


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
class _LastValidation:
    """The step that it followed, when it ended, what it cost (seconds), and what it found."""

    step: int = 0
    ended: float = 0.0
    cost: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)


class Trainer:
    """One run: two networks, their optimisers, and the run folder that they are saved to."""

    def __init__(self, config: TrainConfig, dataset: Dataset, origin: Origin | None = None) -> None:
        self.config = config
        self.dataset = dataset
        self.folder = RunFolder(config.run, config.name)
        self.precision = Precision.on(config.device)
        self.device = self.precision.device
        torch.manual_seed(config.seed)
        self.random = torch.Generator().manual_seed(config.seed)
        self.generator = self._first_generator(origin).to(self.device)
        self.ancestor = origin.story if origin else {}
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.optimizer = adam(self.generator)
        self.adversary: Adversary | None = None
        perceptual = config.perceptual_weight and config.pixel_share < 1
        self.perceptual_loss = PerceptualLoss(config, self.precision) if perceptual else None
        self.clock = Clock(config)
        self.phase = PIXEL
        self.phase_began = (0, 0.0)
        self.stopping = False
        self._validation = _LastValidation()
        self._saved = 0.0
        self._recent: list[dict[str, float]] = []

    @classmethod
    def resume(cls, config: TrainConfig, dataset: Dataset, state: dict[str, Any]) -> "Trainer":
        """The run of `config.run` as its checkpoint left it; `state` is what `read_checkpoint` gave.

        Raises WeightsError for an unusable checkpoint, UsageError when the run is finished or the data have changed.
        """
        trainer = cls(config, dataset)
        trainer._restore(state)
        return trainer

    def fit(self) -> Iterator[StepReport]:
        """Train to the end of the schedule, or to the step in which `stop` is called; then everything is saved.

        Raises SrganError when a loss is not finite; what was saved before stays.
        """
        self.folder.open_log(self.clock.steps)
        self.clock.start()
        self._saved = self.clock.seconds
        if not self._validation.scores:
            self._validate()
        progress = self.clock.progress
        while progress < 1 and not self.stopping:
            if self.phase == PIXEL and progress >= self.config.pixel_share:
                self._begin_adversarial()
            began = time.monotonic()
            losses = self._train_step(progress)
            rate = self.config.batch / (time.monotonic() - began)
            progress = self.clock.progress
            if progress >= 1 or self._validation_due(progress):
                self._validate()
                self.save()
            elif self.clock.seconds - self._saved > SECONDS_BETWEEN_CHECKPOINTS:
                self.save()
            yield StepReport(
                self.clock.steps, self.phase, progress, losses, self._validation.scores, rate, self.clock.remaining
            )
        if progress < 1:
            self.save()

    def stop(self) -> None:
        """Let `fit` end after the step in hand."""
        self.stopping = True

    def save(self) -> None:
        """Write the deployable weights and the checkpoint."""
        self._save_weights(self.config.name)
        self.folder.save_checkpoint(self._state())
        self._saved = self.clock.seconds

    def _first_generator(self, origin: Origin | None) -> Generator:
        generator = GENERATORS[self.config.generator](**self.config.generator_config)
        if origin:
            origin.bequeath(generator)
        if self.config.expansion:
            expand(generator, self.config.expansion)
        return generator

    def _train_step(self, progress: float) -> dict[str, float]:
        self._set_learning_rates(progress)
        low, high = (x.to(self.device) for x in self._sample(progress))
        with self.precision.autocast():
            generated = self.generator(low).float()
        weights = {"pixel": self.config.pixel_weight}
        losses = {"pixel": self._pixel_loss(progress)(generated, high)}
        if self.adversary:
            losses["discriminator"] = self.adversary.train_step(high, generated.detach())
            losses |= self.adversary.losses(high, generated)
            heed = min(1.0, self._phase_progress(progress) / ADVERSARIAL_RAMP)
            weights |= {"adversarial": heed * self.config.adversarial_weight, "matching": self.config.matching_weight}
            if self.perceptual_loss:
                losses["perceptual"] = self.perceptual_loss(generated, high)
                weights["perceptual"] = self.config.perceptual_weight
        total = torch.stack([weight * losses[name] for name, weight in weights.items() if weight]).sum()
        descend(total, self.generator, self.optimizer)
        self._move_average()
        self.clock.steps += 1
        measured = {name: float(loss.detach()) for name, loss in losses.items()}
        self._recent.append(measured)
        return measured

    def _sample(self, progress: float) -> tuple[Tensor, Tensor]:
        """A batch; in the pixel phase patches grow while their number shrinks."""
        grown = self._phase_progress(progress) if self.phase == PIXEL else 0.0
        patch, batch = patch_and_batch(self.config, grown)
        return sample_batch(self.dataset.training, self.config, self.random, patch, batch)

    def _pixel_loss(self, progress: float) -> Callable[[Tensor, Tensor], Tensor]:
        """Absolute differences, and squared ones towards the end of the pixel phase."""
        last = self.phase == PIXEL and self._phase_progress(progress) >= 1 - self.config.l2_share
        return l2_loss if last else l1_loss

    def _begin_adversarial(self) -> None:
        """From here on the averaged generator plays against the discriminator; the pixel phase's result is kept."""
        if self.clock.steps:
            self._validate()
            self._save_weights(self.config.fidelity_name)
        self.generator.load_state_dict(self.average.state_dict())
        self.optimizer = adam(self.generator)
        self.adversary = Adversary(self.config, self.precision)
        self.phase = ADVERSARIAL
        self.phase_began = (self.clock.steps, self.clock.seconds)

    def _set_learning_rates(self, progress: float) -> None:
        factor = warm_cosine(self._phase_progress(progress), self._phase_steps)
        base = self.config.learning_rate if self.phase == PIXEL else self.config.adversarial_learning_rate
        set_learning_rate(self.optimizer, base * factor)
        if self.adversary:
            set_learning_rate(self.adversary.optimizer, self.config.discriminator_learning_rate * factor)

    def _phase_progress(self, progress: float) -> float:
        """The part of the phase that is done, 0…1."""
        start = self.clock.progress_at(*self.phase_began)
        end = self.config.pixel_share if self.phase == PIXEL else 1.0
        return min(max((progress - start) / max(end - start, 1e-9), 0.0), 1.0)

    @property
    def _phase_steps(self) -> int:
        return self.clock.steps - self.phase_began[0]

    @torch.no_grad()
    def _move_average(self) -> None:
        """Exponential moving average, faster in the first steps of a phase so that it forgets where it began."""
        decay = min(self.config.average, (1 + self._phase_steps) / (10 + self._phase_steps))
        for kept, current in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            kept.lerp_(current, 1 - decay)
        for statistic, latest in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            statistic.copy_(latest)

    def _validation_due(self, progress: float) -> bool:
        last = self._validation
        rare_enough = self.clock.seconds - last.ended >= last.cost / LARGEST_SHARE_OF_VALIDATION
        return rare_enough and progress - self.clock.progress_at(last.step, last.ended) >= 1 / VALIDATIONS

    def _validate(self) -> None:
        """Score the averaged generator on the held-out pictures, the way users run it, and log it."""
        began = self.clock.seconds
        upscaler = Upscaler(folded(self.average), self.device)
        scores = _mean([_score(upscaler, pair) for pair in self.dataset.validation])
        self._validation = _LastValidation(self.clock.steps, self.clock.seconds, self.clock.seconds - began, scores)
        position = {"step": self.clock.steps, "seconds": round(began, 1), "phase": self.phase}
        self.folder.log({**position, **_mean(self._recent), **scores})
        self._recent.clear()

    def _save_weights(self, name: str) -> None:
        deployable = folded(self.average)
        self.folder.save_weights(deployable, self._card(deployable, name))

    def _card(self, deployable: Generator, name: str) -> WeightsCard:
        settings = {key: value for key, value in self.config.to_json().items() if key not in PLACES}
        training = {
            "pictures": len(self.dataset.training),
            "steps": self.clock.steps,
            "hours": round(self.clock.seconds / 3600, 3),
            "device": str(self.device),
            "settings": settings,
            **({"started_from": self.ancestor} if self.ancestor else {}),
        }
        validation = {"protocol": str(_protocol(self.config.scale)), **self._validation.scores}
        return WeightsCard.of(
            deployable,
            name,
            training=training,
            scores={"validation": validation},
            counterpart=self._counterpart if self.adversary else "",
        )

    @property
    def _counterpart(self) -> str:
        """The fidelity weights that the adversarial phase began from."""
        return self.config.fidelity_name if self.phase_began[0] else str(self.ancestor.get("name", ""))

    def _state(self) -> dict[str, Any]:
        return {
            "config": self.config.to_json(),
            **{name: part.state_dict() for name, part in self._parts().items()},
            "random": self.random.get_state(),
            "steps": self.clock.steps,
            "seconds": self.clock.seconds,
            "phase": self.phase,
            "phase_began": self.phase_began,
            "validation": vars(self._validation),
            "ancestor": self.ancestor,
            "data": self.dataset.digest,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            if state["phase"] == ADVERSARIAL:
                self.adversary = Adversary(self.config, self.precision)
            for name, part in self._parts().items():
                part.load_state_dict(state[name])
            self.random.set_state(state["random"].cpu())
            self.clock = Clock(self.config, state["steps"], state["seconds"])
            self.phase, self.phase_began = state["phase"], tuple(state["phase_began"])
            self._validation = _LastValidation(**state["validation"])
            self.ancestor, data = state["ancestor"], state["data"]
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise WeightsError(f"the checkpoint in {self.config.run} does not fit its own settings: {error}") from error
        if data != self.dataset.digest:
            raise UsageError(
                f"the pictures in {self.config.data} are not those that the run began with",
                "restore them, or start another run from its weights with --init-from",
            )
        if self.clock.progress >= 1:
            raise UsageError(f"the run in {self.config.run} is finished", "lengthen it with a larger --time or --steps")

    def _parts(self) -> dict[str, Any]:
        """What learns, by its name in the checkpoint."""
        always = {"generator": self.generator, "average": self.average, "optimizer": self.optimizer}
        return {**always, "adversary": self.adversary} if self.adversary else always


def _protocol(scale: int) -> Protocol:
    return Protocol("y", scale)


def _score(upscaler: Upscaler, pair: Pair) -> dict[str, float]:
    enlarged = upscaler.upscale(Picture(pair.low.float() / 255))
    return compare(pair.high.float() / 255, quantise(enlarged.pixels), _protocol(upscaler.generator.scale))


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: fmean(row[key] for row in rows) for key in rows[-1] if all(key in row for row in rows)} if rows else {}
