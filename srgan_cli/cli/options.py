"""Options that several commands share."""

from typing import Annotated

import typer

from srgan_cli.errors import UsageError
from srgan_cli.image.codec.limits import set_pillow_limit

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
Offline = Annotated[bool, typer.Option("--offline", help="Do not fetch weights; use only those in the cache.")]


def _set_pillow_limit(max_pixels: int | None) -> int | None:
    set_pillow_limit(max_pixels)
    return max_pixels


MaxPixels = Annotated[
    int | None,
    typer.Option(
        min=1, callback=_set_pillow_limit, help="Refuse pictures with more pixels than this. [default: 178956970]"
    ),
]
On = Annotated[
    str, typer.Option(metavar="ray", help="Run on Ray: ray for a local instance, ray://host:port for a cluster.")
]


def given_options(context: typer.Context, *names: str) -> list[str]:
    """The options among `names` that were given on the command line, spelled as there."""
    sources = {name: context.get_parameter_source(name) for name in names}
    written = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    return [written[name] for name, source in sources.items() if source is not None and source.name != "DEFAULT"]


def check_exclusive(context: typer.Context, *names: str) -> None:
    """Raises UsageError where more than one of the options is given."""
    found = given_options(context, *names)
    if len(found) > 1:
        raise UsageError(f"{' and '.join(found)} exclude each other", "leave one out")
