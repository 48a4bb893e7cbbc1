"""When a run returns to its last good state."""

import pytest

from srgan_cli.errors import SrganError
from srgan_cli.training.optim.divergence import PATIENCE, DivergenceMonitor


def test_only_unusable_steps_in_a_row_make_a_run_return() -> None:
    monitor = DivergenceMonitor()
    for _ in range(3):
        assert not any(monitor.check(finite=False, saturated=False) for _ in range(PATIENCE - 1))
        assert monitor.check(finite=True, saturated=False) == ""
    reasons = [monitor.check(finite=False, saturated=False) for _ in range(PATIENCE)]
    assert "were not finite" in reasons[-1]
    assert monitor.rate_share == 0.5


def test_losses_that_stay_infinite_end_the_run() -> None:
    monitor = DivergenceMonitor()
    reasons = [monitor.check(finite=False, saturated=False) for _ in range(6 * PATIENCE)]
    assert sum(map(bool, reasons)) == 6
    assert monitor.rate_share == 1 / 64
    monitor.unusable = PATIENCE - 1
    with pytest.raises(SrganError, match="diverges"):
        monitor.check(finite=False, saturated=False)


def test_a_saturated_discriminator_is_accepted_after_three_returns() -> None:
    monitor = DivergenceMonitor()
    reasons = [monitor.check(finite=True, saturated=True) for _ in range(20 * PATIENCE)]
    assert sum("saturated" in reason for reason in reasons) == 3
    assert monitor.rate_share == 1 / 8
