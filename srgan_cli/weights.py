"""Weights files: safetensors that carry their own card, so that a file is enough to run its generator."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from reprlib import repr as shown
from textwrap import shorten
from threading import get_ident
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from srgan_cli.cache import fetch, is_reference
from srgan_cli.errors import UnknownModel, UsageError, WeightsError
from srgan_cli.files import atomic_write, is_plain_name
from srgan_cli.foreign import PICKLED, PREFIX, Foreign, build, read_tensors
from srgan_cli.networks import GENERATORS, Generator

SUFFIX = ".safetensors"
_KEY = "srgan"
_SMALL_TENSORS, _SMALL_NUMBERS = 1000, 2**20
"""A network of no more than these may be built to see how it differs from its file."""
_KINDS: dict[str, type | tuple[type, ...]] = {
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
    def of(cls, generator: Generator, name: str, **story: Any) -> "WeightsCard":
        """The card of a generator; `story` is training, licence, scores and counterpart."""
        if isinstance(generator, Foreign):
            return cls(name, generator.architecture, generator.config, generator.scale, None, **story)
        architecture = next(key for key, kind in GENERATORS.items() if type(generator) is kind)
        return cls(name, architecture, generator.config, generator.scale, generator.receptive_radius, **story)


def save_weights(path: Path, generator: Generator, card: WeightsCard) -> None:
    """Write a generator and its card to one file, whole or not at all."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in generator.state_dict().items()}
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={_KEY: json.dumps(asdict(card))}))


def load_weights(path: Path) -> tuple[Generator, WeightsCard]:
    """The generator of a weights file, ready to run on the CPU, and its card.

    A file without a card, such as another project's .pth, is of whatever architecture spandrel recognises.
    Raises WeightsError when the file is missing, cannot be read or recognised, or does not fit its card.
    """
    card, tensors = _read(path)
    if card is None:
        foreign = build(tensors, str(path))
        return foreign, WeightsCard.of(foreign, path.stem)
    try:
        if card.architecture.startswith(PREFIX):
            return build(tensors, str(path)), card
        with _no_larger_than(tensors):
            generator = _network(path, card.architecture)(**card.config)
        generator.load_state_dict(tensors)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
        reason = shorten(str(error), 240)
        raise WeightsError(f"{path} does not fit its own card: {reason}", "was it made by a newer srgan?") from error
    return generator.eval().requires_grad_(False), card


def load_blend(path: Path, strength: float | None = None) -> tuple[Generator, WeightsCard]:
    """Adversarial weights blended with their fidelity counterpart, parameter by parameter, and their card.

    `strength` is the share of the former: 0 gives the counterpart, 1 the weights themselves, None the card's own.
    Raises UsageError for another strength and for weights without a counterpart, WeightsError as load_weights does.
    Source: X. Wang et al., ESRGAN, ECCVW 2018, section 3.4 (arXiv:1809.00219).
    """
    generator, card = load_weights(path)
    share = card.strength if strength is None else strength
    if not 0 <= share <= 1:
        raise UsageError(f"the strength is {share:g}, expected 0 to 1")
    if share == 1:
        return generator, card
    if not card.counterpart:
        raise UsageError(f"{card.name} has no fidelity counterpart to blend with", "leave --strength out")
    fidelity, other = load_weights(_counterpart(path, card))
    if (other.architecture, other.config) != (card.architecture, card.config):
        raise WeightsError(f"{other.name} is of another shape than {card.name}", "leave --strength out")
    for own, plain in zip(generator.state_dict().values(), fidelity.state_dict().values(), strict=True):
        if own.is_floating_point():
            own.copy_(torch.lerp(plain, own, share))
    return generator, card


def read_card(path: Path) -> WeightsCard:
    """The card alone; of a file without one what is recognised.  Raises WeightsError as load_weights does."""
    return _read(path, tensors=False)[0] or load_weights(path)[1]


def shipped_folder() -> Path:
    """Where the weights that come with the toolkit lie: in the wheel, or in a checkout beside the package."""
    package = Path(__file__).parent
    packed = package / "shipped"
    return packed if packed.is_dir() else package.parent / "weights"


