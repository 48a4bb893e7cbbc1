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
    """The losses of this step by name."""
    scores: dict[str, float]
    """The scores of the last validation by metric."""
    rate: float
    """Patches a second."""
    remaining: float
    """Seconds to the end."""
    notice: str = ""
    """A message for the user, usually empty."""
