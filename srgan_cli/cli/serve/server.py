"""The server of the page, whose files are deleted when it ends."""

import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from srgan_cli.batch.weights_choice import weights_for
from srgan_cli.cli.console import warn
from srgan_cli.cli.serve.jobs import Studio, Visits
from srgan_cli.cli.serve.options import ServeArguments
from srgan_cli.cli.weights.fetch import resolve_model
from srgan_cli.errors import UsageError, errors_as
from srgan_cli.image.geo.gdal_reader import LINKING_DRIVERS

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss:; worker-src 'self' blob:"
)
"""What a browser may load: everything comes from this server."""
_SCRIPT, _STYLE = (Path(__file__).with_name(name) for name in ("compare.js", "page.css"))
_LAUNCH = {"prevent_thread_lock": True, "quiet": True, "ssr_mode": False, "pwa": False, "enable_monitoring": False}
_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[Any], Awaitable[None]]


class OwnContentOnly:
    """ASGI middleware that forbids content from elsewhere, and answers by 400 where gradio fails at a request."""

    def __init__(self, app: Callable[[Any, _Receive, _Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: _Receive, send: _Send) -> None:
        """Handle a request."""

        async def with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        try:
            await self.app(scope, receive, with_policy)
        except Exception as error:  # the server would print a trace
            warn(f"a request failed: {error!r}".partition("\n")[0])
            with suppress(Exception):  # where an answer has begun
                await send({"type": "http.response.start", "status": 400, "headers": []})
                await send({"type": "http.response.body", "body": b"this page cannot do that"})


def _address(page: Any, *, is_shared: bool) -> str:
    """Where the page is.  Warns where gradio did not make it public, of which it says nothing."""
    if is_shared and not page.share_url:
        warn("there is no public address: gradio's servers do not answer; the page goes on without one")
    return str((is_shared and page.share_url) or page.local_url)


def _launch(page: Any, arguments: ServeArguments, **options: Any) -> None:
    """Start the server of the page in threads of its own.  Raises UsageError for a port that is taken."""
    address, hint = f"{arguments.host}:{arguments.port}", "choose another --port or --host"
    with errors_as(UsageError, "cannot listen on {address}", hint, OSError, address=address):
        page.launch(
            server_name=arguments.host,
            server_port=arguments.port,
            share=arguments.share,
            max_file_size=arguments.max_upload * 2**20,
            css_paths=_STYLE,
            head=f"<script>{_SCRIPT.read_text(encoding='utf8')}</script>",
            footer_links=["api"],
            **_LAUNCH,
            **options,
        )


def run(arguments: ServeArguments, *, say: Callable[[str], None]) -> None:
    """Serve the page until it is interrupted; `say` gets the address.  Raises UsageError for a port that is taken."""
    with tempfile.TemporaryDirectory(prefix="srgan-serve-") as folder:
        # gradio reads these when it is imported
        os.environ |= {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False"}
        os.environ["GDAL_SKIP"] = " ".join(LINKING_DRIVERS)  # uploads must not have other files read
        import gradio as gr
        from starlette.middleware import Middleware

        from srgan_cli.cli.serve.page import build

        studio, visits = Studio(device=arguments.device, max_pixels=arguments.max_pixels), Visits(Path(folder))
        model = resolve_model(arguments.model, arguments.offline)
        studio.load(weights_for(model)[0])  # a wrong name ends the command here
        page = build(studio, visits, model)
        theme = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])
        _launch(page, arguments, theme=theme, app_kwargs={"middleware": [Middleware(OwnContentOnly)]})
        say(_address(page, is_shared=arguments.share))
        try:
            while True:
                time.sleep(3600)
        finally:
            for session in list(visits.jobs):
                visits.cancel(session)
            page.close(verbose=False)
