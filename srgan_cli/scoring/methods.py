"""Where the pictures to judge come from: a folder of results, or a method that makes them here."""

from dataclasses import dataclass, field
from pathlib import Path

BICUBIC_OF_LUMA = "bicubic-luma"
"""The baseline that the literature quotes as bicubic: of the luma in 8 bits alone, not rounded between two resizings.

It is the procedure of MATLAB programs such as that of C. Dong et al., Image Super-Resolution Using Deep Convolutional
Networks, 2014.
"""


@dataclass(frozen=True)
class Method:
    """A way to enlarge: results that lie ready, by picture name; or, when there are none, a baseline to run."""

    name: str
    files: dict[str, Path] = field(default_factory=dict)
    baseline: str = ""


@dataclass(frozen=True)
class BaselineSettings:
    """How baselines remake a reference: so many times smaller and larger again, models on this device."""

    factor: int = 4
    device: str = "auto"
