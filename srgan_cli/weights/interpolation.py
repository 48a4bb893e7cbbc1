"""Network interpolation of adversarial weights with their fidelity counterpart."""

from pathlib import Path

import torch

from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.networks import Generator
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import SUFFIX, load_weights
from srgan_cli.weights.registry import find_weights


def interpolate(path: Path, strength: float | None = None) -> tuple[Generator, WeightsCard]:
    """Adversarial weights blended with their fidelity counterpart, parameter by parameter, and their card.

    `strength` is the share of the former: 0 gives the counterpart, 1 the weights themselves, None the card's own.
    Raises UsageError for another strength and for weights without a counterpart, WeightsError as load_weights does.
    Source: X. Wang et al., ESRGAN, ECCVW 2018, section 3.4 (arXiv:1809.00219).
    """
    generator, card = load_weights(path)
    strength_used = card.strength if strength is None else strength
    if not 0 <= strength_used <= 1:
        raise UsageError(f"the strength is {strength_used:g}, expected 0 to 1")
    if strength_used == 1:
        return generator, card
    if not card.counterpart:
        raise UsageError(f"{card.name} has no fidelity counterpart to blend with", "leave --strength out")
    fidelity, other = load_weights(_find_counterpart(path, card))
    if (other.architecture, other.config) != (card.architecture, card.config):
        raise WeightsError(f"{other.name} is of another shape than {card.name}", "leave --strength out")
    for own, plain in zip(generator.state_dict().values(), fidelity.state_dict().values(), strict=True):
        if own.is_floating_point():
            own.copy_(torch.lerp(plain, own, strength_used))
    return generator, card


def _find_counterpart(path: Path, card: WeightsCard) -> Path:
    beside = path.with_name(f"{card.counterpart}{SUFFIX}")
    return beside if beside.is_file() else find_weights(card.counterpart)
