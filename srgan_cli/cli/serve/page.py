"""The page of srgan serve: choices, one slider over original and result, and the files to take away."""

import re
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import gradio as gr

from srgan_cli.batch.task import TaskResult
from srgan_cli.cli.serve.jobs import Choice, Job, Studio, Visits, archive, previews
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.image.codec.capabilities import FORMAT_CAPABILITIES, output_format
from srgan_cli.system.progress import Progress
from srgan_cli.weights.formats import list_weights

SAME_FORMAT = "as the input"
OWN = "of the weights"
KERNELS = ("bicubic", "lanczos", "nearest")
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss:; worker-src 'self' blob:"
)
"""What a browser may load: everything comes from this server."""
_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[Any], Awaitable[None]]


class OwnContentOnly:
    """ASGI middleware that forbids the browser to load anything from elsewhere, as gradio's page would."""

    def __init__(self, app: Callable[[Any, _Receive, _Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: _Receive, send: _Send) -> None:
        """Handle a request."""

        async def with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        await self.app(scope, receive, with_policy)


def build(studio: Studio, visits: Visits, model: str) -> gr.Blocks:
    """The page; `model` is what it offers first."""

    def enlarge(
        files: list[str] | None,
        weights: str,
        scale: str,
        strength: str,
        form: str,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Enlarge pictures.  Returns the files, the previews of the first, the names, all previews, and what to say."""
        job = visits.start(_session(request))
        with _errors_as_messages():
            suffix = "" if form == SAME_FORMAT else form
            choice = Choice(weights, _number("scale", scale), _number("strength", strength), suffix)
            if not files:
                raise UsageError("no picture", "drop one into the box first")
            return _shown(studio.enlarge([*map(Path, files)], choice, job, _progress_to(progress)), job)

    def cancel(request: gr.Request) -> None:
        visits.cancel(_session(request))

    def forget(request: gr.Request) -> None:
        visits.forget(_session(request))

    with gr.Blocks(title="srgan", analytics_enabled=False) as page:
        gr.Markdown("# srgan\nPictures stay on the machine that runs this page.")
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                choices = _choices(model)
                with gr.Row():
                    go = gr.Button("Enlarge", variant="primary", elem_id="enlarge")
                    stop = gr.Button("Cancel", elem_id="cancel")
            with gr.Column(scale=3, min_width=320):
                slider = gr.ImageSlider(
                    label="Original and result",
                    type="filepath",
                    interactive=False,
                    buttons=["fullscreen"],
                    elem_id="compare",
                    max_height=720,
                )
                names, pairs = gr.Radio([], label="Shown", visible=False), gr.State([])
                report = gr.Markdown()
                files = gr.File(label="Results", file_count="multiple", interactive=False, elem_id="results")
        go.click(enlarge, choices, [files, slider, names, pairs, report], api_name="enlarge", concurrency_limit=1)
        stop.click(cancel, queue=False, api_visibility="private")
        names.input(lambda name, known: dict(known)[name], [names, pairs], slider, api_visibility="private")
        page.unload(forget)
    return page


def _choices(model: str) -> list[Any]:
    """What a visitor chooses: pictures, weights, scale, strength, format."""
    formats = [suffix for suffix in (kind.suffixes[0] for kind in FORMAT_CAPABILITIES.values()) if _can_write(suffix)]
    return [
        gr.File(label="Pictures", file_count="multiple", type="filepath", elem_id="pictures"),
        gr.Dropdown([*list_weights(), *KERNELS], value=model, label="Weights"),
        gr.Dropdown([OWN, "2", "3", "4", "8", "16"], value=OWN, label="Scale", allow_custom_value=True),
        gr.Dropdown(
            [OWN, "0", "0.25", "0.5", "0.75", "1"],
            value=OWN,
            label="Strength",
            info="0 is the most faithful, 1 the sharpest; only for srgan",
            allow_custom_value=True,
        ),
        gr.Dropdown([SAME_FORMAT, *formats], value=SAME_FORMAT, label="Format"),
    ]


def _number(name: str, text: str) -> float | None:
    """The number that a visitor typed; None for the default.  Raises UsageError for anything else."""
    try:
        return None if text == OWN else float(text)
    except ValueError as error:
        raise UsageError(f"the {name} is {text!r}, expected a number", "type for example 2.5") from error


def _can_write(suffix: str) -> bool:
    try:
        return bool(output_format(PurePath(f"a{suffix}")))
    except SrganError:
        return False


def _shown(results: Sequence[TaskResult], job: Job) -> tuple[Any, ...]:
    """What the page shows of results.  Raises the error of the first, if none succeeded."""
    done = [result for result in results if result.error is None]
    if not done and results[0].error:
        raise results[0].error
    targets = [Path(str(result.task.target)) for result in done]
    pairs = [
        (target.name, tuple(map(str, previews(Path(str(result.task.source)), target))))
        for result, target in zip(done, targets, strict=True)
    ]
    files = [archive(targets, job.folder / "srgan.zip"), *targets] if len(targets) > 1 else targets
    names = gr.Radio([name for name, _ in pairs], value=pairs[0][0], visible=len(pairs) > 1)
    return [*map(str, files)], pairs[0][1], names, pairs, "\n".join(_said(results))


def _said(results: Sequence[TaskResult]) -> Iterator[str]:
    """A line for each picture: its sizes and warnings, or why it failed."""
    for result in results:
        name = Path(str(result.task.source)).name
        if result.error:
            yield f"- **{name}**: {_sentence(result.error)}"
            continue
        (height, width), (new_height, new_width) = result.input_size, result.output_size
        size = f"{width} x {height} to {new_width} x {new_height}, {result.seconds:.1f} s"
        yield "; ".join((f"- {name}: {size}", *result.warnings))


def _sentence(error: SrganError) -> str:
    """An error as a visitor may see it: with the names of files, not with folders of this machine."""
    text = f"{error.message} ({error.hint})" if error.hint else error.message
    return re.sub(rf"{re.escape(tempfile.gettempdir())}\S*/", "", text)


@contextmanager
def _errors_as_messages() -> Iterator[None]:
    try:
        yield
    except SrganError as error:
        raise gr.Error(_sentence(error), print_exception=False, title="") from error


def _session(request: gr.Request) -> str:
    return request.session_hash or ""


def _progress_to(progress: gr.Progress) -> Progress:
    return lambda done, total: progress(done / total, desc="Enlarging")
