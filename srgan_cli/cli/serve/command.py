"""srgan serve."""

from importlib.util import find_spec
from typing import Annotated

import typer

from srgan_cli.cli.completion import complete_models
from srgan_cli.cli.fast_import import gc_paused
from srgan_cli.cli.options import Debug, Device, MaxPixels, NoConfig, Offline
from srgan_cli.errors import UsageError

_LOCAL = ("127.0.0.1", "localhost", "::1")


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for all networks of this machine.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65_535, help="The port to listen on.")] = 7860,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            autocompletion=complete_models,
            help="The weights that are chosen at first, as for srgan upscale, without auto.",
        ),
    ] = "srgan-x4",
    offline: Offline = False,
    device: Device = "auto",
    max_pixels: MaxPixels = None,
    max_upload: Annotated[int, typer.Option(min=1, help="The largest file that is accepted, in megabytes.")] = 100,
    share: Annotated[
        bool,
        typer.Option("--share", help="Make the page public through gradio's servers.  Pictures pass through them."),
    ] = False,
    no_config: NoConfig = False,
    debug: Debug = False,
) -> None:
    """Open a page in the browser on which pictures are dropped, compared and taken away.

    Requires the extra srgan-cli[web].  The page is only for this machine, unless --host or --share says otherwise.
    """
    with gc_paused():
        from srgan_cli.cli.console import info, warn
        from srgan_cli.cli.serve.server import run

    if find_spec("gradio") is None:
        raise UsageError("the page needs gradio, which is not installed", "pip install 'srgan-cli[web]'")
    if host not in _LOCAL:
        warn(f"everyone who reaches {host}:{port} can use this page: it has no password")
    if share:
        warn("everyone who knows the public address can use this page")
    run(
        model=model,
        offline=offline,
        host=host,
        port=port,
        device=device,
        max_pixels=max_pixels,
        max_upload=max_upload,
        share=share,
        say=info,
    )
