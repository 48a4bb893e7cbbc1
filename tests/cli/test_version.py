"""srgan --version."""

import platform

import torch
from typer.testing import CliRunner

from srgan_cli import __version__
from srgan_cli.cli import app


def test_version_has_what_a_bug_report_needs() -> None:
    version, python, engine, weights = CliRunner().invoke(app, ["--version"]).stdout.splitlines()
    assert version == f"srgan {__version__}"
    assert platform.python_version() in python
    assert torch.__version__ in engine
    assert engine.endswith("cpu")
    assert "srgan-x4" in weights
