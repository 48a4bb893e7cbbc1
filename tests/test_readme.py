"""What the README says can be done."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from srgan_cli.cli import app
from srgan_cli.picture import read_picture

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text()
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


def test_ci_runs_the_two_commands_of_the_readme() -> None:
    commands = re.findall(r"^    (pip install .* && .*)$", README, re.MULTILINE)
    assert len(commands) == 2
    assert all(command in (REPOSITORY / ".ci/run").read_text() for command in commands)


@pytest.mark.parametrize("line", re.findall(r"^    srgan (.*?)(?: +#.*)?$", README, re.MULTILINE))
def test_every_option_in_an_example_exists(line: str) -> None:
    name, *words = line.split()
    known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known | {"-"}


def test_the_python_example_runs_in_six_lines_and_prints_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    assert len([line for line in program.splitlines() if line]) <= 6
    exec(program, {})
    assert capfd.readouterr() == ("", "")
    assert read_picture(tmp_path / "out.png").width == 4 * 180


def test_links_and_pictures_are_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    assert all((REPOSITORY / target).exists() for target in targets)


def test_the_program_in_the_python_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs/python.md").read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    small = program.replace("Size(1000, 1000)", "Size(300, 300)").replace("self_ensemble=True", "self_ensemble=False")
    exec(small, {})
    assert max(read_picture(tmp_path / "out.png").pixels.shape) == 300
