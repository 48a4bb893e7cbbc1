"""The versions of srgan and of what it runs on, for bug reports."""

import platform
from collections.abc import Iterator

import torch

from srgan_cli.system.devices import list_devices
from srgan_cli.version import __version__
from srgan_cli.weights.formats import list_weights


def version_report() -> Iterator[str]:
    """One line each: this version; Python and the system; torch and its devices; the shipped weights."""
    yield f"srgan {__version__}"
    yield f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield f"torch {torch.__version__}, {torch.get_num_threads()} threads, devices: {', '.join(list_devices())}"
    yield f"weights: {', '.join(list_weights()) or 'none'}"
