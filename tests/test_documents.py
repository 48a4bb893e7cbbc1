"""The commands and programs in the README and in docs/ run."""

import dataclasses
import json
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
import tifffile
import torch
from PIL import Image
from support import REPOSITORY
from typer.main import get_command

from srgan_cli.cli import app
from srgan_cli.image.io import read_picture
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.image.sequence import open_pictures
from srgan_cli.networks import GENERATORS

README = (REPOSITORY / "README.md").read_text()
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
SMALL, SMALL_NETWORK = " --batch 2 --patch 8 --device cpu", " --channels 8 --blocks 1"
SHORT = " --steps 2 --pretrain-fraction 0.5"
"""Options that replace hours of training."""
ELSEWHERE = ("hf://", "s3://", "https://", "torchrun", "--on ray", "bench/", "--metric fid", "out.mp4", "srgan serve")
"""Commands with these need a network, several processes, or files that are not here. Other tests cover them."""
PAGES = ("README.md", "docs/upscaling.md", "docs/scoring.md", "docs/training.md", "docs/pipelines.md", "docs/memory.md")
SHELL = re.compile(r"[|<>&]")


def commands(page: str) -> list[str]:
    """The lines of a page's indented blocks that call srgan, without comments and those of ELSEWHERE."""
    lines = re.findall(r"^    (.*?)(?: +#.*)?$", (REPOSITORY / page).read_text(), re.MULTILINE)
    called = [line for line in lines if re.search(r"(^|[|&] )srgan\b", line)]
    return [line for line in called if not any(word in line for word in ELSEWHERE)]


