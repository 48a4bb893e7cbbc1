"""Trainer: the loop.  A pixel phase brings the generator near, then it plays against the discriminator."""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.training.adversary import Adversary
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data import Dataset
from srgan_cli.training.guard import Guard
from srgan_cli.training.objective import Objective
from srgan_cli.training.optimisation import Learner, Precision
from srgan_cli.training.run import Nowhere, Origin, RunFolder, serialised
from srgan_cli.training.samples import ROWS
from srgan_cli.training.sampling import sample_batch
from srgan_cli.training.schedule import SCHEDULES, Clock, patch_and_batch
from srgan_cli.training.validation import Best, Validation, mean, protocol, validate
from srgan_cli.weights import WeightsCard
from srgan_cli.world import ALONE, World

PIXEL, ADVERSARIAL = "pixel", "adversarial"
VALIDATIONS = 20
LARGEST_SHARE_OF_VALIDATION = 1 / 15
SECONDS_BETWEEN_CHECKPOINTS = 600
ADVERSARIAL_RAMP = 0.2
"""The part of the adversarial phase in which the generator comes to heed the discriminator, who has to learn first."""


@dataclass(frozen=True)
class StepReport:
    """Where a run stands after a step.

    losses: of this step, by name.  scores: of the last validation, by metric.  rate: pictures (patches) a second.
    progress: 0…1.  remaining: seconds.  notice: what the user should know, mostly nothing.
    """

    step: int
    phase: str
    progress: float
    losses: dict[str, float]
    scores: dict[str, float]
    rate: float
    remaining: float
    notice: str = ""


