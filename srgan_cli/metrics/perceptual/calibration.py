"""The calibrated weights of LPIPS and DISTS, which torchmetrics ships among its files."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from srgan_cli.errors import WeightsError

PACKAGE = "torchmetrics"


@cache
def read_calibration(file: str) -> dict[str, Tensor]:
    """The tensors of a file in torchmetrics/functional/image/, read once.

    Raises WeightsError if torchmetrics is not installed or does not contain the file.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsError(f"{PACKAGE} is not installed", "pip install 'srgan-cli[metrics]'")
    path = Path(spec.origin).parent / "functional" / "image" / file
    if not path.is_file():
        raise WeightsError(f"the installed {PACKAGE} does not contain {file}", f"install {PACKAGE} 1.9")
    tensors: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return {key: value.float() for key, value in tensors.items()}
