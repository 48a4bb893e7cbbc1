"""Help texts, versions and defaults."""

import re
from collections.abc import Callable

import pytest
from support import Outcome
from typer.main import get_command

from srgan_cli.cli import app
from srgan_cli.training.config import SETTINGS
from srgan_cli.upscaling import upscaler
from srgan_cli.upscaling.tiles.tiling import TilePolicy


@pytest.mark.parametrize("command", ["upscale", "score", "train"])
def test_help_has_an_example(srgan: Callable[..., Outcome], command: str) -> None:
    outcome = srgan(command, "--help")
    assert outcome.code == 0
    assert f"Example: srgan {command} " in " ".join(outcome.out.split())


def test_version(srgan: Callable[..., Outcome]) -> None:
    assert re.match(r"srgan \d+\.\d+\.\d+\n", srgan("--version").out)


def test_defaults_are_those_of_the_library() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    options = {parameter.name: parameter.default for parameter in commands["train"].params}
    for key, setting in SETTINGS.items():
        if key in options and key not in ("data", "low", "name", "teacher"):
            assert options[key] == setting.default, key
    enlarge = {parameter.name: parameter.default for parameter in commands["upscale"].params}
    assert (enlarge["model"], enlarge["tile"]) == (upscaler.DEFAULT_MODEL, TilePolicy().size)