class Trainer:
    """One run: two networks, their optimisers, and the run folder that they are saved to."""

    def __init__(
        self, config: TrainConfig, dataset: Dataset, origin: Origin | None = None, world: World = ALONE
    ) -> None:
        self.config = config
        self.dataset = dataset
        self.world = world
        self.folder = (RunFolder if world.leads else Nowhere)(config.run, config.name)
        self.precision = Precision.on(world.device(config.device), config.precision)
        self.device = self.precision.device
        torch.manual_seed(config.seed)
        self.random = torch.Generator().manual_seed(config.seed)
        self.generator = self._first_generator(origin).to(self.device)
        self.ancestor = origin.story if origin else {}
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.learner = self._new_learner()
        self.adversary: Adversary | None = None
        self.objective = Objective(config, self.precision)
        self.guard = Guard()
        self.best = Best()
        self.clock = Clock(config)
        self.phase = PIXEL
        self.phase_began = (0, 0.0)
        self.stopping = False
        self._validation = Validation()
        self._saved = 0.0
        self._recent: list[dict[str, float]] = []
        self._good = self._learned()
        self.notice = ""

    @classmethod
    def resume(cls, config: TrainConfig, dataset: Dataset, state: dict[str, Any], world: World = ALONE) -> "Trainer":
        """The run of `config.run` as its checkpoint left it; `state` is what `read_checkpoint` gave.

        Raises WeightsError for an unusable checkpoint, UsageError when the run is finished or the data have changed.
        """
        trainer = cls(config, dataset, world=world)
        trainer._restore(state)
        return trainer

    def fit(self) -> Iterator[StepReport]:
        """Train to the end of the schedule, or to the step in which `stop` is called; then everything is saved.

        Steps whose losses are not finite, or whose discriminator is too sure to teach, are passed over; after ten in
        a row the run goes back to the last validation and halves its learning rates.  Raises SrganError when that
        does not help either; what was saved before stays.
        """
        self.folder.save_settings(self.config)
        self.folder.open_log(self.clock.steps)
        self.clock.start()
        self._saved = self.clock.seconds
        if not self._validation.scores:
            self._validate()
        progress, _, _ = self.world.follow(self._turn())
        while progress < 1 and not self.world.follow(self.stopping):
            if self.phase == PIXEL and progress >= self.config.pixel_share:
                self._begin_adversarial()
            began = time.monotonic()
            losses = self._train_step(progress)
            rate = self.world.size * self.config.batch / (time.monotonic() - began)
            progress, due, late = self.world.follow(self._turn())
            if due:
                self._validate()
            if due or late:
                self.save()
            yield StepReport(
                self.clock.steps,
                self.phase,
                progress,
                losses,
                self._validation.scores,
                rate,
                self.clock.remaining,
                self.notice,
            )
        if progress < 1:
            self.save()

    def _turn(self) -> tuple[float, bool, bool]:
        """How far the run is, and whether to validate and to save; the leading process's clock decides."""
        progress = self.clock.progress
        late = self.clock.seconds - self._saved > SECONDS_BETWEEN_CHECKPOINTS
        return progress, progress >= 1 or self._validation_due(progress), late

    def stop(self) -> None:
        """Let `fit` end after the step in hand."""
        self.stopping = True

    def rehearse(self, steps: int = 6) -> float:
        """Steps a second of the first phase, measured on a few steps that leave nothing in the run folder."""
        if self.config.pixel_share == 0:
            self._begin_adversarial()
        self._train_step(0.0)
        began = time.monotonic()
        for _ in range(steps):
            self._train_step(0.0)
        return steps / (time.monotonic() - began)

    def bytes_on_disk(self) -> int:
        """What the two checkpoints that a run keeps take as it stands."""
        return 2 * len(serialised(self._state()))

    def save(self) -> None:
        """Write the deployable weights and the checkpoint."""
        self._save_weights(self.config.name)
        self.folder.save_checkpoint(self._state())
        self._saved = self.clock.seconds

    def _new_learner(self) -> Learner:
        return Learner(self.generator, self.precision, self.config.optimizer, self.config.accumulate, self.world)

    def _first_generator(self, origin: Origin | None) -> Generator:
        generator = GENERATORS[self.config.generator](**self.config.generator_config)
        if origin:
            origin.bequeath(generator)
        return generator

    def _train_step(self, progress: float) -> dict[str, float]:
        self._set_learning_rates(progress)
        rows, usable = [], True
        for _ in range(self.config.accumulate):
            losses, learned = self._learn(progress)
            rows.append({name: float(loss.detach()) for name, loss in losses.items()})
            usable &= learned
        self.clock.steps += 1
        if usable:
            self._move_average()
            self._recent.extend(rows)
        collapsed = self.adversary is not None and self.adversary.collapsed
        self.notice = self.guard.watch(usable, collapsed)
        if self.notice:
            self._load(copy.deepcopy(self._good))
        return mean(self.world.gather(rows))

    def _learn(self, progress: float) -> tuple[dict[str, Tensor], bool]:
        """Learn from a batch: its losses, and whether they could be used."""
        low, high = self._sample(progress)
        with self.precision.autocast():
            generated = self.learner.run(low).float()
        judged, usable = {}, True
        if self.adversary:
            judged["discriminator"], usable = self.adversary.train_step(high, generated.detach(), self.random)
        squared = self.phase == PIXEL and self._phase_progress(progress) >= 1 - self.config.l2_share
        losses = self.objective.losses(generated, high, squared, self.adversary)
        heed = min(1.0, self._phase_progress(progress) / ADVERSARIAL_RAMP)
        return {**losses, **judged}, self.learner.learn(self.objective.total(losses, heed)) and usable

    def _sample(self, progress: float) -> tuple[Tensor, Tensor]:
        """A batch on the device; in the pixel phase patches grow while their number shrinks."""
        grown = self._phase_progress(progress) if self.phase == PIXEL else 0.0
        patch, batch = patch_and_batch(self.config, grown)
        low, high = sample_batch(self.dataset.training, self.config, self.random, patch, batch, self.world)
        if self.config.noise:
            noise = torch.randn(self.world.size, batch, self.config.noise, patch, patch, generator=self.random)
            low = torch.cat([low, noise[self.world.rank]], 1)
        return low.to(self.device), high.to(self.device)

    def _begin_adversarial(self) -> None:
        """From here on the averaged generator plays against the discriminator; the pixel phase's result is kept."""
        if self.clock.steps:
            if self._validation.step != self.clock.steps:
                self._validate()
            self._save_weights(self.config.fidelity_name)
        self.generator.load_state_dict(self.average.state_dict())
        self.learner = self._new_learner()
        self.adversary = Adversary(self.config, self.precision, self.world)
        self.phase = ADVERSARIAL
        self.phase_began = self.world.follow((self.clock.steps, self.clock.seconds))
        self.best = Best(self._validation.scores.get("psnr"))
        self._good = self._learned()

    def _set_learning_rates(self, progress: float) -> None:
        schedule = SCHEDULES[self.config.schedule]
        factor = self.guard.rate_share * schedule(self._phase_progress(progress), self._phase_steps)
        base = self.config.learning_rate if self.phase == PIXEL else self.config.adversarial_learning_rate
        self.learner.set_rate(base * factor)
        if self.adversary:
            self.adversary.learner.set_rate(self.config.discriminator_learning_rate * factor)

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
        pairs = self.dataset.validation[self.world.rank :: self.world.size]
        results = validate(copy.deepcopy(self.average), self.device, pairs)
        scores = mean(self.world.gather([result.scores for result in results]))
        originals, enlarged = [pair.high.float() / 255 for pair in pairs[:ROWS]], [r.enlarged for r in results[:ROWS]]
        self.folder.save_samples(self.clock.steps, originals, enlarged)
        self._validation = Validation(scores, self.clock.steps, self.clock.seconds, self.clock.seconds - began)
        position = {"step": self.clock.steps, "seconds": round(began, 1), "phase": self.phase}
        self.folder.log({**position, **mean(self._recent), **scores})
        self._recent.clear()
        self._good = self._learned()
        if self.best.beaten_by(scores, protocol(self.config.scale).metrics[-1]):
            self._save_weights(f"{self.config.name}-best")

    def _save_weights(self, name: str) -> None:
        self.folder.save_weights(self.average, self._card(name))

    def _card(self, name: str) -> WeightsCard:
        training = {
            "pictures": len(self.dataset.training),
            "steps": self.clock.steps,
            "hours": round(self.clock.seconds / 3600, 3),
            "device": str(self.device),
            "settings": self.config.to_recipe(),
            **({"started_from": self.ancestor} if self.ancestor else {}),
        }
        validation = {"protocol": str(protocol(self.config.scale)), **self._validation.scores}
        return WeightsCard.of(
            self.average,
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
            "guard": vars(self.guard),
            "random": self.random.get_state(),
            "steps": self.clock.steps,
            "seconds": self.clock.seconds,
            "phase": self.phase,
            "phase_began": self.phase_began,
            "validation": vars(self._validation),
            "best": vars(self.best),
            "ancestor": self.ancestor,
            "data": self.dataset.digest,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            if state["phase"] == ADVERSARIAL:
                self.adversary = Adversary(self.config, self.precision, self.world)
            self._load(state)
            self.guard = Guard(**state["guard"])
            self.random.set_state(state["random"].cpu())
            self.clock = Clock(self.config, state["steps"], state["seconds"])
            self.phase, self.phase_began = state["phase"], tuple(state["phase_began"])
            self._validation, self.best = Validation(**state["validation"]), Best(**state["best"])
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
        always = {"generator": self.generator, "average": self.average, "learner": self.learner}
        return {**always, "adversary": self.adversary} if self.adversary else always

    def _learned(self) -> dict[str, Any]:
        """A copy of everything that learning has changed so far."""
        return copy.deepcopy({name: part.state_dict() for name, part in self._parts().items()})

    def _load(self, learned: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(learned[name])
