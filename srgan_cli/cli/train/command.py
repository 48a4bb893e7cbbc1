"""srgan train."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from srgan_cli.cli.fast_import import gc_paused
from srgan_cli.cli.options import COMMAND_LINE, DEFAULTS_FILE, check_exclusive, given_options, takes
from srgan_cli.cli.train.options import TrainArguments
from srgan_cli.errors import UsageError

if TYPE_CHECKING:
    from srgan_cli.training.config import TrainConfig

_CHANGEABLE = ("data", "held_out", "device", "log")  # the settings that a resumed run may change
_FORMER_OPTIONS = {"pixel_share": "pretrain_fraction", "game": "gan_loss"}
"""Former names of options, and the current ones."""


@takes(TrainArguments)
def train(context: typer.Context, arguments: TrainArguments) -> None:
    """Train a generator against a discriminator on a folder of pictures.

    Pretrains on the pixel loss, then adds the adversarial loss.  Prints the path of the finished weights.
    --check reports problems of the pictures and the cost of the run; it exits 1 if the run would fail.
    Ctrl-C saves; --resume continues with the settings of the run.
    """
    check_exclusive(context, "time", "steps")
    length = _length(context, COMMAND_LINE)
    if arguments.resume:
        _refuse_settings(context)
    with gc_paused():
        from srgan_cli.cli.train.run import check_run, resume_run, start_run
        from srgan_cli.system.distributed import World
        from srgan_cli.system.memory_usage import retain_freed_memory
        from srgan_cli.training.run.checkpoints import has_checkpoint
        from srgan_cli.training.run.folder import latest_folder

    retain_freed_memory()
    world, run, max_pixels = World.from_environment(), arguments.run, arguments.max_pixels
    is_default = not given_options(context, "run")
    if is_default and world.restarts:
        run = latest_folder(run)
    if arguments.resume or (world.restarts and has_checkpoint(run)):
        chosen = {key: context.params[key] for key in _CHANGEABLE if given_options(context, key)}
        resume_run(run, world, max_pixels, **length, **chosen)
        return
    config = _config(context, arguments.recipe, length, verbose=world.is_main)
    if arguments.check:
        check_run(config, max_pixels, numbered=is_default)
    else:
        start_run(config, world, max_pixels, numbered=is_default)


def _config(context: typer.Context, recipe: Path | None, length: dict[str, Any], *, verbose: bool) -> "TrainConfig":
    """The settings of a new run.  Options override the recipe, which overrides srgan.toml."""
    from srgan_cli.training.config import TrainConfig
    from srgan_cli.training.recipe import read_recipe

    of_recipe = read_recipe(recipe) if recipe else {}
    of_file = {} if of_recipe.keys() & {"seconds", "steps"} else _length(context, DEFAULTS_FILE)
    settings = {**_settings(context, DEFAULTS_FILE), **of_file, **of_recipe}
    if verbose:
        _warn_of_former_names(context, recipe)
    settings |= {new: context.params[old] for old, new in _FORMER_OPTIONS.items() if given_options(context, old)}
    settings |= _settings(context) | length
    settings.setdefault("name", f"srgan-x{settings.get('scale', TrainConfig.scale)}")
    if "bands" in settings:
        settings["bands"] = _band_count(settings["bands"], settings.get("data", ()))
    if "data" not in settings:
        raise UsageError("no pictures to train on", "name a folder: srgan train photos/")
    return TrainConfig.from_settings(**{**settings, "run": context.params["run"]})


def _settings(context: typer.Context, sources: Sequence[str] = COMMAND_LINE) -> dict[str, Any]:
    """The options from these sources that are settings of the run, by their flat keys, but its folder and length."""
    from srgan_cli.training.config import SETTINGS

    keys = [key for key in context.params if key in SETTINGS and key not in ("run", "steps")]
    return {key: context.params[key] for key in keys if given_options(context, key, sources=sources)}


def _length(context: typer.Context, sources: Sequence[str]) -> dict[str, Any]:
    """The length of the run, if one of these sources gives it."""
    if not given_options(context, "time", "steps", sources=sources):
        return {}
    time, steps = context.params["time"], context.params["steps"]
    return {"seconds": parse_duration(time) if time else None, "steps": steps}


def _band_count(text: str | int, data: Sequence[str]) -> int:
    """The number in `--bands`; that of the first picture for `all`.  Raises SrganError."""
    if text == "all":
        from srgan_cli.image.io import read_picture
        from srgan_cli.system.discovery import find_pictures

        return len(read_picture(next(iter(find_pictures(Path(data[0]))))).pixels)
    if not str(text).isdecimal():
        raise UsageError(f"--bands is {text!r}, expected a number or all", "srgan train --bands 4 scenes/")
    return int(text)


def _warn_of_former_names(context: typer.Context, recipe: Path | None) -> None:
    """Print the current names of options and settings that were given by their former ones."""
    from srgan_cli.cli.console import warn
    from srgan_cli.training.recipe import former_settings

    for former, current in _FORMER_OPTIONS.items():
        for written in given_options(context, former):
            warn(f"{written} is now --{current.replace('_', '-')}")
    for former, current in former_settings(recipe).items() if recipe else ():
        warn(f"{former} is now {current}, in {recipe}")


def parse_duration(text: str) -> float:
    """Seconds of a duration such as 45s, 30m, 1h30m or 1.5h.  Raises UsageError for anything else."""
    number = r"(\d+(?:\.\d+)?)"
    found = re.fullmatch(f"(?:{number}h)?(?:{number}m)?(?:{number}s)?", text.strip().lower())
    parts = found.groups(default="0") if found else ("0", "0", "0")
    seconds: float = sum(float(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=True))
    if seconds <= 0:
        raise UsageError(f"cannot read the duration {text!r}", "write it as 45s, 30m or 1h30m")
    return seconds


def _refuse_settings(context: typer.Context) -> None:
    """Raises UsageError for options that a resumed run cannot change."""
    free = (*_CHANGEABLE, "run", "time", "steps", "max_pixels", "resume", "debug", "no_config")
    names = [parameter.name for parameter in context.command.params if parameter.name and parameter.name not in free]
    if fixed := given_options(context, *names):
        message = f"a resumed run keeps its settings, found {', '.join(fixed)}"
        raise UsageError(message, "only DATA, --held-out, --time, --steps, --max-pixels, --device and --log may change")
