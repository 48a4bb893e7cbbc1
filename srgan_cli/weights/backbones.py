"""Pretrained backbones: from a file, a folder of files, or the download pages of torchvision."""

import os
import socket
import sys
from contextlib import redirect_stdout
from pathlib import Path

import torch
from torch import Tensor

from srgan_cli.errors import WeightsError, errors_as
from srgan_cli.networks.backbones import BACKBONES, Backbone
from srgan_cli.weights.download import TIMEOUT
from srgan_cli.weights.spandrel import read_tensors

DOWNLOAD_URLS = {
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    "alexnet": "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "squeezenet": "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
    "inception": "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth",
}
METRIC_WEIGHTS_VARIABLE = "SRGAN_METRIC_WEIGHTS"
"""The environment variable that names a folder with files such as vgg16.safetensors, used instead of downloads."""


def load_backbone(name: str, path: Path | None = None) -> Backbone:
    """A backbone on the CPU, with frozen weights.

    They are read from `path` (.safetensors or .pth with the names of torchvision), else from the first file in the
    folder $SRGAN_METRIC_WEIGHTS whose name contains `name`, else downloaded into the cache of torch.
    Raises WeightsError if they cannot be loaded or do not match.
    """
    path = path or find_backbone(name)
    tensors = load_tensors(name, path)
    backbone = BACKBONES[name]()
    wanted = backbone.state_dict().keys()
    kinds, message = (RuntimeError, AttributeError), "{source} does not contain the features of {name}"
    with errors_as(WeightsError, message, "use another file", kinds, source=path or DOWNLOAD_URLS[name], name=name):
        backbone.load_state_dict({key: value.float() for key, value in tensors.items() if key in wanted})
    return backbone.eval().requires_grad_(False)


def load_tensors(name: str, path: Path | None = None) -> dict[str, Tensor]:
    """The weights of this name, found like those of load_backbone.  Raises WeightsError if they cannot be loaded."""
    path = path or find_backbone(name)
    return read_tensors(path) if path else _download(name)


def find_backbone(name: str) -> Path | None:
    """The file of this backbone in the folder $SRGAN_METRIC_WEIGHTS; None without one."""
    folder = os.environ.get(METRIC_WEIGHTS_VARIABLE)
    found = sorted(Path(folder).glob(f"*{name}*")) if folder else []
    return found[0] if found else None


def is_available(name: str) -> bool:
    """Whether the weights of this name need no download: they are in the folder or in the cache of torch."""
    cached = Path(torch.hub.get_dir(), "checkpoints", Path(DOWNLOAD_URLS[name]).name)
    return find_backbone(name) is not None or cached.is_file()


def _download(name: str) -> dict[str, Tensor]:
    url, before = DOWNLOAD_URLS[name], socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)  # torch.hub has no argument for it, and would wait forever
    message = "cannot download {name} from {url}: {reason}"
    hint = f"download it by hand into a folder, and name the folder in ${METRIC_WEIGHTS_VARIABLE}"
    try:
        # torch.hub reports the download on stdout, where results belong
        with redirect_stdout(sys.stderr), errors_as(WeightsError, message, hint, name=name, url=url):
            tensors: dict[str, Tensor] = torch.hub.load_state_dict_from_url(
                url, map_location="cpu", progress=sys.stderr.isatty(), check_hash=True
            )
        return tensors
    finally:
        socket.setdefaulttimeout(before)
