"""srgan train."""

import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from srgan_cli.cli.options import Debug, Device, given
from srgan_cli.errors import UsageError

if TYPE_CHECKING:
    from srgan_cli.training.config import TrainConfig
    from srgan_cli.training.trainer import Trainer
    from srgan_cli.world import World

_SETTINGS = (
    *("data", "low", "unpaired", "name", "scale", "pixel_share", "degradation", "game", "discriminator"),
    *("adversarial_weight", "perceptual_weight", "perceptual_weights", "batch", "patch", "generator", "channels"),
    *("blocks", "batch_norm", "init_from", "seed", "device"),
)
"""The options of `train` that are settings of the run, by their names in TrainConfig."""
_ENDINGS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def train(
    context: typer.Context,
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA...",
            help="Folders of pictures, nested as you like; pictures of photos/:3 are drawn three times as often.",
        ),
    ] = None,
    run: Annotated[Path, typer.Option(help="Folder that receives weights, checkpoint and log.")] = Path("run"),
    low: Annotated[
        list[str] | None,
        typer.Option(help="Folder of low-resolution partners of the same names; one for every DATA. [default: made]"),
    ] = None,
    unpaired: Annotated[
        str,
        typer.Option(help="Folder of low-resolution pictures of other scenes; partners are made that look like them."),
    ] = "",
    degradation: Annotated[
        str, typer.Option(help="How partners are made: bicubic, mild or real (blur, noise, JPEG and more).")
    ] = "bicubic",
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
    perceptual_weights: Annotated[
        str, typer.Option(help="File of the perceptual loss's VGG19. [default: torchvision's, fetched]", metavar="FILE")
    ] = "",
    batch: Annotated[int, typer.Option(min=1, help="Patches a step.")] = 16,
    patch: Annotated[int, typer.Option(min=8, help="Side of the low-resolution patches in pixels.")] = 24,
    generator: Annotated[str, typer.Option(help="srresnet, rrdb, span, srcnn, swinir or unet.")] = "srresnet",
    channels: Annotated[int, typer.Option(min=1, help="Channels of the generator.")] = 48,
    blocks: Annotated[int, typer.Option(min=1, help="Residual blocks of the generator.")] = 8,
    batch_norm: Annotated[bool, typer.Option("--batch-norm", help="Batch norm in the generator.")] = False,
    init_from: Annotated[
        str, typer.Option(help="Weights to start from: a name, a file, also another project's .pth.")
    ] = "",
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
        chosen = {key: context.params[key] for key in ("data", "device") if given(context, key)}
        with world.joined():
            _fit(_resumed(run, world, **length, **chosen))
        return
    settings = read_recipe(recipe) if recipe else {}
    settings |= {key: context.params[key] for key in _SETTINGS if given(context, key)} | length
    settings.setdefault("name", f"srgan-x{settings.get('scale', scale)}")
    if "data" not in settings:
        raise UsageError("no pictures to train on", "name a folder: srgan train photos/")
    config = TrainConfig.from_json({**settings, "run": run})
    if check:
        _check(config)
        return
    with world.joined():
        _fit(_fresh(config, world))


def parse_duration(text: str) -> float:
    """Seconds of a duration such as 45s, 30m, 1h30m or 1.5h.  Raises UsageError for anything else."""
    number = r"(\d+(?:\.\d+)?)"
    found = re.fullmatch(f"(?:{number}h)?(?:{number}m)?(?:{number}s)?", text.strip().lower())
    parts = found.groups(default="0") if found else ("0", "0", "0")
    seconds: float = sum(float(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=True))
    if seconds <= 0:
        raise UsageError(f"cannot read the duration {text!r}", "write it as 45s, 30m or 1h30m")
    return seconds


def _refuse_settings(context: typer.Context) -> None:
    """A resumed run goes on with its own settings; only its pictures' place, length and device may change."""
    free = ("data", "run", "duration", "steps", "device", "resume", "debug")
    names = [parameter.name for parameter in context.command.params if parameter.name and parameter.name not in free]
    if fixed := given(context, *names):
        raise UsageError(
            f"a resumed run keeps its settings, found {', '.join(fixed)}",
            "only DATA, --time, --steps and --device may change",
        )


def _fresh(config: "TrainConfig", world: "World") -> "Trainer":
    from srgan_cli.training.run import prepare
    from srgan_cli.training.trainer import Trainer

    config, origin = prepare(config)
    return Trainer(config, _dataset(config, world.leads), origin, world)


def _resumed(run: Path, world: "World", **changes: Any) -> "Trainer":
    from srgan_cli.training.config import TrainConfig
    from srgan_cli.training.run import read_checkpoint
    from srgan_cli.training.trainer import Trainer

    state = read_checkpoint(run)
    config = TrainConfig.from_json(state["config"], run=run, **changes)
    return Trainer.resume(config, _dataset(config, world.leads), state, world)


def _check(config: "TrainConfig") -> None:
    from srgan_cli.console import show_check
    from srgan_cli.training.check import check_room, cost, findings
    from srgan_cli.training.run import check_start

    config, origin = check_start(config)
    dataset = _dataset(config)
    taken = cost(config, dataset, origin)
    show_check(list(findings(dataset, config)), taken, config)
    check_room(taken, config.run)


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
    from srgan_cli.console import say, training_view, write_line

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
        say(f"saved; go on with: srgan train --run {trainer.config.run} --resume")
        raise typer.Exit(128 + received[0])
    write_line(trainer.folder.weights)
