"""The learning rate."""

import pytest

from srgan_cli.training.optim.schedule import warm_cosine


def test_the_learning_rate_warms_up_and_ends_at_zero() -> None:
    assert warm_cosine(0.0, 0) == pytest.approx(0.01)
    assert warm_cosine(0.0, 500) == 1
    assert warm_cosine(0.5, 500) == pytest.approx(0.5)
    assert warm_cosine(1.0, 500) == pytest.approx(0)
