"""StepReport: the state of a run after a step, for the command line to draw."""

from dataclasses import dataclass


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
