"""Learning-rate schedules: factors of the learning rate over a phase, `progress` 0…1."""

import math
from collections.abc import Callable

WARM_UP_STEPS = 100


def warm_cosine(progress: float, steps: int) -> float:
    """Warm-up over 100 steps, then a cosine to 0 (I. Loshchilov and F. Hutter, SGDR, ICLR 2017, arXiv:1608.03983)."""
    return _warm_up(steps) * 0.5 * (1 + math.cos(math.pi * progress))


def multistep(progress: float, steps: int) -> float:
    """Warm-up over 100 steps, then halved at 50, 80, 90 and 95 %, as SwinIR (arXiv:2108.10257, section 4.1)."""
    return _warm_up(steps) * 0.5 ** sum(progress >= milestone for milestone in (0.5, 0.8, 0.9, 0.95))


SCHEDULES: dict[str, Callable[[float, int], float]] = {"cosine": warm_cosine, "multistep": multistep}


def _warm_up(steps: int) -> float:
    return min(1.0, (steps + 1) / WARM_UP_STEPS)
