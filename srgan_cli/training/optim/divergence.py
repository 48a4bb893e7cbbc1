"""Guard: notices when a run goes astray, and says when to go back."""

from dataclasses import dataclass

from srgan_cli.errors import SrganError

PATIENCE = 10
"""Steps in a row."""
MIN_RATE_FACTOR, MIN_RATE_FACTOR_WHEN_SATURATED = 1 / 64, 1 / 8
"""Of the learning rates: below these, going back is given up."""


@dataclass
class DivergenceMonitor:
    """Counts steps in a row that could not be used.

    rate_share: the part of the learning rates that is left; every time that the run goes back it is halved.
    """

    rate_share: float = 1.0
    unusable: int = 0

    def check(self, usable: bool, discriminator_saturated: bool) -> str:
        """Why the run is to go back to its last good state after this step; mostly it is not, and nothing is said.

        usable: losses and gradients were finite.  discriminator_saturated: the discriminator was too sure to
        teach, which is put up
        with after some tries.  Raises SrganError when going back does not help against what is not finite.
        """
        self.unusable = 0 if usable and not discriminator_saturated else self.unusable + 1
        if self.unusable < PATIENCE:
            return ""
        self.unusable = 0
        if usable and self.rate_share <= MIN_RATE_FACTOR_WHEN_SATURATED:
            return ""
        if self.rate_share <= MIN_RATE_FACTOR:
            raise SrganError(
                "the training diverges however small its learning rate", "start anew with smaller weights of the losses"
            )
        self.rate_share /= 2
        why = "the discriminator was too sure to teach" if usable else "losses were not finite"
        return f"{why} for {PATIENCE} steps: back to the last validation, learning rates halved"
