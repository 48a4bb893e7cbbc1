"""The commands: each parses its options, calls the library, and prints the results."""

from typing import Annotated

import typer

from srgan_cli.cli.export import export
from srgan_cli.cli.models import models
from srgan_cli.cli.score.command import score
from srgan_cli.cli.train.command import train
from srgan_cli.cli.upscale.command import upscale

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would double the time of --help
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Enlarge pictures with a generative adversarial network.",
)
app.command(epilog="Example: srgan upscale --scale 2 photo.jpg photo-large.png")(upscale)
app.command(epilog="Example: srgan score originals/ enlarged/ --baseline bicubic --metric psnr --metric ssim")(score)
app.command(
    epilog="Example: srgan train --time 30m photos/ && srgan upscale -m run/srgan-x4.safetensors a.png large.png"
)(train)
app.command(epilog="Example: srgan models --json | jq -r '.[].name'")(models)
app.command(epilog="Example: srgan export srgan-x4.onnx -m srgan-x4")(export)


def _show_version(wanted: bool) -> None:
    if wanted:
        from srgan_cli.cli.console import write_line
        from srgan_cli.cli.version import version_report

        for line in version_report():
            write_line(line)
        raise typer.Exit


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
