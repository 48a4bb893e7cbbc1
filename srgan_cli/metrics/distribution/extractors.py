"""Features of pictures for the metrics of sets. EXTRACTORS names the networks that compute them."""

from collections.abc import Callable
from functools import cache, partial
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srgan_cli.errors import PictureError, WeightsError, errors_as, import_extra
from srgan_cli.image.ops import to_bytes
from srgan_cli.metrics.perceptual.feature_distance import check_size, load_network
from srgan_cli.networks.backbones import Backbone
from srgan_cli.weights.backbones import DOWNLOAD_URLS, find_backbone, load_tensors

BATCH = 32
Extractor = Callable[[Tensor], Tensor]  # pictures (N, 3, H, W) with values 0…1 to features (N, D)


def extract_features(pixels: Tensor, extractor: str, patch: int = 0) -> NDArray[np.float32]:
    """The features (N, D) of a (1 or 3, H, W) picture, or with `patch` of its patches of that side.

    Patches lie side by side from the upper left corner. Raises PictureError if no patch fits, and WeightsError if the
    network is not available.
    """
    rgb = pixels.expand(3, -1, -1)
    pieces = _patches(rgb, patch) if patch else rgb[None]
    extract = load_extractor(extractor)
    with torch.no_grad():
        return torch.cat([extract(batch).float() for batch in torch.split(pieces, BATCH)]).numpy()


def load_inception(path: Path | None = None) -> Extractor:
    """A function for the 2048 features of the last pooling layer of (N, 3, H, W), 0…1.  Raises WeightsError.

    By torch-fidelity.  Source: C. Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016;
    weights of 2015-12-05 as used by M. Heusel et al.
    """
    module, missing = "torch_fidelity.feature_extractor_inceptionv3", "torch-fidelity is not installed"
    hint = "install a torchvision that was built for this torch"
    with errors_as(WeightsError, "torch-fidelity cannot be imported: {reason}", hint, RuntimeError):
        extractor = import_extra(module, "metrics", missing, WeightsError).FeatureExtractorInceptionV3
    checked = BytesIO()  # the library unpickles its file without checks, so it gets tensors that were read safely
    torch.save(load_tensors("inception", path), checked)
    checked.seek(0)
    kinds, message = (RuntimeError, AttributeError), "{source} does not contain Inception weights"
    with errors_as(WeightsError, message, "use another file", kinds, source=path or DOWNLOAD_URLS["inception"]):
        network = extractor("inception-v3-compat", ["2048"], feature_extractor_weights_path=checked)
    return lambda pictures: network(to_bytes(pictures))[0]


def load_extractor(name: str) -> Extractor:
    """The extractor with this name in EXTRACTORS. Raises WeightsError if its network is not available."""
    return EXTRACTORS[name]()


def _patches(pixels: Tensor, side: int) -> Tensor:
    if min(pixels.shape[-2:]) < side:
        raise PictureError(f"no patch of {side} x {side} pixels fits", "use a smaller --patch")
    return pixels.unfold(1, side, side).unfold(2, side, side).permute(1, 2, 0, 3, 4).reshape(-1, 3, side, side)


def _pooled(backbone: Backbone, pictures: Tensor) -> Tensor:
    """The spatial means of the last feature maps of a backbone."""
    check_size(pictures)
    last: Tensor = backbone(pictures)[-1]
    return last.mean((2, 3))


_load_inception = cache(load_inception)
EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    "inception": lambda: _load_inception(find_backbone("inception")),
    "squeezenet": lambda: partial(_pooled, load_network("squeezenet")),
    "vgg16": lambda: partial(_pooled, load_network("vgg16")),
}
"""FID and KID are defined with inception. Values of the other networks compare only with each other."""
