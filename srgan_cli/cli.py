"""The commands: parse, one library call, draw."""

import signal
import time
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from srgan_cli import __version__
from srgan_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from srgan_cli.picture import Picture
    from srgan_cli.progress import Progress
    from srgan_cli.sequence import Losses
    from srgan_cli.training.config import TrainConfig
    from srgan_cli.training.trainer import Trainer
    from srgan_cli.upscaler import Upscaler
    from srgan_cli.world import World

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would double the time of --help
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Enlarge pictures with a generative adversarial network.",
)

_SETTINGS = (
    *(
        "low",
        "name",
        "scale",
        "pixel_share",
        "adversarial_weight",
        "perceptual_weight",
        "perceptual_file",
        "batch",
        "patch",
    ),
    *("game", "discriminator", "generator", "channels", "blocks", "batch_norm", "init_from", "seed", "device"),
)
"""The options of `train` that are settings of the run, by their names in TrainConfig."""
_METRICS = "psnr, ssim, ms-ssim, consistency, gradients, sqd, vggd, lpips, lpips-vgg, dists, fid or kid"
_ENDINGS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Channels = StrEnum("Channels", "y rgb")
ProtocolName = StrEnum("ProtocolName", {"sr_y": "sr-y", "sr_y_grey": "sr-y-grey", "rgb": "rgb", "skimage": "skimage"})
Mismatch = StrEnum("Mismatch", "error crop resize skip")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"srgan {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Enlarge pictures with a generative adversarial network.

    Results go to stdout, everything else to stderr.
    Exit codes: 0 all well, 1 something failed, 2 wrong usage, 130 interrupted, 143 terminated.
    """


@app.command(epilog="Example: srgan upscale --scale 2 photo.jpg photo-large.png")
def upscale(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The picture to enlarge.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write; its suffix decides the format.")],
    model: Annotated[
        str, typer.Option("--model", "-m", help="Shipped weights by name, or a .safetensors file.")
    ] = "srgan",
    scale: Annotated[
        float | None,
        typer.Option("--scale", "-s", help="How many times larger, 1 to 16. [default: the model's]"),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="From 0, most faithful, to 1, sharpest. [default: the model's]"),
    ] = None,
    device: Device = "auto",
    tile: Annotated[
        int, typer.Option(min=0, help="Longest side of a tile in input pixels; 0 takes the picture whole.")
    ] = 384,
    strict: Annotated[bool, typer.Option("--strict", help="Fail rather than drop anything of the picture.")] = False,
    debug: Debug = False,
) -> None:
    """Enlarge a picture, an animation or a document of several pages."""
    from srgan_cli.console import progress_bar, say, warn
    from srgan_cli.files import check_writable
    from srgan_cli.picture import check_size, output_format
    from srgan_cli.sequence import Losses, dropped_frames, fitting, open_pictures, write_pictures
    from srgan_cli.tiling import TilePolicy
    from srgan_cli.upscaler import Upscaler, check_scale

    check_scale(scale)
    output_format(target)
    check_writable(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target} is the input itself", "name another file to write")
    pictures = open_pictures(source)
    tell = Losses(target, warn, strict)
    tell(dropped_frames(target, pictures))
    upscaler = Upscaler.load(model, device, TilePolicy(tile), scale, strength)
    height, width = upscaler.target(*pictures.size, scale)
    check_size(target, height, width)
    began = time.monotonic()
    kept = fitting(pictures, target)
    with progress_bar(source.name) as progress:
        write_pictures(kept.each(_enlarging(upscaler, scale, tell, kept.count, progress)), target)
    say(
        f"{source.name} {pictures.size[1]} x {pictures.size[0]} -> {target.name} {width} x {height}"
        f"{f', {kept.count} pictures' if kept.count > 1 else ''}"
        f" ({upscaler.name} on {upscaler.device}, {time.monotonic() - began:.1f} s)"
    )


def _enlarging(
    upscaler: "Upscaler", scale: float | None, tell: "Losses", count: int, progress: "Progress"
) -> "Callable[[Picture], Picture]":
    """Enlarges one picture after the other and tells what each loses; the bar goes over all of them."""
    from srgan_cli.picture import dropped_by

    number = iter(range(count))

    def enlarge(picture: "Picture") -> "Picture":
        earlier = next(number)
        tell(picture.notes)
        tell(dropped_by(tell.path, picture))
        enlarged = upscaler.upscale(picture, scale, lambda done, total: progress(earlier * total + done, count * total))
        tell(dropped_by(tell.path, enlarged))
        return enlarged

    return enlarge


@app.command(epilog="Example: srgan score originals/ enlarged/ --baseline bicubic --metric psnr --metric ssim")
def score(
    reference: Annotated[Path, typer.Argument(metavar="REF", help="The original picture, or a folder of them.")],
    candidates: Annotated[
        list[Path] | None, typer.Argument(metavar="[OUT]...", help="Pictures to judge, or folders of the same names.")
    ] = None,
    baseline: Annotated[
        list[str] | None, typer.Option(help="bicubic, lanczos or a model: judge what it makes of the shrunk original.")
    ] = None,
    scale: Annotated[
        int, typer.Option("--scale", "-s", min=0, help="The enlargement; also the border, unless that is given.")
    ] = 4,
    metric: Annotated[
        list[str] | None, typer.Option(help=f"{_METRICS}; may be repeated. [default: psnr, ssim]")
    ] = None,
    protocol: Annotated[ProtocolName, typer.Option(help="How pictures are compared; see docs/scoring.md.")] = (
        ProtocolName.sr_y
    ),
    border: Annotated[int | None, typer.Option(min=0, help="Pixels cut from every side. [default: --scale]")] = None,
    channels: Annotated[Channels | None, typer.Option(help="BT.601 luma, or all colours.")] = None,
    on_mismatch: Annotated[Mismatch, typer.Option(help="What to do with pictures of another size.")] = Mismatch.error,
    features: Annotated[
        str, typer.Option(help="What fid and kid see with: inception, squeezenet, vgg16.")
    ] = "inception",
    patch: Annotated[int, typer.Option(min=0, help="fid and kid: side of patches; 0 for whole pictures.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a line a picture and method.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX.")] = False,
    figure: Annotated[Path | None, typer.Option(help="Write crops side by side to this .png.")] = None,
    crop: Annotated[str, typer.Option(help="x,y,w,h of the crops. [default: where methods disagree most]")] = "",
    html: Annotated[Path | None, typer.Option(help="Write a page with sliders to this .html.")] = None,
    fail_under: Annotated[list[str] | None, typer.Option(help="Exit 1 when a mean is lower, as psnr=28.")] = None,
    fail_over: Annotated[list[str] | None, typer.Option(help="Exit 1 when a mean is higher, as sqd=0.3.")] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0 for all cores.")] = 0,
    device: Device = "auto",
    debug: Debug = False,
) -> None:
    """Print PSNR, SSIM and other scores of pictures against their originals.

    Pictures are paired by name without suffix.  Of several candidates, a row each with 95 % intervals.
    Exits 1 when a picture has no partner or another size, a metric cannot be had, or a limit is broken.
    """
    from srgan_cli.console import print_scores, progress_bar, warn
    from srgan_cli.metrics import CLASSIC
    from srgan_cli.scoring.candidates import Scale
    from srgan_cli.scoring.gallery import plan_gallery
    from srgan_cli.scoring.limits import broken_limits, parse_limits
    from srgan_cli.scoring.rendering import only_form
    from srgan_cli.scoring.report import named_protocol
    from srgan_cli.scoring.score import Scoring, plan_scoring

    form = only_form(json=as_json, csv=as_csv, markdown=as_markdown, latex=as_latex)
    gallery = plan_gallery(figure, html, crop)
    limits = parse_limits(fail_under or [], fail_over or [])
    metrics = tuple(dict.fromkeys([*(metric or CLASSIC), *(limit.metric for limit in limits)]))
    chosen = replace(
        named_protocol(protocol.value, scale, border, metrics, channels.value if channels else None),
        mismatch=on_mismatch.value,
        features=features,
        patch=patch,
    )
    plan = plan_scoring(reference, candidates or [], baseline or [], chosen, Scale(scale, device))
    with progress_bar("scoring") as progress:
        scoring = Scoring(replace(plan, jobs=jobs, place_side=gallery.side), progress)
        print_scores(scoring, form)
    report = scoring.report()
    gallery.write(scoring, report)
    broken = broken_limits(report, limits)
    for problem in [*report.problems, *broken]:
        warn(problem)
    if broken or not report.complete:
        raise typer.Exit(1)


@app.command(epilog="Example: srgan train --time 30m photos/ && srgan upscale -m run/srgan-x4.safetensors a.png b.png")
def train(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A folder of pictures, nested as you like.")],
    run: Annotated[Path, typer.Option(help="Folder that receives weights, checkpoint and log.")] = Path("run"),
    low: Annotated[
        str, typer.Option(help="Folder of low-resolution partners of the same names. [default: made by bicubic]")
    ] = "",
    recipe: Annotated[
        Path | None, typer.Option("--config", help="A TOML file of settings; options given here come before it.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the weights. [default: srgan-xSCALE]")] = "",
    scale: Annotated[int, typer.Option("--scale", "-s", help="2, 3 or 4.")] = 4,
    duration: Annotated[str, typer.Option("--time", help="Train this long, as 45s, 30m or 1h30m. [default: 1h]")] = "",
    steps: Annotated[int | None, typer.Option(min=1, help="Train this many steps instead.")] = None,
    pixel_share: Annotated[
        float, typer.Option(min=0, max=1, help="Part of the schedule without the discriminator.")
    ] = 0.6,
    game: Annotated[
        str,
        typer.Option(
            help="Adversarial loss: minimax, non-saturating, least-squares, hinge, relativistic, wasserstein."
        ),
    ] = "non-saturating",
    discriminator: Annotated[str, typer.Option(help="vgg, patch or unet.")] = "vgg",
    adversarial_weight: Annotated[float, typer.Option(min=0, help="Weight of the adversarial loss.")] = 1e-3,
    perceptual_weight: Annotated[float, typer.Option(min=0, help="Weight of the perceptual loss.")] = 0.0,
    perceptual_file: Annotated[
        str, typer.Option(help="Weights of the perceptual loss's VGG16. [default: torchvision's, fetched]")
    ] = "",
    batch: Annotated[int, typer.Option(min=1, help="Patches a step.")] = 16,
    patch: Annotated[int, typer.Option(min=8, help="Side of the low-resolution patches in pixels.")] = 24,
    generator: Annotated[str, typer.Option(help="srresnet, rrdb, span, srcnn, swinir or unet.")] = "srresnet",
    channels: Annotated[int, typer.Option(min=1, help="Channels of the generator.")] = 48,
    blocks: Annotated[int, typer.Option(min=1, help="Residual blocks of the generator.")] = 8,
    batch_norm: Annotated[bool, typer.Option("--batch-norm", help="Batch norm in the generator.")] = False,
    init_from: Annotated[str, typer.Option(help="Weights to start from, by name or file.")] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Look at the pictures and measure what the run would take, without it.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --run.")] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of all random choices.")] = 0,
    device: Device = "auto",
    debug: Debug = False,
) -> None:
    """Train a generator against a discriminator on a folder of pictures.

    --check prints what is wrong with the pictures and what the run would take; it exits 1 if the run would fail.
    Warms up with the pixel loss alone, then adds the adversarial loss.  Prints the path of the finished weights.
    Ctrl-C saves; --resume goes on with the settings that the run was started with.
    """
    length: dict[str, Any] = {}
    if duration or steps is not None:
        length = {"seconds": parse_duration(duration) if duration else None, "steps": steps}
    if resume:
        _refuse_settings(context)
    from srgan_cli.training.config import TrainConfig, read_recipe
    from srgan_cli.training.run import has_checkpoint
    from srgan_cli.world import World

    world = World.here()
    if resume or (world.restarts and has_checkpoint(run)):
        chosen = {"device": device} if _given(context, "device") else {}
        with world.joined():
            _fit(_resumed(data, run, world, **length, **chosen))
        return
    settings = read_recipe(recipe) if recipe else {}
    settings |= {key: context.params[key] for key in _SETTINGS if _given(context, key)} | length
    settings.setdefault("name", f"srgan-x{settings.get('scale', scale)}")
    config = TrainConfig(data=data, run=run, **settings)
    if check:
        _check(config)
        return
    with world.joined():
        _fit(_fresh(config, world))


def parse_duration(text: str) -> float:
    """Seconds of a duration such as 45s, 30m, 1h30m or 1.5h.  Raises UsageError for anything else."""
    import re

    number = r"(\d+(?:\.\d+)?)"
    found = re.fullmatch(f"(?:{number}h)?(?:{number}m)?(?:{number}s)?", text.strip().lower())
    parts = found.groups(default="0") if found else ("0", "0", "0")
    seconds: float = sum(float(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=True))
    if seconds <= 0:
        raise UsageError(f"cannot read the duration {text!r}", "write it as 45s, 30m or 1h30m")
    return seconds


def _given(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name != "DEFAULT"


def _refuse_settings(context: typer.Context) -> None:
    """A resumed run goes on with its own settings; only its length and its device may change."""
    free = ("data", "run", "duration", "steps", "device", "resume", "debug")
    fixed = [f"--{name.replace('_', '-')}" for name in context.params if name not in free and _given(context, name)]
    if fixed:
        raise UsageError(
            f"a resumed run keeps its settings, found {', '.join(fixed)}",
            "only --time, --steps and --device may change",
        )


def _fresh(config: "TrainConfig", world: "World") -> "Trainer":
    from srgan_cli.training.run import prepare
    from srgan_cli.training.trainer import Trainer

    config, origin = prepare(config)
    return Trainer(config, _dataset(config, world.leads), origin, world)


def _resumed(data: Path, run: Path, world: "World", **changes: Any) -> "Trainer":
    from srgan_cli.training.config import TrainConfig
    from srgan_cli.training.run import read_checkpoint
    from srgan_cli.training.trainer import Trainer

    state = read_checkpoint(run)
    config = TrainConfig.from_json(state["config"], data=data, run=run, **changes)
    return Trainer.resume(config, _dataset(config, world.leads), state, world)


def _check(config: "TrainConfig") -> None:
    from srgan_cli.console import show_check
    from srgan_cli.training.check import cost, findings
    from srgan_cli.training.run import check_start

    config, origin = check_start(config)
    dataset = _dataset(config)
    show_check(list(findings(dataset, config)), cost(config, dataset, origin), config)


def _dataset(config: "TrainConfig", talks: bool = True) -> Any:
    from srgan_cli.console import progress_bar, say, warn
    from srgan_cli.training.data import load_dataset

    if not talks:
        return load_dataset(config)
    with progress_bar("reading pictures") as progress:
        dataset = load_dataset(config, progress)
    for skip in dataset.skipped:
        warn(f"skipped: {skip.reason}")
    say(
        f"{len(dataset.training)} pictures to train on, {len(dataset.validation)} held out, "
        f"{len(dataset.skipped)} skipped"
    )
    return dataset


def _fit(trainer: "Trainer") -> None:
    """Train; the first Ctrl-C, SIGTERM or SIGHUP saves and ends, a second one ends at once."""
    from srgan_cli.console import say, training_view

    received: list[int] = []

    def save_and_end(number: int, _frame: object) -> None:
        received.append(number)
        trainer.stop()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        say("saving; once more to end at once")

    for number in _ENDINGS:
        signal.signal(number, save_and_end)
    if not trainer.world.leads:
        for _ in trainer.fit():
            pass
        return
    with training_view(trainer.config) as show:
        for report in trainer.fit():
            show(report)
    if received:
        say(f"saved; go on with: srgan train {trainer.config.data} --run {trainer.config.run} --resume")
        raise typer.Exit(128 + received[0])
    typer.echo(trainer.folder.weights)
