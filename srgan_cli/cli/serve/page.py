"""The page of srgan serve: choices, one slider over original and result, and the files to take away."""

import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import gradio as gr

from srgan_cli.batch.task import TaskResult
from srgan_cli.batch.weights_choice import describe_rule
from srgan_cli.cli.console import warn
from srgan_cli.cli.serve.jobs import Choice, Job, Studio, Visits, archive, previews
from srgan_cli.errors import SrganError, UsageError, errors_as
from srgan_cli.image.codec.capabilities import FORMAT_CAPABILITIES, Encoding, format_of
from srgan_cli.image.ops import KERNELS
from srgan_cli.weights.formats import list_weights
from srgan_cli.weights.hub import list_cached
from srgan_cli.weights.registry import AUTOMATIC

SAME_FORMAT = "as the input"
OWN = "of the weights"
DEFAULT_QUALITY = "of the format"
TEXT = "text"  # the purpose that drawings have, too
PRESETS = {
    "photograph": ("", OWN, OWN),
    "photograph from the web": ("photo-x4", OWN, OWN),
    "drawing or text": (TEXT, OWN, OWN),
    "faithful": ("srgan-x4", OWN, "0"),
    "sharp": ("srgan-x4", OWN, "1"),
    "pixel art": ("nearest", "4", OWN),
}
"""Weights ("" for those that are chosen at first), scale and strength by purpose."""


class _Page(gr.Blocks):  # type: ignore[misc]
    """A page that answers a request which does not fit it with a message; gradio prints a trace."""

    async def process_api(self, *arguments: Any, **named: Any) -> Any:
        """What a function returns for what a browser or program sent.  Raises gradio.Error."""
        try:
            return await super().process_api(*arguments, **named)
        except Exception as error:
            if isinstance(error, gr.Error) and not error.print_exception:
                raise
            reason = getattr(error, "message", str(error)).partition("\n")[0]
            warn(f"a request failed: {reason}")
            raise gr.Error(f"this page cannot do that: {reason}", print_exception=False, title="") from error


