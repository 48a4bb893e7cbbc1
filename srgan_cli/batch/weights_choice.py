"""The weights for each file, where they are chosen automatically."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from threading import Lock

from srgan_cli.image.codec.headers import CLEAN_QUALITY, describe_compression
from srgan_cli.system.files import digest
from srgan_cli.upscaling.upscaler import DEFAULT_MODEL, Upscaler
from srgan_cli.weights.file import read_card
from srgan_cli.weights.registry import AUTOMATIC, family, find_weights

PURPOSES = {
    **{AUTOMATIC: (DEFAULT_MODEL, "photo"), "photo": ("photo", "")},
    **dict.fromkeys(("drawing", "text"), ("fidelity", "photo-fidelity")),
}
"""Weights by purpose: those for clean files, and those for compressed ones, "" for the same."""


def weights_for(purpose: str) -> tuple[str, str]:
    """The weights for clean and for compressed files, as in PURPOSES; those of another name are for all files."""
    clean, compressed = PURPOSES.get(purpose, (purpose, ""))
    return clean, compressed if family(compressed) else ""


def describe_rule(purpose: str) -> str:
    """Which weights are for which files, such as `photo-x4 for JPEG below quality 98 and lossy WebP, else srgan-x4`."""
    clean, compressed = map(_by_scale, PURPOSES[purpose])
    return f"{compressed} for JPEG below quality {CLEAN_QUALITY} and lossy WebP, else {clean}"


def _by_scale(name: str) -> str:
    """The weights of a name without its scale: those without --scale, then those for smaller scales."""
    largest, *smaller = sorted(family(name).items(), reverse=True) or [(0, Path("none"))]
    return ", or ".join([largest[1].stem, *(f"{path.stem} up to x{scale}" for scale, path in smaller)])


@dataclass(frozen=True)
class ChosenWeights:
    """The weights for a file, which are known before they are loaded."""

    name: str
    sha256: str
    scale: float
    load: Callable[[], Upscaler]
    reason: str = ""
    """Why they are not those of the other files, if they are not."""


class WeightsChoice:
    """Chooses the weights of each file; those for compressed files are loaded when one of them is enlarged."""

    def __init__(self, upscaler: Upscaler, compressed: str = "", load: Callable[..., Upscaler] = Upscaler.load) -> None:
        """`compressed` names the weights for compressed files; "" to use the same for all files."""
        self.upscaler, self.compressed, self.load = upscaler, compressed, load
        self.lock = Lock()
        self.compressed_upscaler: Upscaler | None = None

    def of(self, source: Path) -> ChosenWeights:
        """The weights for a file, according to its header."""
        reason = describe_compression(source, below_quality=CLEAN_QUALITY) if self.compressed else ""
        if not reason:
            own = self.upscaler
            return ChosenWeights(own.name, own.sha256, own.scale, lambda: own)
        return replace(self._for_compressed, reason=reason)

    @cached_property
    def _for_compressed(self) -> ChosenWeights:
        path = find_weights(self.compressed, self.upscaler.scale)
        card = read_card(path)
        return ChosenWeights(card.name, digest(path), card.scale, partial(self._load_compressed, path))

    def _load_compressed(self, path: Path) -> Upscaler:
        """The upscaler for compressed files; it and `upscaler` take turns in running their generators."""
        with self.lock:
            if self.compressed_upscaler is None:
                self.compressed_upscaler = self.load(model=path, takes_turns_with=self.upscaler)
            return self.compressed_upscaler
