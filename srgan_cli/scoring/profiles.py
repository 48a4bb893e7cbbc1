"""Colour profiles of pictures that are compared: a candidate is converted to the profile of its reference."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from srgan_cli.image.luma import Array
from srgan_cli.scoring.frames import Frame

_SAME = 1 / 255  # a conversion that changes no value by more is one between two forms of the same profile


def match_profile(candidate: Frame, reference: Frame) -> tuple[Frame, Sequence[str]]:
    """The candidate in the colours of the reference, and a note if they were converted, or if a profile is missing.

    Without a profile on one side the values are compared as they are; if the other one is sRGB, that is right.
    """
    own, wanted = candidate.icc_profile, reference.icc_profile
    if own == wanted or candidate.is_measured or reference.is_measured:
        return candidate, ()
    if own and wanted:
        return _convert(candidate, own, wanted)
    tagged = candidate if own else reference
    which = "the candidate" if wanted else "the reference"
    note = f"{which} has no colour profile and the other one has: the values are compared as they are"
    return candidate, () if _is_same(tagged, _converted(tagged, own or wanted or b"", None)) else [note]


def _convert(candidate: Frame, own: bytes, wanted: bytes) -> tuple[Frame, Sequence[str]]:
    if (converted := _converted(candidate, own, wanted)) is None:
        return candidate, ["its colour profile differs from that of the reference and does not convert to it"]
    if _is_same(candidate, converted):
        return candidate, ()
    colours = converted * (candidate.full_scale or 1)
    return replace(candidate, values=colours), ["its colours are converted to the profile of the reference"]


def _converted(frame: Frame, source: bytes, target: bytes | None) -> Array | None:
    """The colours of a frame, 0…1, in another profile (None: sRGB); None if that is not possible."""
    from srgan_cli.image.codec.colour import convert_profile

    found = convert_profile(frame.unit_values.transpose(1, 2, 0), source, target)
    return None if found is None else np.asarray(found.transpose(2, 0, 1))


def _is_same(frame: Frame, converted: Array | None) -> bool:
    return converted is not None and float(np.abs(converted - frame.unit_values).max(initial=0)) <= _SAME
