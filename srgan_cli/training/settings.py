"""The groups of settings of a training run.  Names of networks, losses and optimizers are literals here."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shown
from typing import Annotated

from srgan_cli.training.schema import Key, OneOf, Range, Settings, expect

FOREIGN_PREFIX = "spandrel:"  # starts the architecture of networks that are built from their weights
POSITIVE = Range("more than 0", lambda value: value is None or value > 0)
NON_NEGATIVE = Range("0 or more", lambda value: value is None or 0 <= value < math.inf)
Fraction = Annotated[float, Range("0 to 1", lambda value: 0 <= value <= 1)]
Weight = Annotated[float, NON_NEGATIVE]
LearningRate = Annotated[float, Range("more than 0", lambda value: 0 < value < math.inf)]
Count = Annotated[int, POSITIVE]
BACKBONES = ("vgg16", "vgg19", "squeezenet", "alexnet")


@dataclass(frozen=True)
class DataFolder:
    """A folder of pictures."""

    folder: Path
    weight: float = 1.0
    """How many times as often as those of other folders its pictures are sampled."""

    @classmethod
    def of(cls, text: str) -> "DataFolder":
        """Parse `photos/` or `photos/:3`.  Raises UsageError for a weight of 0 or infinity."""
        if (weighted := re.fullmatch(r"(.+):(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", text)) is None or Path(text).exists():
            return cls(Path(text))
        weight = float(weighted[2])
        expect(0 < weight < math.inf, f"{text} has the weight {weight:g}, expected more than 0 and finite")
        return cls(Path(weighted[1]), weight)

    def __str__(self) -> str:
        weight = repr(self.weight).removesuffix(".0")
        return str(self.folder) if self.weight == 1 else f"{self.folder}:{weight}"


@dataclass(frozen=True)
class RunConfig(Settings):
    """Where a run keeps its results, and what it is called."""

    folder: Annotated[Path, Key("run")] = Path("run")
    """The folder that receives weights, checkpoint and log."""
    name: str = "srgan-x4"
    """The name of the weights."""
    seed: int = 0
    """The seed of all random choices."""
    device: str = "auto"
    """The device that trains: auto, cpu, cuda, cuda:N or mps."""
    log: Annotated[str, OneOf("auto", "tensorboard", "trackio", "none")] = "auto"
    """The program that receives losses and scores beside metrics.jsonl; auto is TensorBoard if it is installed."""

    @property
    def fidelity_name(self) -> str:
        """The name of the weights that the pixel phase ends with."""
        return f"{self.name}-fidelity"


@dataclass(frozen=True)
class ScheduleConfig(Settings):
    """How long a run takes, and how its phases share the time."""

    seconds: Annotated[float | None, POSITIVE] = 3600.0
    """The length of the run as time.  Exactly one of `seconds` and `steps` is set."""
    steps: Annotated[int | None, POSITIVE] = None
    """The length of the run in steps."""
    degradation_learning_fraction: Annotated[float, Range("between 0 and 1", lambda value: 0 < value < 1)] = 0.2
    """The fraction of the run that learns the degradation of unpaired pictures."""
    pretrain_fraction: Fraction = 0.6
    """The fraction of the rest that pretrains on the pixel loss, before the discriminator joins."""
    l2_fraction: Fraction = 0.0
    """The last fraction of the pretraining, which uses the squared pixel loss."""


@dataclass(frozen=True)
class DataConfig(Settings):
    """The pictures, and how batches are cut from them."""

    folders: Annotated[tuple[DataFolder, ...], Key("data")] = ()
    """Folders of pictures."""
    low: tuple[Path, ...] = ()
    """A folder of low-resolution partners for each folder of pictures.  Without it partners are made."""
    pair: str = ""
    """How the names of pictures and partners differ, such as {stem}x4; see `pair_by_name`."""
    bands: Annotated[int, NON_NEGATIVE] = 0
    """The number of bands of measurements; 0 for photographs, which are RGB."""
    value_range: str = ""
    """The values of measurements that the network sees as 0 and 1, as LOW,HIGH.  Without it percentiles of the data."""
    rgb_bands: str = ""
    """The three bands, counted from 1, that perceptual losses and samples show as red, green and blue."""
    held_out: str = ""
    """A folder inside `data` for validation.  Without it the pictures for validation are drawn from all."""
    unpaired: str = ""
    """A folder of low-resolution pictures of other scenes, whose degradation is learned."""
    validation_pictures: Count = 16
    """The largest number of pictures that are drawn for validation."""
    batch: Count = 16
    """Patches in a batch."""
    patch: Annotated[int, Range("at least 8 pixels", lambda value: value >= 8)] = 24
    """Side of the low-resolution patches in pixels."""
    patch_growth: Annotated[float, Range("1 to 8", lambda value: 1 <= value <= 8)] = 1.0
    """How many times wider patches are at the end of the pretraining; batches shrink to match."""
    candidate_patches: Count = 3
    """The number of random patches from which the one with the most detail is taken."""
    channel_shuffle_prob: Fraction = 0.0
    """The probability that the colour channels of a patch are permuted."""
    mixup_prob: Fraction = 0.0
    """The probability that the patches of a batch are blended with one another."""

    @property
    def shown_bands(self) -> tuple[int, ...]:
        """The channels that stand for colour, counted from 0: three, or one that is shown as grey."""
        named = tuple(int(number) - 1 for number in self.rgb_bands.split(",") if number)
        return named or ((0,) if self.bands in (1, 2) else (0, 1, 2))

    @property
    def largest_patch(self) -> int:
        """Side of the low-resolution patches at the end of the pretraining, in pixels."""
        return round(self.patch * self.patch_growth)

    @property
    def folder_names(self) -> str:
        """The folders of pictures as the user wrote them."""
        return " ".join(map(str, self.folders))


@dataclass(frozen=True)
class DegradationConfig(Settings):
    """How low-resolution partners are made."""

    kind: Annotated[str, Key("degradation"), OneOf("bicubic", "mild", "real")] = "bicubic"
    """bicubic reduces the picture; mild and real also add blur, noise and JPEG artefacts."""
    prob: Annotated[Fraction, Key("degradation_prob")] = 1.0
    """The probability that a low-resolution patch is degraded."""
    cutblur_prob: Fraction = 0.0
    """The probability that a degraded patch is clean inside or outside a rectangle."""


@dataclass(frozen=True)
class GeneratorConfig(Settings):
    """The generator."""

    architecture: Annotated[
        str,
        Key("generator"),
        OneOf("compact", "rrdb", "smfanet", "span", "srcnn", "srresnet", "swinir", "unet", prefix=FOREIGN_PREFIX),
    ] = "srresnet"
    """The architecture of the network."""
    channels: Count = 48
    """Channels of the hidden layers."""
    blocks: Count = 8
    """Residual blocks."""
    batch_norm: bool = False
    """Whether the network has batch norm."""
    global_variance: bool = True
    """Whether smfanet uses the variance of its maps over the whole picture; without it, all that counts is near."""
    dropout: Fraction = 0.0
    """The probability of dropout before the last layer."""
    noise: Annotated[int, Range("0 to 64 channels", lambda value: 0 <= value <= 64)] = 0
    """Channels of noise that the generator takes beside the picture."""
    init_from: str = ""
    """Weights to start from: a name or a file."""


@dataclass(frozen=True)
class TeacherConfig(Settings):
    """Knowledge distillation: other generators whose output is the target."""

    models: Annotated[tuple[str, ...], Key("teacher")] = ()
    """Names or files of weights.  The mean of several is the target."""
    weight: Annotated[Fraction, Key("teacher_weight")] = 1.0
    """The fraction of the teacher in the target; the rest is the original."""
    input: Annotated[str, Key("teacher_input"), OneOf("same", "clean")] = "same"
    """What the teacher sees: the same degraded patch as the generator, or the patch before its degradation."""
    self_ensemble: Annotated[bool, Key("teacher_self_ensemble")] = False
    """Whether the teacher is averaged over eight flips and turns."""
    cache: Annotated[str, Key("teacher_cache"), OneOf("auto", "on", "off")] = "auto"
    """Whether the teacher's output is computed once for whole pictures, before the training; auto for a slow one."""
    draws: Annotated[Count, Key("teacher_draws")] = 4
    """Cached degradations of each picture."""
    fraction: Annotated[float, Key("teacher_fraction"), Range("above 0, at most 1", lambda value: 0 < value <= 1)] = 1.0
    """The fraction of the pictures that is cached and trained on."""


