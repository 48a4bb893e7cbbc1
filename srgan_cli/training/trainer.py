"""Trainer: the training loop of a run.

A run has up to three phases: it learns the degradation of unpaired pictures, if there are any; it pretrains the
generator on the pixel loss; it trains the generator against a discriminator.
"""

import copy
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import torch

from srgan_cli.errors import UsageError, WeightsError, errors_as
from srgan_cli.system.devices import peak_memory
from srgan_cli.system.distributed import SINGLE_PROCESS, World
from srgan_cli.training.config import ADVERSARIAL, DEGRADATION, PIXEL, TrainConfig
from srgan_cli.training.data.dataset import Dataset
from srgan_cli.training.data.measurements import LEVELS
from srgan_cli.training.data.random import seeded
from srgan_cli.training.data.sampling import BatchRequest, Sampler
from srgan_cli.training.data.teacher import Teacher
from srgan_cli.training.models.gan import GAN
from srgan_cli.training.models.learned_degradation import LearnedDegradation
from srgan_cli.training.optim.divergence import DivergenceMonitor
from srgan_cli.training.optim.optimizer import ComputeContext, StepResult
from srgan_cli.training.optim.schedule import SCHEDULES
from srgan_cli.training.run.checkpoints import serialize
from srgan_cli.training.run.clock import RunProgress, StepReport, patch_and_batch
from srgan_cli.training.run.contact_sheet import PARTNERS, ROWS
from srgan_cli.training.run.folder import NullRunFolder, RunFolder
from srgan_cli.training.run.initial_weights import InitialWeights, first_generator, rebuild
from srgan_cli.training.run.validation import BestValidation, HeldOut, Validation, mean, validation_protocol
from srgan_cli.weights.card import WeightsCard

SECONDS_BETWEEN_CHECKPOINTS = 600
ADVERSARIAL_RAMP = 0.2
"""The fraction of the adversarial phase over which the adversarial weight ramps from 0 to 1."""


