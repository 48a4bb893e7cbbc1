"""Imports point one way, only the command line talks, and it answers at once."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import srgan_cli

ORDER = (
    {"errors"},
    {"system"},
    {"image"},
    {"networks"},
    {"weights"},
    {"metrics", "upscaling"},
    {"scoring", "batch"},
    {"training"},
    {"cli"},
    {"__main__"},
)
"""A package imports from itself and from packages of earlier lines."""
LINE_OF = {name: number for number, names in enumerate(ORDER) for name in names}
TERMINAL = {"cli", "__main__"}
"""The only packages that may talk to the terminal."""
HEAVY = {
    "av",
    "cv2",
    "huggingface_hub",
    "torch",
    "numpy",
    "PIL",
    "pyvips",
    "skimage",
    "scipy",
    "safetensors",
    "spandrel",
    "torchvision",
}
PACKAGE = Path(srgan_cli.__file__).parent
CAT = str(PACKAGE.parent / "examples/cat.png")
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}


def running_code(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a syntax tree without those that only type checkers see."""
    yield node
    only_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    for child in node.orelse if only_types else ast.iter_child_nodes(node):
        yield from running_code(child)


def imports(module: str) -> set[str]:
    """The full names of what a module imports, at its head or later."""
    found = set()
    for node in running_code(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own_imports(module: str) -> set[str]:
    """The modules of this package that a module imports."""
    names = {name.removeprefix("srgan_cli.") for name in imports(module)}
    return {name for name in names if name in MODULES} | {f"{n}.__init__" for n in names if f"{n}.__init__" in MODULES}


def package(module: str) -> str:
    """The package of a module, or the module itself beside the packages."""
    return module.partition(".")[0]


SILENT = sorted(name for name in MODULES if package(name) not in TERMINAL)


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"__init__"}))
def test_imports_come_from_the_same_package_or_from_one_above(module: str) -> None:
    for imported in own_imports(module):
        same = package(imported) == package(module)
        assert same or LINE_OF[package(imported)] < LINE_OF[package(module)], f"{module} imports {imported}"


def test_imports_make_no_circle() -> None:
    TopologicalSorter({module: own_imports(module) for module in MODULES.keys() - {"__init__"}}).prepare()


@pytest.mark.parametrize("module", SILENT)
def test_only_the_command_line_knows_typer_and_rich(module: str) -> None:
    assert not {name.partition(".")[0] for name in imports(module)} & {"typer", "rich", "click"}


@pytest.mark.parametrize("module", SILENT)
def test_only_the_command_line_prints_and_exits(module: str) -> None:
    calls = [node.func for node in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(node, ast.Call)]
    assert not {ast.unparse(function) for function in calls} & {"print", "sys.exit", "SystemExit", "exit", "quit"}


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("import srgan_cli", id="import srgan_cli"),
        pytest.param(
            "import sys; from srgan_cli.__main__ import main; sys.argv[1:] = ['--help']\n"
            "try: main()\nexcept SystemExit as ended: assert not ended.code",
            id="srgan --help",
        ),
    ],
)
def test_what_must_answer_at_once_loads_nothing_heavy(program: str) -> None:
    program += "\nimport sys; print('loaded:', *{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.rpartition("loaded:")[2].split())


def test_scoring_two_pictures_loads_no_more_than_it_takes() -> None:
    """Neither torch, nor scipy.stats and with it half of scipy, which scikit-image's PSNR would import."""
    loaded = loaded_by("score", CAT, CAT)
    assert "skimage.metrics._structural_similarity" in loaded
    assert not loaded & {"torch", "scipy.stats", "scipy.optimize", "matplotlib"}


def test_upscaling_loads_no_compiler(tmp_path: Path) -> None:
    """torch would import its own, and with it sympy, as soon as it is asked what tensors without values take."""
    loaded = loaded_by("upscale", "--device", "cpu", CAT, str(tmp_path / "out.png"))
    assert "torch" in loaded
    assert not loaded & {"huggingface_hub", "torch._dynamo", "sympy", "skimage.metrics", "spandrel"}


def loaded_by(*words: str) -> set[str]:
    """The modules that a command has loaded when it is done."""
    program = (
        f"import sys; from srgan_cli.__main__ import main; sys.argv[1:] = {list(words)!r}\n"
        "try: main()\nexcept SystemExit as ended: assert not ended.code\n"
        "print('loaded:', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_help_takes_a_quarter_of_a_second_at_most() -> None:
    """Of a core's time: others may be using this machine."""
    assert min(_seconds_of_help() for _ in range(3)) < 0.25


def _seconds_of_help() -> float:
    before = os.times()
    subprocess.run([sys.executable, "-m", "srgan_cli", "--help"], capture_output=True, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_public_names_can_be_imported_and_are_listed() -> None:
    imported: dict[str, object] = {}
    exec("from srgan_cli import *", imported)
    assert set(srgan_cli.__all__) <= imported.keys()
    assert set(srgan_cli.__all__) <= set(dir(srgan_cli))
    assert all(imported[name] is getattr(srgan_cli, name) for name in srgan_cli.__all__)


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="attribute upscale_all"):
        _ = srgan_cli.upscale_all


def test_contributing_names_every_package() -> None:
    page = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf8")
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert packages == {package(module) for module in MODULES if "." in module}
    assert not {name for name in packages if f"{name}/" not in page}
