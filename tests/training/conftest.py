"""Tests of training use small networks, which run fastest on one core."""

import pytest


@pytest.fixture(autouse=True)
def _small_networks(one_core: None) -> None:
    """Every test here runs on one core."""
