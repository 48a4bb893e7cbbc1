"""Recipes: the settings of a run in a TOML or JSON file."""

import json
import tomllib
from difflib import get_close_matches
from pathlib import Path
from reprlib import repr as shown
from typing import Any

from srgan_cli.errors import UsageError, errors_as
from srgan_cli.system.discovery import not_found_hint
from srgan_cli.training.config import SETTINGS, SETTINGS_FILE
from srgan_cli.training.legacy import LEGACY_DEFAULTS, RENAMED_SETTINGS, current_names

KINDS: dict[type, str] = {
    float: "a number",
    int: "a whole number",
    str: "a text",
    bool: "true or false",
    tuple: "a text or a list of texts",
}
"""The types of settings in words."""
_HINT = "give a TOML or JSON file; see examples/recipes/"


def read_recipe(path: Path) -> dict[str, Any]:
    """The settings in a TOML or JSON file, by their flat keys; former keys are replaced by the current ones.

    `steps` replaces the default time.  The `config.json` of an earlier version is completed with the defaults of then.
    Raises UsageError for a file that cannot be read, an unknown key, and a value of the wrong type.
    """
    settings = _read(path)
    _check(settings, path)
    settings = current_names(settings)
    if "steps" in settings:
        settings = {"seconds": None, **settings}
    return {**LEGACY_DEFAULTS, **settings} if path.name == SETTINGS_FILE else settings


def known_settings() -> dict[str, type]:
    """The settings that a recipe may hold, with their types; the run folder is not among them."""
    return {key: setting.type for key, setting in SETTINGS.items() if key != "run"}


def former_settings(path: Path) -> dict[str, str]:
    """The former keys that a recipe uses, each with the current one; none for the `config.json` of a run."""
    if path.name == SETTINGS_FILE:  # a program wrote it
        return {}
    return {key: RENAMED_SETTINGS[key] for key in _read(path) if key in RENAMED_SETTINGS}


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise UsageError(f"no such file: {path}", not_found_hint(path))
    with errors_as(UsageError, "cannot read {path}: {reason}", _HINT, path=path):
        text = path.read_text(encoding="utf-8-sig")
        settings = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    if not isinstance(settings, dict):
        raise UsageError(f"{path} does not hold settings by name", _HINT)
    return settings


def _check(settings: dict[str, Any], path: Path) -> None:
    known = known_settings()
    for key, value in settings.items():
        if (current := RENAMED_SETTINGS.get(key, key)) not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known settings: {', '.join(known)}"
            raise UsageError(f"{path} has an unknown setting {shown(key)}", hint)
        if not _is_a(value, known[current]):
            raise UsageError(f"{key} is {shown(value)} in {path}, expected {KINDS[known[current]]}", "correct the file")


def _is_a(value: object, kind: type) -> bool:
    if kind is tuple:
        return isinstance(value, str) or (isinstance(value, list) and all(isinstance(part, str) for part in value))
    return type(value) is kind or (kind is float and type(value) is int)
