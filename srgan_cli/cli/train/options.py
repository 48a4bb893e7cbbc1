"""The options of srgan train."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from srgan_cli.cli.completion import complete_models, complete_setting
from srgan_cli.cli.options import Debug, Device, MaxPixels, NoConfig, parse_whole_factor


@dataclass(frozen=True, kw_only=True)
class TrainArguments:
    """The arguments and options of srgan train."""

    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA...",
            help="Folders of pictures, searched recursively; pictures of photos/:3 are sampled three times as often.",
        ),
    ] = None
    run: Annotated[
        Path,
        typer.Option(
            help="Folder for weights, checkpoint and log. [default: run, or run-2 if used]", show_default=False
        ),
    ] = Path("run")
    held_out: Annotated[
        str, typer.Option(help="Folder inside DATA for validation only. [default: one picture in twenty]")
    ] = ""
    low: Annotated[
        list[str] | None,
        typer.Option(help="Folder of low-resolution partners of the same names; one for every DATA. [default: made]"),
    ] = None
    pair: Annotated[
        str, typer.Option("--pair", help="Names in --low, such as '{stem}_LR'. [default: equal, or {stem}x4]")
    ] = ""
    unpaired: Annotated[
        str,
        typer.Option(help="Folder of low-resolution pictures of other scenes, whose degradation is learned."),
    ] = ""
    bands: Annotated[
        str,
        typer.Option(
            help="Pictures are measurements of this number of bands; all takes that of the first. "
            "[default: photographs]"
        ),
    ] = ""
    value_range: Annotated[
        str,
        typer.Option("--value-range", help="Values of measurements that are seen as 0 and 1. [default: percentiles]"),
    ] = ""
    rgb_bands: Annotated[
        str,
        typer.Option(
            help="The bands that perceptual losses and samples take as red, green, blue: 4,3,2. [default: 1,2,3]"
        ),
    ] = ""
    degradation: Annotated[
        str,
        typer.Option(
            autocompletion=complete_setting("degradation"),
            help="How partners are made: bicubic, mild or real (blur, noise, JPEG and more).",
        ),
    ] = "bicubic"
    recipe: Annotated[Path | None, typer.Option("--config", help="TOML file of settings; options override it.")] = None
    name: Annotated[str, typer.Option(help="Name of the weights. [default: srgan-xSCALE]")] = ""
    scale: Annotated[
        int, typer.Option("--scale", "-s", parser=parse_whole_factor, metavar="NUMBER", help="2, 3 or 4.")
    ] = 4
    time: Annotated[str, typer.Option("--time", help="Length of the run, as 45s, 30m or 1h30m. [default: 1h]")] = ""
    steps: Annotated[int | None, typer.Option(min=1, help="Length of the run in steps.")] = None
    pretrain_fraction: Annotated[
        float, typer.Option(min=0, max=1, help="Fraction of the run that pretrains without the discriminator.")
    ] = 0.6
    gan_loss: Annotated[
        str,
        typer.Option(
            autocompletion=complete_setting("gan_loss"),
            help="Adversarial loss: minimax, non-saturating, least-squares, hinge, relativistic or wasserstein.",
        ),
    ] = "non-saturating"
    discriminator: Annotated[
        str, typer.Option(autocompletion=complete_setting("discriminator"), help="vgg, patch or unet.")
    ] = "vgg"
    adversarial_weight: Annotated[float, typer.Option(min=0, help="Weight of the adversarial loss.")] = 1e-3
    perceptual_weight: Annotated[float, typer.Option(min=0, help="Weight of the perceptual loss.")] = 0.0
    perceptual_weights: Annotated[
        str,
        typer.Option(
            help="Weights file for the VGG19 of the perceptual loss. [default: torchvision's, downloaded]",
            metavar="FILE",
        ),
    ] = ""
    batch: Annotated[int, typer.Option(min=1, help="Patches in a batch.")] = 16
    patch: Annotated[int, typer.Option(min=8, help="Side of the low-resolution patches in pixels.")] = 24
    generator: Annotated[
        str,
        typer.Option(
            autocompletion=complete_setting("generator"), help="srresnet, rrdb, smfanet, span, srcnn, swinir or unet."
        ),
    ] = "srresnet"
    channels: Annotated[int, typer.Option(min=1, help="Channels of the generator.")] = 48
    blocks: Annotated[int, typer.Option(min=1, help="Residual blocks of the generator.")] = 8
    batch_norm: Annotated[bool, typer.Option("--batch-norm", help="Use batch norm in the generator.")] = False
    init_from: Annotated[
        str,
        typer.Option(
            autocompletion=complete_models,
            help="Weights to start from: a name or a file, also of another project (.pth).",
        ),
    ] = ""
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            "--teacher",
            autocompletion=complete_models,
            help="Learn the output of this model, as upscale -m takes it, without auto; of several, the mean.",
        ),
    ] = None
    teacher_weight: Annotated[
        float, typer.Option(min=0, max=1, help="Fraction of the teacher in the target; the rest is the original.")
    ] = 1.0
    teacher_self_ensemble: Annotated[
        bool, typer.Option("--teacher-self-ensemble", help="Average the teacher over 8 flips and rotations.")
    ] = False
    log: Annotated[
        str,
        typer.Option(
            help="Also log to tensorboard, trackio (on this machine), none, or auto: TensorBoard if installed."
        ),
    ] = "auto"
    check: Annotated[
        bool, typer.Option("--check", help="Check the pictures and measure the cost of the run, then stop.")
    ] = False
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --run.")] = False
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of all random choices.")] = 0
    max_pixels: MaxPixels = None
    device: Device = "auto"
    pixel_share: Annotated[float | None, typer.Option(hidden=True, help="The former name of --pretrain-fraction.")] = (
        None
    )
    game: Annotated[str | None, typer.Option(hidden=True, help="The former name of --gan-loss.")] = None
    no_config: NoConfig = False
    debug: Debug = False
