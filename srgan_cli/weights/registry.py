"""Which weights are at hand, and what their cards tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from srgan_cli.errors import SrganError, UnknownModel
from srgan_cli.system.files import digest
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import SUFFIX, read_card
from srgan_cli.weights.hub import fetch, is_reference, list_cached, list_corrupt

SHIPPED = "shipped"


@dataclass(frozen=True)
class ModelInfo:
    """Weights that `-m` takes by `name`; of a damaged note in the cache the folder.

    source: "shipped", or where they were fetched from.  card: None where they cannot be used, for the `reason`.
    """

    name: str
    source: str
    path: Path
    sha256: str
    licence: str
    card: WeightsCard | None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Everything that is known, as JSON can hold it."""
        info = {"name": self.name, "source": self.source, "path": str(self.path), "bytes": self.path.stat().st_size}
        known = {"sha256": self.sha256, "licence": self.licence}
        if self.card is None:
            return info | known | {"reason": self.reason}
        card = {key: getattr(self.card, key) for key in ("architecture", "scale", "scores", "training")}
        return info | known | card


def list_models() -> Iterator[ModelInfo]:
    """The shipped weights, then the cached ones, each by name."""
    for name, path in list_weights().items():
        card = read_card(path)
        yield ModelInfo(name, SHIPPED, path, digest(path), card.licence, card)
    for cached in list_cached():
        cached_card, reason = _try_read_card(cached.path)
        licence = cached.licence or (cached_card.licence if cached_card else "")
        yield ModelInfo(cached.source, cached.source, cached.path, cached.sha256, licence, cached_card, reason)
    for note, reason in list_corrupt().items():
        yield ModelInfo(str(note.parent), str(note.parent), note, "", "", None, reason)


def _try_read_card(path: Path) -> tuple[WeightsCard | None, str]:
    try:
        return read_card(path), ""
    except SrganError as error:
        return None, error.message


def shipped_folder() -> Path:
    """Where the weights that come with the toolkit lie: in the wheel, or in a checkout beside the package."""
    package = Path(__file__).parents[1]
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
