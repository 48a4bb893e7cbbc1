"""The options of srgan train."""

from pathlib import Path
from typing import Annotated

import typer

from srgan_cli.cli.completion import complete_models, complete_setting

Data = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DATA...",
        help="Folders of pictures, searched recursively; pictures of photos/:3 are sampled three times as often.",
    ),
]
Run = Annotated[
    Path,
    typer.Option(help="Folder for weights, checkpoint and log. [default: run, or run-2 if used]", show_default=False),
]
Low = Annotated[
    list[str] | None,
    typer.Option(help="Folder of low-resolution partners of the same names; one for every DATA. [default: made]"),
]
PairOption = Annotated[
    str, typer.Option("--pair", help="Names in --low, such as '{stem}_LR'. [default: equal, or {stem}x4]")
]
Bands = Annotated[
    str,
    typer.Option(
        help="Pictures are measurements of this number of bands; all takes that of the first. [default: photographs]"
    ),
]
RangeOption = Annotated[
    str,
    typer.Option("--value-range", help="Values of measurements that are seen as 0 and 1. [default: percentiles]"),
]
RgbBands = Annotated[
    str,
    typer.Option(help="The bands that perceptual losses and samples take as red, green, blue: 4,3,2. [default: 1,2,3]"),
]
HeldOut = Annotated[str, typer.Option(help="Folder inside DATA for validation only. [default: one picture in twenty]")]
Unpaired = Annotated[
    str,
    typer.Option(help="Folder of low-resolution pictures of other scenes, whose degradation is learned."),
]
Degradation = Annotated[
    str,
    typer.Option(
        autocompletion=complete_setting("degradation"),
        help="How partners are made: bicubic, mild or real (blur, noise, JPEG and more).",
    ),
]
Recipe = Annotated[Path | None, typer.Option("--config", help="TOML file of settings; options override it.")]
Name = Annotated[str, typer.Option(help="Name of the weights. [default: srgan-xSCALE]")]
Scale = Annotated[int, typer.Option("--scale", "-s", help="2, 3 or 4.")]
Duration = Annotated[str, typer.Option("--time", help="Length of the run, as 45s, 30m or 1h30m. [default: 1h]")]
Steps = Annotated[int | None, typer.Option(min=1, help="Length of the run in steps.")]
PretrainFraction = Annotated[
    float, typer.Option(min=0, max=1, help="Fraction of the run that pretrains without the discriminator.")
]
GanLoss = Annotated[
    str,
    typer.Option(
        autocompletion=complete_setting("gan_loss"),
        help="Adversarial loss: minimax, non-saturating, least-squares, hinge, relativistic or wasserstein.",
    ),
]
PixelShare = Annotated[float | None, typer.Option(hidden=True, help="The former name of --pretrain-fraction.")]
Game = Annotated[str | None, typer.Option(hidden=True, help="The former name of --gan-loss.")]
DiscriminatorName = Annotated[
    str, typer.Option(autocompletion=complete_setting("discriminator"), help="vgg, patch or unet.")
]
AdversarialWeight = Annotated[float, typer.Option(min=0, help="Weight of the adversarial loss.")]
PerceptualWeight = Annotated[float, typer.Option(min=0, help="Weight of the perceptual loss.")]
PerceptualWeights = Annotated[
    str,
    typer.Option(
        help="Weights file for the VGG19 of the perceptual loss. [default: torchvision's, downloaded]", metavar="FILE"
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Patches in a batch.")]
Patch = Annotated[int, typer.Option(min=8, help="Side of the low-resolution patches in pixels.")]
GeneratorName = Annotated[
    str,
    typer.Option(
        autocompletion=complete_setting("generator"), help="srresnet, rrdb, smfanet, span, srcnn, swinir or unet."
    ),
]
Channels = Annotated[int, typer.Option(min=1, help="Channels of the generator.")]
Blocks = Annotated[int, typer.Option(min=1, help="Residual blocks of the generator.")]
BatchNorm = Annotated[bool, typer.Option("--batch-norm", help="Use batch norm in the generator.")]
InitFrom = Annotated[
    str,
    typer.Option(
        autocompletion=complete_models, help="Weights to start from: a name or a file, also of another project (.pth)."
    ),
]
Teachers = Annotated[
    list[str] | None,
    typer.Option(
        "--teacher",
        autocompletion=complete_models,
        help="Learn the output of this model, as upscale -m takes it; of several, the mean.",
    ),
]
TeacherWeight = Annotated[
    float, typer.Option(min=0, max=1, help="Fraction of the teacher in the target; the rest is the original.")
]
TeacherSelfEnsemble = Annotated[
    bool, typer.Option("--teacher-self-ensemble", help="Average the teacher over 8 flips and rotations.")
]
Log = Annotated[
    str,
    typer.Option(help="Also log to tensorboard, trackio (on this machine), none, or auto: TensorBoard if installed."),
]
Check = Annotated[bool, typer.Option("--check", help="Check the pictures and measure the cost of the run, then stop.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the run in --run.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of all random choices.")]
