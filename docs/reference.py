"""Prints docs/reference.md: every option of every command, every setting of a run, every metric.

python docs/reference.py > docs/reference.md
"""

import ast
import inspect
from enum import EnumType
from typing import Any, get_args, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from srgan_cli.cli import app
from srgan_cli.metrics import METRICS, SET_METRICS
from srgan_cli.training import config, settings
from srgan_cli.training.config import SETTINGS
from srgan_cli.training.recipe import KINDS
from srgan_cli.training.schema import OneOf, Setting

HEAD = """# Reference

Made by `python docs/reference.py > docs/reference.md`; the tests hold it to the code.
"""
RECIPES = """## Settings of a run

The keys of a recipe (TOML) and of `config.json`. Those that are also options are listed above.
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
    rows = [
        row(parameter, kind, info)
        for parameter, kind, info in taken
        if isinstance(info, OptionInfo) and not info.hidden
    ]
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
    """The settings: a row each."""
    rows = [
        f"| `{key}` | {cell(MEANINGS[setting.group, setting.field])} | {takes(setting)} | {default_of(setting)} |"
        for key, setting in SETTINGS.items()
    ]
    heading = ("| setting | | takes | default |", "|---|---|---|---|")
    return "\n".join([RECIPES, *heading, *rows, ""])


def takes(setting: Setting) -> str:
    """The values of a setting in words."""
    if isinstance(setting.accepts, OneOf):
        return ", ".join(f"`{choice}`" for choice in setting.accepts.choices)
    if setting.accepts:
        return setting.accepts.expected
    return KINDS.get(setting.type, "a folder")


def default_of(setting: Setting) -> str:
    """The default as a recipe would write it."""
    if setting.default is None or setting.default in ("", ()):
        return ""
    return f"`{str(setting.default).lower() if setting.type is bool else setting.default}`"


def meanings() -> dict[tuple[str, str], str]:
    """The docstrings of the settings by group and field."""
    classes = [node for module in (config, settings) for node in ast.parse(inspect.getsource(module)).body]
    groups = {group.__name__: name for name, group in (("", config.TrainConfig), *config.GROUPS.items())}
    return {
        (groups[node.name], field.target.id): " ".join(text.value.value.split())
        for node in classes
        if isinstance(node, ast.ClassDef) and node.name in groups
        for field, text in zip(node.body, node.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr)
    }


def metrics() -> str:
    """The metrics: name, unit, direction."""
    rows = [
        f"| `{name}` | {metric.unit} | {'higher' if metric.higher_is_better else 'lower'} |"
        for name, metric in {**METRICS, **SET_METRICS}.items()
    ]
    heading = ("| metric | unit | better |", "|---|---|---|")
    note = "[scoring.md](scoring.md) has their formulas and papers."
    return "\n".join(["## Metrics\n", *heading, *rows, "", note])


MEANINGS = meanings()

if __name__ == "__main__":
    print(page())
