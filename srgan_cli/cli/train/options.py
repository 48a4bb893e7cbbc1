"""The options of srgan train."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DATA...",
        help="Folders of pictures, nested as you like; pictures of photos/:3 are drawn three times as often.",
    ),
]
Run = Annotated[Path, typer.Option(help="Folder that receives weights, checkpoint and log.")]
Low = Annotated[
    list[str] | None,
    typer.Option(help="Folder of low-resolution partners of the same names; one for every DATA. [default: made]"),
]
HeldOut = Annotated[
    str, typer.Option(help="Folder inside DATA to validate on, not to train on. [default: one in twenty of all]")
]
Unpaired = Annotated[
    str,
    typer.Option(help="Folder of low-resolution pictures of other scenes; partners are made that look like them."),
]
Degradation = Annotated[
    str, typer.Option(help="How partners are made: bicubic, mild or real (blur, noise, JPEG and more).")
]
Recipe = Annotated[
    Path | None, typer.Option("--config", help="A TOML file of settings; options given here come before it.")
]
Name = Annotated[str, typer.Option(help="Name of the weights. [default: srgan-xSCALE]")]
Scale = Annotated[int, typer.Option("--scale", "-s", help="2, 3 or 4.")]
Duration = Annotated[str, typer.Option("--time", help="Train this long, as 45s, 30m or 1h30m. [default: 1h]")]
Steps = Annotated[int | None, typer.Option(min=1, help="Train this many steps instead.")]
PixelShare = Annotated[float, typer.Option(min=0, max=1, help="Part of the schedule without the discriminator.")]
Game = Annotated[
    str,
    typer.Option(help="Adversarial loss: minimax, non-saturating, least-squares, hinge, relativistic, wasserstein."),
]
DiscriminatorName = Annotated[str, typer.Option(help="vgg, patch or unet.")]
AdversarialWeight = Annotated[float, typer.Option(min=0, help="Weight of the adversarial loss.")]
PerceptualWeight = Annotated[float, typer.Option(min=0, help="Weight of the perceptual loss.")]
PerceptualWeights = Annotated[
    str, typer.Option(help="File of the perceptual loss's VGG19. [default: torchvision's, fetched]", metavar="FILE")
]
BatchSize = Annotated[int, typer.Option(min=1, help="Patches a step.")]
Patch = Annotated[int, typer.Option(min=8, help="Side of the low-resolution patches in pixels.")]
GeneratorName = Annotated[str, typer.Option(help="srresnet, rrdb, span, srcnn, swinir or unet.")]
Channels = Annotated[int, typer.Option(min=1, help="Channels of the generator.")]
Blocks = Annotated[int, typer.Option(min=1, help="Residual blocks of the generator.")]
BatchNorm = Annotated[bool, typer.Option("--batch-norm", help="Batch norm in the generator.")]
InitFrom = Annotated[str, typer.Option(help="Weights to start from: a name, a file, also another project's .pth.")]
Check = Annotated[
    bool, typer.Option("--check", help="Look at the pictures and measure what the run would take, without it.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --run.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of all random choices.")]
