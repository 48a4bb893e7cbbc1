"""Steady detail over time: a generator that sees one frame at a time draws detail differently in each."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srgan_cli.image.ops import resize
from srgan_cli.upscaling.video.flow import enlarge_flow, grey_levels, optical_flow, visible, warp

Plane = NDArray[np.float32]
_PERSISTENCE = (0.7, 0.86)  # the weight of the result before, where its detail is the same, and where it differs
_TOLERANCE, _TOLERANCE_OF_CONTRAST = 8 / 255, 0.15
"""Where the input before, moved along the flow, differs by more than a constant and a part of the contrast, less is
carried on; nothing where it differs by twice as much."""
_WINDOW, _DETAIL_WINDOW = 5, 9
_MAX_GAIN = 1.2  # detail that blending weakens is amplified up to so many times
_STRENGTH_POWER, _STRENGTH_RANGE = 0.25, (0.25, 1.5)
"""The weight of the result before rises with the power of its detail, relative to that of the new frame."""
_CUT_PART = 0.5  # a frame of which less than this part is carried on begins a new scene


@dataclass
class Steadier:
    """Blends the detail of each enlarged frame, which downscaling would not show, with that of the result before.

    At the resolution of the input, each frame is nearly as the generator enlarged it.  The result before is moved
    along the optical flow of the input, and does not count where the content was hidden, or looks different.  Blending
    weakens detail that differs, so it is amplified to the power that it had.  A scene cut starts again.  Holds the
    last frame and its result.
    """

    _last: tuple[Tensor, NDArray[np.uint8], Tensor] | None = field(default=None, init=False)

    def steady(self, frame: Tensor, enlarged: Tensor) -> Tensor:
        """The enlarged frame with steady detail, clipped to 0…1; both (C, H, W)."""
        levels = grey_levels(frame)
        result = enlarged
        if self._last is not None:
            frame_before, levels_before, result_before = self._last
            flow = optical_flow(levels, levels_before)
            shown = visible(flow, optical_flow(levels_before, levels))
            inside = np.s_[: frame.shape[1], : frame.shape[2]]  # levels may be padded
            flow = flow[inside]
            trust = _trust(frame, frame_before, flow) * shown[inside]
            if (trust > 0).mean() >= _CUT_PART:
                result = (enlarged + _change(enlarged, result_before, flow, trust)).clamp(0, 1)
        self._last = frame, levels, result
        return result


def _trust(frame: Tensor, before: Tensor, flow: Plane) -> Plane:
    """How much a frame looks like the one before, moved along the flow: (H, W), 0…1."""
    difference = (warp(before, flow) - frame).abs().mean(0).numpy()
    alike = np.clip(2 - difference / (_TOLERANCE + _TOLERANCE_OF_CONTRAST * _contrast(frame)), 0, 1)
    return np.asarray(alike, np.float32)


def _change(enlarged: Tensor, before: Tensor, flow: Plane, trust: Plane) -> Tensor:
    """What an enlarged frame (C, H, W) lacks of its detail blended with that of the result before."""
    height, width = enlarged.shape[1:]
    moved = warp(before, enlarge_flow(flow, height, width))
    new, old = (part - resize(resize(part, *trust.shape), height, width) for part in (enlarged, moved))
    strength, old_strength = _power(new), _power(old)
    least, most = _PERSISTENCE
    weight = least + (most - least) * (_power(new - old) / (strength + old_strength)).clamp(max=1)
    weight = (weight * (old_strength / strength).clamp(*_STRENGTH_RANGE) ** _STRENGTH_POWER).clamp(max=most)
    weight *= torch.from_numpy(cv2.resize(trust, (width, height), interpolation=cv2.INTER_LINEAR))
    detail = torch.lerp(new, old, weight.expand_as(new))
    gain = (torch.lerp(strength, old_strength, weight) / _power(detail)).sqrt().clamp(1, _MAX_GAIN)
    return gain * detail - new


def _power(detail: Tensor) -> Tensor:
    """The mean square (H, W) of detail around each pixel; never 0."""
    square = cv2.blur(detail.square().mean(0).numpy(), (_DETAIL_WINDOW, _DETAIL_WINDOW))
    return torch.from_numpy(square) + 1e-6


def _contrast(frame: Tensor) -> Plane:
    """The standard deviation (H, W) of luma around each pixel."""
    luma = frame.mean(0).numpy()
    mean, square = (cv2.blur(values, (_WINDOW, _WINDOW)) for values in (luma, luma * luma))
    return np.sqrt(np.maximum(square - mean * mean, 0))
