"""The progress of a run, its state after a step, and the size of its patches."""

import math
import time
from dataclasses import dataclass

from srgan_cli.training.config import DEGRADATION, PIXEL, TrainConfig

PATCH_STAGES = 4


class RunProgress:
    """Steps, seconds since `start` and phase over all resumptions; `phase_began` has those at the phase's start."""

    def __init__(
        self,
        config: TrainConfig,
        *,
        steps: int = 0,
        seconds: float = 0.0,
        phase: str = "",
        phase_began: tuple[int, float] = (0, 0.0),
    ) -> None:
        self.config, self.steps, self._before = config, steps, seconds
        self._started: float | None = None
        self.phase = phase or (DEGRADATION if config.data.unpaired else PIXEL)
        self.phase_began = phase_began

    def start(self) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def start_phase(self, phase: str, steps: int, seconds: float) -> None:
        """Begin a phase at these steps and seconds."""
        self.phase, self.phase_began = phase, (steps, seconds)

    @property
    def seconds(self) -> float:
        """Seconds of training."""
        return self._before + (0.0 if self._started is None else time.monotonic() - self._started)

    def fraction_at(self, steps: int, seconds: float) -> float:
        """The fraction of the run, 0…1, after these steps or seconds."""
        if self.config.schedule.steps is not None:
            return min(steps / self.config.schedule.steps, 1.0)
        assert self.config.schedule.seconds is not None
        return min(seconds / self.config.schedule.seconds, 1.0)

    @property
    def fraction(self) -> float:
        """The fraction of the run that is done, 0…1."""
        return self.fraction_at(self.steps, self.seconds)

    @property
    def phase_steps(self) -> int:
        """Steps in this phase."""
        return self.steps - self.phase_began[0]

    def phase_fraction(self, progress: float) -> float:
        """The fraction of the phase, 0…1, that is done at this fraction of the run."""
        start, end = self.fraction_at(*self.phase_began), self.config.phase_ends[self.phase]
        return min(max((progress - start) / max(end - start, 1e-9), 0.0), 1.0)

    @property
    def remaining(self) -> float:
        """Seconds to the end at the average speed."""
        progress = self.fraction
        return self.seconds * (1 - progress) / progress if progress else math.inf


@dataclass(frozen=True)
class StepReport:
    """The state of a run after a step."""

    step: int
    phase: str
    progress: float
    """The fraction of the run that is done, 0…1."""
    losses: dict[str, float]
    scores: dict[str, float]
    rate: float
    """Patches a second."""
    remaining: float
    """Seconds to the end."""
    notice: str = ""
    """A message for the user, usually empty."""
    learning_rate: float | None = None
    """The generator's learning rate; None while it does not train."""
    device: str = ""
    memory: int = 0
    """The peak memory of this process in bytes, on the GPU if it trains there; 0 if unknown."""
    psnr: tuple[float, ...] = ()
    """The held-out PSNR in dB of every validation so far; the first one is that of the initial weights."""
    bicubic: float | None = None
    """The held-out PSNR in dB of bicubic upscaling."""
    best: tuple[str, float] | None = None
    """The metric and the value of the best validation of the adversarial phase, whose weights are kept."""


def patch_and_batch(config: TrainConfig, progress: float) -> tuple[int, int]:
    """Side and number of patches: the side grows in four stages of the pretraining, the pixels stay about the same."""
    stage = min(int(progress * PATCH_STAGES), PATCH_STAGES - 1) / (PATCH_STAGES - 1)
    patch = round(config.data.patch + stage * (config.data.largest_patch - config.data.patch))
    return patch, max(1, round(config.data.batch * (config.data.patch / patch) ** 2))
