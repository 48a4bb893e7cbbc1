"""The Inception network of FID and KID, by torch-fidelity.

Source: C. Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016; weights of 2015-12-05
as used by M. Heusel et al.
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor

from srgan_cli.errors import WeightsError
from srgan_cli.image.ops import to_bytes
from srgan_cli.weights.backbones import DOWNLOAD_URLS, load_tensors


def load_inception(path: Path | None = None) -> Callable[[Tensor], Tensor]:
    """A function for the 2048 features of the last pooling layer of (N, 3, H, W), 0…1.  Raises WeightsError."""
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise WeightsError("torch-fidelity is not installed", "pip install 'srgan-cli[metrics]'") from error
    except RuntimeError as error:  # it imports torchvision, which fails if it was built for another torch
        message = f"torch-fidelity cannot be imported: {error}"
        raise WeightsError(message, "install a torchvision that was built for this torch") from error
    checked = BytesIO()  # the library unpickles its file without checks, so it gets tensors that were read safely
    torch.save(load_tensors("inception", path), checked)
    checked.seek(0)
    try:
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=checked)
    except (RuntimeError, AttributeError) as error:
        message = f"{path or DOWNLOAD_URLS['inception']} does not contain Inception weights"
        raise WeightsError(message, "use another file") from error

    def extract(pictures: Tensor) -> Tensor:
        features: Tensor = network(to_bytes(pictures))[0]
        return features

    return extract
