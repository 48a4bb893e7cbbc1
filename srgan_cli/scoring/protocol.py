"""The protocol: what is compared and by which metrics. It is printed with the scores."""

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
"""Channels and SSIM window of the named protocols."""
CHANNELS = ("y", "y-grey", "rgb")
MISMATCHES = ("error", "crop", "resize", "skip")
RANGE = "0…1 of each file's own depth"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What is compared, and by which metrics. Raises UsageError for unknown names.

    Metrics that use whole pictures ignore `channels` and `border`.
    """

    channels: str = "y"
    """`y`: BT.601 luma, 16–235. `y-grey`: the same, but grey pictures are compared in full range. `rgb`."""
    border: int = 4
    """Pixels cut from every side."""
    metrics: tuple[str, ...] = PIXEL_METRICS
    """Names in METRICS and SET_METRICS."""
    window: str = "gaussian"
    """The window of SSIM, a key of SSIM_SETTINGS."""
    scale: int = 4
    """The downscaling factor for `consistency`."""
    mismatch: str = "error"
    """How to treat candidates of another size: one of MISMATCHES."""
    features: str = "inception"
    """The network for the metrics of sets, one of FEATURES."""
    patch: int = 0
    """Side of the patches for the metrics of sets; 0 for whole pictures."""

    def __post_init__(self) -> None:
        _check("channels", self.channels, CHANNELS)
        _check("SSIM window", self.window, SSIM_SETTINGS)
        _check("treatment of other sizes", self.mismatch, MISMATCHES)
        _check("features", self.features, FEATURES)
        for name in self.metrics:
            metric_of(name)

    def __str__(self) -> str:
        channels = "RGB" if self.channels == "rgb" else "BT.601 luma (16–235)"
        parts = [
            f"{channels}, border {self.border} px cut, range {RANGE}, SSIM with {SSIM_SETTINGS[self.window].label}"
        ]
        if self.channels == "y-grey":
            parts.append("grey pictures in full range")
        if self.mismatch != "error":
            parts.append(f"pictures of another size: {self.mismatch}")
        if self.set_metrics:
            source = f"patches of {self.patch} px" if self.patch else "whole pictures"
            labels = " and ".join(SET_METRICS[name].label for name in self.set_metrics)
            parts.append(f"{labels} by {self.features} features of {source}")
        whole = [METRICS[name].label for name in self.picture_metrics if METRICS[name].whole]
        return "; ".join(parts + ([f"{' and '.join(whole)} on whole RGB pictures"] if whole else []))

    @property
    def name(self) -> str:
        """Its name in PROTOCOLS, otherwise its channels and window."""
        settings = self.channels, self.window
        return next((name for name, known in PROTOCOLS.items() if known == settings), " ".join(settings))

    @property
    def picture_metrics(self) -> tuple[str, ...]:
        """The metrics of single pictures."""
        return tuple(name for name in self.metrics if name in METRICS)

    @property
    def set_metrics(self) -> tuple[str, ...]:
        """The metrics of sets of pictures."""
        return tuple(name for name in self.metrics if name in SET_METRICS)

    def to_json(self) -> dict[str, Any]:
        """All settings and their description, as JSON types."""
        return {"name": self.name, **asdict(self), "range": RANGE, "description": str(self)}

    def prepare(self, pixels: PixelsT, *, grey: bool = False) -> PixelsT:
        """The part of a (1 or 3, H, W) picture that is compared. `grey`: the reference is a grey picture."""
        if self.channels == "rgb":
            return crop_border(to_rgb(pixels), self.border)
        return crop_border(luma_full_range(pixels) if grey and self.channels == "y-grey" else luma(pixels), self.border)

    def metric_function(self, name: str) -> Callable[[ArrayOrTensor, ArrayOrTensor], float]:
        """The function of a metric of pictures, with the settings of this protocol."""
        options: dict[str, dict[str, Any]] = {"ssim": {"window": self.window}, "consistency": {"scale": self.scale}}
        return partial(METRICS[name].compute, **options.get(name, {}))


def named_protocol(
    name: str,
    *,
    scale: int,
    border: int | None = None,
    metrics: tuple[str, ...] = PIXEL_METRICS,
    channels: str | None = None,
) -> Protocol:
    """A protocol by its name in PROTOCOLS. `border` and `channels` override its settings.

    The default border is the scale; for `skimage` it is 0. Raises UsageError for an unknown name.
    """
    _check("protocol", name, PROTOCOLS)
    default_channels, window = PROTOCOLS[name]
    default_border = 0 if name == "skimage" else scale
    return Protocol(
        channels=channels or default_channels,
        border=default_border if border is None else border,
        metrics=metrics,
        window=window,
        scale=scale,
    )


def compare(reference: PixelsT, candidate: PixelsT, protocol: Protocol) -> dict[str, float]:
    """The protocol's metrics of two (1 or 3, H, W) pictures with values 0…1, by name.

    Raises MismatchError if the sizes differ.
    """
    if reference.shape[-2:] != candidate.shape[-2:]:
        sizes = [f"{pixels.shape[-1]} x {pixels.shape[-2]}" for pixels in (reference, candidate)]
        raise MismatchError(
            f"the reference is {sizes[0]}, the candidate {sizes[1]}",
            "--on-mismatch crop compares the common part, resize fits the candidate",
        )
    grey = len(reference) == 1
    whole = to_rgb(reference), to_rgb(candidate)
    prepared = protocol.prepare(reference, grey=grey), protocol.prepare(candidate, grey=grey)
    return {
        name: protocol.metric_function(name)(*(whole if METRICS[name].whole else prepared))
        for name in protocol.picture_metrics
    }


def _check(setting: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise UsageError(f"unknown {setting} {name!r}", f"available: {', '.join(known)}")
