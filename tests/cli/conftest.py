"""Pictures for the commands, and a screen to print on."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from srgan_cli.cli import console


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for index in range(3):
        noise = np.random.default_rng(index).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> io.StringIO:
    """What stderr receives.  The parameter is whether it is a terminal."""
    received = io.StringIO()
    terminal = getattr(request, "param", False)
    monkeypatch.setattr(
        console,
        "stderr",
        Console(file=received, force_terminal=terminal, width=60, soft_wrap=True, markup=False, emoji=False),
    )
    return received
