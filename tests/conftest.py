"""How the tests draw their cases: no deadlines, since a busy machine is no fault of the code; and random backbones."""

from pathlib import Path

import pytest
import torch
from hypothesis import settings
from safetensors.torch import save_file

from srgan_cli.networks.backbones import BACKBONES
from srgan_cli.pretrained import FOLDER

settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(scope="session")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with random weights for every backbone; to have them found, name it in $SRGAN_BACKBONES."""
    folder = tmp_path_factory.mktemp("backbones")
    for seed, (name, build) in enumerate(BACKBONES.items()):
        torch.manual_seed(seed)
        tensors = {key: value.half().contiguous() for key, value in build().state_dict().items()}
        save_file(tensors, folder / f"{name}.safetensors")
    return folder


@pytest.fixture
def random_backbones(backbones: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Random weights are what `load_backbone` finds."""
    monkeypatch.setenv(FOLDER, str(backbones))
    return backbones
