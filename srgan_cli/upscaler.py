"""Upscaler: a generator on a device, with a tile policy."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from srgan_cli.devices import pick_device
from srgan_cli.errors import UsageError
from srgan_cli.files import digest
from srgan_cli.networks import Generator
from srgan_cli.picture import Picture, bleed
from srgan_cli.pixels import resize
from srgan_cli.progress import Progress
from srgan_cli.running import SelfEnsemble, guarded
from srgan_cli.tiling import Tile, TilePolicy, tiles
from srgan_cli.weights import find_weights, load_blend

DEFAULT_MODEL = "srgan"
LARGEST_SCALE = 16
_EXACT = 1e-4


@dataclass(frozen=True)
class Size:
    """Width and height in pixels that enlarged pictures are to fit inside, as large as they can."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> "Size":
        """The size of a text such as 3840x2160.  Raises UsageError for anything else."""
        found = re.fullmatch(r"([1-9]\d*)\s*[x×]\s*([1-9]\d*)", text.strip(), re.IGNORECASE)
        if not found:
            raise UsageError(f"cannot read the size {text!r}", "write it as 3840x2160")
        return cls(int(found[1]), int(found[2]))

    def scale(self, height: int, width: int) -> float:
        """How many times larger a picture may become.  Raises UsageError unless that is 1 to LARGEST_SCALE."""
        factor = min(self.width / width, self.height / height)
        if not 1 <= factor <= LARGEST_SCALE:
            raise UsageError(
                f"{width} x {height} would have to grow {factor:.3g} times to fit {self.width} x {self.height}",
                f"give a size that is 1 to {LARGEST_SCALE} times the picture's",
            )
        return factor


Scale = float | Size | None
"""How much larger: that many times, to fit a size, or as much as the generator does."""


class Upscaler:
    """Enlarges pictures tile by tile; tiled equals whole.

    A generator that takes noise gives another plausible picture for every `seed`, and without one its calmest.
    Memory: the output as float32, and the generator's activations over one tile with its halo.
    """

    def __init__(
        self,
        generator: Generator,
        device: torch.device,
        policy: TilePolicy | None = None,
        name: str = "",
        seed: int | None = None,
        sha256: str = "",
    ) -> None:
        """`sha256` is that of the weights file.  Raises UsageError for a seed where the generator takes no noise."""
        if seed is not None and not generator.noise:
            raise UsageError(f"{name or 'the generator'} takes no noise: a seed changes nothing", "leave --seed out")
        self.name, self.sha256 = name, sha256
        self.seed = seed
        self.generator = generator.to(device).eval()
        self.device = device
        self.policy = policy or TilePolicy()

    @classmethod
    def load(
        cls,
        model: str | Path = DEFAULT_MODEL,
        device: str = "auto",
        policy: TilePolicy | None = None,
        scale: float | None = None,
        strength: float | None = None,
        seed: int | None = None,
        self_ensemble: bool = False,
        precision: str = "auto",
    ) -> "Upscaler":
        """An Upscaler of shipped weights by name, of a weights file, or of one fetched from an address.

        `scale` chooses among the scales of a name that has several; `strength` blends adversarial weights with their
        fidelity counterpart (see load_blend); `self_ensemble` takes the mean over eight flips and turns, in eight times
        the time; `precision` is auto, fp32 or fp16 (see guarded).
        Raises UnknownModel, UnknownDevice, UsageError and WeightsError.
        """
        chosen = pick_device(device)
        path = find_weights(str(model), scale)
        generator, card = load_blend(path, strength)
        whole = SelfEnsemble(generator) if self_ensemble else generator
        return cls(guarded(whole, chosen, precision), chosen, policy, card.name, seed, digest(path))

    def upscale(self, picture: Picture, scale: Scale = None, progress: Progress | None = None) -> Picture:
        """The enlarged picture; grey stays grey, alpha is enlarged too.

        A `scale` that is not the generator's own is reached by antialiased resampling of its result.
        `progress` is called with the input pixels done and in all.  Raises UsageError for a scale outside 1…16.
        """
        shape = self.target(picture.height, picture.width, scale)
        report = _Counter(picture, progress)
        colour = self._enlarge(bleed(picture), shape, report)
        alpha = None if picture.alpha is None else self._enlarge_alpha(picture.alpha, shape, report)
        return replace(picture, pixels=colour, alpha=alpha)

    def target(self, height: int, width: int, scale: Scale = None) -> tuple[int, int]:
        """Height and width of what a picture of this size is enlarged to.  Raises UsageError as upscale does."""
        if isinstance(scale, Size):
            scale = scale.scale(height, width)
        check_scale(scale)
        factor = scale or self.generator.scale
        return max(1, round(height * factor)), max(1, round(width * factor))

    def _enlarge(self, pixels: Tensor, shape: tuple[int, int], report: "_Counter") -> Tensor:
        enlarged = self._canvas(pixels, report)
        return resize(enlarged, *shape).clamp_(0, 1)

    def _enlarge_alpha(self, alpha: Tensor, shape: tuple[int, int], report: "_Counter") -> Tensor:
        """Sharp edges from the generator; what is wholly opaque or wholly transparent stays exactly so."""
        smooth, sharp = resize(alpha, *shape), self._enlarge(alpha, shape, report)
        sharp[smooth >= 1 - _EXACT] = 1
        sharp[smooth <= _EXACT] = 0
        return sharp

    @torch.no_grad()
    def _canvas(self, pixels: Tensor, report: "_Counter") -> Tensor:
        """(C, H, W) enlarged by the generator's own scale, on the CPU."""
        channels, height, width = pixels.shape
        scale = self.generator.scale
        canvas = torch.empty(channels, height * scale, width * scale)
        noise = self._noise(height, width)
        for tile in tiles(height, width, self.generator.receptive_radius, self.policy, self.generator.grid):
            canvas[:, *tile.keep.scaled(scale).slices] = self._tile(pixels, noise, tile)
            report.advance(tile.keep.area)
        return canvas

    def _noise(self, height: int, width: int) -> Tensor:
        """For the whole picture, so that its tiles agree."""
        channels = 0 if self.seed is None else self.generator.noise
        random = torch.Generator().manual_seed(self.seed or 0)
        return torch.randn(channels, height, width, generator=random)

    def _tile(self, pixels: Tensor, noise: Tensor, tile: Tile) -> Tensor:
        read = torch.cat([pixels[:, *tile.read.slices].expand(3, -1, -1), noise[:, *tile.read.slices]])
        enlarged: Tensor = self.generator(read[None].to(self.device))[0]
        kept = enlarged[:, *tile.keep.within(tile.read).scaled(self.generator.scale).slices]
        return kept if len(pixels) == 3 else kept.mean(dim=0, keepdim=True)


class _Counter:
    """Counts input pixels and tells whoever wants to know."""

    def __init__(self, picture: Picture, progress: Progress | None) -> None:
        layers = 1 if picture.alpha is None else 2
        self.total = layers * picture.height * picture.width
        self.done = 0
        self.progress = progress

    def advance(self, pixels: int) -> None:
        self.done += pixels
        if self.progress:
            self.progress(self.done, self.total)


def check_scale(scale: float | None) -> None:
    """Raises UsageError unless the scale is None or a number from 1 to LARGEST_SCALE."""
    if scale is not None and not 1 <= scale <= LARGEST_SCALE:
        raise UsageError(f"cannot enlarge {scale:g} times", f"give a scale from 1 to {LARGEST_SCALE}")
