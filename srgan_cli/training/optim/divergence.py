"""DivergenceMonitor: decides when a run must return to its last good state."""

from dataclasses import dataclass

from srgan_cli.errors import SrganError

PATIENCE = 10  # the number of unusable steps in a row that sends the run back
MIN_RATE_FACTOR, MIN_RATE_FACTOR_WHEN_SATURATED = 1 / 64, 1 / 8
"""At these factors of the learning rates the run is not sent back again."""


@dataclass
class DivergenceMonitor:
    """Counts unusable steps in a row: losses that are not finite, or a saturated discriminator."""

    rate_share: float = 1.0
    """The factor of the learning rates, halved each time that the run returns."""
    unusable: int = 0
    """Unusable steps in a row."""

    def check(self, *, finite: bool, saturated: bool) -> str:
        """The reason to return to the last good state after this step, or an empty text.

        `finite` says that losses and gradients were finite, `saturated` that the discriminator was saturated, which is
        accepted after three returns.  Raises SrganError when losses stay infinite at the lowest learning rate.
        """
        self.unusable = 0 if finite and not saturated else self.unusable + 1
        if self.unusable < PATIENCE:
            return ""
        self.unusable = 0
        if finite and self.rate_share <= MIN_RATE_FACTOR_WHEN_SATURATED:
            return ""
        if self.rate_share <= MIN_RATE_FACTOR:
            message = "the training diverges at every learning rate"
            raise SrganError(message, "start a new run with smaller loss weights")
        self.rate_share /= 2
        reason = "the discriminator was saturated" if finite else "losses were not finite"
        return f"{reason} for {PATIENCE} steps: back to the last validation, learning rates halved"
