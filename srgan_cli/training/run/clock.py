"""How far a run has come, and the patches that go with it."""

import math
import time

from srgan_cli.training.config import DEGRADATION, PIXEL, TrainConfig

PATCH_STAGES = 4


class RunProgress:
    """Counts the steps and the seconds trained, over all resumptions, and knows the phase.

    Time passes once it is started.  `phase_began`: at how many steps and seconds.
    """

    def __init__(
        self,
        config: TrainConfig,
        steps: int = 0,
        seconds: float = 0.0,
        phase: str = "",
        phase_began: tuple[int, float] = (0, 0.0),
    ) -> None:
        self.config = config
        self.steps = steps
        self._before = seconds
        self._started: float | None = None
        self.phase = phase or (DEGRADATION if config.data.unpaired else PIXEL)
        self.phase_began = phase_began

    def start(self) -> None:
        """Let time pass."""
        self._started = time.monotonic()

    def start_phase(self, phase: str, steps: int, seconds: float) -> None:
        """From here on it is this phase."""
        self.phase, self.phase_began = phase, (steps, seconds)

    @property
    def seconds(self) -> float:
        """Seconds trained."""
        return self._before + (0.0 if self._started is None else time.monotonic() - self._started)

    def fraction_at(self, steps: int, seconds: float) -> float:
        """The part of the schedule, 0…1, that these steps or these seconds make up."""
        if self.config.schedule.steps is not None:
            return min(steps / self.config.schedule.steps, 1.0)
        assert self.config.schedule.seconds is not None
        return min(seconds / self.config.schedule.seconds, 1.0)

    @property
    def fraction(self) -> float:
        """The part of the schedule that is done, 0…1."""
        return self.fraction_at(self.steps, self.seconds)

    @property
    def phase_steps(self) -> int:
        """Steps of the phase so far."""
        return self.steps - self.phase_began[0]

    def phase_fraction(self, progress: float) -> float:
        """The part of the phase, 0…1, that is done at this part of the schedule."""
        start, end = self.fraction_at(*self.phase_began), self.config.phase_ends[self.phase]
        return min(max((progress - start) / max(end - start, 1e-9), 0.0), 1.0)

    @property
    def remaining(self) -> float:
        """Seconds until the end, at the pace so far."""
        progress = self.fraction
        return self.seconds * (1 - progress) / progress if progress else math.inf


def patch_and_batch(config: TrainConfig, progress: float) -> tuple[int, int]:
    """Side of the patches in pixels, and their number, at this part of the pixel phase.

    The side grows in four stages from `patch` to `largest_patch`; pixels a step stay about the same.
    """
    stage = min(int(progress * PATCH_STAGES), PATCH_STAGES - 1) / (PATCH_STAGES - 1)
    patch = round(config.data.patch + stage * (config.data.largest_patch - config.data.patch))
    return patch, max(1, round(config.data.batch * (config.data.patch / patch) ** 2))
