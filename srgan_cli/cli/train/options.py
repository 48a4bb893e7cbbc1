"""The options of srgan train."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from srgan_cli.cli.options import Debug, Device, MaxPixels, NoConfig, option, parse_whole_factor, split_list


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
    run: Path = option(
        Path("run"), "Folder for weights, checkpoint and log. [default: run, or run-2 if used]", show_default=False
    )
    held_out: str = option("", "Folder inside DATA for validation only. [default: one picture in twenty]")
    low: list[str] | None = option(
        None, "Folder of low-resolution partners of the same names; one for every DATA. [default: made]"
    )
    pair: str = option("", "Names in --low, such as '{stem}_LR'. [default: equal, or {stem}x4]")
    unpaired: str = option("", "Folder of low-resolution pictures of other scenes, whose degradation is learned.")
    bands: str = option(
        "", "Pictures are measurements of this number of bands; all takes that of the first. [default: photographs]"
    )
    value_range: str = option("", "Values of measurements that are seen as 0 and 1. [default: percentiles]")
    rgb_bands: str = option(
        "", "The bands that perceptual losses and samples take as red, green, blue: 4,3,2. [default: 1,2,3]"
    )
    degradation: str = option("bicubic", "How partners are made: bicubic, mild or real (blur, noise, JPEG and more).")
    recipe: Path | None = option(None, "TOML file of settings; options override it.", "--config")
    name: str = option("", "Name of the weights. [default: srgan-xSCALE]")
    scale: int = option(4, "2, 3 or 4.", "--scale", "-s", parser=parse_whole_factor)
    time: str = option("", "Length of the run, as 45s, 30m or 1h30m. [default: 1h]")
    steps: int | None = option(None, "Length of the run in steps.", min=1)
    pretrain_fraction: float = option(
        0.6, "Fraction of the run that pretrains without the discriminator.", min=0, max=1
    )
    gan_loss: str = option(
        "non-saturating",
        "Adversarial loss: minimax, non-saturating, least-squares, hinge, relativistic or wasserstein.",
    )
    discriminator: str = option("vgg", "vgg, patch or unet.")
    adversarial_weight: float = option(1e-3, "Weight of the adversarial loss.", min=0)
    perceptual_weight: float = option(0.0, "Weight of the perceptual loss.", min=0)
    perceptual_weights: str = option(
        "", "Weights file for the VGG19 of the perceptual loss. [default: torchvision's, downloaded]"
    )
    batch: int = option(16, "Patches in a batch.", min=1)
    patch: int = option(24, "Side of the low-resolution patches in pixels.", min=8)
    generator: str = option("srresnet", "srresnet, rrdb, compact, smfanet, span, srcnn, swinir or unet.")
    channels: int = option(48, "Channels of the generator.", min=1)
    blocks: int = option(8, "Residual blocks of the generator.", min=1)
    batch_norm: bool = option(False, "Use batch norm in the generator.")
    init_from: str = option("", "Weights to start from: a name or a file, also of another project (.pth).")
    teacher: list[str] | None = option(
        None,
        "Learn the output of this model, as upscale -m takes it, without auto; of several, the mean.",
        callback=split_list,
    )
    teacher_weight: float = option(
        1.0, "Fraction of the teacher in the target; the rest is the original.", min=0, max=1
    )
    teacher_self_ensemble: bool = option(False, "Average the teacher over 8 flips and rotations.")
    log: str = option("auto", "Also log to tensorboard, trackio (local), none, or auto: TensorBoard if installed.")
    check: bool = option(False, "Check the pictures and measure the cost of the run, then stop.")
    resume: bool = option(False, "Continue the run in --run.")
    seed: int = option(0, "Seed of all random choices.", min=0, max=2**63 - 1)
    max_pixels: MaxPixels = None
    device: Device = "auto"
    pixel_share: float | None = option(None, "The former name of --pretrain-fraction.", hidden=True)
    game: str | None = option(None, "The former name of --gan-loss.", hidden=True)
    no_config: NoConfig = False
    debug: Debug = False
