"""Reading the pictures of a plan: the frames of a reference and of each method, in one range of values."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from srgan_cli.errors import MismatchError, PictureError, SrganError
from srgan_cli.image.geo.place import Place
from srgan_cli.image.luma import Array, Mask
from srgan_cli.scoring.frames import Frame, ValueScale, count_frames, read_frames
from srgan_cli.scoring.methods import Method
from srgan_cli.scoring.plan import ScoringPlan
from srgan_cli.scoring.profiles import match_profile


@dataclass(frozen=True)
class FramePair:
    """A frame of a reference and of a method's picture, in one range and in sizes as the protocol says."""

    reference: Array
    """(C, H, W), 0…1."""
    candidate: Array
    valid: Mask | None
    """(1, H, W): where both have a value; None for everywhere."""
    excluded: tuple[int, int] = (0, 0)
    """The number of pixels without a value, in the reference and in the candidate."""
    notes: tuple[str, ...] = ()
    """A sentence for everything that was done before the comparison."""


@dataclass(frozen=True)
class Reference:
    """A reference of a plan, read frame by frame."""

    picture: Path | Array
    """A file, or a picture in memory."""
    max_pixels: int | None
    scale: ValueScale
    count: int
    """The number of its frames."""
    only: Frame | None = None
    """Its frame, if it is the only one, which stays in memory."""

    @classmethod
    def open(cls, plan: ScoringPlan, name: str) -> "Reference":
        """The reference with this name. Raises PictureError."""
        picture, limit = plan.references[name], plan.max_pixels
        count = count_frames(picture, max_pixels=limit)
        only = next(read_frames(picture, max_pixels=limit)) if count == 1 else None
        frames = [only] if only else read_frames(picture, max_pixels=limit)
        return cls(picture, limit, ValueScale.of_reference(frames, plan.protocol.value_range), count, only)

    def frames(self) -> Iterator[Frame]:
        """Its frames, each decoded when it is requested."""
        return iter([self.only]) if self.only else read_frames(self.picture, max_pixels=self.max_pixels)


def load_pairs(plan: ScoringPlan, method: Method, name: str, reference: Reference) -> Iterator[FramePair]:
    """The frames of a reference, each with that of the method.

    Transparent pictures are flattened on white, and colours converted to the profile of the reference. Raises
    MismatchError for another number of frames, PictureError, and WeightsError if a model cannot be used.
    """
    if method.baseline:
        yield from (_restore(plan, method.baseline, frame, reference.scale) for frame in reference.frames())
        return
    picture = method.files[name]
    count = count_frames(picture, max_pixels=plan.max_pixels)
    if count != reference.count and plan.protocol.mismatch != "crop":
        message = f"the reference has {reference.count} frames or pages, the candidate {count}"
        raise MismatchError(message, "--on-mismatch crop compares those that both have")
    for left, right in zip(reference.frames(), read_frames(picture, max_pixels=plan.max_pixels), strict=False):
        yield _pair(left, right, reference.scale, plan.protocol.mismatch)


def load_pictures(plan: ScoringPlan, name: str) -> tuple[Array, dict[str, Array]]:
    """The reference with this name, and the pictures of the methods whose result has its size, as they are shown.

    They are (1 or 3, H, W) with values 0…1; of several frames the first, of other bands the first three or the first.
    """
    reference = Reference.open(plan, name)
    original = _shown(reference.scale.normalise(next(reference.frames())))
    found = {}
    for method in plan.methods_of(name):
        with suppress(SrganError):  # the report lists it
            pair = next(load_pairs(plan, method, name, reference))
            if pair.reference.shape[-2:] == pair.candidate.shape[-2:]:
                found[method.name] = _shown(pair.candidate)
    height, width = (min(sides) for sides in zip(*(p.shape[-2:] for p in (original, *found.values())), strict=True))
    return original[:, :height, :width], {name: pixels[:, :height, :width] for name, pixels in found.items()}


def _pair(left: Frame, right: Frame, scale: ValueScale, mismatch: str) -> FramePair:
    """Both frames, with `crop` or `resize` in one size."""
    right, notes = match_profile(right, left)
    if mismatch == "crop":
        height, width = (min(sides) for sides in zip(left.values.shape[-2:], right.values.shape[-2:], strict=True))
        left, right = (frame.crop(height, width) for frame in (left, right))
    if right.has_units:  # the stored values are compared
        scale = replace(scale, is_relative=False)
    valid = _both(left.valid, right.valid) if left.values.shape[-2:] == right.values.shape[-2:] else None
    candidate = scale.normalise(right)
    if mismatch == "resize" and left.values.shape[-2:] != right.values.shape[-2:]:
        candidate, valid = _resize(candidate, right.valid, left.values.shape[-2:]), left.valid
    excluded = _missing(left.valid), _missing(right.valid)
    notes = (*notes, *_alpha_notes(left, right), *_place_notes(left, right))
    return FramePair(scale.normalise(left), candidate, valid, excluded, notes)


def _restore(plan: ScoringPlan, baseline: str, frame: Frame, scale: ValueScale) -> FramePair:
    from srgan_cli.scoring.baselines import downscale_and_restore

    if frame.valid is not None or len(frame.values) not in (1, 3):
        raise PictureError(f"{baseline} needs grey or RGB with a value for every pixel", "score results in files")
    return FramePair(*downscale_and_restore(baseline, scale.normalise(frame), plan.baseline_settings), None)


def _resize(pixels: Array, valid: Mask | None, size: tuple[int, ...]) -> Array:
    if valid is not None:
        raise PictureError("a picture with gaps in its data cannot be resized", "use --on-mismatch crop")
    from srgan_cli.scoring.baselines import resize_to

    return resize_to(pixels, *size)


def _both(left: Mask | None, right: Mask | None) -> Mask | None:
    if left is None or right is None:
        return right if left is None else left
    return left & right


def _missing(valid: Mask | None) -> int:
    return 0 if valid is None else int(valid.size - np.count_nonzero(valid))


def _alpha_notes(left: Frame, right: Frame) -> list[str]:
    """A note if the transparency of the frames differs; colours are compared on white."""
    if left.alpha is None and right.alpha is None:
        return []
    first, second = (np.ones(f.values.shape[-2:]) if f.alpha is None else f.alpha[0] for f in (left, right))
    same = first.shape == second.shape and np.allclose(first, second, rtol=0, atol=1 / 255)
    return [] if same else ["its transparency differs: only the colours on white are compared"]


def _place_notes(left: Frame, right: Frame) -> list[str]:
    """Notes if the frames state different places, or different meanings of their stored values."""
    first, second = (frame.place or Place(1, 1) for frame in (left, right))
    meanings = [(dict(frame.calibration), frame.white_is_zero) for frame in (left, right)]
    elsewhere = "it lies elsewhere than the original: pixels are compared by their position in the file"
    other = "its scale, offset, unit or white is not that of the original: stored values are compared"
    notes = {elsewhere: first.is_elsewhere(second), other: meanings[0] != meanings[1]}
    return [note for note, applies in notes.items() if applies]


def _shown(pixels: Array) -> Array:
    """The first three bands, or the first one, clipped to 0…1."""
    return np.asarray(pixels[: 3 if len(pixels) > 2 else 1].clip(0, 1))