def list_weights() -> dict[str, Path]:
    """The shipped weights: their files by name."""
    return {path.stem: path for path in sorted(shipped_folder().glob(f"*{SUFFIX}"))}


def find_weights(name: str, scale: float | None = None) -> Path:
    """The file of shipped weights, or `name` itself where it is a file; an address is fetched (see cache.fetch).

    The name may leave out the scale: `srgan` is the smallest srgan-xN that reaches `scale`, else the largest
    there is.  A file that is called as shipped weights are is meant only by a path, such as ./srgan.
    Raises UnknownModel with the nearest name.
    """
    if is_reference(name):
        return fetch(name).path
    shipped = list_weights()
    if name in shipped:
        return shipped[name]
    family = {read_card(path).scale: path for key, path in shipped.items() if key.rpartition("-x")[0] == name}
    if family:
        largest = max(family)
        return family[min((have for have in family if have >= (scale or largest)), default=largest)]
    if Path(name).suffix or Path(name).is_file():
        return Path(name)
    near = get_close_matches(name, shipped, 1, 0.4)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UnknownModel(f"no weights named {name!r}", f"{hint}there is: {', '.join(shipped) or 'none'}; or name a file")


def _network(path: Path, architecture: str) -> type[Generator]:
    """Raises WeightsError for one that is unknown."""
    if architecture not in GENERATORS:
        asked, known = shown(architecture), ", ".join(GENERATORS)
        raise WeightsError(f"{path} is of an unknown architecture: {asked}", f"this srgan knows: {known}")
    return GENERATORS[architecture]


@contextmanager
def _no_larger_than(tensors: dict[str, Tensor]) -> Iterator[None]:
    """Raises ValueError as soon as a network that is being built has far more parameters than a file holds.

    Its card might ask for thousands of millions, and each is built before it is seen that the file lacks it.
    """
    here = get_ident()
    room = {
        "tensors": 2 * len(tensors) + _SMALL_TENSORS,
        "numbers": 2 * sum(map(Tensor.numel, tensors.values())) + _SMALL_NUMBERS,
    }

    def count(_module: nn.Module, _name: str, parameter: Tensor) -> None:
        if get_ident() == here:
            room["tensors"] -= 1
            room["numbers"] -= parameter.numel()
            if min(room.values()) < 0:
                raise ValueError("it asks for more parameters than the file holds")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def _counterpart(path: Path, card: WeightsCard) -> Path:
    beside = path.with_name(f"{card.counterpart}{SUFFIX}")
    return beside if beside.is_file() else find_weights(card.counterpart)


def _read(path: Path, tensors: bool = True) -> tuple[WeightsCard | None, dict[str, Tensor]]:
    if not path.is_file():
        raise WeightsError(f"no such weights file: {path}", "check the spelling of the path")
    if path.suffix.lower() in PICKLED:
        return None, read_tensors(path) if tensors else {}
    try:
        with safe_open(path, framework="pt") as file:
            card = _parse(path, file.metadata() or {})
            return card, {key: file.get_tensor(key) for key in file.keys()} if tensors else {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        reason = str(error)[:240]
        raise WeightsError(f"{path} is not a readable safetensors file: {reason}", "fetch it again") from error


def _parse(path: Path, metadata: dict[str, str]) -> WeightsCard | None:
    if _KEY not in metadata:
        return None
    try:
        stored = json.loads(metadata[_KEY])
        known = {f.name for f in fields(WeightsCard)}
        card = WeightsCard(**{key: value for key, value in stored.items() if key in known})
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{path} has an unreadable card: {error}", "was it made by a newer srgan?") from error
    odd = [key for key, kind in _KINDS.items() if not isinstance(getattr(card, key), kind)]
    if not odd:
        odd += [] if is_plain_name(card.counterpart) or not card.counterpart else ["counterpart"]
        odd += [] if 0 <= card.strength <= 1 else ["strength"]
    if odd:
        raise WeightsError(f"{path} has an odd {odd[0]} on its card: {shown(getattr(card, odd[0]))}", "fetch it again")
    return card
