"""Steady detail over time: a generator that sees one frame at a time draws detail differently in each."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srgan_cli.image.ops import resize
from srgan_cli.upscaling.video.flow import enlarge_flow, grey_levels, optical_flow, visible, warp

PERSISTENCE = 0.7
"""The weight of the detail carried on from the frames before."""
_TOLERANCE, _TOLERANCE_OF_CONTRAST = 8 / 255, 0.5
"""Where the frame before, moved along the flow, differs by more than a constant and a part of the contrast, less detail
is carried on; none where it differs by twice as much."""
_WINDOW = 5
_CUT_PART = 0.5
"""A frame of which less than this part was visible before begins a new scene."""


@dataclass
class Steadier:
    """Blends the detail of each enlarged frame, its difference from bicubic, with that of the frames before.

    The detail is moved along the optical flow of the input, and is not carried on where the content was hidden in the
    frame before, or looks different.  A scene cut starts again.  Holds the last frame and its detail.
    """

    persistence: float = PERSISTENCE
    _frame: Tensor | None = field(default=None, init=False)
    _levels: NDArray[np.uint8] | None = field(default=None, init=False)
    _detail: Tensor | None = field(default=None, init=False)

    def steady(self, frame: Tensor, enlarged: Tensor) -> Tensor:
        """The enlarged frame with steady detail, clipped to 0…1; both (C, H, W)."""
        height, width = enlarged.shape[1:]
        base, levels = resize(frame, height, width), grey_levels(frame)
        detail = enlarged - base
        if self._frame is not None and self._levels is not None and self._detail is not None:
            flow = optical_flow(levels, self._levels)
            shown = visible(flow, optical_flow(self._levels, levels))
            inside = np.s_[: frame.shape[1], : frame.shape[2]]  # levels may be padded
            flow = flow[inside]
            trust = self._trust(frame, self._frame, flow, shown[inside])
            if trust.mean() >= _CUT_PART * self.persistence:
                moved = warp(self._detail, enlarge_flow(flow, height, width))
                weight = torch.from_numpy(cv2.resize(trust, (width, height), interpolation=cv2.INTER_LINEAR))
                detail = detail + weight * (moved - detail)
        self._frame, self._levels, self._detail = frame, levels, detail
        return (base + detail).clamp(0, 1)

    def _trust(
        self, frame: Tensor, before: Tensor, flow: NDArray[np.float32], shown: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """The weight (H, W) of the detail of the frame before."""
        difference = (warp(before, flow) - frame).abs().mean(0).numpy()
        alike = np.clip(2 - difference / (_TOLERANCE + _TOLERANCE_OF_CONTRAST * _contrast(frame)), 0, 1)
        return np.asarray(self.persistence * shown * alike, np.float32)


def _contrast(frame: Tensor) -> NDArray[np.float32]:
    """The standard deviation (H, W) of luma around each pixel."""
    luma = frame.mean(0).numpy()
    mean, square = (cv2.blur(values, (_WINDOW, _WINDOW)) for values in (luma, luma * luma))
    return np.sqrt(np.maximum(square - mean * mean, 0))
