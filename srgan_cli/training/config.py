"""TrainConfig: everything that decides how a run goes."""

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from inspect import signature
from pathlib import Path
from reprlib import repr as shown
from typing import Any

from srgan_cli.errors import UsageError
from srgan_cli.networks import DISCRIMINATORS, GENERATORS
from srgan_cli.networks.backbones import BACKBONES
from srgan_cli.system.discovery import is_plain_name
from srgan_cli.training.data.degradations import DEGRADATIONS
from srgan_cli.training.losses.adversarial import ADVERSARIAL_LOSSES
from srgan_cli.training.losses.pixel import PIXEL_LOSSES
from srgan_cli.training.optim.equivariance import GROUPS
from srgan_cli.training.optim.optimizer import OPTIMIZERS, TRAINING_DTYPES
from srgan_cli.training.optim.schedule import SCHEDULES
from srgan_cli.weights.spandrel import PREFIX

SCALES = (2, 3, 4)
PATH_SETTINGS = ("data", "run", "held_out", "low", "unpaired", "init_from", "perceptual_weights", "device")
"""Settings that name places of one machine."""
SETTINGS_FILE = "config.json"
"""The file of a run's settings."""
LEGACY_DEFAULTS = {"patch_choice": 1, "equivariance": "off"}
"""What settings were before they could be set: checkpoints and settings of earlier runs do not tell of them."""
DEGRADATION, PIXEL, ADVERSARIAL = "degradation", "pixel", "adversarial"
"""The phases of a run, in their order."""
_FRACTIONS = (
    *("pixel_share", "l2_share", "degraded_share", "colour_share", "mixup_share", "cutblur_share"),
    *("label_smoothing", "dropout"),
)
_WEIGHTS = (
    *("pixel_weight", "frequency_weight", "phase_weight", "perceptual_weight", "adversarial_weight", "matching_weight"),
    *("r1_weight", "gradient_penalty_weight"),
)
_COUNTS = (
    *("batch", "accumulate", "patch_choice", "validation", "channels", "blocks", "discriminator_channels"),
    *("seconds", "steps"),
)
_RATES = ("learning_rate", "adversarial_learning_rate", "discriminator_learning_rate")
_RANGES: dict[str, tuple[str, Callable[[float], bool]]] = {
    **dict.fromkeys(_FRACTIONS, ("0 to 1", lambda value: 0 <= value <= 1)),
    **dict.fromkeys(_WEIGHTS, ("0 or more", lambda value: 0 <= value < math.inf)),
    **dict.fromkeys(_COUNTS, ("more than 0", lambda value: value > 0)),
    **dict.fromkeys(_RATES, ("more than 0", lambda value: 0 < value < math.inf)),
    "noise": ("0 to 64 channels", lambda value: 0 <= value <= 64),
    "average": ("0 up to 1", lambda value: 0 <= value < 1),
    "unpaired_share": ("between 0 and 1", lambda value: 0 < value < 1),
    "patch": ("at least 8 pixels", lambda value: value >= 8),
    "patch_growth": ("1 to 8", lambda value: 1 <= value <= 8),
}
"""The settings that are numbers of a range, in words and as a test."""
_CHOICES: dict[str, Collection[Any]] = {
    "scale": SCALES,
    "generator": GENERATORS,
    "discriminator": DISCRIMINATORS,
    "game": ADVERSARIAL_LOSSES,
    "pixel_loss": PIXEL_LOSSES,
    "discriminator_norm": ("auto", "batch", "layer", "none"),
    "optimizer": OPTIMIZERS,
    "degradation": ("bicubic", *DEGRADATIONS),
    "schedule": SCHEDULES,
    "precision": TRAINING_DTYPES,
    "equivariance": ("auto", *GROUPS, "off"),
}


@dataclass(frozen=True)
class DataFolder:
    """A folder of pictures, and how many times as often as others each of them is drawn."""

    folder: Path
    weight: float = 1.0

    @classmethod
    def of(cls, text: str) -> "DataFolder":
        """What a text such as photos/ or photos/:3 names.  Raises UsageError for a weight of 0 or infinity."""
        weighted = re.fullmatch(r"(.+):(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", text)
        if weighted is None or Path(text).exists():
            return cls(Path(text))
        weight = float(weighted[2])
        _expect(0 < weight < math.inf, f"{text} has the weight {weight:g}, expected more than 0 and finite")
        return cls(Path(weighted[1]), weight)

    def __str__(self) -> str:
        weight = repr(self.weight).removesuffix(".0")
        return str(self.folder) if self.weight == 1 else f"{self.folder}:{weight}"


