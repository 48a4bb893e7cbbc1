"""The wheel holds the weights, and with its own dependencies alone it enlarges a picture."""

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from email.parser import Parser
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image
from support import REPOSITORY

WEIGHTS = sorted((REPOSITORY / "weights").glob("*.safetensors"))
PIP = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--quiet"]
TEST_ONLY = ("pytest", "hypothesis")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, REPOSITORY)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a virtual environment that has the wheel and what it requires, and nothing else."""
    place = tmp_path_factory.mktemp("bare")
    run(sys.executable, "-m", "venv", "--without-pip", place)
    scripts, packages = (Path(sysconfig.get_path(key, "venv", {"base": str(place)})) for key in ("scripts", "purelib"))
    run(*PIP, "--python", scripts / "python", "install", "--no-deps", "--no-index", wheel)
    for required in closure(requirements(wheel)):
        link(required, packages)
    return scripts


def run(*command: object, folder: Path | None = None) -> str:
    """What a program prints to stdout; a failing one fails the test with its stderr."""
    surroundings = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=folder, env=surroundings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def requirements(wheel: Path) -> list[str]:
    with ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist", [])


def closure(required: Iterable[str]) -> Iterator[Distribution]:
    """The installed distributions that these requirements ask for, and those that they ask for in turn.

    Extras are left out unless they are asked for; what a marker keeps from being installed here is not found and
    passed over.
    """
    waiting, seen = [(requirement, "") for requirement in required], set()
    while waiting:
        text, asked = waiting.pop()
        requirement, _, marker = text.partition(";")
        name, extra = re.match(r"([\w.-]+)(?:\[(\w+)\])?", requirement).groups(default="")
        if name in seen or ("extra" in marker and not (asked and asked in marker)):
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        waiting += [(inner, extra) for inner in found.requires or []]
        yield found


def link(found: Distribution, packages: Path) -> None:
    """Make a distribution importable in another folder, by links to its files and folders of the first level."""
    for name in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
        if not (packages / name).exists():
            (packages / name).symlink_to(found.locate_file(name))


def test_wheel_holds_every_weights_file(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        packed = {name: archive.getinfo(name).file_size for name in archive.namelist()}
    assert WEIGHTS
    for path in WEIGHTS:
        assert packed[f"srgan_cli/shipped/{path.name}"] == path.stat().st_size


def test_wheel_is_marked_as_typed(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        assert "srgan_cli/py.typed" in archive.namelist()


def test_wheel_holds_the_package_and_nothing_beside_it(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        folders = {name.partition("/")[0] for name in archive.namelist()}
    assert {folder for folder in folders if not folder.endswith((".dist-info", ".data"))} == {"srgan_cli"}


def test_wheel_installs_the_manual_page(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        assert any(name.endswith(".data/data/share/man/man1/srgan.1") for name in archive.namelist())


def test_bare_environment_has_nothing_of_the_test_extra(installed: Path, tmp_path: Path) -> None:
    program = "import sys; from importlib.util import find_spec; print([n for n in sys.argv[1:] if find_spec(n)])"
    found = run(installed / "python", "-c", program, "srgan_cli", "torch", *TEST_ONLY, folder=tmp_path)
    assert found.strip() == "['srgan_cli', 'torch']"


def test_bare_environment_runs_the_installed_package(installed: Path, tmp_path: Path) -> None:
    home = run(installed / "python", "-c", "import srgan_cli; print(srgan_cli.__file__)", folder=tmp_path)
    assert Path(home.strip()).is_relative_to(installed.parent)


def test_installed_program_enlarges_a_picture_with_the_default_model(installed: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "small.png")
    run(installed / "srgan", "upscale", "--device", "cpu", "small.png", "large.png", folder=tmp_path)
    with Image.open(tmp_path / "large.png") as large:
        assert large.size == (28, 36)