@dataclass(frozen=True)
class DiscriminatorConfig(Settings):
    """The discriminator."""

    architecture: Annotated[str, Key("discriminator"), OneOf("patch", "unet", "vgg")] = "vgg"
    """The architecture of the network."""
    channels: Annotated[Count, Key("discriminator_channels")] = 32
    """Channels of the first layer."""
    norm: Annotated[str, Key("discriminator_norm"), OneOf("auto", "batch", "layer", "none")] = "auto"
    """The normalisation; auto is layer norm with a gradient penalty, else batch norm."""


@dataclass(frozen=True)
class LossConfig(Settings):
    """The losses of both networks and their weights."""

    pixel_loss: Annotated[str, OneOf("l1", "l2", "charbonnier")] = "l1"
    """The pixel loss."""
    pixel_weight: Weight = 1.0
    """The weight of the pixel loss."""
    frequency_weight: Weight = 0.0
    """The weight of the loss on Fourier coefficients."""
    phase_weight: Weight = 0.0
    """The weight of the loss on the means of polyphase components, which prevents checkerboards."""
    perceptual_weight: Weight = 0.0
    """The weight of the perceptual loss."""
    perceptual_network: str = "vgg19"
    """The backbone of the perceptual loss; squeezenet+vgg16 is the mean of two."""
    perceptual_weights: str = ""
    """A file with the weights of the backbone."""
    gan_loss: Annotated[
        str, OneOf("minimax", "non-saturating", "least-squares", "hinge", "relativistic", "wasserstein")
    ] = "non-saturating"
    """The adversarial loss."""
    adversarial_weight: Weight = 1e-3
    """The weight of the adversarial loss.  If 0, there is no discriminator: the perceptual loss alone joins."""
    feature_matching_weight: Weight = 0.0
    """The weight of feature matching in the discriminator."""
    label_smoothing: Fraction = 0.0
    """How far below 1 the label of real pictures is."""
    gradient_penalty: Annotated[float | None, NON_NEGATIVE] = None
    """The weight of the gradient penalty.  By default 10 with the Wasserstein loss, else 0."""
    r1_weight: Weight = 0.0
    """The weight of the R1 penalty."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.backbones:
            expect(name in BACKBONES, f"perceptual_network has {shown(name)}, expected one of {', '.join(BACKBONES)}")
        one = len(self.backbones) == 1
        expect(one or not self.perceptual_weights, "perceptual_weights is a file for one backbone, found several")
        smoothable = self.gan_loss != "wasserstein" or not self.label_smoothing
        expect(smoothable, "the wasserstein loss has no labels, expected a label_smoothing of 0")

    @property
    def backbones(self) -> list[str]:
        """The names of the backbones of the perceptual loss."""
        return self.perceptual_network.split("+")

    @property
    def gradient_penalty_weight(self) -> float:
        """The weight of the gradient penalty, with its default filled in."""
        if self.gradient_penalty is not None:
            return self.gradient_penalty
        return 10.0 if self.gan_loss == "wasserstein" else 0.0

    @property
    def needs_discriminator(self) -> bool:
        """Whether a loss of the adversarial phase asks the discriminator."""
        return bool(self.adversarial_weight or self.feature_matching_weight)

    @property
    def penalises_gradients(self) -> bool:
        """Whether the discriminator's loss has a gradient penalty of either kind."""
        return bool(self.gradient_penalty_weight or self.r1_weight)


