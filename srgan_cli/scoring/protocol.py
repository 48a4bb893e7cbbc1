"""The protocol: what is compared and by which metrics. It is printed with the scores."""

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from functools import partial
from math import inf
from typing import Any

import numpy as np

from srgan_cli.errors import MismatchError, PictureError, UsageError
from srgan_cli.image.luma import ArrayOrTensor, Mask, PixelsT, crop_border, luma, luma_full_range, to_rgb
from srgan_cli.metrics import FEATURES, METRICS, PIXEL_METRICS, SET_METRICS, MetricInfo, metric_of
from srgan_cli.metrics.ssim import SSIM_LABELS
from srgan_cli.system.arguments import Count, Positive, checked

PROTOCOLS = {
    "sr-y": ("y", "gaussian"),
    "sr-y-grey": ("y-grey", "gaussian"),
    "rgb": ("rgb", "gaussian"),
    "skimage": ("rgb", "uniform"),
}
"""Channels and SSIM window of the named protocols."""
MISMATCHES = ("error", "crop", "resize", "skip")
RANGE = "of each reference (declared, bit depth, 0…1, or its valid values)"


@checked
@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What is compared, and by which metrics. Raises UsageError for unknown names.

    Metrics that use whole pictures ignore `channels` and `border`.
    """

    channels: str = "y"
    """`y`: BT.601 luma, 16–235. `y-grey`: the same, but grey pictures are compared in full range. `rgb`.

    `bands`: all bands as they are. Pictures that are no photographs are always compared in this way.
    """
    border: Count = 4
    """Pixels cut from every side."""
    metrics: tuple[str, ...] = PIXEL_METRICS
    window: str = "gaussian"
    """The window of SSIM, a key of SSIM_LABELS."""
    scale: Positive = 4
    """The downscaling factor for `consistency`."""
    mismatch: str = "error"
    """How to treat candidates of another size: one of MISMATCHES."""
    features: str = "inception"
    """The network for the metrics of sets, one of FEATURES."""
    patch: Count = 0
    """Side of the patches for the metrics of sets; 0 for whole pictures."""
    value_range: tuple[float, float] | None = None
    """The range of values of all references; None for that of each."""

    def __post_init__(self) -> None:
        _check("channels", self.channels, ("y", "y-grey", "rgb", "bands"))
        _check("SSIM window", self.window, SSIM_LABELS)
        _check("treatment of other sizes", self.mismatch, MISMATCHES)
        _check("features", self.features, FEATURES)
        for name in self.metrics:
            metric_of(name)

    def __str__(self) -> str:
        channels = {"rgb": "RGB", "bands": "all bands"}.get(self.channels, "BT.601 luma (16–235)")
        value_range = "{:g}…{:g}".format(*self.value_range) if self.value_range else RANGE
        parts = [f"{channels}, border {self.border} px cut, range {value_range}, SSIM with {SSIM_LABELS[self.window]}"]
        if self.channels == "y-grey":
            parts.append("grey pictures in full range")
        if self.channels != "bands":
            parts.append("measurements: all bands")
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


def named_protocol(
    name: str, *, scale: int, border: int | None = None, metrics: tuple[str, ...] = PIXEL_METRICS, channels: str = ""
) -> Protocol:
    """A protocol by its name in PROTOCOLS.  The border is by default the scale, and for `skimage` 0."""
    _check("protocol", name, PROTOCOLS)
    default_channels, window = PROTOCOLS[name]
    if border is None:
        border = 0 if name == "skimage" else scale
    return Protocol(channels=channels or default_channels, border=border, metrics=metrics, window=window, scale=scale)


def parse_range(text: str) -> tuple[float, float]:
    """A range of values, written as 0,10000. Raises UsageError for anything else."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = 0.0
    if not -inf < low < high < inf:
        message = f"cannot read the range of values {text!r}"
        raise UsageError(message, "write the least and the largest, such as 0,10000")
    return low, high


