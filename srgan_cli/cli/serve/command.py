"""srgan serve."""

from importlib.util import find_spec

import typer

from srgan_cli.cli.fast_import import gc_paused
from srgan_cli.cli.options import takes
from srgan_cli.cli.serve.options import ServeArguments
from srgan_cli.errors import UsageError

_LOCAL = ("127.0.0.1", "localhost", "::1")


@takes(ServeArguments)
def serve(_context: typer.Context, arguments: ServeArguments) -> None:
    """Open a page in the browser on which pictures are dropped, compared and taken away.

    Requires the extra srgan-cli[web].  The page is only for this machine, unless --host or --share says otherwise.
    """
    with gc_paused():
        from srgan_cli.cli.console import info, warn
        from srgan_cli.cli.serve.server import run

    if find_spec("gradio") is None:
        raise UsageError("the page needs gradio, which is not installed", "pip install 'srgan-cli[web]'")
    if arguments.host not in _LOCAL:
        warn(f"everyone who reaches {arguments.host}:{arguments.port} can use this page: it has no password")
    if arguments.share:
        warn("everyone who knows the public address can use this page")
    run(arguments, say=info)
