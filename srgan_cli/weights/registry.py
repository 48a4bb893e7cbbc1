"""The available weights: shipped, downloaded, or named by a path or an address."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from srgan_cli.errors import SrganError, UnknownModel
from srgan_cli.image.ops import KERNELS
from srgan_cli.system.files import digest
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import read_card
from srgan_cli.weights.formats import family_name, list_weights
from srgan_cli.weights.hub import fetch, is_reference, list_cached, list_corrupt

AUTOMATIC = "auto"  # what stands for a choice of weights for each file
SHIPPED = "shipped"
_SIMILAR = 0.7  # how similar a name must be to be suggested, from 0 to 1


@dataclass(frozen=True)
class ModelInfo:
    """Weights that are available, or a corrupt record in the cache."""

    name: str
    """What `-m` takes; the folder of a corrupt record."""
    source: str
    """SHIPPED, or the reference that they were downloaded by."""
    path: Path
    sha256: str
    """The SHA-256 of their file, in hexadecimal digits."""
    licence: str
    """Their licence; "" if unknown."""
    card: WeightsCard | None
    """Their card; None if they cannot be used."""
    reason: str = ""
    """Why they cannot be used."""

    def to_json(self) -> dict[str, Any]:
        """All fields, and those of the card, for JSON."""
        info = {"name": self.name, "source": self.source, "path": str(self.path), "bytes": self.path.stat().st_size}
        info |= {"sha256": self.sha256, "licence": self.licence}
        return asdict(self.card) | info if self.card else info | {"reason": self.reason}


def list_models() -> Iterator[ModelInfo]:
    """The shipped weights by name, the downloaded ones by file name, then the corrupt records of the cache."""
    for name, path in list_weights().items():
        yield replace(read_model(path), name=name, source=SHIPPED)
    for cached in list_cached():
        cached_card, reason = _try_read_card(cached.path)
        licence = cached.licence or (cached_card.licence if cached_card else "")
        yield ModelInfo(cached.source, cached.source, cached.path, cached.sha256, licence, cached_card, reason)
    for record, reason in list_corrupt().items():
        yield ModelInfo(str(record.parent), str(record.parent), record, "", "", None, reason)


def read_model(path: Path) -> ModelInfo:
    """Weights in a file.  Raises WeightsError if they cannot be used."""
    card = read_card(path)
    return ModelInfo(str(path), str(path), path, digest(path), card.licence, card)


def family(name: str) -> dict[int, Path]:
    """The shipped weights of a name without its scale, by scale."""
    return {read_card(path).scale: path for key, path in list_weights().items() if family_name(key) == name}


def _try_read_card(path: Path) -> tuple[WeightsCard | None, str]:
    try:
        return read_card(path), ""
    except SrganError as error:
        return None, error.message


def find_weights(name: str, scale: float | None = None) -> Path:
    """The file of shipped weights by name, a file by its path, or a download by its address (see hub.fetch).

    The name can omit the scale: `srgan` is the smallest srgan-xN that reaches `scale`, else the largest one.
    The name of shipped weights always means them; a file of that name is ./srgan.
    Raises UnknownModel, with the most similar name, if nothing has this name.
    """
    if not name or not isinstance(name, str):
        raise UnknownModel(f"{name!r} names no weights", "srgan models lists them")
    if is_reference(name):
        return fetch(name).path
    shipped = list_weights()
    if name in shipped:
        return shipped[name]
    if scales := family(name):
        largest = max(scales)
        return scales[min((each for each in scales if each >= (scale or largest)), default=largest)]
    if Path(name).is_dir():
        raise UnknownModel(f"{name} is a folder, expected weights", "name a file in it, such as run/mine.safetensors")
    if Path(name).suffix or Path(name).is_file():
        return Path(name)
    raise unknown_model_error(name)


def unknown_model_error(name: str) -> UnknownModel:
    """The error for a name that no weights have, with the most similar name and the way to other weights."""
    if name == AUTOMATIC:
        message = "auto is a choice of weights for each file by srgan upscale, expected one name"
        return UnknownModel(message, "name what it chooses from: photo or srgan")
    if name in KERNELS:
        return UnknownModel(f"{name} is a filter without weights", "srgan models lists the weights")
    shipped = list_weights()
    names = dict.fromkeys([*shipped, *map(family_name, shipped), *KERNELS, AUTOMATIC])
    near = get_close_matches(name.lower(), names, 1, _SIMILAR)
    hint = f"{f'did you mean {near[0]}? ' if near else ''}available: {', '.join(shipped) or 'none'}"
    foreign = "weights of other projects are named by their file or address: -m ./4x_foo.pth, hf://… or https://…"
    return UnknownModel(f"no weights named {name!r}", f"{hint}; {foreign}")