def compare(
    reference: PixelsT,
    candidate: PixelsT,
    protocol: Protocol,
    *,
    valid: Mask | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    measured: bool = False,
    lacking: dict[str, str] | None = None,
) -> dict[str, float]:
    """The protocol's metrics of two (C, H, W) pictures with values 0…1, by name.

    `valid` (1, H, W) says which pixels count. `value_range` are the values that 0 and 1 stand for, for the metrics in
    units. `measured`: they are no photographs, so that all bands are compared. `lacking` receives a message for each
    metric that cannot be computed, if another one can. Raises MismatchError if the shapes differ, and PictureError if
    a metric cannot be computed.
    """
    _check_shapes(reference, candidate, measured=measured)
    grey = len(reference) == 1
    pair = (reference, candidate) if len(reference) == len(candidate) else (to_rgb(reference), to_rgb(candidate))
    prepared = [_prepare(protocol, pixels, grey=grey, measured=measured) for pixels in pair]
    low, high = value_range
    in_units = [crop_border(pixels, protocol.border) * (high - low) + low for pixels in pair]
    counted = None if valid is None else crop_border(valid.astype(np.float64), protocol.border) > 0
    if 0 in prepared[0].shape or (counted is not None and not counted.any()):
        raise PictureError("no pixel is compared", "cut a smaller --border; see which pixels have no data")
    values = {}
    for name in protocol.picture_metrics:
        metric, function = METRICS[name], _metric_function(protocol, name)
        try:
            if metric.masks:
                values[name] = function(*(in_units if metric.in_units else prepared), valid=counted)
            else:
                _check_photograph(metric, reference, valid)
                values[name] = function(*(map(to_rgb, pair) if metric.whole else prepared))
        except PictureError as error:
            if lacking is None or lacking.keys() | {name} == {*protocol.picture_metrics}:
                raise
            lacking[name] = error.with_hint
    return values


def _prepare(protocol: Protocol, pixels: PixelsT, *, grey: bool, measured: bool) -> PixelsT:
    """The part of a (C, H, W) picture that is compared; `grey` and `measured` say that the reference is so."""
    if measured or protocol.channels == "bands" or len(pixels) not in (1, 3):
        return crop_border(pixels, protocol.border)
    if protocol.channels == "rgb":
        return crop_border(to_rgb(pixels), protocol.border)
    to_luma = luma_full_range if grey and protocol.channels == "y-grey" else luma
    return crop_border(to_luma(pixels), protocol.border)


def _metric_function(protocol: Protocol, name: str) -> Callable[..., float]:
    """The function of a metric of pictures, with the settings of this protocol."""
    scale = {"scale": protocol.scale}
    options: dict[str, dict[str, Any]] = {"ssim": {"window": protocol.window}, "consistency": scale, "ergas": scale}
    return partial(METRICS[name].compute, **options.get(name, {}))


def _check_shapes(reference: ArrayOrTensor, candidate: ArrayOrTensor, *, measured: bool) -> None:
    """Raises MismatchError for other sizes, and for other numbers of bands except photographs' grey against RGB."""
    if reference.shape[-2:] != candidate.shape[-2:]:
        first, second = (f"{pixels.shape[-1]} x {pixels.shape[-2]}" for pixels in (reference, candidate))
        hint = "--on-mismatch crop compares the common part, resize fits the candidate"
        raise MismatchError(f"the reference is {first}, the candidate {second}", hint)
    if len(reference) != len(candidate) and (measured or not {len(reference), len(candidate)} <= {1, 3}):
        message = f"the reference has {len(reference)} bands, the candidate {len(candidate)}"
        raise PictureError(message, "compare pictures with the same bands")


def _check_photograph(metric: MetricInfo, pixels: ArrayOrTensor, valid: object | None) -> None:
    """Raises PictureError for pictures that a metric of whole photographs cannot take."""
    is_colour = len(pixels) in (1, 3)
    if not is_colour or valid is not None:
        bands = f"grey or RGB, found {len(pixels)} bands"
        lack = "a value for every pixel, found some without data" if is_colour else bands
        raise PictureError(f"{metric.label} needs {lack}", "choose other metrics with --metric, such as psnr and ssim")


def _check(setting: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise UsageError(f"unknown {setting} {name!r}", f"available: {', '.join(known)}")
