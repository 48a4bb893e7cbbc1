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
PERSISTENCE = 0.6
"""The weight of the result before."""
_TOLERANCE, _TOLERANCE_OF_CONTRAST = 8 / 255, 0.25
"""Where the input before, moved along the flow, differs by more than a constant and a part of the contrast, less is
carried on; nothing where it differs by twice as much."""
_WINDOW = 5
_CUT_PART = 0.5
"""A frame of which less than this part was visible before begins a new scene."""


@dataclass
class Steadier:
    """Blends each enlarged frame with the result before, as far as the input does not determine it.

    The result before is moved along the optical flow of the input, and does not count where the content was hidden, or
    looks different.  What downscaling would show of the change is taken back: at the resolution of the input, each
    frame is as the generator enlarged it.  A scene cut starts again.  Holds the last frame and its result.
    """

    persistence: float = PERSISTENCE
    _frame: Tensor | None = field(default=None, init=False)
    _levels: NDArray[np.uint8] | None = field(default=None, init=False)
    _result: Tensor | None = field(default=None, init=False)

    def steady(self, frame: Tensor, enlarged: Tensor) -> Tensor:
        """The enlarged frame with steady detail, clipped to 0…1; both (C, H, W)."""
        levels = grey_levels(frame)
        result = enlarged
        if self._frame is not None and self._levels is not None and self._result is not None:
            flow = optical_flow(levels, self._levels)
            shown = visible(flow, optical_flow(self._levels, levels))
            inside = np.s_[: frame.shape[1], : frame.shape[2]]  # levels may be padded
            flow = flow[inside]
            trust = self._trust(frame, self._frame, flow, shown[inside])
            if trust.mean() >= _CUT_PART * self.persistence:
                result = (enlarged + self._change(enlarged, self._result, flow, trust)).clamp(0, 1)
        self._frame, self._levels, self._result = frame, levels, result
        return result

    def _change(self, enlarged: Tensor, before: Tensor, flow: Plane, trust: Plane) -> Tensor:
        """The weighted difference (C, H, W) to the result before, without what downscaling would show."""
        height, width = enlarged.shape[1:]
        weight = torch.from_numpy(cv2.resize(trust, (width, height), interpolation=cv2.INTER_LINEAR))
        change = weight * (warp(before, enlarge_flow(flow, height, width)) - enlarged)
        return change - resize(resize(change, *trust.shape), height, width)

    def _trust(self, frame: Tensor, before: Tensor, flow: Plane, shown: NDArray[np.bool_]) -> Plane:
        """The weight (H, W) of the frame before."""
        difference = (warp(before, flow) - frame).abs().mean(0).numpy()
        alike = np.clip(2 - difference / (_TOLERANCE + _TOLERANCE_OF_CONTRAST * _contrast(frame)), 0, 1)
        return np.asarray(self.persistence * shown * alike, np.float32)


def _contrast(frame: Tensor) -> Plane:
    """The standard deviation (H, W) of luma around each pixel."""
    luma = frame.mean(0).numpy()
    mean, square = (cv2.blur(values, (_WINDOW, _WINDOW)) for values in (luma, luma * luma))
    return np.sqrt(np.maximum(square - mean * mean, 0))
