"""Weights files for tests."""

from pathlib import Path

import pytest
from small_weights import DETAILS, save_small_weights, small_generator

from srgan_cli.weights import formats
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import save_weights


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Small weights with a complete card."""
    built = small_generator()
    save_weights(tmp_path / "tiny-x2.safetensors", built, WeightsCard.for_generator(built, "tiny-x2", **DETAILS))
    return tmp_path / "tiny-x2.safetensors"


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of small weights in place of the shipped ones."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    save_small_weights(folder, "srgan-x4", "srgan-x2", "fidelity-x4")
    monkeypatch.setattr(formats, "shipped_folder", lambda: folder)
    return folder
