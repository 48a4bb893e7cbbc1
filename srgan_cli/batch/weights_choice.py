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
