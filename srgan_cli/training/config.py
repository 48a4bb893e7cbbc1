"""TrainConfig: everything that decides how a run goes."""

import math
import tomllib
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from typing import Any

from srgan_cli.errors import UsageError
from srgan_cli.networks import DISCRIMINATORS, GENERATORS
from srgan_cli.networks.backbones import BACKBONES
from srgan_cli.training.losses import GAMES

SCALES = (2, 3, 4)
_KINDS = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}
_CHOICES: dict[str, Collection[Any]] = {
    "scale": SCALES,
    "generator": GENERATORS,
    "discriminator": DISCRIMINATORS,
    "perceptual_network": BACKBONES,
    "game": GAMES,
}


@dataclass(frozen=True)
class TrainConfig:
    """A run's settings.  The defaults train a compact x4 generator on any folder for an hour.

    data: folder of pictures; run: folder that receives the results; name: of the weights.
    seconds or steps: the length of the schedule; exactly one of them is set.
    pixel_share: the part of the schedule that trains on the pixel loss alone, before the discriminator joins.
    patch: side of the low-resolution crops in pixels; batch: crops a step.
    l2_share: the last part of the pixel phase, whose pixel loss is squared.
    patch_growth: how many times wider the patches are at the end of the pixel phase; their number shrinks to match.
    expansion: how many times wider the kernels are that training adds to each convolution of the generator and
    multiplies out in the weights it delivers; 0 for none.
    degraded_share: the part of the low-resolution patches that get slight blur, noise and JPEG compression.
    game: the form of the adversarial loss.  matching_weight: of feature matching through the discriminator.
    perceptual_network, perceptual_file: the backbone of the perceptual loss, and a file to read it from.
    adversarial_learning_rate: the generator's once the discriminator has joined.
    average: decay of the generator's exponential moving average, which is what a run delivers.
    validation: the largest number of pictures held out.
    """

    data: Path
    run: Path = Path("run")
    name: str = "srgan-x4"
    scale: int = 4
    seconds: float | None = 3600.0
    steps: int | None = None
    pixel_share: float = 0.6
    l2_share: float = 0.0
    generator: str = "srresnet"
    channels: int = 48
    blocks: int = 8
    batch_norm: bool = False
    expansion: int = 0
    init_from: str = ""
    discriminator: str = "vgg"
    discriminator_channels: int = 32
    batch: int = 16
    patch: int = 24
    patch_growth: float = 1.0
    degraded_share: float = 0.0
    learning_rate: float = 1e-3
    adversarial_learning_rate: float = 1e-4
    discriminator_learning_rate: float = 1e-4
    pixel_weight: float = 1.0
    perceptual_weight: float = 0.0
    perceptual_network: str = "vgg16"
    perceptual_file: str = ""
    game: str = "non-saturating"
    adversarial_weight: float = 1e-3
    matching_weight: float = 0.0
    average: float = 0.999
    validation: int = 16
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        """Raises UsageError for a setting outside its range."""
        _expect((self.seconds is None) != (self.steps is None), "give either a time or a number of steps")
        for key, known in _CHOICES.items():
            value = getattr(self, key)
            _expect(value in known, f"{key} is {value!r}, expected one of {', '.join(map(str, known))}")
        for key in ("pixel_share", "l2_share", "degraded_share"):
            value = getattr(self, key)
            _expect(0 <= value <= 1, f"{key} is {value}, expected 0 to 1")
        for key in ("pixel_weight", "perceptual_weight", "adversarial_weight", "matching_weight"):
            value = getattr(self, key)
            _expect(math.isfinite(value) and value >= 0, f"{key} is {value}, expected 0 or more")
        for key in ("batch", "channels", "blocks", "discriminator_channels", "seconds", "steps"):
            value = getattr(self, key)
            _expect(value is None or value > 0, f"{key} is {value}, expected more than 0")
        _expect(0 <= self.expansion <= 8, f"expansion is {self.expansion}, expected 0 to 8")
        _expect(0 <= self.average < 1, f"the average's decay is {self.average}, expected 0 up to 1")
        _expect(self.patch >= 8, f"patches are {self.patch} pixels wide, expected at least 8")
        _expect(1 <= self.patch_growth <= 8, f"patches grow {self.patch_growth} times, expected 1 to 8")
        _expect(
            self.batch > 1 or self.high_patch > 16,
            "one patch of at most 16 pixels is too little for the discriminator: enlarge the batch or the patch",
        )
        _expect(Path(self.name).name == self.name, f"the name is {self.name!r}, expected one without a folder")

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
        """The arguments of the generator's constructor."""
        return {key: getattr(self, key) for key in signature(GENERATORS[self.generator]).parameters}

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any], **changes: Any) -> "TrainConfig":
        """The settings that `to_json` gave, some of them changed."""
        values: dict[str, Any] = {f.name: stored[f.name] for f in fields(cls) if f.name in stored}
        for key in ("data", "run"):
            values[key] = Path(values[key])
        return replace(cls(**values), **changes)


def read_recipe(path: Path) -> dict[str, Any]:
    """The settings in a TOML file, whose keys are the names of TrainConfig's fields.

    `steps` in it puts the default time out of force.  Raises UsageError for a file that cannot be read, an unknown
    key, and a value of the wrong kind.
    """
    try:
        settings = tomllib.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}", "give a TOML file; see examples/recipes/") from error
    kinds = {f.name: f.default for f in fields(TrainConfig) if f.name not in ("data", "run")}
    for key, value in settings.items():
        if key not in kinds:
            near = get_close_matches(key, kinds, 1)
            hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(kinds)}"
            raise UsageError(f"{path} has an unknown setting {key!r}", hint)
        expected = {"seconds": float, "steps": int}.get(key, type(kinds[key]))
        if type(value) is not expected and not (expected is float and type(value) is int):
            raise UsageError(f"{key} is {value!r} in {path}, expected {_KINDS[expected]}", "correct the file")
    return {"seconds": None, **settings} if "steps" in settings else settings


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise UsageError(otherwise, "see srgan train --help")
