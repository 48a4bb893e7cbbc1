"""The defaults file: `srgan.toml` in the working folder, else in the user's configuration folder."""

import sys
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

from srgan_cli.errors import SrganError, UsageError, errors_as

FILE = "srgan.toml"
FROM_FILE = "DEFAULT_MAP"  # what Typer calls the source of options from it
EXCLUSIVE = (
    *(("size", "scale"), ("overwrite", "no_clobber"), ("device", "devices"), ("device", "on"), ("quality", "lossless")),
    *(("model", "purpose"), ("as_json", "as_csv", "as_markdown", "as_latex"), ("time", "steps")),
)
"""Options of which a command line overrides all in the file, if it has one of them."""


def load_defaults(context: typer.Context, unwanted: bool) -> bool:
    """Take the defaults of a command from the file, unless that is unwanted.  Raises UsageError."""
    path = None if unwanted or context.resilient_parsing else find_file()
    if path:
        table = read_table(path, context.command)
        context.default_map = {option.name: value for option, value in table}
        context.meta[FILE] = (path, table)
    return unwanted


def print_defaults(context: Any) -> None:
    """Print the defaults from the file that the command line does not override; under its `--quiet`, causes of errors.

    Where the file itself has `quiet`, this is the one line.
    """
    used = _used(context)
    _print(context, used, always=any(option.name == "quiet" for option, _ in used))
    if error := sys.exception():
        _print_causes(context, error)


def _used(context: Any) -> list[tuple[Any, Any]]:
    """The options from the file that the command line does not override, and their values."""
    table = context.meta.get(FILE, ("", []))[1]
    sources = {option.name: context.get_parameter_source(option.name) for option, _ in table}
    return [item for item in table if (source := sources[item[0].name]) is None or source.name == FROM_FILE]


def _print(context: Any, options: list[tuple[Any, Any]], *, always: bool) -> None:
    if options:
        from srgan_cli.cli.console import info  # slow to import

        shown = ", ".join(f"{_key(option)} = {_shown(value)}" for option, value in options)
        info(f"defaults from {context.meta[FILE][0]}: {shown}", always=always)


def _print_causes(context: Any, error: BaseException) -> None:
    """Print the defaults from the file that an error names, unless `print_defaults` has done so."""
    used = _used(context)
    message = getattr(error, "format_message", error.__str__)()
    text = " ".join((message, *map(str, error.args)))  # the hint, too
    named = [item for item in used if _key(item[0]) in text or _shown(item[1]) in message]
    if named and not any(option.name == "quiet" for option, _ in used):
        from srgan_cli.cli.console import is_quiet  # slow to import

        if is_quiet:
            _print(context, named, always=True)


def find_file() -> Path | None:
    """The defaults file that counts, if there is one."""
    from platformdirs import user_config_path

    return next((path for path in (Path(FILE), user_config_path("srgan") / FILE) if path.is_file()), None)


def read_table(path: Path, command: Any) -> list[tuple[Any, Any]]:
    """The options of a command that a file sets, and their values as a command line has them.  Raises UsageError."""
    hint = "correct it, as UTF-8, or use --no-config"
    with errors_as(UsageError, "cannot read {path}: {reason}", hint, (OSError, ValueError), path=path):
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    if loose := [name for name, value in tables.items() if not isinstance(value, dict)]:
        raise UsageError(f"{path}: {loose[0]} is in no table", "settings stand below a line such as [upscale]")
    _check_known(path, tables, ("upscale", "score", "train", "serve"), "table")
    own = [item for item in command.params if item.param_type_name == "option" and not item.hidden]
    options = {_key(item): item for item in own if item.name not in ("help", "no_config", "sets")}
    named = {key.replace("_", "-"): value for key, value in tables.get(command.name, {}).items()}
    _check_known(path, named, options, f"key in [{command.name}]")
    return [(options[key], _value(path, options[key], value)) for key, value in named.items()]


def drop_overridden(context: Any) -> None:
    """Reset the options from the file that an option of the command line excludes."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    for names in EXCLUSIVE:
        known = [name for name in names if sources.get(name)]
        if any(sources[name].name == "COMMANDLINE" for name in known):
            for name in known:
                _drop(context, next(item for item in context.command.params if item.name == name))


def drop_unfit(context: Any, error: SrganError) -> bool:
    """Reset the first option that an error names and the file sets, with a line; returns whether there is one."""
    options = {_key(option): option for option in context.command.params}
    named = [key for key in error.option.split() if key in options]  # a setting of a recipe may be no option
    dropped = next((key for key in named if _drop(context, options[key])), "")
    if dropped:
        from srgan_cli.cli.console import warn  # slow to import

        warn(f"{find_file()}: {dropped} is left out: {error.message}")
    else:
        _print_causes(context, error)
    return bool(dropped)


def _drop(context: Any, option: Any) -> bool:
    """Reset an option that is from the file; returns whether it was."""
    source = context.get_parameter_source(option.name)
    if source is None or source.name != FROM_FILE:
        return False
    context.params[option.name] = option.default
    context.set_parameter_source(option.name, type(source).DEFAULT)
    return True


def _shown(value: Any) -> str:
    """A value as the file has it, without quotes."""
    if isinstance(value, list):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _key(option: Any) -> str:
    return str(max(option.opts, key=len)).lstrip("-")


def _check_known(path: Path, found: Any, known: Any, kind: str) -> None:
    for name in found:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"expected one of: {', '.join(sorted(known))}"
            raise UsageError(f"{path}: unknown {kind}: {name}", hint)


def _value(path: Path, option: Any, value: Any) -> Any:
    """A value as a command line has it: text, a list of texts, or whether a flag is given.  Raises UsageError."""
    if option.is_flag and isinstance(value, bool):
        return value
    if option.multiple:
        return [_text(path, option, item) for item in (value if isinstance(value, list) else [value])]
    return _text(path, option, value)


def _text(path: Path, option: Any, value: Any) -> str:
    if option.is_flag or isinstance(value, bool | list | dict):
        expected = "true or false" if option.is_flag else "a text or a number"
        raise UsageError(f"{path}: {_key(option)} is {value!r}, expected {expected}", "see docs/upscaling.md")
    text = str(value)
    return str(Path(text).expanduser()) if text.startswith("~/") else text