def smooth(path: Path, side: int = 48) -> None:
    """Write a smooth random picture in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = np.random.default_rng(ord(path.stem[0])).integers(64, 192, (side // 8, side // 8, 3), dtype=np.uint8)
    Image.fromarray(drawn).resize((side, side), Image.Resampling.BICUBIC).save(path)


def scene(name: str) -> np.ndarray:
    """Four bands of 96 x 96 floats."""
    line = np.arange(96) / 8
    return np.stack([np.sin(line + ord(name[0])) + np.cos(line * band)[:, None] for band in range(4)]).astype("float32")


def run(srgan: Callable[..., Any], line: str) -> None:
    """Run a command line, which must succeed."""
    outcome = srgan(*shlex.split(line)[1:])
    assert outcome.code == 0, f"{line}: {outcome.err}"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with nothing but the smaller of the examples, and the recipes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").mkdir()
    for name in ("cat.png", "street.png", "web.jpg", "recipes"):
        (tmp_path / "examples" / name).symlink_to(REPOSITORY / "examples" / name)
    return tmp_path


@pytest.fixture
def desk(checkout: Path, weights: Path) -> Path:
    """A working folder with the files that the commands of PAGES name."""
    for name in ("in.png", "in.jpg", "scan.tif", "old-camera/a.png"):
        smooth(checkout / name, 16)
    for folder in ("photos", "faces", "pages", "originals", "enlarged", "cnn", "gan", "first", "second"):
        for name in ("a", "b", "c"):
            smooth(checkout / folder / f"{name}.png", 96)
    for name in ("a", "b", "c"):
        smooth(checkout / f"restored/{name}_restored.png", 96)
    smooth(checkout / "photos/new/d.png", 96)
    for name in ("a", "b", "c", "new/d"):
        smooth(checkout / f"small/{name}.png", 24)
    for name in ("a.png", "b.png"):
        smooth(checkout / name)
    (checkout / "run").mkdir()
    shutil.copy(weights, checkout / "run/mine.safetensors")
    for name in ("4x_foo.pth", "large.pth"):
        torch.save(GENERATORS["rrdb"](scale=4, channels=8, blocks=1).state_dict(), name)
    for path in (checkout / "scene.tif", *(checkout / f"scenes/{name}.tif" for name in "abc")):
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(path, scene(path.stem), photometric="minisblack", planarconfig="separate")
    return checkout


def shorten(line: str) -> str:
    """A command that does less work."""
    line = line.replace("3840x2160", "64x64").replace(" -size +1M", "")
    line = re.sub("--max-memory [^ ]+", "--max-memory 16G", line)  # this process takes more than the examples allow
    if not line.startswith("srgan train"):
        return line
    if "--resume" in line:
        return f"{line} --steps 4"
    line += SMALL if "--init-from" in line else SMALL + SMALL_NETWORK
    if "--check" in line:
        return line
    run = "" if "--run" in line else " --run trained"
    return f"{re.sub(r'--time [^ ]+', '', line)}{SHORT}{run}"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("one_core", "random_backbones", "desk")
def test_commands_of_a_page_run(page: str, srgan: Callable[..., Any], request: Any) -> None:
    known = [] if page == "README.md" else commands("README.md")
    lines = [line for line in commands(page) if not SHELL.search(line) and line not in known]
    assert lines
    originals = {*Path("photos").rglob("*"), *Path().glob("*.*")}
    for line in map(shorten, lines):
        if ".pth" in line:
            request.getfixturevalue("spandrel")
        shutil.rmtree("trained", ignore_errors=True)
        run(srgan, line)
        for result in {*Path("photos").rglob("*.*"), *Path().glob("*.???*")} - originals:
            result.unlink()  # or the next command would upscale it again, or refuse to replace it


@pytest.mark.skipif(os.name == "nt", reason="the lines are for a POSIX shell")
@pytest.mark.parametrize("page", ["README.md", "docs/pipelines.md"])
def test_shell_lines_of_a_page_run(page: str, desk: Path) -> None:
    (desk / "bin").mkdir()
    (desk / "bin/srgan").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m srgan_cli "$@"\n')
    (desk / "bin/srgan").chmod(0o755)
    environment = {"PATH": f"{desk / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    lines = [shorten(line) for line in commands(page) if SHELL.search(line) and "pip install" not in line]
    assert lines
    if shutil.which("ffmpeg"):
        video = "testsrc=size=32x32:rate=2:duration=1"
        subprocess.run(["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", video, desk / "in.mp4"], check=True)
    for line in lines:
        programs = re.findall(r"(?:^|\| )(\w+)", line)
        if all(shutil.which(program, path=environment["PATH"]) for program in programs):
            subprocess.run(["sh", "-ec", line], cwd=desk, env=os.environ | environment, check=True, timeout=120)


@pytest.mark.usefixtures("one_core")
def test_commands_of_the_tutorial_run(checkout: Path, srgan: Callable[..., Any]) -> None:
    for line in commands("docs/tutorial.md"):
        run(srgan, shorten(line) if "--check" in line else line)
    assert read_picture(checkout / "mine.png").width == 720


@pytest.mark.usefixtures("one_core", "random_backbones", "desk")
def test_example_of_every_help_text_runs(srgan: Callable[..., Any]) -> None:
    for name in COMMANDS:
        (example,) = re.findall(r"Example: (.*)\n", srgan(name, "--help").out)
        line = f"{shorten(example)} --run run" if name == "train" else example.replace("photo.jpg", "in.jpg")
        if name not in ("export", "serve"):  # test_onnx.py and test_serve.py test them
            run(srgan, line)


def test_reference_is_current() -> None:
    page = runpy.run_path(str(REPOSITORY / "docs/reference.py"))["page"]()
    assert page + "\n" == (REPOSITORY / "docs/reference.md").read_text(), "run python docs/reference.py"


def test_manual_page_is_current() -> None:
    page = runpy.run_path(str(REPOSITORY / "docs/reference.py"))["manual"]()
    expected = (REPOSITORY / "docs/srgan.1").read_text()
    assert page + "\n" == expected, "run python docs/reference.py --man > docs/srgan.1"
    options = [item for command in COMMANDS.values() for item in command.params if item.param_type_name == "option"]
    assert all(max(item.opts, key=len).replace("-", "\\-") in page for item in options if not item.hidden)


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_manual_page_has_no_errors() -> None:
    line = ["man", "--warnings", "-l", str(REPOSITORY / "docs/srgan.1")]
    done = subprocess.run(
        line, capture_output=True, text=True, env=os.environ | {"MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    )
    assert done.stderr == ""
    assert "--scale NUMBER" in done.stdout


def test_the_table_of_what_formats_keep_is_current(tmp_path: Path) -> None:
    for plugin in ("pillow_heif", "pillow_jxl"):
        pytest.importorskip(plugin)
    program = runpy.run_path(str(REPOSITORY / "docs/formats.py"))
    fields, default = {field.name for field in dataclasses.fields(Metadata)}, Metadata()
    stated = {
        name
        for name in fields
        for kind, _ in program["KINDS"].values()
        if getattr(kind, name) != getattr(default, name)
    }
    assert fields - stated == {"place", "dicom", "coded_bits"}  # which other tests measure
    table = program["table"](tmp_path)
    assert "LOST" not in table
    assert table in (REPOSITORY / "docs/formats.md").read_text(), f"run python docs/formats.py:\n{table}"


@pytest.mark.parametrize(
    "page", [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))], ids=lambda page: page.stem
)
def test_links_and_pictures_of_a_page_exist(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert targets or page.stem != "README"
    assert all((page.parent / target).exists() for target in targets)


def test_ci_runs_the_install_commands_of_the_readme() -> None:
    commands = re.findall(r"^    (pip install .* && .*)$", README, re.MULTILINE)
    assert len(commands) == 2
    assert all(command in (REPOSITORY / ".ci/run").read_text() for command in commands)


@pytest.mark.parametrize("page", [*PAGES, "docs/scaling.md", "docs/models.md", "weights/README.md"])
def test_options_in_the_commands_of_a_page_exist(page: str) -> None:
    for line in re.findall(r"(?:^    |[|&] )srgan ([^|&<>#\n]*)", (REPOSITORY / page).read_text(), re.MULTILINE):
        name, *words = line.split()
        known = {
            option for parameter in COMMANDS[name].params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        assert {word for word in words if word.startswith("-")} <= known | {"-"}, line


def test_python_example_has_six_lines_runs_and_prints_nothing(
    checkout: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in program.splitlines() if line]) <= 6
    exec(program, {})
    assert capfd.readouterr() == ("", "")
    assert read_picture(checkout / "out.png").width == 4 * 180


def programs() -> list[str]:
    """The examples of docs/python.md, and the cells of the notebook as one program; each stands for itself."""
    page = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs/python.md").read_text(encoding="utf8"), re.DOTALL)
    notebook = json.loads((REPOSITORY / "examples/python.ipynb").read_text(encoding="utf8"))
    return [*page, "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")]


@pytest.mark.parametrize("program", programs())
def test_programs_for_python_run(program: str, checkout: Path) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "teal")]
    frames[0].save(checkout / "animation.gif", save_all=True, append_images=frames[1:])
    small = program.replace("Size(1000, 1000)", "Size(300, 300)").replace(", strength=0.5, self_ensemble=True", "")
    exec(small.replace("srgan-x4", "srcnn-x4"), {})
    if "out.png" in program:
        assert max(read_picture(checkout / "out.png").pixels.shape) == 300
    if "animation" in program:
        assert open_pictures(checkout / "animation-large.gif").sizes == ((20, 40), (20, 40))


def test_the_notebook_is_one() -> None:
    """It has no outputs, which would grow with every run, and the format that Jupyter opens."""
    notebook = json.loads((REPOSITORY / "examples/python.ipynb").read_text(encoding="utf8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert all(cell["outputs"] == [] for cell in notebook["cells"] if cell["cell_type"] == "code")
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
