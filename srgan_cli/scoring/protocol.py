"""The protocol: what of two pictures is compared, and by which metrics.  It is printed with the numbers."""

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from srgan_cli.errors import MismatchError, UsageError
from srgan_cli.image.luma import ArrayOrTensor, PixelsT, crop_border, luma, luma_full_range, to_rgb
from srgan_cli.metrics import FEATURES, METRICS, PIXEL_METRICS, SET_METRICS, metric_of
from srgan_cli.metrics.ssim import SSIM_SETTINGS

PROTOCOLS = {
    "sr-y": ("y", "gaussian"),
    "sr-y-grey": ("y-grey", "gaussian"),
    "rgb": ("rgb", "gaussian"),
    "skimage": ("rgb", "uniform"),
}
"""The channels and the window of SSIM by the protocol's name."""
CHANNELS = ("y", "y-grey", "rgb")
MISMATCHES = ("error", "crop", "resize", "skip")
RANGE = "0…1 of each file's own depth"


@dataclass(frozen=True)
class Protocol:
    """What is compared, and by which metrics.

    channels: y (BT.601 luma, 16–235), y-grey (the same, but grey pictures stay as they are) or rgb.
    border: pixels cut on every side.
    window: that of SSIM.  scale: what consistency shrinks by.  mismatch: what becomes of candidates of another size.
    features, patch: the network that set metrics see with, and the side of the patches they see, 0 for whole pictures.
    Metrics that look at whole pictures heed neither channels nor border.
    """

    channels: str = "y"
    border: int = 4
    metrics: tuple[str, ...] = PIXEL_METRICS
    window: str = "gaussian"
    scale: int = 4
    mismatch: str = "error"
    features: str = "inception"
    patch: int = 0

    def __post_init__(self) -> None:
        """Raises UsageError for what is unknown."""
        _check("channels", self.channels, CHANNELS)
        _check("window", self.window, SSIM_SETTINGS)
        _check("way with pictures of another size", self.mismatch, MISMATCHES)
        _check("features of", self.features, FEATURES)
        for name in self.metrics:
            metric_of(name)

    def __str__(self) -> str:
        what = "RGB" if self.channels == "rgb" else "BT.601 luma (16–235)"
        parts = [f"{what}, border {self.border} px cut, range {RANGE}, SSIM with {SSIM_SETTINGS[self.window].label}"]
        if self.channels == "y-grey":
            parts.append("grey pictures in full range")
        if self.mismatch != "error":
            parts.append(f"pictures of another size: {self.mismatch}")
        if self.of_sets:
            seen = f"patches of {self.patch} px" if self.patch else "whole pictures"
            parts.append(
                f"{' and '.join(SET_METRICS[n].label for n in self.of_sets)} by {self.features}'s features of {seen}"
            )
        whole = [METRICS[name].label for name in self.of_pictures if METRICS[name].whole]
        return "; ".join(parts + ([f"{' and '.join(whole)} on whole RGB pictures"] if whole else []))

    @property
    def name(self) -> str:
        """Its name on the command line."""
        kind = self.channels, self.window
        return next((name for name, known in PROTOCOLS.items() if known == kind), " ".join(kind))

    @property
    def of_pictures(self) -> tuple[str, ...]:
        """The metrics that judge a picture."""
        return tuple(name for name in self.metrics if name in METRICS)

    @property
    def of_sets(self) -> tuple[str, ...]:
        """The metrics that judge a set of pictures as a whole."""
        return tuple(name for name in self.metrics if name in SET_METRICS)

    def describe(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {"name": self.name, **asdict(self), "range": RANGE, "description": str(self)}

    def prepare(self, pixels: PixelsT, grey: bool = False) -> PixelsT:
        """The part of a (1 or 3, H, W) picture that is compared; `grey` says that its reference is a grey picture."""
        if self.channels == "rgb":
            return crop_border(to_rgb(pixels), self.border)
        return crop_border(luma_full_range(pixels) if grey and self.channels == "y-grey" else luma(pixels), self.border)

    def measure(self, name: str) -> Callable[[ArrayOrTensor, ArrayOrTensor], float]:
        """The function of a metric, with this protocol's settings."""
        settled: dict[str, dict[str, Any]] = {"ssim": {"window": self.window}, "consistency": {"scale": self.scale}}
        return partial(METRICS[name].compute, **settled.get(name, {}))


def named_protocol(
    name: str,
    scale: int,
    border: int | None = None,
    metrics: tuple[str, ...] = PIXEL_METRICS,
    channels: str | None = None,
) -> Protocol:
    """One of PROTOCOLS, with other channels if told.

    Unless told, the border is the scale, and scikit-image's protocol has none.

    Raises UsageError for an unknown name.
    """
    _check("protocol", name, PROTOCOLS)
    usual_channels, window = PROTOCOLS[name]
    usual = 0 if name == "skimage" else scale
    return Protocol(channels or usual_channels, usual if border is None else border, metrics, window, scale)


def compare(reference: PixelsT, candidate: PixelsT, protocol: Protocol) -> dict[str, float]:
    """The metrics of two (1 or 3, H, W) pictures with values 0…1.  Raises MismatchError unless they fit each other."""
    if reference.shape[-2:] != candidate.shape[-2:]:
        sizes = [f"{pixels.shape[-1]} x {pixels.shape[-2]}" for pixels in (reference, candidate)]
        raise MismatchError(f"the reference is {sizes[0]}, the candidate {sizes[1]}", "compare pictures of one size")
    grey = len(reference) == 1
    whole = to_rgb(reference), to_rgb(candidate)
    prepared = protocol.prepare(reference, grey), protocol.prepare(candidate, grey)
    return {
        name: protocol.measure(name)(*(whole if METRICS[name].whole else prepared)) for name in protocol.of_pictures
    }


def _check(what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise UsageError(f"no {what} {name!r}", f"there is: {', '.join(known)}")
