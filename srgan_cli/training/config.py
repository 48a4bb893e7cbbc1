"""TrainConfig: everything that decides how a run goes."""

import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from srgan_cli.errors import UsageError
from srgan_cli.networks import DISCRIMINATORS, GENERATORS

SCALES = (2, 3, 4)


@dataclass(frozen=True)
class TrainConfig:
    """A run's settings.  The defaults train a compact x4 generator on any folder for an hour.

    data: folder of pictures; run: folder that receives the results; name: of the weights.
    seconds or steps: the length of the schedule; exactly one of them is set.
    pixel_share: the part of the schedule that trains on the pixel loss alone, before the discriminator joins.
    patch: side of the low-resolution crops in pixels; batch: crops a step.
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
    generator: str = "srresnet"
    channels: int = 48
    blocks: int = 8
    batch_norm: bool = False
    init_from: str = ""
    discriminator: str = "vgg"
    discriminator_channels: int = 32
    batch: int = 16
    patch: int = 24
    learning_rate: float = 1e-3
    adversarial_learning_rate: float = 1e-4
    discriminator_learning_rate: float = 1e-4
    pixel_weight: float = 1.0
    adversarial_weight: float = 1e-3
    average: float = 0.999
    validation: int = 16
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        """Raises UsageError for a setting outside its range."""
        _expect((self.seconds is None) != (self.steps is None), "give either a time or a number of steps")
        _expect(self.scale in SCALES, f"scale is {self.scale}, expected one of {SCALES}")
        _expect(self.generator in GENERATORS, f"no generator {self.generator!r}; there is {list(GENERATORS)}")
        _expect(
            self.discriminator in DISCRIMINATORS,
            f"no discriminator {self.discriminator!r}; there is {list(DISCRIMINATORS)}",
        )
        _expect(0 <= self.pixel_share <= 1, f"the pixel share is {self.pixel_share}, expected 0 to 1")
        _expect(0 <= self.average < 1, f"the average's decay is {self.average}, expected 0 up to 1")
        _expect(self.patch >= 8, f"patches are {self.patch} pixels wide, expected at least 8")
        _expect(
            self.batch > 1 or self.high_patch > 16,
            "one patch of at most 16 pixels is too little for the discriminator: enlarge the batch or the patch",
        )
        _expect(Path(self.name).name == self.name, f"the name is {self.name!r}, expected one without a folder")
        _expect(math.isfinite(self.pixel_weight + self.adversarial_weight), "the weights of the losses are not finite")
        for key in ("batch", "channels", "blocks", "discriminator_channels", "seconds", "steps"):
            value = getattr(self, key)
            _expect(value is None or value > 0, f"{key} is {value}, expected more than 0")

    @property
    def high_patch(self) -> int:
        """Side of the high-resolution crops in pixels."""
        return self.patch * self.scale

    @property
    def generator_config(self) -> dict[str, Any]:
        """The arguments of the generator's constructor."""
        return {key: getattr(self, key) for key in ("scale", "channels", "blocks", "batch_norm")}

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


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise UsageError(otherwise, "see srgan train --help")
