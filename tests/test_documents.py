"""What the README and the pages of docs/ say can be done, done."""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support import REPOSITORY
from typer.main import get_command

from srgan_cli.cli import app
from srgan_cli.image.io import read_picture
from srgan_cli.image.sequence import open_pictures
from srgan_cli.networks import GENERATORS

README = (REPOSITORY / "README.md").read_text()
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
TINY = "--steps 2 --batch 2 --patch 8 --channels 8 --blocks 1 --pretrain-fraction 0.5 --device cpu"
"""In the place of hours of training."""
ELSEWHERE = ("hf://", "s3://", "torchrun")
"""What needs a network or several processes; tests of their own try it on this machine."""


def block(page: str, heading: str = "") -> list[str]:
    """The commands below a heading of a page, or of the whole page, without their comments."""
    text = page.split(f"## {heading}\n")[1].split("\n## ")[0] if heading else page
    lines = re.findall(r"^    (.*?)(?: +#.*)?$", text, re.MULTILINE)
    return [line for line in lines if re.search(r"\bsrgan\b", line) and not any(word in line for word in ELSEWHERE)]


def smooth(path: Path, side: int = 48) -> None:
    """A picture that can be enlarged and learned from, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = np.random.default_rng(ord(path.stem[0])).integers(64, 192, (side // 8, side // 8, 3), dtype=np.uint8)
    Image.fromarray(drawn).resize((side, side), Image.Resampling.BICUBIC).save(path)


def run(srgan: Callable[..., Any], line: str) -> None:
    """Run a command line that has to end well."""
    outcome = srgan(*shlex.split(line)[1:])
    assert outcome.code == 0, f"{line}: {outcome.err}"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, but for the examples."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    return tmp_path


@pytest.fixture
def desk(checkout: Path, weights: Path) -> Path:
    """A folder with everything that the README's commands speak of."""
    for name in ("in.png", "in.jpg", "scan.tif", "old-camera/a.png"):
        smooth(checkout / name, 16)
    for folder in ("photos", "faces", "originals", "enlarged", "cnn", "gan"):
        for name in ("a", "b", "c"):
            smooth(checkout / folder / f"{name}.png", 96)
    for name in ("a.png", "b.png"):
        smooth(checkout / name)
    (checkout / "run").mkdir()
    shutil.copy(weights, checkout / "run/mine.safetensors")
    torch.save(GENERATORS["rrdb"](scale=4, channels=8, blocks=1).state_dict(), "4x_foo.pth")
    return checkout


def shrunk(line: str) -> str:
    """A command made so short that a test can wait for it."""
    line = line.replace("3840x2160", "64x64")
    if not line.startswith("srgan train") or "--check" in line:
        return line
    if "--resume" in line:
        return f"{line} --steps 4"
    return f"{re.sub(r'--time [^ ]+', '', line)} {TINY}" + ("" if "--run" in line else " --run trained")


@pytest.mark.parametrize("heading", ["Upscale", "Score", "Train"])
@pytest.mark.usefixtures("one_core", "random_backbones", "desk")
def test_every_command_of_the_readme_runs(heading: str, srgan: Callable[..., Any], request: Any) -> None:
    for line in map(shrunk, block(README, heading)):
        if "4x_foo" in line:
            request.getfixturevalue("spandrel")
        shutil.rmtree("trained", ignore_errors=True)
        run(srgan, line)


@pytest.mark.skipif(os.name == "nt", reason="the lines are those of a POSIX shell")
def test_every_pipe_of_the_readme_runs(desk: Path) -> None:
    (desk / "bin").mkdir()
    (desk / "bin/srgan").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m srgan_cli "$@"\n')
    (desk / "bin/srgan").chmod(0o755)
    place = {"PATH": f"{desk / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    lines = block(README, "In a pipeline")
    assert lines
    if shutil.which("ffmpeg"):
        film = "testsrc=size=32x32:rate=2:duration=1"
        subprocess.run(["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", film, desk / "in.mp4"], check=True)
    for line in lines:
        others = [word for word in re.findall(r"(?:^|\| )(\w+)", line) if not shutil.which(word, path=place["PATH"])]
        if not others:
            subprocess.run(["sh", "-ec", line], cwd=desk, env=os.environ | place, check=True, timeout=120)


@pytest.mark.usefixtures("one_core")
def test_every_command_of_the_tutorial_runs(checkout: Path, srgan: Callable[..., Any]) -> None:
    for line in block((REPOSITORY / "docs/tutorial.md").read_text()):
        run(srgan, line)
    assert read_picture(checkout / "mine.png").width == 720


@pytest.mark.usefixtures("one_core", "random_backbones", "desk")
def test_the_example_of_every_help_runs(srgan: Callable[..., Any]) -> None:
    for name in COMMANDS:
        (example,) = re.findall(r"Example: (.*)", " ".join(srgan(name, "--help").out.split()))
        example = example.replace("photo.jpg", "in.jpg")
        for part in re.split(r" && | \| jq .*", example):
            line = f"{shrunk(part)} --run run" if "train" in part else part
            if part and "export" not in part:  # tests/test_export.py has it, with its extra
                run(srgan, line)


def test_a_shell_completes_commands_and_options(monkeypatch: pytest.MonkeyPatch, srgan: Callable[..., Any]) -> None:
    monkeypatch.setenv("_SRGAN_COMPLETE", "complete_bash")
    for words, expected in (("srgan upsc", "upscale"), ("srgan upscale --prec", "--precision")):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
        assert srgan().out.strip() == expected


def test_the_reference_is_that_of_the_code() -> None:
    page = runpy.run_path(str(REPOSITORY / "docs/reference.py"))["page"]()
    assert page + "\n" == (REPOSITORY / "docs/reference.md").read_text(), "run python docs/reference.py"


@pytest.mark.parametrize(
    "page", [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))], ids=lambda page: page.stem
)
def test_links_and_pictures_of_a_page_are_there(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert targets or page.stem != "README"
    assert all((page.parent / target).exists() for target in targets)


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
    checkout: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in program.splitlines() if line]) <= 6
    exec(program, {})
    assert capfd.readouterr() == ("", "")
    assert read_picture(checkout / "out.png").width == 4 * 180


def test_the_program_in_the_python_docs_runs(checkout: Path) -> None:
    programs = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs/python.md").read_text(), re.DOTALL)
    program = "\n".join(programs)
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "teal")]
    frames[0].save(checkout / "animation.gif", save_all=True, append_images=frames[1:])
    small = program.replace("Size(1000, 1000)", "Size(300, 300)").replace("self_ensemble=True", "self_ensemble=False")
    exec(small, {})
    assert max(read_picture(checkout / "out.png").pixels.shape) == 300
    assert open_pictures(checkout / "animation-large.gif").sizes == ((20, 40), (20, 40))
