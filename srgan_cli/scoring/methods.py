"""The methods whose results are scored: folders of results, and baselines."""

from dataclasses import dataclass, field
from pathlib import Path

from srgan_cli.image.luma import Array

BICUBIC_OF_LUMA = "bicubic-luma"
"""The baseline that papers report as bicubic: only the 8-bit luma is downscaled and upscaled, without rounding between.

MATLAB programs do this, such as that of C. Dong et al., Image Super-Resolution Using Deep Convolutional Networks, 2014.
"""


@dataclass(frozen=True)
class Method:
    """A method of upscaling: a set of results, or a baseline that is run here."""

    name: str
    files: dict[str, Path | Array] = field(default_factory=dict)
    """The results by picture name, files or (1 or 3, H, W) with values 0…1; empty for a baseline."""
    baseline: str = ""
    """One of BASELINES, or a model."""


@dataclass(frozen=True)
class BaselineSettings:
    """How baselines are run."""

    factor: int = 4
    """References are downscaled and upscaled by this factor."""
    device: str = "auto"
