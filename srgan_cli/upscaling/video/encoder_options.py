"""Options of encoders: quality, speed, and what describes high dynamic range."""

import re
from typing import Any

from srgan_cli.errors import UsageError
from srgan_cli.upscaling.video.frames import LIGHT_LEVEL, MASTERING, SEI_UNITS, format_mastering
from srgan_cli.upscaling.video.options import VideoOptions
from srgan_cli.upscaling.video.source import VideoSource

_DEFAULTS = {
    "libx264": {"crf": "18"},
    "libx265": {"crf": "20", "x265-params": "log-level=error"},
    "libvpx-vp9": {"crf": "24", "b": "0", "cpu-used": "4", "row-mt": "1"},
    "libsvtav1": {"crf": "28", "preset": "8"},
}
"""Options of encoders where nothing else is asked for."""
_LEAST_CUTREE_SIDE = 64  # x265 writes beyond its memory in the analysis `cutree` of smaller frames
_QUALITY_OPTIONS, _SPEED_OPTIONS = ("crf", "cq"), ("preset", "cpu-used", "quality")
_MAX_CRF = {"libx264": 51, "libx265": 51}  # the largest --crf of encoders whose own limit is larger
_X26X_PRESETS = [
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
]
_PRESETS = {"libx264": _X26X_PRESETS, "libx265": _X26X_PRESETS}  # presets of encoders that do not list them
_HARDWARE = ("_nvenc", "_qsv", "_amf", "_vaapi", "_videotoolbox", "_mf", "_v4l2m2m", "_vulkan", "_omx", "_mediacodec")
"""How the names of hardware encoders end."""
_LAMBDA = 118  # units of FFmpeg's quality scale
_HARDWARE_QUALITY: dict[str, tuple[int, dict[str, int]]] = {
    "_qsv": (51, {"global_quality": 1}),
    "_amf": (51, {"qp_i": 1, "qp_p": 1}),
    "_videotoolbox": (100, {"global_quality": _LAMBDA}),
}
"""The largest --crf, and the options that it sets, each to a multiple of it."""
_HARDWARE_CRF = {"_nvenc": 20, "_qsv": 20, "_amf": 20, "_videotoolbox": 65}
"""The quality where none is asked for: their own is a low bit rate."""
_QUALITY_MODE = {"_nvenc": {"rc": "vbr", "b": "0"}, "_amf": {"rc": "cqp"}, "_videotoolbox": {"flags": "+qscale"}}
"""Options without which hardware encoders ignore a quality."""
_HDR_OPTIONS = {
    "libx264": ("x264-params", "mastering-display", "cll", SEI_UNITS),
    "libx265": ("x265-params", "master-display", "max-cll", SEI_UNITS),
    "libsvtav1": ("svtav1-params", "mastering-display", "content-light", (1, 1)),
}
"""An encoder's option for further parameters, and among these its names for the mastering display and the light level,
and its units of chromaticity and luminance."""


def is_hardware(codec: str) -> bool:
    """Whether an encoder of this name needs a device."""
    return codec.endswith(_HARDWARE)


def encoder_options(
    codec: Any, options: VideoOptions, source: VideoSource, size: tuple[int, int], *, is_avi: bool
) -> dict[str, str]:
    """The options of an encoder, a codec of PyAV.  Raises UsageError for values that it does not take."""
    chosen = dict(_DEFAULTS.get(codec.name, {}))
    if codec.name == "libx265" and min(size) < _LEAST_CUTREE_SIDE:
        chosen["x265-params"] += ":cutree=0"
    crf = _HARDWARE_CRF.get(_kind(codec)) if options.crf is None else options.crf
    if crf is not None:
        chosen |= _quality(codec, crf)
    if options.preset:
        chosen |= _speed(codec, options.preset)
    if is_avi:
        chosen["bf"] = "0"  # AVI has no time stamps, only an order
    for name, values in _hdr_options(codec.name, source).items():
        chosen[name] = ":".join(filter(None, (chosen.get(name, ""), *values)))
    return chosen


def _kind(codec: Any) -> str:
    return str(codec.name[codec.name.rfind("_") :])


def _quality(codec: Any, crf: float) -> dict[str, str]:
    kind = _kind(codec)
    if kind in _HARDWARE_QUALITY:
        highest, factors = _HARDWARE_QUALITY[kind]
    else:
        found = _option(codec, _QUALITY_OPTIONS, "--crf")
        highest, factors = _MAX_CRF.get(codec.name, int(found.max)), {found.name: 1}
    lowest = int(is_hardware(codec.name))  # 0 stands for no quality
    if not lowest <= crf <= highest:
        message = f"--crf of {codec.name} is from {lowest} to {highest}, found {crf:g}"
        raise UsageError(message, "see docs/video.md", option="crf")
    return {**_QUALITY_MODE.get(kind, {}), **{name: f"{crf * factor:g}" for name, factor in factors.items()}}


def _speed(codec: Any, preset: str) -> dict[str, str]:
    found = _option(codec, _SPEED_OPTIONS, "--preset")
    if names := [choice.name for choice in found.choices] or _PRESETS.get(codec.name, []):
        if preset not in names:
            raise UsageError(f"{codec.name} has no preset {preset!r}", f"it has {', '.join(names)}", option="preset")
    elif not (re.fullmatch("-?[0-9]+", preset) and found.min <= int(preset) <= found.max):
        message = f"--preset of {codec.name} is a whole number from {found.min:g} to {found.max:g}, found {preset!r}"
        raise UsageError(message, "a larger one is faster", option="preset")
    return {found.name: preset}


def _option(codec: Any, names: tuple[str, ...], option: str) -> Any:
    """The first of the options that the encoder knows.  Raises UsageError."""
    known = {found.name: found for found in codec.create("video").supported_options.private}
    if usable := [known[name] for name in names if name in known]:
        return usable[0]
    hint = "leave it out, or choose another --codec"
    raise UsageError(f"{codec.name} takes no {option}", hint, option=option.removeprefix("--"))


def _hdr_options(codec: str, source: VideoSource) -> dict[str, list[str]]:
    """The mastering display and content light level as options of an encoder that takes them."""
    if codec not in _HDR_OPTIONS or not source.hdr:
        return {}
    option, display, level, units = _HDR_OPTIONS[codec]
    mastering, light = source.hdr.get(MASTERING), source.hdr.get(LIGHT_LEVEL)
    values = [f"{display}={format_mastering(mastering, *units)}"] if mastering else []
    values += [f"{level}={light[0]},{light[1]}"] if light else []
    return {option: values}
