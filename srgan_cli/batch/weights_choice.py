"""The weights for each file, where they are chosen automatically."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from threading import Lock

from srgan_cli.image.codec.compression import CLEAN_QUALITY, describe_compression
from srgan_cli.system.files import digest
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.weights.file import read_card
from srgan_cli.weights.registry import find_weights

PHOTO = "photo"  # the weights for compressed photographs


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
    """Chooses the weights of each file; those for compressed photographs are loaded when one of them is enlarged."""

    def __init__(self, upscaler: Upscaler, photo: str = "", load: Callable[..., Upscaler] = Upscaler.load) -> None:
        """`photo` names the weights for compressed photographs; "" to use the same for all files."""
        self.upscaler, self.photo, self.load = upscaler, photo, load
        self.lock = Lock()
        self.photo_upscaler: Upscaler | None = None

    def of(self, source: Path) -> ChosenWeights:
        """The weights for a file, according to its header."""
        reason = describe_compression(source, below_quality=CLEAN_QUALITY) if self.photo else ""
        if not reason:
            own = self.upscaler
            return ChosenWeights(own.name, own.sha256, own.scale, lambda: own)
        return replace(self._photo, reason=reason)

    @cached_property
    def _photo(self) -> ChosenWeights:
        path = find_weights(self.photo, self.upscaler.scale)
        card = read_card(path)
        return ChosenWeights(card.name, digest(path), card.scale, partial(self._load_photo, path))

    def _load_photo(self, path: Path) -> Upscaler:
        """The upscaler for photographs; it and the other one take turns in running their generators."""
        with self.lock:
            if self.photo_upscaler is None:
                self.photo_upscaler = self.load(model=path, takes_turns_with=self.upscaler)
            return self.photo_upscaler
