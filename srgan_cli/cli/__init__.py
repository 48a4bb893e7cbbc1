"""The commands: each parses its options, calls the library, and prints the results."""

from collections.abc import Iterator
from typing import Annotated

import typer

from srgan_cli.cli.help import HELP_NAMES, Command, Group
from srgan_cli.cli.score.command import score
from srgan_cli.cli.serve.command import serve
from srgan_cli.cli.train.command import train
from srgan_cli.cli.upscale.command import upscale
from srgan_cli.cli.weights.export import export
from srgan_cli.cli.weights.models import models

__all__ = ["app"]

app = typer.Typer(
    cls=Group, pretty_exceptions_enable=False, rich_markup_mode=None, context_settings={"help_option_names": HELP_NAMES}
)
app.command(cls=Command, epilog="Example: srgan upscale photo.jpg")(upscale)
app.command(cls=Command, epilog="Example: srgan score originals/ enlarged/ --baseline bicubic")(score)
app.command(cls=Command, epilog="Example: srgan train --time 30m photos/")(train)
app.command(cls=Command, epilog="Example: srgan models srgan-x4")(models)
app.command(cls=Command, epilog="Example: srgan serve --port 7860")(serve)
app.command(cls=Command, epilog="Example: srgan export srgan-x4.onnx -m srgan-x4")(export)


def _show_version(wanted: bool) -> None:
    if wanted:
        from srgan_cli.cli.console import write_line

        for line in _version_report():
            write_line(line)
        raise typer.Exit


def _version_report() -> Iterator[str]:
    """One line each: this version; Python and the system; torch and its devices; the shipped weights."""
    import platform

    import torch

    from srgan_cli import __version__
    from srgan_cli.system.devices import list_devices
    from srgan_cli.weights.formats import list_weights

    yield f"srgan {__version__}"
    yield f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield f"torch {torch.__version__}, {torch.get_num_threads()} threads, devices: {', '.join(list_devices())}"
    yield f"weights: {', '.join(list_weights()) or 'none'}"


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the versions of srgan, Python and torch, for bug reports.",
        ),
    ] = False,
) -> None:
    """Enlarge pictures with a generative adversarial network.

    Results go to stdout, everything else to stderr.
    Exit codes: 0 success, 1 failure, 2 invalid usage, 129 hung up, 130 interrupted, 141 output closed,
    143 terminated.
    """
    from srgan_cli.system.processes import limit_kernel_caches

    limit_kernel_caches()  # before torch is imported
