"""WeightsCard: what a weights file says about its network."""

import json
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from pathlib import Path
from reprlib import repr as shorten_repr
from typing import Any

from srgan_cli.errors import WeightsError, errors_as
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.system.discovery import is_plain_name
from srgan_cli.weights.onnx_runtime import OnnxGenerator
from srgan_cli.weights.spandrel import SpandrelGenerator

_METADATA_KEY = "srgan"
_FIELD_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("name", "licence", "counterpart"), str),
    **dict.fromkeys(("training", "scores"), dict),
    "scale": int,
    "strength": (int, float),
}


@dataclass(frozen=True)
class WeightsCard:
    """The description of a network, stored as JSON in the metadata of its weights file."""

    name: str
    """The name of the weights, such as srgan-x4."""
    architecture: str
    """A key of GENERATORS, spandrel:NAME for a network that is rebuilt from its tensors alone, or onnx."""
    config: dict[str, Any]
    """The arguments of the generator."""
    scale: int
    """Output pixels per input pixel, along each side."""
    receptive_radius: int | None
    """How many input pixels beyond a tile can change its result; None if it is measured at the first use."""
    training: dict[str, Any] = field(default_factory=dict)
    """Pictures with their licences, steps, hours, machine and settings."""
    licence: str = ""
    """SPDX identifier of the licence of the weights."""
    scores: dict[str, Any] = field(default_factory=dict)
    """Scores by benchmark, and the protocol of their measurement."""
    counterpart: str = ""
    """The fidelity weights that these adversarial weights can be interpolated with: a file beside, or shipped."""
    strength: float = 1.0
    """The default share of these weights in that interpolation, 0…1."""
    value_range: tuple[float, float] | None = None
    """The values of measurements that the network sees as 0 and 1; None for photographs."""

    def __post_init__(self) -> None:
        """Raises TypeError and ValueError for a range that is not two numbers."""
        if self.value_range is not None:  # JSON has lists
            low, high = self.value_range
            object.__setattr__(self, "value_range", (float(low), float(high)))

    @classmethod
    def for_generator(cls, generator: Generator, name: str, **details: Any) -> "WeightsCard":
        """The card of a generator; `details` are the fields with a default."""
        if isinstance(generator, SpandrelGenerator | OnnxGenerator):
            return cls(name, generator.architecture, generator.config, generator.scale, None, **details)
        architecture = next(key for key, kind in GENERATORS.items() if type(generator) is kind)
        return cls(name, architecture, generator.config, generator.scale, generator.receptive_radius, **details)

    @classmethod
    def from_metadata(cls, metadata: dict[str, str], path: Path) -> "WeightsCard | None":
        """The card of a safetensors file, if it has one.  New fields are ignored.  Raises WeightsError if malformed."""
        if _METADATA_KEY not in metadata:
            return None
        hint = "was it made by a newer srgan?"
        with errors_as(WeightsError, "cannot read the card of {path}: {reason}", hint, path=path):
            stored = json.loads(metadata[_METADATA_KEY])
            known = {f.name for f in fields(cls)}
            card = cls(**{key: value for key, value in stored.items() if key in known})
        if (name := card._invalid_field()) is not None:
            value = shorten_repr(getattr(card, name))
            raise WeightsError(f"the card of {path} has an invalid {name}: {value}", "download the file again")
        return card

    def to_metadata(self) -> dict[str, str]:
        """The metadata of a safetensors file with this card."""
        return {_METADATA_KEY: json.dumps(asdict(self))}

    def _invalid_field(self) -> str | None:
        for name, kind in _FIELD_TYPES.items():
            if not isinstance(getattr(self, name), kind):
                return name
        if self.counterpart and not is_plain_name(self.counterpart):
            return "counterpart"
        values = self.config.values() if isinstance(self.config, dict) else ()
        if not all(isfinite(value) for value in values if isinstance(value, float)):  # JSON knows NaN
            return "config"
        return None if 0 <= self.strength <= 1 else "strength"
