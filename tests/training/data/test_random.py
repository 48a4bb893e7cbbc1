"""Random streams: independent of one another, and repeatable."""

import pytest
import torch

from srgan_cli.training.data.random import bernoulli, randint, seeded, uniform


def first_numbers(seed: int, stream: str, number: int) -> bytes:
    return torch.rand(8, generator=seeded(seed, stream, number)).numpy().tobytes()


def test_a_stream_repeats() -> None:
    assert first_numbers(3, "patch", 7) == first_numbers(3, "patch", 7)


def test_streams_of_other_names_seeds_and_numbers_differ() -> None:
    streams = [(seed, name, number) for seed in (0, 1, 11) for name in ("batch", "patch") for number in (0, 1, 10)]
    assert len({first_numbers(*stream) for stream in streams}) == len(streams)


@pytest.mark.parametrize("seed", [0, 5, 2**63 - 1])
def test_a_large_number_does_not_reach_the_streams_of_the_next_seed(seed: int) -> None:
    assert first_numbers(seed, "patch", 1_000_003) != first_numbers(seed + 1, "patch", 0)


def test_draws_keep_to_their_ranges() -> None:
    rng = seeded(0, "test")
    assert all(2 <= uniform(2, 3, rng) < 3 for _ in range(100))
    assert {randint(3, rng) for _ in range(100)} == {0, 1, 2}
    assert sum(bernoulli(0.25, rng) for _ in range(1000)) == pytest.approx(250, abs=60)


def test_a_probability_of_zero_draws_nothing() -> None:
    rng = seeded(0, "test")
    before = rng.get_state()
    assert not bernoulli(0.0, rng)
    assert torch.equal(rng.get_state(), before)
