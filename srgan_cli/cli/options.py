"""Options that several commands share."""

import os
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, field, fields
from functools import update_wrapper
from inspect import Parameter, Signature
from math import isfinite
from typing import Annotated, Any, TypeVar

import typer

from srgan_cli.cli.completion import COMPLETIONS, complete_devices
from srgan_cli.cli.defaults import FROM_FILE, load_defaults
from srgan_cli.errors import UsageError, errors_as
from srgan_cli.image.codec.limits import set_pillow_limit

Arguments = TypeVar("Arguments")
COMMAND_LINE = ("COMMANDLINE", "ENVIRONMENT")  # the sources of options that a person has given for this command
ARGUMENTS = "arguments"  # the key of Context.meta for the words after the command
DEFAULTS_FILE = (FROM_FILE,)  # the source of options from srgan.toml
Device = Annotated[str, typer.Option(autocompletion=complete_devices, help="auto, cpu, cuda, cuda:N or mps.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
NoConfig = Annotated[
    bool,
    typer.Option(
        "--no-config",
        is_eager=True,
        callback=load_defaults,
        help="Do not read srgan.toml, the file of defaults in this folder or in your configuration folder.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
Offline = Annotated[bool, typer.Option("--offline", help="Do not fetch weights; use only those in the cache.")]
MaxPixels = Annotated[
    int | None,
    typer.Option(min=1, callback=set_pillow_limit, help="Refuse pictures of more pixels. [default: 178956970]"),
]
On = Annotated[str, typer.Option(metavar="ray", help="Run on Ray: ray locally, ray://host:port on a cluster.")]


def option(default: Any, help: str, *names: str, **settings: Any) -> Any:
    """A field for `takes`: an option that is called as the field, with arguments of typer.Option as `settings`."""
    return field(default=default, metadata={"names": names, "settings": {"help": help, **settings}})


def takes(arguments: type[Arguments]) -> Callable[[Callable[[typer.Context, Arguments], None]], Callable[..., None]]:
    """A decorator for a command whose parameters are the fields of `arguments`, a dataclass."""
    context = Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [context, *map(_parameter, fields(arguments))]  # type: ignore[arg-type]

    def decorate(function: Callable[[typer.Context, Arguments], None]) -> Callable[..., None]:
        def command(context: typer.Context, **given: Any) -> None:
            function(context, arguments(**given))

        update_wrapper(command, function)
        command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return decorate


def split_list(param: typer.CallbackParam, values: list[str] | None) -> list[str] | None:
    """The values of a repeatable option, split at commas but for addresses and files.  Raises UsageError."""
    whole = {value for value in values or () if "://" in value or os.path.exists(value)}  # noqa: PTH110
    parts = [part for value in values or () for part in ([value] if value in whole else value.split(","))]
    if values and not any(map(str.strip, parts)):
        raise UsageError(f"{param.opts[0]} is empty", "name one or more, or leave it out", option=param.opts[0][2:])
    return [part.strip() for part in parts if part.strip()] or None


def _parameter(f: Field[Any]) -> Parameter:
    default, annotation = Parameter.empty if f.default is MISSING else f.default, f.type
    if "names" in f.metadata:
        names = f.metadata["names"] or [f"--{f.name.replace('_', '-')}"]
        settings = {"autocompletion": COMPLETIONS.get(f.name), **f.metadata["settings"]}
        annotation = Annotated[f.type, typer.Option(*names, **settings)]
    return Parameter(f.name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def parse_factor(text: str | float) -> float:
    """The number of a factor such as 4, 4x or x4.  Raises UsageError."""
    message, hint = "--scale is {text}, expected a number", "write it as -s 4"
    with errors_as(UsageError, message, hint, ValueError, text=repr(text)):
        return float(str(text).strip().lower().replace("×", "x").removeprefix("x").removesuffix("x"))


def parse_whole_factor(text: str | float) -> int:
    """The number of a whole factor from 1 on, such as 4, 4x or x4.  Raises UsageError."""
    factor = parse_factor(text)
    if not isfinite(factor) or factor < 1 or factor != int(factor):
        raise UsageError(f"--scale is {text!r}, expected a whole number from 1 on", "write it as -s 4")
    return int(factor)


def given_options(context: typer.Context, *names: str, sources: Sequence[str] = COMMAND_LINE) -> list[str]:
    """The options among `names` that were given on the command line, or by other sources, spelled as there."""
    found = {name: context.get_parameter_source(name) for name in names}
    given = [name for name, source in found.items() if source is not None and source.name in sources]
    parameters = {parameter.name: parameter for parameter in context.command.params}
    return [_spelling(parameters[name], context.params.get(name)) for name in given]


def _spelling(parameter: Any, value: object) -> str:
    """The option as it is written for this value: --no-steady for False."""
    names: list[str] = parameter.secondary_opts if value is False and parameter.secondary_opts else parameter.opts
    return names[0]


def check_exclusive(context: typer.Context, *names: str) -> None:
    """Raises UsageError where more than one of the options is given."""
    found = given_options(context, *names, sources=(*COMMAND_LINE, *DEFAULTS_FILE))
    if len(found) > 1:
        raise UsageError(f"{' and '.join(found)} exclude each other", "leave one out")
