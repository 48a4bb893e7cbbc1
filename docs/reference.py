"""Prints docs/reference.md: every option of every command, every setting of a run, every metric.

python docs/reference.py > docs/reference.md
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from enum import EnumType
from typing import Any, get_args, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from srgan_cli.cli import app
from srgan_cli.metrics import METRICS, SET_METRICS
from srgan_cli.training import config as settings
from srgan_cli.training.recipe import KINDS, known_settings

HEAD = """# Reference

Made by `python docs/reference.py > docs/reference.md`; the tests hold it to the code.
"""
RECIPES = """## Settings of a run

The keys of a recipe (TOML), of `config.json`, and the fields of `TrainConfig`. Those that are options too stand above.
"""


def page() -> str:
    """The whole page, as Markdown."""
    commands = (described(command.callback) for command in app.registered_commands)
    return "\n".join([HEAD, *commands, recipe(), metrics()])


def described(command: Any) -> str:
    """A command: how it is called, what it does, and a row an option."""
    hints = get_type_hints(command, include_extras=True)
    parameters = inspect.signature(command).parameters.values()
    taken = [(parameter, *get_args(hints[parameter.name])) for parameter in parameters if parameter.name != "context"]
    places = [info.metavar or name(parameter) for parameter, _, info in taken if isinstance(info, ArgumentInfo)]
    rows = [row(parameter, kind, info) for parameter, kind, info in taken if isinstance(info, OptionInfo)]
    usage = " ".join(["srgan", command.__name__, "[OPTIONS]", *places])
    heading = ("| option | | default |", "|---|---|---|")
    return "\n".join([f"## `{usage}`\n", inspect.getdoc(command) or "", "", *heading, *rows, ""])


def row(parameter: inspect.Parameter, kind: Any, info: OptionInfo) -> str:
    """An option's names with what it may be, what it does, and its default unless that says nothing."""
    first = info.default if isinstance(info.default, str) else name(parameter)  # Typer keeps it as a default there
    names = ", ".join(f"`{text}`" for text in (first, *(info.param_decls or ())))
    choices = [choice.value for part in (kind, *get_args(kind)) if isinstance(part, EnumType) for choice in part]
    default = getattr(parameter.default, "value", parameter.default)
    silent = default is None or default is False or default == "" or "[default" in (info.help or "")
    shown = f"{names} ({', '.join(choices)})" if choices else names
    return f"| {shown} | {cell(info.help)} | {'' if silent else f'`{default}`'} |"


def name(parameter: inspect.Parameter) -> str:
    """How Typer calls a parameter that names no option of its own."""
    return f"--{parameter.name.replace('_', '-')}"


def cell(text: str | None) -> str:
    """A text as a cell of a table holds it."""
    return (text or "").replace("|", "\\|")


def recipe() -> str:
    """The settings: a row each, and the lines that describe them."""
    known = [(field.name, field.default) for field in fields(settings.TrainConfig)]
    rows = [f"| `{key}` | {takes(key)} | {cell(told(value))} |" for key, value in known]
    lines = inspect.cleandoc(settings.TrainConfig.__doc__ or "").split("\n\n", 1)[1].splitlines()
    heading = ("| setting | takes | default |", "|---|---|---|")
    return "\n".join([RECIPES, *heading, *rows, "", *sentences(lines), ""])


def takes(key: str) -> str:
    """What may be given for a setting, in words."""
    if key in settings._CHOICES:
        return ", ".join(f"`{choice}`" for choice in settings._CHOICES[key])
    if key in settings._RANGES:
        return settings._RANGES[key][0]
    kinds = known_settings()
    return KINDS[kinds[key]] if key in kinds else "a folder"


def told(value: Any) -> str:
    """A default as a recipe would write it."""
    if value is MISSING or value is None or value in ("", ()):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def sentences(lines: list[str]) -> Iterator[str]:
    """The docstring's lines as a list, an entry a line that begins with the names of settings."""
    for line in lines:
        found = re.match(r"([a-z_0-9]+(?:(?:,| or) [a-z_0-9]+)*): (.*)", line)
        yield f"- {found[1]}: {found[2]}" if found else f"  {line}"


def metrics() -> str:
    """The metrics: name, unit, direction."""
    rows = [
        f"| `{name}` | {metric.unit} | {'higher' if metric.higher_is_better else 'lower'} |"
        for name, metric in {**METRICS, **SET_METRICS}.items()
    ]
    heading = ("| metric | unit | better |", "|---|---|---|")
    note = "[scoring.md](scoring.md) has their formulas and papers."
    return "\n".join(["## Metrics\n", *heading, *rows, "", note])


if __name__ == "__main__":
    print(page())
