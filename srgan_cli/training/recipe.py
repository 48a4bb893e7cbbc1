"""Recipes: the settings of a run as a file has them."""

import json
import tomllib
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from reprlib import repr as shown
from typing import Any

from srgan_cli.errors import UsageError
from srgan_cli.training.config import LEGACY_DEFAULTS, SETTINGS_FILE, TrainConfig

KINDS: dict[type, str] = {
    float: "a number",
    int: "a whole number",
    str: "a text",
    bool: "true or false",
    tuple: "a text or a list of texts",
}
"""What values are, in words."""
_DEFAULTLESS: dict[str, type] = {"data": tuple, "seconds": float, "steps": int, "gradient_penalty": float}
"""What those settings are whose defaults do not tell."""


def read_recipe(path: Path) -> dict[str, Any]:
    """The settings in a TOML or JSON file, whose keys are the names of TrainConfig's fields.

    `steps` in it puts the default time out of force; what the settings of an earlier run do not tell is as it was then.
    Raises UsageError for a file that cannot be read, an unknown key, and a value of the wrong kind.
    """
    try:
        text = path.read_text(encoding="utf8")
        settings = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read {path}: {error}", "give a TOML or JSON file; see examples/recipes/") from error
    if not isinstance(settings, dict):
        raise UsageError(f"{path} holds no settings by name", "give a TOML or JSON file; see examples/recipes/")
    known = known_settings()
    for key, value in settings.items():
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(known)}"
            raise UsageError(f"{path} has an unknown setting {shown(key)}", hint)
        if not _is_a(value, known[key]):
            raise UsageError(f"{key} is {shown(value)} in {path}, expected {KINDS[known[key]]}", "correct the file")
    if "steps" in settings:
        settings = {"seconds": None, **settings}
    return {**LEGACY_DEFAULTS, **settings} if path.name == SETTINGS_FILE else settings


def known_settings() -> dict[str, type]:
    """What a recipe may set, and of which kind each is; the run's folder is not among it."""
    return {f.name: _DEFAULTLESS.get(f.name, type(f.default)) for f in fields(TrainConfig) if f.name != "run"}


def _is_a(value: object, kind: type) -> bool:
    if kind is tuple:
        return isinstance(value, str) or (isinstance(value, list) and all(isinstance(part, str) for part in value))
    return type(value) is kind or (kind is float and type(value) is int)
