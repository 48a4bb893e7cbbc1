"""Weights files: safetensors that carry their own card, so that a file is enough to run its generator."""

import json
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from textwrap import shorten
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from srgan_cli.errors import UnknownModel, WeightsError
from srgan_cli.files import atomic_write
from srgan_cli.networks import GENERATORS, Generator

SUFFIX = ".safetensors"
_KEY = "srgan"


@dataclass(frozen=True)
class WeightsCard:
    """The story of a weights file, stored as JSON in its metadata.

    architecture and config say which generator to build; scale and receptive_radius (input pixels) how to run
    it; training, licence and scores where it comes from and what it is worth.
    """

    name: str
    architecture: str
    config: dict[str, Any]
    scale: int
    receptive_radius: int
    training: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    scores: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, generator: Generator, name: str, **story: Any) -> "WeightsCard":
        """The card of a generator; `story` is training, licence and scores."""
        architecture = next(key for key, kind in GENERATORS.items() if type(generator) is kind)
        return cls(name, architecture, generator.config, generator.scale, generator.receptive_radius, **story)


def save_weights(path: Path, generator: Generator, card: WeightsCard) -> None:
    """Write a generator and its card to one file, whole or not at all."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in generator.state_dict().items()}
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={_KEY: json.dumps(asdict(card))}))


def load_weights(path: Path) -> tuple[Generator, WeightsCard]:
    """The generator of a weights file, ready to run on the CPU, and its card.

    Raises WeightsError when the file is missing, is not safetensors, has no card, or does not fit its card.
    """
    card, tensors = _read(path)
    try:
        generator = GENERATORS[card.architecture](**card.config)
        generator.load_state_dict(tensors)
    except KeyError as error:
        known = ", ".join(GENERATORS)
        raise WeightsError(f"{path} is of an unknown architecture: {error}", f"this srgan knows: {known}") from error
    except (TypeError, ValueError, RuntimeError) as error:
        reason = shorten(str(error), 240)
        raise WeightsError(f"{path} does not fit its own card: {reason}", "was it made by a newer srgan?") from error
    return generator.eval().requires_grad_(False), card


def read_card(path: Path) -> WeightsCard:
    """The card alone.  Raises WeightsError as load_weights does."""
    return _read(path, tensors=False)[0]


def shipped_folder() -> Path:
    """Where the weights that come with the toolkit lie: in the wheel, or in a checkout beside the package."""
    package = Path(__file__).parent
    packed = package / "shipped"
    return packed if packed.is_dir() else package.parent / "weights"


def list_weights() -> dict[str, Path]:
    """The shipped weights: their files by name."""
    return {path.stem: path for path in sorted(shipped_folder().glob(f"*{SUFFIX}"))}


def find_weights(name: str, scale: float | None = None) -> Path:
    """The file of shipped weights, or `name` itself where it is a file.

    The name may leave out the scale: `srgan` is the smallest srgan-xN that reaches `scale`, else the largest
    there is.  Raises UnknownModel with the nearest name.
    """
    shipped = list_weights()
    if name in shipped:
        return shipped[name]
    if Path(name).suffix or Path(name).is_file():
        return Path(name)
    family = {read_card(path).scale: path for key, path in shipped.items() if key.rpartition("-x")[0] == name}
    if family:
        largest = max(family)
        return family[min((have for have in family if have >= (scale or largest)), default=largest)]
    near = get_close_matches(name, shipped, 1, 0.4)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UnknownModel(f"no weights named {name!r}", f"{hint}there is: {', '.join(shipped) or 'none'}; or name a file")


def _read(path: Path, tensors: bool = True) -> tuple[WeightsCard, dict[str, Tensor]]:
    if not path.is_file():
        raise WeightsError(f"no such weights file: {path}", "check the spelling of the path")
    try:
        with safe_open(path, framework="pt") as file:
            card = _parse(path, file.metadata() or {})
            return card, {key: file.get_tensor(key) for key in file.keys()} if tensors else {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file: {error}", "fetch it again") from error


def _parse(path: Path, metadata: dict[str, str]) -> WeightsCard:
    if _KEY not in metadata:
        raise WeightsError(f"{path} has no card", "give weights that srgan trained")
    try:
        stored = json.loads(metadata[_KEY])
        known = {f.name for f in fields(WeightsCard)}
        return WeightsCard(**{key: value for key, value in stored.items() if key in known})
    except (ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} has an unreadable card: {error}", "was it made by a newer srgan?") from error
