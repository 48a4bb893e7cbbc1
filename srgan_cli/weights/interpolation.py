"""Interpolation of adversarial weights with their fidelity counterpart."""

from pathlib import Path

import torch

from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.networks import Generator
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import load_weights
from srgan_cli.weights.formats import SAFETENSORS
from srgan_cli.weights.registry import find_weights


def interpolate(path: Path, strength: float | None = None) -> tuple[Generator, WeightsCard]:
    """Adversarial weights, linearly interpolated with their fidelity counterpart, and their card.

    `strength` is the share of the adversarial weights: 0 gives the counterpart, 1 the weights themselves, None the
    default of the card.  Raises UsageError for a strength outside 0…1 and for weights without a counterpart,
    WeightsError like load_weights.
    Source: X. Wang et al., ESRGAN, ECCVW 2018, section 3.4 (arXiv:1809.00219).
    """
    generator, card = load_weights(path)
    share = card.strength if strength is None else strength
    if not 0 <= share <= 1:
        raise UsageError(f"the strength is {share:g}, expected 0 to 1", "0 is the most faithful, 1 the sharpest")
    if share == 1:
        return generator, card
    if not card.counterpart:
        message = f"{card.name} has no fidelity counterpart to interpolate with"
        raise UsageError(message, "omit --strength", option="strength")
    beside = path.with_name(f"{card.counterpart}{SAFETENSORS}")
    fidelity, other = load_weights(beside if beside.is_file() else find_weights(card.counterpart))
    if (other.architecture, other.config) != (card.architecture, card.config):
        message = f"{other.name} and {card.name} have different architectures or settings"
        raise WeightsError(message, "omit --strength", option="strength")
    for adversarial, plain in zip(generator.state_dict().values(), fidelity.state_dict().values(), strict=True):
        if adversarial.is_floating_point():
            adversarial.copy_(torch.lerp(plain, adversarial, share))
    return generator, card
