"""The small calibrated parts of LPIPS and DISTS, which torchmetrics carries among its files."""

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from srgan_cli.errors import WeightsError

PACKAGE = "torchmetrics"


def read_calibration(file: str) -> dict[str, Tensor]:
    """The tensors of a file among torchmetrics' functional metrics of pictures.

    Raises WeightsError when the package is not installed or no longer has the file.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsError(f"{PACKAGE} is not installed", "pip install 'srgan-cli[metrics]'")
    path = Path(spec.origin).parent / "functional" / "image" / file
    if not path.is_file():
        raise WeightsError(f"this {PACKAGE} has no {file}", f"install {PACKAGE} 1.9")
    tensors: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return {key: value.float() for key, value in tensors.items()}
