"""WeightsCard: what a weights file says about its network."""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from reprlib import repr as shown
from typing import Any

from srgan_cli.errors import WeightsError
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.system.discovery import is_plain_name
from srgan_cli.weights.spandrel import SpandrelGenerator

_KEY = "srgan"

_FIELD_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("name", "licence", "counterpart"), str),
    **dict.fromkeys(("training", "scores"), dict),
    "scale": int,
    "strength": (int, float),
}


@dataclass(frozen=True)
class WeightsCard:
    """The story of a weights file, stored as JSON in its metadata.

    architecture and config say which generator to build ("spandrel:..." is rebuilt from its tensors alone); scale and
    receptive_radius (input pixels; None where it is measured) how to run it; training, licence and scores where it
    comes from and what it is worth.  counterpart names the fidelity weights that adversarial ones can be blended with,
    a file beside this one or shipped weights; strength is their share in that blend, 0…1, unless the user names
    another.
    """

    name: str
    architecture: str
    config: dict[str, Any]
    scale: int
    receptive_radius: int | None
    training: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    scores: dict[str, Any] = field(default_factory=dict)
    counterpart: str = ""
    strength: float = 1.0

    @classmethod
    def for_generator(cls, generator: Generator, name: str, **story: Any) -> "WeightsCard":
        """The card of a generator; `story` is training, licence, scores and counterpart."""
        if isinstance(generator, SpandrelGenerator):
            return cls(name, generator.architecture, generator.config, generator.scale, None, **story)
        architecture = next(key for key, kind in GENERATORS.items() if type(generator) is kind)
        return cls(name, architecture, generator.config, generator.scale, generator.receptive_radius, **story)


def _parse(path: Path, metadata: dict[str, str]) -> WeightsCard | None:
    if _KEY not in metadata:
        return None
    try:
        stored = json.loads(metadata[_KEY])
        known = {f.name for f in fields(WeightsCard)}
        card = WeightsCard(**{key: value for key, value in stored.items() if key in known})
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{path} has an unreadable card: {error}", "was it made by a newer srgan?") from error
    odd = [key for key, kind in _FIELD_TYPES.items() if not isinstance(getattr(card, key), kind)]
    if not odd:
        odd += [] if is_plain_name(card.counterpart) or not card.counterpart else ["counterpart"]
        odd += [] if 0 <= card.strength <= 1 else ["strength"]
    if odd:
        raise WeightsError(f"{path} has an odd {odd[0]} on its card: {shown(getattr(card, odd[0]))}", "fetch it again")
    return card
