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
    tagged = candidate if own else reference
    converted = _converted(tagged, own or wanted or b"", wanted if own else None)
    if converted is not None and float(np.abs(converted - tagged.unit_values).max(initial=0)) <= _SAME:
        return candidate, ()
    if not (own and wanted):
        which = "the candidate" if wanted else "the reference"
        return candidate, [f"{which} has no colour profile and the other one has: the values are compared as they are"]
    if converted is None:
        return candidate, ["its colour profile differs from that of the reference and does not convert to it"]
    colours = converted * (candidate.full_scale or 1)
    return replace(candidate, values=colours), ["its colours are converted to the profile of the reference"]


def _converted(frame: Frame, source: bytes, target: bytes | None) -> Array | None:
    """The colours of a frame, 0…1, in another profile (None: sRGB); None if that is not possible."""
    from srgan_cli.image.codec.colour import convert_profile

    found = convert_profile(frame.unit_values.transpose(1, 2, 0), source, target)
    return None if found is None else np.asarray(found.transpose(2, 0, 1))
