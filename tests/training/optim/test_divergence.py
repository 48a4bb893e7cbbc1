"""When a run is sent back."""

import pytest

from srgan_cli.errors import SrganError
from srgan_cli.training.optim.divergence import PATIENCE, DivergenceMonitor


def test_only_a_row_of_bad_steps_sends_a_run_back() -> None:
    guard = DivergenceMonitor()
    for _ in range(3):
        assert not any(guard.check(False, False) for _ in range(PATIENCE - 1))
        assert guard.check(True, False) == ""
    reasons = [guard.check(False, False) for _ in range(PATIENCE)]
    assert "were not finite" in reasons[-1]
    assert guard.rate_share == 0.5


def test_what_never_becomes_finite_ends_the_run() -> None:
    guard = DivergenceMonitor()
    reasons = [guard.check(False, False) for _ in range(6 * PATIENCE)]
    assert sum(map(bool, reasons)) == 6
    assert guard.rate_share == 1 / 64
    guard.unusable = PATIENCE - 1
    with pytest.raises(SrganError, match="diverges"):
        guard.check(False, False)


def test_a_sure_discriminator_is_put_up_with_after_some_tries() -> None:
    guard = DivergenceMonitor()
    reasons = [guard.check(True, True) for _ in range(20 * PATIENCE)]
    assert sum("too sure" in reason for reason in reasons) == 3
    assert guard.rate_share == 1 / 8
