"""Help texts, versions and defaults."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from support import Outcome
from typer.main import get_command

from srgan_cli.cli import app
from srgan_cli.cli.help import PANELS, panels
from srgan_cli.cli.upscale.request import AUTOMATIC
from srgan_cli.training.config import SETTINGS
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_starts_with_an_example_and_fills_the_width(
    srgan: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, name: str, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    outcome = srgan(name, "--help")
    lines = outcome.out.splitlines()
    assert outcome.code == 0
    assert lines[0].startswith(f"Usage: srgan {name} ")
    assert lines[1].startswith(f"Example: srgan {name} ")
    assert {len(line) for line in lines if line.startswith("│")} == {columns}
    assert max(map(len, lines)) == columns


def test_narrow_help_cuts_no_word(srgan: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert srgan("upscale", "--help").out.count("…") == 2  # of s3://… and https://…


def test_options_stand_in_the_order_of_their_use(srgan: Callable[..., Outcome]) -> None:
    out = srgan("upscale", "--help").out
    headings = [heading for heading in re.findall(r"╭─ (.*?) ─", out) if heading != "Arguments"]
    assert headings == list(PANELS)
    assert re.search(r"-s, --scale NUMBER +Scale factor", out)


def test_panels_name_options_and_no_others() -> None:
    placed = [name for names in PANELS.values() for name in names.split()]
    assert len(placed) == len(set(placed))
    assert set(placed) == {"help", *(item.name for command in COMMANDS.values() for item in _visible_options(command))}


def test_every_option_is_shown_once() -> None:
    for command in COMMANDS.values():
        shown = [label for _, rows in panels(command) for label, _ in rows if label.startswith("-")]
        assert len(shown) == len(set(shown)) == len(_visible_options(command)) + 1  # and --help


def _visible_options(command: Any) -> list[Any]:
    return [option for option in command.params if option.param_type_name == "option" and not option.hidden]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_first_help_has_an_example_of_each_command(
    srgan: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = srgan("--help").out
    assert max(map(len, out.splitlines())) <= columns
    for name, command in COMMANDS.items():
        assert f"           {command.epilog.removeprefix('Example: ')}\n" in out, name


def test_a_bare_srgan_prints_the_help(srgan: Callable[..., Outcome]) -> None:
    outcome = srgan()
    assert (outcome.code, outcome.out, outcome.err.strip()) == (2, "", srgan("--help").out.strip())


@pytest.mark.parametrize(
    ("size", "rank", "printed"), [("2", "0", True), ("2", "1", False), ("2", None, True), ("", None, True)]
)
def test_the_first_process_of_torchrun_alone_runs_what_is_not_shared(
    srgan: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, size: str, rank: str | None, printed: bool
) -> None:
    monkeypatch.setenv("WORLD_SIZE", size)
    if rank:
        monkeypatch.setenv("RANK", rank)
    outcome = srgan("models")
    assert (outcome.code, bool(outcome.out)) == (0, printed)


@pytest.mark.parametrize("line", ["upscale|a.png|", "upscale||a.png", "score||a", "score|a||--json", "models|"])
def test_an_empty_argument_is_an_error(srgan: Callable[..., Outcome], line: str) -> None:
    outcome = srgan(*line.split("|"))
    assert (outcome.code, outcome.err.splitlines()[0]) == (2, "srgan: one of the arguments is empty")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [("--quality", "high", "a whole number"), ("--quality", "101", "at most 100"), ("--tile", "-1", "at least 0")],
)
def test_errors_of_values_are_in_plain_words(
    srgan: Callable[..., Outcome], option: str, value: str, expected: str
) -> None:
    err = srgan("upscale", "a.png", option, value).err
    assert err.startswith(f"srgan: invalid value for '{option}': expected {expected}, found '{value}'\n")


def test_help_shows_a_default_of_zero(srgan: Callable[..., Outcome]) -> None:
    assert re.search(r"--seed NUMBER +Seed of all random choices. \[default: 0\]", srgan("train", "--help").out)


def test_version(srgan: Callable[..., Outcome]) -> None:
    assert re.match(r"srgan \d+\.\d+\.\d+\n", srgan("--version").out)


def test_defaults_are_those_of_the_library() -> None:
    options = {parameter.name: parameter.default for parameter in COMMANDS["train"].params}
    for key, setting in SETTINGS.items():
        if key in options and key not in ("data", "low", "name", "teacher", "bands"):
            assert options[key] == setting.default, key
    enlarge = {parameter.name: parameter.default for parameter in COMMANDS["upscale"].params}
    assert (enlarge["model"], enlarge["tile"]) == (AUTOMATIC, TilePolicy().size)
