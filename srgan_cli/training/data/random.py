"""Random numbers.  Every function draws from a torch.Generator, so equal generators give equal numbers."""

from hashlib import sha256

import torch


def seeded(seed: int, stream: str, number: int = 0) -> torch.Generator:
    """The generator of a numbered part of a random stream; seeded by a hash of all three, all are independent."""
    digest = sha256(f"{seed} {stream} {number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))


def bernoulli(probability: float, rng: torch.Generator) -> bool:
    """True with this probability, 0…1.  A probability of 0 draws nothing."""
    return probability > 0 and float(torch.rand((), generator=rng)) < probability


def randint(end: int, rng: torch.Generator) -> int:
    """An integer from 0 to below `end`."""
    return int(torch.randint(end, (), generator=rng))


def uniform(low: float, high: float, rng: torch.Generator) -> float:
    """A number from `low` to below `high`."""
    return low + (high - low) * float(torch.rand((), generator=rng))