class Trainer:
    """Trains the networks of a run and writes to the run folder."""

    def __init__(
        self, config: TrainConfig, data: Dataset, initial: InitialWeights | None = None, world: World = SINGLE_PROCESS
    ) -> None:
        self.config, self.dataset, self.world = config, data, world
        folder = RunFolder if world.is_main else NullRunFolder
        self.folder = folder(config.run.folder, config.run.name, log=config.run.log)
        self.compute = ComputeContext.for_device(world.device(config.run.device), config.optim.precision)
        self.device = self.compute.device
        torch.manual_seed(config.run.seed)
        self.rng = seeded(config.run.seed, "step")
        self.gan = GAN(config, first_generator(config, initial), self.compute, world)
        self.teacher = Teacher.load(config, self.device) if config.teacher.models else None
        unpaired = config.data.unpaired
        self.learned_degradation = LearnedDegradation(config, data, self.compute, world) if unpaired else None
        self.held_out = HeldOut(data.validation, self.device, world, config.data.shown_bands)
        self.sampler = Sampler(data.training, config, world)
        self.started_from = {"name": initial.name, "training": initial.training} if initial else {}
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
        cls, config: TrainConfig, dataset: Dataset, state: dict[str, Any], *, world: World = SINGLE_PROCESS
    ) -> "Trainer":
        """The run with the state of a checkpoint, as `read_checkpoint` returns it.

        Raises WeightsError for an unusable checkpoint, UsageError when the run is finished or the pictures differ.
        """
        trainer = cls(config, dataset, initial=rebuild(config, state["generator"]), world=world)
        trainer._restore(state)
        return trainer

    def fit(self) -> Iterator[StepReport]:
        """Train to the end of the run, or until `stop` is called, and save.  Yields a report after every step.

        Ten steps in a row with losses that are not finite, or with a saturated discriminator, restore the state of the
        last validation and halve the learning rates.  Raises SrganError when that does not help; saved files stay.
        """
        with closing(self.folder):
            self.folder.lock()
            self.folder.save_settings(self.config)
            yield from self._fit()

    def _fit(self) -> Iterator[StepReport]:
        self.held_out.start(self.folder.open_log(self.progress.steps), self.config.scale)
        self.progress.start()
        self._saved = self.progress.seconds
        if not self._validation.scores:
            self._validate()
        progress, *_ = self.world.broadcast(self._status())
        while progress < 1 and not self.world.broadcast(self.stopping):
            while progress >= self.config.phase_ends[self.progress.phase]:
                self._begin_next_phase()
            began = time.monotonic()
            losses = self._train_step(progress)
            rate = self.world.size * self.config.data.batch / (time.monotonic() - began)
            progress, validate, save = self.world.broadcast(self._status())
            if validate:
                self._validate()
            if validate or save:
                self.save()
            yield self._report(progress, losses, rate)
        if progress < 1:
            self.save()

    def _report(self, progress: float, losses: dict[str, float], rate: float) -> StepReport:
        return StepReport(
            self.progress.steps,
            self.progress.phase,
            progress,
            losses,
            self._validation.scores,
            rate,
            self.progress.remaining,
            self.notice,
            learning_rate=self.gan.optimizer_step.learning_rate if self._model is self.gan else None,
            device=str(self.device),
            memory=peak_memory(self.device),
            psnr=tuple(self.held_out.psnr),
            bicubic=self.held_out.bicubic,
            best=(self.best.measure, self.best.value) if self.best.measure else None,
        )

    def _status(self) -> tuple[float, bool, bool]:
        """The fraction that is done, and whether to validate and to save.  The main process's clock decides."""
        progress = self.progress.fraction
        save = self.progress.seconds - self._saved > SECONDS_BETWEEN_CHECKPOINTS
        return progress, progress >= 1 or self._validation.is_past(self.progress, progress), save

    def stop(self) -> None:
        """Make `fit` end after the current step."""
        self.stopping = True

    def benchmark(self, phase: str, steps: int = 6) -> float:
        """Steps a second of a phase, measured on a few steps.  Nothing is written to the run folder."""
        if phase == ADVERSARIAL:
            self.gan.end_pretraining()
        self.progress.start_phase(phase, 0, 0.0)
        self._train_step(0.0)
        began = time.monotonic()
        for _ in range(steps):
            self._train_step(0.0)
        return steps / (time.monotonic() - began)

    def bytes_on_disk(self) -> int:
        """The size of the two checkpoints that a run keeps."""
        return 2 * len(serialize(self._state()))

    def save(self) -> None:
        """Write the deployable weights and the checkpoint."""
        self._save_weights(self.config.run.name)
        self.folder.save_checkpoint(self._state())
        self._saved = self.progress.seconds

    def _train_step(self, progress: float) -> dict[str, float]:
        """Train on the batches of one step: the mean losses over batches and processes."""
        schedule = SCHEDULES[self.config.optim.lr_schedule]
        factor = schedule(self.progress.phase_fraction(progress), self.progress.phase_steps)
        self._model.set_learning_rate(self.monitor.rate_share * factor)
        first = self.progress.steps * self.config.optim.accumulate
        results = [self._train_on_batch(progress, first + part) for part in range(self.config.optim.accumulate)]
        rows = [result.losses for result in results]
        self.progress.steps += 1
        finite = all(result.finite for result in results)
        if finite:
            self._recent.extend(rows)
            if self._model is self.gan:
                self.gan.update_ema(self.progress.phase_steps)
        self.notice = self.monitor.check(finite=finite, saturated=self._model.discriminator_saturated)
        if self.notice:
            self._load(copy.deepcopy(self._last_good))
        return mean(self.world.gather(rows))

    def _train_on_batch(self, progress: float, number: int) -> StepResult:
        if isinstance(self._model, LearnedDegradation):
            return self._model.train_step(number, self.rng)
        within, pretraining = self.progress.phase_fraction(progress), self.progress.phase == PIXEL
        request = BatchRequest(number, *patch_and_batch(self.config, within if pretraining else 0.0))
        batch = self.sampler.take(request).to(self.device)
        target = self.teacher.target(batch) if self.teacher else batch.high
        squared = pretraining and within >= 1 - self.config.schedule.l2_fraction
        ramp = min(1.0, within / ADVERSARIAL_RAMP)
        return self.gan.train_step(batch, target, squared=squared, adversarial_ramp=ramp, rng=self.rng)

    @property
    def _model(self) -> GAN | LearnedDegradation:
        """What is trained in this phase."""
        return self.learned_degradation if self.learned_degradation and self.progress.phase == DEGRADATION else self.gan

    def _begin_next_phase(self) -> None:
        following = self._end_degradation() if self.progress.phase == DEGRADATION else self._end_pixel()
        self.progress.start_phase(following, *self.world.broadcast((self.progress.steps, self.progress.seconds)))
        if following == PIXEL:
            self._validate()
        self._last_good = self._snapshot()

    def _end_degradation(self) -> str:
        """Replace the partners by learned ones.  The phase that follows."""
        assert self.learned_degradation
        self._show_partners()
        self.monitor = DivergenceMonitor()
        self.learned_degradation.cycle = None
        self.learned_degradation.make_partners()
        self.held_out.start([], self.config.scale)
        return PIXEL

    def _end_pixel(self) -> str:
        """Save the fidelity weights and add the discriminator.  The phase that follows."""
        if self.progress.phase_steps:
            if self._validation.step != self.progress.steps:
                self._validate()
            self._save_weights(self.config.run.fidelity_name)
        self.gan.end_pretraining()
        self.best = BestValidation(self._validation.scores.get("psnr"))
        return ADVERSARIAL

    def _validate(self) -> None:
        """Score the averaged generator as users run it, or show partners while it does not change; log the scores."""
        began = self.progress.seconds
        unchanged = self.progress.phase == DEGRADATION and self.progress.steps
        scores = self._show_partners() if unchanged else self._score()
        self._validation = Validation(scores, self.progress.steps, self.progress.seconds, self.progress.seconds - began)
        position = {"step": self.progress.steps, "seconds": round(began, 1), "phase": self.progress.phase}
        self.folder.log({**position, **mean(self._recent), **scores})
        self._recent.clear()
        self._last_good = self._snapshot()
        if self.best.update(scores, validation_protocol(self.config.scale).metrics[-1]):
            self._save_weights(f"{self.config.run.name}-best")

    def _score(self) -> dict[str, float]:
        outputs, scores = self.held_out.score(copy.deepcopy(self.gan.ema))
        shown = self.held_out.shown
        originals = [(pair.high[shown].float() / LEVELS).clamp(0, 1) for pair in self.held_out.pairs[:ROWS]]
        self.folder.save_samples(self.progress.steps, originals, outputs[:ROWS])
        return scores

    def _show_partners(self) -> dict[str, float]:
        """Add the learned partners to their contact sheet.  The scores of the last validation."""
        assert self.learned_degradation
        pairs = self.dataset.validation[:ROWS]
        lows, learned = [pair.low for pair in pairs], self.learned_degradation.partners(pairs)
        bicubic, made = ([low / 255 for low in part] for part in (lows, learned))
        self.folder.save_samples(self.progress.steps, bicubic, made, PARTNERS)
        return self._validation.scores

    def _save_weights(self, name: str) -> None:
        is_pretrained = self.config.schedule.pretrain_fraction > 0
        fidelity = self.config.run.fidelity_name if is_pretrained else str(self.started_from.get("name", ""))
        origins = {"started_from": self.started_from, "teachers": self.teacher.description if self.teacher else None}
        card = WeightsCard.for_generator(
            self.gan.ema,
            name,
            training={
                "pictures": len(self.dataset.training),
                "device": str(self.device),
                "steps": self.progress.steps,
                "hours": round(self.progress.seconds / 3600, 3),
                "settings": self.config.to_recipe(),
                **{origin: value for origin, value in origins.items() if value},
            },
            scores={"validation": {"protocol": str(validation_protocol(self.config.scale)), **self._validation.scores}},
            counterpart="" if self.gan.pretraining else fidelity,  # from which the discriminator started
            value_range=self.dataset.value_range,
        )
        self.folder.save_weights(self.gan.ema, card)

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
            "ancestor": self.started_from,
            "data": self.dataset.digest,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        run = self.config.run.folder
        message = "the checkpoint in {run} does not match its settings: {reason}"
        with errors_as(WeightsError, message, "start a new run", run=run):
            self._load_checkpoint(state)
        if state.get("data") != self.dataset.digest:
            message = f"the pictures in {self.config.data.folder_names} are not those with which the run started"
            raise UsageError(message, "restore them, or start a new run from its weights with --init-from")
        if self.progress.fraction >= 1:
            raise UsageError(f"the run in {run} is finished", "extend it with a larger --time or --steps")
        if self.learned_degradation and self.progress.phase != DEGRADATION:
            self.learned_degradation.make_partners()
        self._last_good = self._snapshot()

    def _load_checkpoint(self, state: dict[str, Any]) -> None:
        """Restore everything that `_state` holds.  Raises KeyError, RuntimeError, ValueError or TypeError."""
        phase, done = state["phase"], {name: state[name] for name in ("steps", "seconds", "phase")}
        self.progress = RunProgress(self.config, **done, phase_began=tuple(state["phase_began"]))
        if self.learned_degradation and phase != DEGRADATION:
            self.learned_degradation.cycle = None
        if phase == ADVERSARIAL:
            self.gan.end_pretraining()
        self._load(state)
        self.monitor = DivergenceMonitor(**state["guard"])
        self.rng.set_state(state["random"].cpu())
        torch.set_rng_state(state.get("dropout", torch.get_rng_state()).cpu())
        self._validation, self.best = Validation(**state["validation"]), BestValidation(**state["best"])
        self.started_from = state["ancestor"]

    def _parts(self) -> dict[str, Any]:
        """Everything that training changes, by its name in the checkpoint."""
        return self.gan.parts() | (self.learned_degradation.parts() if self.learned_degradation else {})

    def _snapshot(self) -> dict[str, Any]:
        return copy.deepcopy({name: part.state_dict() for name, part in self._parts().items()})

    def _load(self, state: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
