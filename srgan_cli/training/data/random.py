"""Draws of chance, each from a torch.Generator that is handed in: equal generators draw alike."""

import torch


def seeded(seed: int, number: int) -> torch.Generator:
    """What a run of this seed draws the things of this number from."""
    return torch.Generator().manual_seed((seed * 1_000_003 + number) % 2**63)


def bernoulli(probability: float, rng: torch.Generator) -> bool:
    """Whether it happens that happens so often, 0…1; of what never happens nothing is drawn."""
    return probability > 0 and float(torch.rand((), generator=rng)) < probability


def randint(end: int, rng: torch.Generator) -> int:
    """A whole number from 0 to below `end`."""
    return int(torch.randint(end, (), generator=rng))


def uniform(low: float, high: float, rng: torch.Generator) -> float:
    """A number from `low` to below `high`."""
    return low + (high - low) * float(torch.rand((), generator=rng))
