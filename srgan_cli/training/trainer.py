"""Trainer: the loop.

If there are unpaired pictures, their degradation is learned first; a pixel phase brings the generator near; then it
plays against the discriminator.
"""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.networks import Generator
from srgan_cli.system.distributed import SINGLE_PROCESS, World
from srgan_cli.system.memory import retain_freed_memory
from srgan_cli.training.config import ADVERSARIAL, DEGRADATION, PIXEL, TrainConfig
from srgan_cli.training.data.dataset import Dataset
from srgan_cli.training.data.random import seeded
from srgan_cli.training.data.sampling import Batch, BatchRequest, Sampler
from srgan_cli.training.models.build import build_generator
from srgan_cli.training.models.gan import GAN
from srgan_cli.training.models.learned_degradation import LearnedDegradation
from srgan_cli.training.optim.divergence import DivergenceMonitor
from srgan_cli.training.optim.equivariance import GROUPS, Equivariance
from srgan_cli.training.optim.optimizer import ComputeContext
from srgan_cli.training.optim.schedule import SCHEDULES
from srgan_cli.training.run.clock import RunProgress, patch_and_batch
from srgan_cli.training.run.contact_sheet import PARTNERS, ROWS
from srgan_cli.training.run.folder import NullRunFolder, RunFolder, serialised
from srgan_cli.training.run.origin import InitialWeights, rebuild
from srgan_cli.training.run.validation import BestValidation, Validation, mean, validate, validation_protocol
from srgan_cli.weights.card import WeightsCard

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
    """One run: what learns in it, its clock, and the run folder that it is saved to.  See keep_freed for memory."""

    def __init__(
        self,
        config: TrainConfig,
        dataset: Dataset,
        initial: InitialWeights | None = None,
        world: World = SINGLE_PROCESS,
    ) -> None:
        self.config = config
        self.dataset = dataset
        self.world = world
        self.folder = (RunFolder if world.is_main else NullRunFolder)(config.run.folder, config.run.name)
        self.compute = ComputeContext.for_device(world.device(config.run.device), config.optim.precision)
        self.device = self.compute.device
        retain_freed_memory()
        torch.manual_seed(config.run.seed)
        self.rng = seeded(config.run.seed, "step")
        self.gan = GAN(config, self._first_generator(initial), self.compute, world)
        self.learned_degradation = (
            LearnedDegradation(config, dataset, self.compute, world) if config.data.unpaired else None
        )
        self.sampler = Sampler(dataset.training, config, world)
        self.ancestor = initial.story if initial else {}
        self.monitor = DivergenceMonitor()
        self.best = BestValidation()
        self.progress = RunProgress(config)
        self.stopping = False
        self._validation = Validation()
        self._saved = 0.0
        self._recent: list[dict[str, float]] = []
        self._last_good = self._snapshot()
        self.notice = ""

    @classmethod
    def resume(
        cls, config: TrainConfig, dataset: Dataset, state: dict[str, Any], world: World = SINGLE_PROCESS
    ) -> "Trainer":
        """The run of `config.run.folder` as its checkpoint left it; `state` is what `read_checkpoint` gave.

        Raises WeightsError for an unusable checkpoint, UsageError when the run is finished or the data have changed.
        """
        trainer = cls(config, dataset, rebuild(config, state["generator"]), world)
        trainer._restore(state)
        return trainer

    def fit(self) -> Iterator[StepReport]:
        """Train to the end of the schedule, or to the step in which `stop` is called; then everything is saved.

        Steps whose losses are not finite, or whose discriminator is too sure to teach, are passed over; after ten in
        a row the run goes back to the last validation and halves its learning rates.  Raises SrganError when that
        does not help either; what was saved before stays.
        """
        self.folder.save_settings(self.config)
        self.folder.open_log(self.progress.steps)
        self.progress.start()
        self._saved = self.progress.seconds
        if not self._validation.scores:
            self._validate()
        progress, _, _ = self.world.broadcast(self._status())
        while progress < 1 and not self.world.broadcast(self.stopping):
            while progress >= self.config.phase_ends[self.progress.phase]:
                self._begin_next_phase()
            began = time.monotonic()
            losses = self._train_step(progress)
            rate = self.world.size * self.config.data.batch / (time.monotonic() - began)
            progress, due, late = self.world.broadcast(self._status())
            if due:
                self._validate()
            if due or late:
                self.save()
            scores, remaining = self._validation.scores, self.progress.remaining
            yield StepReport(
                self.progress.steps, self.progress.phase, progress, losses, scores, rate, remaining, self.notice
            )
        if progress < 1:
            self.save()

    def _status(self) -> tuple[float, bool, bool]:
        """How far the run is, and whether to validate and to save; the leading process's clock decides."""
        progress = self.progress.fraction
        late = self.progress.seconds - self._saved > SECONDS_BETWEEN_CHECKPOINTS
        return progress, progress >= 1 or self._validation.is_past(self.progress, progress), late

    def stop(self) -> None:
        """Let `fit` end after the step in hand."""
        self.stopping = True

    def benchmark(self, phase: str, steps: int = 6) -> float:
        """Steps a second of a phase, measured on a few steps that leave nothing in the run folder."""
        if phase == ADVERSARIAL:
            self.gan.add_discriminator()
        self.progress.start_phase(phase, 0, 0.0)
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
        self._save_weights(self.config.run.name)
        self.folder.save_checkpoint(self._state())
        self._saved = self.progress.seconds

    def _first_generator(self, initial: InitialWeights | None) -> Generator:
        if initial:
            return initial.build(self.config)
        generator = build_generator(self.config)
        if self.config.optim.equivariance in GROUPS:
            Equivariance(generator, self.config.optim.equivariance).draw()
        return generator

    def _train_step(self, progress: float) -> dict[str, float]:
        learner = self._learner
        schedule = SCHEDULES[self.config.optim.lr_schedule]
        learner.set_learning_rate(
            self.monitor.rate_share * schedule(self.progress.phase_fraction(progress), self.progress.phase_steps)
        )
        rows, usable = [], True
        for part in range(self.config.optim.accumulate):
            losses, learned = self._learn(progress, self.progress.steps * self.config.optim.accumulate + part)
            rows.append({name: float(loss.detach()) for name, loss in losses.items()})
            usable &= learned
        self.progress.steps += 1
        if usable:
            self._recent.extend(rows)
            if learner is self.gan:
                self.gan.move_average(self.progress.phase_steps)
        self.notice = self.monitor.check(usable, learner.discriminator_saturated)
        if self.notice:
            self._load(copy.deepcopy(self._last_good))
        return mean(self.world.gather(rows))

    def _learn(self, progress: float, number: int) -> tuple[dict[str, Tensor], bool]:
        """Learn from the batch of this number: its losses, and whether they could be used."""
        learner = self._learner
        if isinstance(learner, LearnedDegradation):
            return learner.learn(number, self.rng)
        within, pixel = self.progress.phase_fraction(progress), self.progress.phase == PIXEL
        low, high = self._batch(within if pixel else 0.0, number)
        squared = pixel and within >= 1 - self.config.schedule.l2_fraction
        return self.gan.learn(low, high, squared, min(1.0, within / ADVERSARIAL_RAMP), self.rng)

    @property
    def _learner(self) -> GAN | LearnedDegradation:
        """What learns in this phase."""
        return self.learned_degradation if self.learned_degradation and self.progress.phase == DEGRADATION else self.gan

    def _batch(self, grown: float, number: int) -> Batch:
        """A batch on the device; while the pixel phase goes on, patches grow and their number shrinks."""
        low, high = self.sampler.take(BatchRequest(number, *patch_and_batch(self.config, grown)))
        return low.to(self.device), high.to(self.device)

    def _begin_next_phase(self) -> None:
        following = self._end_degradation() if self.progress.phase == DEGRADATION else self._end_pixel()
        self.progress.start_phase(following, *self.world.broadcast((self.progress.steps, self.progress.seconds)))
        if following == PIXEL:
            self._validate()
        self._last_good = self._snapshot()

    def _end_degradation(self) -> str:
        """All pictures get the partners that were learned to be made; the phase that follows."""
        assert self.learned_degradation
        self._show_partners()
        self.monitor = DivergenceMonitor()
        self.learned_degradation.drop_discriminators()
        self.learned_degradation.make_partners()
        return PIXEL

    def _end_pixel(self) -> str:
        """The result is kept, and the averaged generator meets the discriminator; the phase that follows."""
        if self.progress.phase_steps:
            if self._validation.step != self.progress.steps:
                self._validate()
            self._save_weights(self.config.run.fidelity_name)
        self.gan.add_discriminator()
        self.best = BestValidation(self._validation.scores.get("psnr"))
        return ADVERSARIAL

    def _validate(self) -> None:
        """Score the averaged generator on the held-out pictures, the way users run it, and log it.

        While the degradation is learned there is nothing new to score, and the partners so far are shown.
        """
        began = self.progress.seconds
        waiting = self.progress.phase == DEGRADATION and self.progress.steps
        scores = self._show_partners() if waiting else self._score()
        self._validation = Validation(scores, self.progress.steps, self.progress.seconds, self.progress.seconds - began)
        position = {"step": self.progress.steps, "seconds": round(began, 1), "phase": self.progress.phase}
        self.folder.log({**position, **mean(self._recent), **scores})
        self._recent.clear()
        self._last_good = self._snapshot()
        if self.best.update(scores, validation_protocol(self.config.scale).metrics[-1]):
            self._save_weights(f"{self.config.run.name}-best")

    def _score(self) -> dict[str, float]:
        pairs = self.dataset.validation[self.world.rank :: self.world.size]
        results = validate(copy.deepcopy(self.gan.average), self.device, pairs)
        originals, enlarged = [pair.high.float() / 255 for pair in pairs[:ROWS]], [r.enlarged for r in results[:ROWS]]
        self.folder.save_samples(self.progress.steps, originals, enlarged)
        return mean(self.world.gather([result.scores for result in results]))

    def _show_partners(self) -> dict[str, float]:
        """The scores as they were."""
        assert self.learned_degradation
        pairs = self.dataset.validation[:ROWS]
        lows, made = [pair.low for pair in pairs], self.learned_degradation.partners(pairs)
        self.folder.save_samples(
            self.progress.steps, [low / 255 for low in lows], [low / 255 for low in made], PARTNERS
        )
        return self._validation.scores

    def _save_weights(self, name: str) -> None:
        self.folder.save_weights(self.gan.average, self._card(name))

    def _card(self, name: str) -> WeightsCard:
        training = {
            "pictures": len(self.dataset.training),
            "steps": self.progress.steps,
            "hours": round(self.progress.seconds / 3600, 3),
            "device": str(self.device),
            "settings": self.config.to_recipe(),
            **({"started_from": self.ancestor} if self.ancestor else {}),
        }
        validation = {"protocol": str(validation_protocol(self.config.scale)), **self._validation.scores}
        return WeightsCard.for_generator(
            self.gan.average,
            name,
            training=training,
            scores={"validation": validation},
            counterpart=self._counterpart if self.gan.adversary else "",
        )

    @property
    def _counterpart(self) -> str:
        """The fidelity weights that the adversarial phase began from."""
        return (
            self.config.run.fidelity_name
            if self.config.schedule.pretrain_fraction
            else str(self.ancestor.get("name", ""))
        )

    def _state(self) -> dict[str, Any]:
        return {
            "config": self.config.to_json(),
            **{name: part.state_dict() for name, part in self._parts().items()},
            "guard": vars(self.monitor),
            "random": self.rng.get_state(),
            "dropout": torch.get_rng_state(),
            "steps": self.progress.steps,
            "seconds": self.progress.seconds,
            "phase": self.progress.phase,
            "phase_began": self.progress.phase_began,
            "validation": vars(self._validation),
            "best": vars(self.best),
            "ancestor": self.ancestor,
            "data": self.dataset.digest,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            clock = RunProgress(
                self.config, state["steps"], state["seconds"], state["phase"], tuple(state["phase_began"])
            )
            if self.learned_degradation and clock.phase != DEGRADATION:
                self.learned_degradation.drop_discriminators()
            if clock.phase == ADVERSARIAL:
                self.gan.add_discriminator()
            self._load(state)
            self.progress, self.monitor = clock, DivergenceMonitor(**state["guard"])
            self.rng.set_state(state["random"].cpu())
            torch.set_rng_state(state.get("dropout", torch.get_rng_state()).cpu())
            self._validation, self.best = Validation(**state["validation"]), BestValidation(**state["best"])
            self.ancestor, data = state["ancestor"], state["data"]
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise WeightsError(
                f"the checkpoint in {self.config.run.folder} does not fit its own settings: {error}"
            ) from error
        if data != self.dataset.digest:
            raise UsageError(
                f"the pictures in {self.config.data.folder_names} are not those that the run began with",
                "restore them, or start another run from its weights with --init-from",
            )
        if self.progress.fraction >= 1:
            raise UsageError(
                f"the run in {self.config.run.folder} is finished", "lengthen it with a larger --time or --steps"
            )
        if self.learned_degradation and self.progress.phase != DEGRADATION:
            self.learned_degradation.make_partners()
        self._last_good = self._snapshot()

    def _parts(self) -> dict[str, Any]:
        """What learns, by its name in the checkpoint."""
        return self.gan.parts() | (self.learned_degradation.parts() if self.learned_degradation else {})

    def _snapshot(self) -> dict[str, Any]:
        """A copy of everything that learning has changed so far."""
        return copy.deepcopy({name: part.state_dict() for name, part in self._parts().items()})

    def _load(self, learned: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(learned[name])
