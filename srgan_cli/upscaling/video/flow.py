"""Optical flow between frames, and warping along it."""

from itertools import product

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srgan_cli.image.luma import luma_full_range

Flow = NDArray[np.float32]
"""(H, W, 2): how far each pixel's content lies to the right and below in the other frame, in pixels."""
_CONSISTENT_PIXELS, _CONSISTENT_PART = 0.5, 0.02
"""How far forward and backward flow may miss each other: a constant and a part of their length."""
_NEIGHBOUR, _MATCHED, _ADVANTAGE = 4, 3, 0.3
"""How far the pixels lie whose flow is tried, the side of the window that is compared, and by how many levels it must
fit better."""
_LEAST_SIDE = 16  # DIS works on frames of at least this side


def grey_levels(pixels: Tensor) -> NDArray[np.uint8]:
    """The luma of (C, H, W) as (H, W) levels, at least _LEAST_SIDE in height and width."""
    levels = (luma_full_range(pixels)[0] * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    missing = [max(0, _LEAST_SIDE - length) for length in levels.shape]
    return np.pad(levels, [(0, rows) for rows in missing], mode="edge")


def optical_flow(frame: NDArray[np.uint8], other: NDArray[np.uint8]) -> Flow:
    """The flow from a frame to another one, by dense inverse search on frames of twice the size.

    Its patches blur the edges of what moves, so that each pixel takes the flow of a neighbour if that fits better.
    At their own size, and at half of it as by OpenCV's presets, it is not exact enough for detail of an enlarged frame.
    Source: Kroeger and others, Fast Optical Flow using Dense Inverse Search, 2016, as in OpenCV.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)
    height, width = frame.shape
    large = (cv2.resize(part, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC) for part in (frame, other))
    flow = search.calc(*large, None)  # type: ignore[call-overload]
    return _best_around(cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA) / 2, frame, other)


def _best_around(flow: Flow, frame: NDArray[np.uint8], other: NDArray[np.uint8]) -> Flow:
    """The flow, or that of a neighbour where it makes the other frame more alike."""
    best, least = flow, np.full(frame.shape, np.inf, np.float32)
    levels, moving = (torch.from_numpy(part.astype(np.float32))[None] for part in (frame, other))
    for down, right in product((0, -_NEIGHBOUR, _NEIGHBOUR), repeat=2):
        shift = np.array([[1, 0, right], [0, 1, down]], np.float32)
        tried = np.asarray(cv2.warpAffine(flow, shift, frame.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.float32)
        difference = cv2.blur((warp(moving, tried) - levels).abs()[0].numpy(), (_MATCHED, _MATCHED))
        is_better = difference + _ADVANTAGE * ((down, right) != (0, 0)) < least
        best, least = np.where(is_better[..., None], tried, best), np.where(is_better, difference, least)
    return np.asarray(best, np.float32)


def visible(flow: Flow, back: Flow) -> NDArray[np.float32]:
    """How surely a pixel is not occluded in the other frame, 0…1: how exactly the flow back returns to it."""
    rows, columns = np.indices(flow.shape[:2], np.float32)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    returned = cv2.remap(back, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    miss = np.linalg.norm(flow + returned, axis=2)
    length = np.linalg.norm(flow, axis=2) + np.linalg.norm(returned, axis=2)
    inside = (x >= 0) & (y >= 0) & (x <= flow.shape[1] - 1) & (y <= flow.shape[0] - 1)
    exact = 2 - miss / (_CONSISTENT_PIXELS + _CONSISTENT_PART * length)
    return np.asarray(inside * exact.clip(0, 1), np.float32)


def enlarge_flow(flow: Flow, height: int, width: int) -> Flow:
    """The flow between frames enlarged to this size."""
    scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    return np.asarray(cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR) * scale, np.float32)


def warp(pixels: Tensor, flow: Flow) -> Tensor:
    """The other frame (C, H, W), moved along the flow to this one; by bicubic interpolation."""
    rows, columns = np.indices(flow.shape[:2], np.float32)
    image = np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    moved = cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return torch.from_numpy(moved.reshape(image.shape)).permute(2, 0, 1)