@dataclass(frozen=True)
class TrainConfig:
    """A run's settings.  The defaults train a compact x4 generator on any folder for an hour.

    data: folders of pictures.  low: a folder with the low-resolution partners of each of them; none to make them.
    held_out: a folder inside `data` to validate on and not to train on; without it some pictures of all are drawn.
    unpaired: a folder of low-resolution pictures of other scenes, whose degradation the made partners shall have.
    run: folder that receives the results.  name: of the weights.
    seconds or steps: the length of the schedule; exactly one of them is set.
    unpaired_share: the part of the schedule that learns the degradation of unpaired pictures.
    pixel_share: the part of the rest that trains on the pixel loss alone, before the discriminator joins.
    patch: side of the low-resolution crops in pixels; batch: crops a step.
    l2_share: the last part of the pixel phase, whose pixel loss is squared.
    patch_growth: how many times wider the patches are at the end of the pixel phase; their number shrinks to match.
    patch_choice: of how many random patches the one with the most detail is taken.
    degradation: bicubic, mild or real; degraded_share: the part of the low-resolution patches that it befalls.
    colour_share: the part of the patches whose colour channels change places.  cutblur_share: the part of the degraded
    patches that are clean inside or outside a rectangle.  mixup_share: the part of the batches whose patches are
    blended with one another.
    game: the form of the adversarial loss.  matching_weight: of feature matching through the discriminator.
    label_smoothing: how far below 1 the label of real pictures is.
    gradient_penalty, r1_weight: weights of the discriminator's penalties; the former is 10 in the Wasserstein game and
    0 in others unless it is given.  discriminator_norm: auto is layer norm under a penalty, else batch norm.
    accumulate: batches a step.  precision: auto is the device's best.  equivariance: the orientations of a picture
    that the generator is kept to treat alike; auto is d4, all eight, where its layers and first weights allow it.
    noise: channels of noise that the generator takes beside the picture.  compile: let torch.compile build the
    generator's kernels.
    perceptual_network, perceptual_weights: the backbone of the perceptual loss, and a file to read it from; or several,
    such as squeezenet+vgg16, of whose distances the mean counts.
    adversarial_learning_rate: the generator's once the discriminator has joined.
    average: decay of the generator's exponential moving average, which is what a run delivers.
    validation: the largest number of pictures that are drawn to be held out.
    """

    data: tuple[DataFolder, ...]
    run: Path = Path("run")
    low: tuple[Path, ...] = ()
    held_out: str = ""
    unpaired: str = ""
    name: str = "srgan-x4"
    scale: int = 4
    seconds: float | None = 3600.0
    steps: int | None = None
    unpaired_share: float = 0.2
    pixel_share: float = 0.6
    l2_share: float = 0.0
    generator: str = "srresnet"
    channels: int = 48
    blocks: int = 8
    batch_norm: bool = False
    dropout: float = 0.0
    noise: int = 0
    init_from: str = ""
    discriminator: str = "vgg"
    discriminator_channels: int = 32
    discriminator_norm: str = "auto"
    batch: int = 16
    patch: int = 24
    patch_growth: float = 1.0
    patch_choice: int = 3
    degradation: str = "bicubic"
    degraded_share: float = 1.0
    colour_share: float = 0.0
    cutblur_share: float = 0.0
    mixup_share: float = 0.0
    accumulate: int = 1
    optimizer: str = "adam"
    schedule: str = "cosine"
    precision: str = "auto"
    equivariance: str = "auto"
    compile: bool = False
    learning_rate: float = 1e-3
    adversarial_learning_rate: float = 1e-4
    discriminator_learning_rate: float = 1e-4
    pixel_loss: str = "l1"
    pixel_weight: float = 1.0
    frequency_weight: float = 0.0
    phase_weight: float = 0.0
    perceptual_weight: float = 0.0
    perceptual_network: str = "vgg19"
    perceptual_weights: str = ""
    game: str = "non-saturating"
    adversarial_weight: float = 1e-3
    matching_weight: float = 0.0
    label_smoothing: float = 0.0
    gradient_penalty: float | None = None
    r1_weight: float = 0.0
    average: float = 0.999
    validation: int = 16
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        """Raises UsageError for a setting outside its range."""
        _expect((self.seconds is None) != (self.steps is None), "give either a time or a number of steps")
        for key, known in _CHOICES.items():
            value = getattr(self, key)
            rebuilt = key == "generator" and str(value).startswith(PREFIX)
            _expect(rebuilt or value in known, f"{key} is {shown(value)}, expected one of {', '.join(map(str, known))}")
        for key, (words, holds) in _RANGES.items():
            value = getattr(self, key)
            _expect(value is None or holds(value), f"{key} is {value}, expected {words}")
        for name in self.backbones:
            _expect(name in BACKBONES, f"perceptual_network has {shown(name)}, expected of {', '.join(BACKBONES)}")
        _expect(len(self.backbones) == 1 or not self.perceptual_weights, "perceptual_weights are those of one network")
        _expect(
            ADVERSARIAL_LOSSES[self.game].supports_smoothing or not self.label_smoothing,
            f"the {self.game} game has no labels to be smoothed",
        )
        _expect(
            not (self.penalised and self.discriminator_norm == "batch"),
            "a penalty on the gradient of single pictures makes no sense under batch norm: take layer or none",
        )
        folders, partners = len(self.data), len(self.low)
        _expect(partners in (0, folders), f"{folders} folders of pictures, and {partners} of partners")
        _expect(not (self.low and self.unpaired), "pictures have partners or the degradation is learned: not both")
        _expect(
            self.batch > 1 or self.high_patch > 16,
            "one patch of at most 16 pixels is too little for the discriminator: enlarge the batch or the patch",
        )
        _expect(is_plain_name(self.name), f"the name is {shown(self.name)}, expected one for a file, without a folder")

    @property
    def backbones(self) -> list[str]:
        """The names of the perceptual loss's backbones."""
        return self.perceptual_network.split("+")

    @property
    def folders(self) -> str:
        """The folders of pictures, as they were written."""
        return " ".join(map(str, self.data))

    @property
    def phase_ends(self) -> dict[str, float]:
        """The part of the schedule, 0…1, that is done when a phase ends."""
        learned = self.unpaired_share if self.unpaired else 0.0
        return {DEGRADATION: learned, PIXEL: learned + (1 - learned) * self.pixel_share, ADVERSARIAL: 1.0}

    @property
    def phase_fractions(self) -> dict[str, float]:
        """The part of the schedule, 0…1, that each phase takes which this run has."""
        ends = self.phase_ends
        begins = (0.0, *ends.values())
        return {phase: end - begin for (phase, end), begin in zip(ends.items(), begins, strict=False) if end > begin}

    @property
    def gradient_penalty_weight(self) -> float:
        """The weight of the gradient penalty in the discriminator's loss."""
        if self.gradient_penalty is not None:
            return self.gradient_penalty
        return 10.0 if self.game == "wasserstein" else 0.0

    @property
    def penalised(self) -> bool:
        """Whether the discriminator is held to its gradient at single pictures."""
        return bool(self.gradient_penalty_weight or self.r1_weight)

    @property
    def discriminator_config(self) -> dict[str, Any]:
        """The arguments of the discriminator's constructor."""
        best = "layer" if self.penalised else "batch"
        norm = best if self.discriminator_norm == "auto" else self.discriminator_norm
        chosen = {"channels": self.discriminator_channels, "norm": norm}
        taken = signature(DISCRIMINATORS[self.discriminator]).parameters
        return {key: value for key, value in chosen.items() if key in taken}

    @property
    def fidelity_name(self) -> str:
        """The name of the weights that the pixel phase ends with."""
        return f"{self.name}-fidelity"

    @property
    def high_patch(self) -> int:
        """Side of the high-resolution crops in pixels."""
        return self.patch * self.scale

    @property
    def largest_patch(self) -> int:
        """Side of the low-resolution crops at the end of the pixel phase, in pixels."""
        return round(self.patch * self.patch_growth)

    @property
    def generator_config(self) -> dict[str, Any]:
        """The arguments of the generator's constructor that are settings of a run."""
        taken = signature(GENERATORS[self.generator]).parameters
        return {key: getattr(self, key) for key in taken if hasattr(self, key)}

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        places = {"data": [str(source) for source in self.data], "run": str(self.run), "low": [*map(str, self.low)]}
        return {field.name: getattr(self, field.name) for field in fields(self)} | places

    def to_recipe(self) -> dict[str, Any]:
        """The settings as `read_recipe` takes them, without the places of this machine."""
        return {key: value for key, value in self.to_json().items() if key not in PATH_SETTINGS and value is not None}

    @classmethod
    def from_json(cls, stored: dict[str, Any], **changes: Any) -> "TrainConfig":
        """The settings that `to_json` gave, some of them changed.

        Places may be texts: `data` and `low` one or a list of them.
        """
        values = {f.name: stored[f.name] for f in fields(cls) if f.name in stored} | changes
        return cls(
            **values
            | {
                "data": tuple(DataFolder.of(text) for text in _texts(values["data"])),
                "low": tuple(Path(text) for text in _texts(values.get("low", ()))),
                "run": Path(values.get("run", cls.run)),
            }
        )


def _texts(value: str | Sequence[str]) -> Sequence[str]:
    return ([value] if value else []) if isinstance(value, str) else value


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise UsageError(otherwise, "see srgan train --help")
