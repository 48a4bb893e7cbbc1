"""Which weights are at hand, and what their cards tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srgan_cli.cache import list_cached, list_damaged
from srgan_cli.errors import SrganError
from srgan_cli.files import digest
from srgan_cli.weights import WeightsCard, list_weights, read_card

SHIPPED = "shipped"


@dataclass(frozen=True)
class Entry:
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
        told = {"name": self.name, "source": self.source, "path": str(self.path), "bytes": self.path.stat().st_size}
        known = {"sha256": self.sha256, "licence": self.licence}
        if self.card is None:
            return told | known | {"reason": self.reason}
        card = {key: getattr(self.card, key) for key in ("architecture", "scale", "scores", "training")}
        return told | known | card


def catalogue() -> Iterator[Entry]:
    """The shipped weights, then the cached ones, each by name."""
    for name, path in list_weights().items():
        card = read_card(path)
        yield Entry(name, SHIPPED, path, digest(path), card.licence, card)
    for cached in list_cached():
        told, reason = _told(cached.path)
        licence = cached.licence or (told.licence if told else "")
        yield Entry(cached.source, cached.source, cached.path, cached.sha256, licence, told, reason)
    for note, reason in list_damaged().items():
        yield Entry(str(note.parent), str(note.parent), note, "", "", None, reason)


def _told(path: Path) -> tuple[WeightsCard | None, str]:
    try:
        return read_card(path), ""
    except SrganError as error:
        return None, error.message