@dataclass(frozen=True)
class OptimConfig(Settings):
    """How the networks are optimised."""

    optimizer: Annotated[str, OneOf("adam", "adamw", "rmsprop", "muon")] = "adam"
    """The optimizer of all networks."""
    lr_schedule: Annotated[str, Key("schedule"), OneOf("cosine", "multistep")] = "cosine"
    """How the learning rate falls over a phase."""
    learning_rate: LearningRate = 1e-3
    """The generator's learning rate in the pretraining."""
    adversarial_learning_rate: LearningRate = 1e-4
    """The generator's learning rate in the adversarial phase."""
    discriminator_learning_rate: LearningRate = 1e-4
    """The discriminator's learning rate."""
    accumulate: Count = 1
    """Batches whose gradients make one step."""
    ema_decay: Annotated[float, Range("0 up to 1", lambda value: 0 <= value < 1)] = 0.999
    """The decay of the generator's exponential moving average, which is what a run delivers."""
    equivariance: Annotated[str, OneOf("auto", "d4", "c4", "d2", "d1", "off")] = "auto"
    """The flips and turns to which the generator is kept equivariant; auto is all eight (d4) where possible."""
    precision: Annotated[str, OneOf("auto", "fp32", "bf16", "fp16")] = "auto"
    """The number format of multiplications; auto is the device's best."""
    compile: bool = False
    """Whether torch.compile compiles the generator."""