class _Actions:
    """What the page does when a visitor acts."""

    def __init__(self, studio: Studio, visits: Visits, models: dict[str, str]) -> None:
        """`models` are the weights that are offered, by their names on the page."""
        self.studio, self.visits, self.models = studio, visits, models

    def enlarge(
        self,
        files: list[str] | None,
        weights: str,
        scale: str,
        strength: str,
        form: str,
        quality: str,
        lossless: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Enlarge pictures.  Returns the files, the previews of the first, the names, all previews, and what to say."""
        job = self.visits.start(_session(request))
        with _errors_as_messages(job):
            weights, scale, strength, form, quality = map(str, (weights, scale, strength, form, quality))
            _check("weights", weights, self.models)
            _check("format", form, _formats())
            suffix = "" if form == SAME_FORMAT else form
            factor, sharpness = _number("scale", scale), _number("strength", strength)
            choice = Choice(self.models[weights], factor, sharpness, suffix, Encoding(_quality(quality), lossless))
            if not files:
                raise UsageError("no picture", "drop one into the box first")
            results = self.studio.enlarge(
                [*map(Path, files)], choice, job, lambda done, total: progress(done / total, desc="Enlarging")
            )
            return _shown(results, job)

    def cancel(self, request: gr.Request) -> str:
        """End the work on the visitor's pictures.  Returns what to say."""
        self.visits.cancel(_session(request))
        return "Stopped. Enlarge starts again."

    def forget(self, request: gr.Request) -> None:
        """Delete the visitor's pictures."""
        self.visits.forget(_session(request))


def build(studio: Studio, visits: Visits, model: str) -> gr.Blocks:
    """The page; `model` is what it offers first."""
    offered = AUTOMATIC, TEXT, *list_weights(), *(cached.source for cached in list_cached()), *KERNELS
    known = dict(zip(offered, offered, strict=True))
    models = known if model in known else {PurePath(model).name: model, **known}  # a file is called by its name alone
    first = next(name for name, place in models.items() if place == model)
    presets = {name: (weights or first, *others) for name, (weights, *others) in PRESETS.items()}
    actions, private = _Actions(studio, visits, models), {"queue": False, "api_visibility": "private"}
    several = {"file_count": "multiple"}
    with _Page(title="srgan", analytics_enabled=False, fill_width=True) as page:
        gr.Markdown("# srgan\nPictures stay on the machine that runs this page.")
        with gr.Row():
            with gr.Column(scale=1, min_width=320):
                pictures = gr.File(label="Pictures", **several, type="filepath", elem_id="pictures", height=190)
                preset = gr.Radio([*PRESETS], value=next(iter(PRESETS)), label="Preset", elem_id="preset")
                choices = _choices(models, first)
                preset.input(lambda name: presets[name], preset, choices[:3], **private)
                with gr.Row():
                    go = gr.Button("Enlarge", variant="primary", elem_id="enlarge", scale=2, min_width=120)
                    stop = gr.Button("Cancel", elem_id="cancel", min_width=90)
            with gr.Column(scale=3, min_width=320):
                slider = _comparison()
                names, pairs = gr.Radio([], label="Shown", visible=False), gr.State([])
                report = gr.Markdown(elem_id="report")
                files = gr.File(label="Results", **several, interactive=False, elem_id="results", visible=False)
        shown, public = [files, slider, names, pairs, report], {"api_name": "enlarge", "concurrency_limit": 1}
        work = go.click(actions.enlarge, [pictures, *choices], shown, show_progress_on=[slider], **public)
        work.success(lambda: gr.File(visible=True), None, files, **private)
        stop.click(actions.cancel, None, report, cancels=[work], **private)
        names.input(lambda name, known: dict(known).get(name), [names, pairs], slider, api_visibility="private")
        page.unload(actions.forget)
    return page


def _comparison() -> gr.ImageSlider:
    """Original and result under one slider, with buttons that zoom."""
    zooms = [gr.Button(sign, render=False) for sign in ("\N{MINUS SIGN}", "+")]
    slider = gr.ImageSlider(
        label="Original and result",
        type="filepath",
        interactive=False,
        buttons=[*zooms, "fullscreen"],
        elem_id="compare",
        max_height=720,
    )
    for button, count in zip(zooms, (-8, 8), strict=True):
        button.click(None, js=f"() => zoom({count})", api_visibility="private")
    return slider


def _choices(models: Iterable[str], first: str) -> list[Any]:
    """What a visitor chooses beside pictures: weights, scale, strength, format, quality, and whether without loss."""
    others = (name for name in models if name != first)
    rules = "; ".join(f"{purpose}: {describe_rule(purpose)}" for purpose in (AUTOMATIC, TEXT))
    weights = _dropdown("Weights", first, *others, info=rules)
    scale = _dropdown("Scale", OWN, "2", "3", "4", "8", "16")
    strengths, levels = ("0", "0.25", "0.5", "0.75", "1"), ("50", "75", "85", "95", "100")
    with gr.Accordion("Strength, format and quality", open=False, elem_id="more"):
        return [
            weights,
            scale,
            _dropdown("Strength", OWN, *strengths, info="0 is the most faithful, 1 the sharpest; only for srgan"),
            _dropdown("Format", *_formats()),
            _dropdown("Quality", DEFAULT_QUALITY, *levels, info="from 0 to 100, of JPEG, WebP, AVIF, HEIC and JPEG XL"),
            gr.Checkbox(label="Without loss (WebP, AVIF, HEIC, JPEG XL)"),
        ]


def _formats() -> list[str]:
    return [SAME_FORMAT, *filter(_can_write, (kind.suffixes[0] for kind in FORMAT_CAPABILITIES.values()))]


def _dropdown(label: str, default: str, *offered: str, info: str | None = None) -> gr.Dropdown:
    """A list of choices.  The page checks what it gets: gradio prints a trace for a value outside of such a list."""
    return gr.Dropdown([default, *offered], value=default, label=label, info=info, allow_custom_value=True)


def _check(name: str, chosen: str, offered: Collection[str]) -> None:
    if chosen not in offered:
        raise UsageError(f"{name} {chosen!r} not offered", f"choose one of: {', '.join(offered)}")


def _number(name: str, text: str) -> float | None:
    """The number that a visitor typed; None for the default.  Raises UsageError for anything else."""
    message, hint = "the {name} is {text!r}, expected a number", "type for example 2.5"
    with errors_as(UsageError, message, hint, ValueError, name=name, text=text):
        return None if text == OWN else float(text)


def _quality(text: str) -> int | None:
    """The quality that a visitor typed; None for the default.  Raises UsageError for anything else."""
    if text == DEFAULT_QUALITY:
        return None
    if not text.isdecimal() or int(text) > 100:
        raise UsageError(f"the quality is {text!r}, expected a whole number from 0 to 100", "type for example 90")
    return int(text)


def _can_write(suffix: str) -> bool:
    try:
        return bool(format_of(PurePath(f"a{suffix}")))
    except SrganError:
        return False


def _shown(results: Sequence[TaskResult], job: Job) -> tuple[Any, ...]:
    """What the page shows of results.  Raises the error of the first, if none succeeded."""
    done = [result for result in results if result.error is None]
    if not done and results[0].error:
        raise results[0].error
    targets = [Path(str(result.task.target)) for result in done]
    written, pairs = list[Path](), list[tuple[str, tuple[str, ...]]]()
    for result, target in zip(done, targets, strict=True):
        written += [target.with_name(name) for name in (target.name, *result.sidecars)]
        pairs.append((target.name, tuple(map(str, previews(Path(str(result.task.source)), target)))))
    files = [archive(written, job.folder / "srgan.zip"), *written] if len(written) > 1 else written
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
        weights = f"{result.model}, chosen for {result.reason}" if result.reason else result.model
        yield "; ".join((f"- {name}: {size}, {weights}", *result.warnings))


def _sentence(error: SrganError) -> str:
    """An error as a visitor may see it: with the names of files, not with folders of this machine."""
    text = f"{error.message} ({error.hint})" if error.hint else error.message
    return re.sub(rf"{re.escape(tempfile.gettempdir())}\S*/", "", text)


@contextmanager
def _errors_as_messages(job: Job) -> Iterator[None]:
    try:
        yield
    except SrganError as error:  # that of a cancelled job may reach the browser before it has ended the request
        message, is_shown = _sentence(error), not job.cancelled.is_set()
        raise gr.Error(message, visible=is_shown, print_exception=False, title="") from error


def _session(request: gr.Request) -> str:
    return request.session_hash or ""
