"""The benchmark and example programs can be imported and describe themselves."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import typer
from support import REPOSITORY
from typer.testing import CliRunner

PROGRAMS = sorted([*REPOSITORY.glob("benchmarks/*.py"), *REPOSITORY.glob("examples/*.py")])
LIBRARIES = ("peers", "tables")
"""Modules that the benchmarks import."""


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_program_has_a_help_text(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(path.parent))
    spec = spec_from_file_location(f"program_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    program = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, program)  # where dataclasses look up their annotations
    spec.loader.exec_module(program)
    if path.stem in LIBRARIES:
        assert "has no command line" in str(program.__doc__)
        return
    assert f"python {path.parent.name}/{path.name} " in str(program.__doc__)
    app = getattr(program, "app", None) or typer.Typer()
    if hasattr(program, "main"):
        app.command()(program.main)
    assert CliRunner().invoke(app, ["--help"]).exit_code == 0
