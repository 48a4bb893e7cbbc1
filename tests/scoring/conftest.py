"""Fixtures for the tests of scoring."""

from pathlib import Path

import pytest
from scoring_pictures import noise


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """A folder of references, and two of candidates of the same names."""
    folders = [tmp_path / name for name in ("reference", "first", "second")]
    for number, folder in enumerate(folders):
        for index in range(4):
            noise(folder / f"{index}.png", 10 * number + index)
    return folders
