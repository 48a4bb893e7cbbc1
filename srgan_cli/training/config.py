"""TrainConfig: the settings of a training run, in groups.

Recipes, `config.json`, checkpoints and the command line spell settings flat: `learning_rate`, not
`optim.learning_rate`.  `SETTINGS` lists the flat keys.  Neither torch nor the networks are imported here: their names
are literals, and a test compares them with the registries.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from reprlib import repr as shown
from typing import Annotated, Any

from srgan_cli.system.discovery import is_plain_name
from srgan_cli.training import settings as groups
from srgan_cli.training.legacy import current_names
from srgan_cli.training.schema import OneOf, Setting, Settings, expect, settings_of

PATH_SETTINGS = (
    *("data", "run", "held_out", "low", "pair", "unpaired"),
    *("init_from", "teacher", "perceptual_weights", "device", "log"),
)
"""Settings that depend on the machine.  Recipes leave them out."""
SETTINGS_FILE = "config.json"  # the file in the run folder that holds the settings
SMALLEST_SIDES = {"patch": 24, "squeezenet": 17, "alexnet": 31}
"""The smallest pictures that these networks take, in pixels; others take 16, or 17 where one picture is a batch."""
DISCRIMINATOR_SETTINGS = (
    "discriminator discriminator_channels discriminator_norm discriminator_learning_rate "
    "gan_loss label_smoothing gradient_penalty r1_weight"
)
ADVERSARIAL_SETTINGS = (
    f"{DISCRIMINATOR_SETTINGS} adversarial_learning_rate adversarial_weight feature_matching_weight "
    "perceptual_weight perceptual_network perceptual_weights"
)
"""Settings of the adversarial phase, and those of its discriminator."""
DEGRADATION, PIXEL, ADVERSARIAL = "degradation", "pixel", "adversarial"  # the phases of a run, in their order


@dataclass(frozen=True)
class TrainConfig(Settings):
    """The settings of a run.  The defaults train a compact x4 generator on any folder for an hour."""

    scale: Annotated[int, OneOf(2, 3, 4)] = 4
    """The factor of the enlargement."""
    run: groups.RunConfig = field(default_factory=groups.RunConfig)
    schedule: groups.ScheduleConfig = field(default_factory=groups.ScheduleConfig)
    data: groups.DataConfig = field(default_factory=groups.DataConfig)
    degradation: groups.DegradationConfig = field(default_factory=groups.DegradationConfig)
    generator: groups.GeneratorConfig = field(default_factory=groups.GeneratorConfig)
    teacher: groups.TeacherConfig = field(default_factory=groups.TeacherConfig)
    discriminator: groups.DiscriminatorConfig = field(default_factory=groups.DiscriminatorConfig)
    loss: groups.LossConfig = field(default_factory=groups.LossConfig)
    optim: groups.OptimConfig = field(default_factory=groups.OptimConfig)

    def __post_init__(self) -> None:
        """Raises UsageError for a setting outside its range, and for settings that exclude each other."""
        super().__post_init__()
        data = self.data
        one_length = (self.schedule.seconds is None) != (self.schedule.steps is None)
        expect(one_length, "expected exactly one of seconds and steps")
        expect(
            not (self.loss.penalises_gradients and self.discriminator.norm == "batch"),
            "a gradient penalty needs independent pictures, which batch norm mixes: set discriminator_norm to layer",
        )
        self._check_bands()
        folders, partners = len(data.folders), len(data.low)
        found = f"found {folders} folders of pictures and {partners} folders of partners"
        expect(partners in (0, folders), found, option="low")
        expect(not data.pair or bool(data.low), "pair needs low: name the folder of partners", option="pair")
        expect(not (data.low and data.unpaired), "low and unpaired exclude each other", option="low unpaired")
        self._check_losses()
        name = self.run.name
        expect(is_plain_name(name), f"the name is {shown(name)}, expected the name of a file without a folder")

    def _check_losses(self) -> None:
        """Raises UsageError for a phase without a loss, and for patches too small for a network of its losses."""
        loss, schedule, side = self.loss, self.schedule, self.data.patch * self.scale
        reference = loss.pixel_weight or loss.frequency_weight or loss.phase_weight
        expect(bool(reference or not schedule.pretrain_fraction), "all weights of the losses of the pixel phase are 0")
        if schedule.pretrain_fraction == 1:
            return
        expect(bool(reference or loss.perceptual_weight or loss.needs_discriminator), "all weights of losses are 0")
        for name in self.judges:
            least = SMALLEST_SIDES.get(name, 17 if self.data.batch == 1 else 16)
            expect(side >= least, f"{name} takes patches of {least} pixels or more, found {side}", "enlarge the patch")

    def _check_bands(self) -> None:
        """Raises UsageError for settings that need photographs, if the pictures are measurements."""
        data = self.data
        named = data.rgb_bands.split(",") if data.rgb_bands else []
        for key in ("rgb_bands", "value_range"):
            expect(data.bands > 0 or not getattr(data, key), f"{key} is for --bands", option=key.replace("_", "-"))
        fits = [part.isdecimal() and 0 < int(part) <= data.bands for part in named]
        names_three = not named or (all(fits) and len(set(named)) == 3)
        found = f"rgb_bands is {data.rgb_bands}, expected three of the bands, such as 4,3,2"
        expect(names_three, found, option="rgb-bands")
        if data.bands:
            learned, drawn = data.unpaired or self.teacher.models, self.generator.noise or data.channel_shuffle_prob
            message = "unpaired pictures and teachers are for photographs, not for bands"
            expect(not learned, message, option="unpaired teacher bands")
            expect(not drawn, "noise and channel_shuffle_prob are for photographs, not for bands")
            seen = bool(named) or data.bands == 3 or not self.loss.perceptual_weight
            expect(seen, "the perceptual loss sees three bands: name them with --rgb-bands, or set its weight to 0")

    @property
    def judges(self) -> list[str]:
        """The networks that judge the generated pictures of the adversarial phase."""
        discriminator = [self.discriminator.architecture] if self.loss.needs_discriminator else []
        return discriminator + (self.loss.backbones if self.loss.perceptual_weight else [])

    @property
    def idle_settings(self) -> dict[str, str]:
        """The settings that change nothing beside the others although they differ from the default; each with why."""
        loss, degradation, teacher = self.loss, self.degradation, self.teacher
        pretrained = self.schedule.pretrain_fraction
        is_real = degradation.kind == "real" and degradation.prob == 1
        groups = (
            (pretrained == 1, "there is no adversarial phase", ADVERSARIAL_SETTINGS),
            (pretrained == 0, "there is no pixel phase", "learning_rate l2_fraction patch_growth"),
            (not loss.needs_discriminator, "there is no discriminator", DISCRIMINATOR_SETTINGS),
            (self.discriminator.architecture == "unet", "unet has spectral norm", "discriminator_norm"),
            (not loss.perceptual_weight, "perceptual_weight is 0", "perceptual_network perceptual_weights"),
            (degradation.kind == "bicubic", "degradation is bicubic", "degradation_prob cutblur_prob"),
            (is_real, "degradation real starts from the originals", "low unpaired"),
            (
                not teacher.models,
                "there is no teacher",
                "teacher_weight teacher_input teacher_self_ensemble teacher_cache",
            ),
            (not teacher.models or teacher.cache == "off", "no teacher is cached", "teacher_draws teacher_fraction"),
            (not self.data.unpaired, "there are no unpaired pictures", "degradation_learning_fraction"),
        )
        reasons = {key: why for holds, why, keys in reversed(groups) if holds for key in keys.split()}
        return {key: why for key, why in reasons.items() if SETTINGS[key].of(self) != SETTINGS[key].default}

    @property
    def phase_ends(self) -> dict[str, float]:
        """The fraction of the run, 0…1, that is done when a phase ends."""
        learned = self.schedule.degradation_learning_fraction if self.data.unpaired else 0.0
        pretrained = learned + (1 - learned) * self.schedule.pretrain_fraction
        return {DEGRADATION: learned, PIXEL: pretrained, ADVERSARIAL: 1.0}

    @property
    def phase_fractions(self) -> dict[str, float]:
        """The fraction of the run, 0…1, that each of its phases takes."""
        ends = self.phase_ends
        begins = (0.0, *ends.values())
        return {phase: end - begin for (phase, end), begin in zip(ends.items(), begins, strict=False) if end > begin}

    @classmethod
    def from_settings(cls, **settings: Any) -> "TrainConfig":
        """The configuration with these settings, by their flat keys.

        `data` and `low` may be one path or several, as texts.  Raises TypeError for an unknown key, and
        UsageError as the constructor does.
        """
        if unknown := settings.keys() - SETTINGS.keys():
            raise TypeError(f"unknown settings: {', '.join(sorted(unknown))}")
        parsed = {key: _PARSERS[key](value) if key in _PARSERS else value for key, value in settings.items()}
        return cls(**_of_group("", parsed), **{name: kind(**_of_group(name, parsed)) for name, kind in GROUPS.items()})

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], **changes: Any) -> "TrainConfig":
        """The settings that `to_json` gave, with changes.  Former names are accepted, unknown ones are ignored."""
        current = current_names(stored)
        return cls.from_settings(**{key: current[key] for key in current if key in SETTINGS} | changes)

    def replace(self, **settings: Any) -> "TrainConfig":
        """A copy with some settings changed, by their flat keys.  Raises as `from_settings` does."""
        return self.from_settings(**self.to_settings() | settings)

    def to_settings(self) -> dict[str, Any]:
        """All settings by their flat keys."""
        return {key: setting.of(self) for key, setting in SETTINGS.items()}

    def to_json(self) -> dict[str, Any]:
        """All settings by their flat keys, as JSON can hold them."""
        paths = {"data": [*map(str, self.data.folders)], "run": str(self.run.folder), "low": [*map(str, self.data.low)]}
        return self.to_settings() | paths | {"teacher": [*self.teacher.models]}

    def to_recipe(self) -> dict[str, Any]:
        """The settings as `read_recipe` takes them, without those that depend on the machine."""
        return {key: value for key, value in self.to_json().items() if key not in PATH_SETTINGS and value is not None}


def _of_group(group: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {SETTINGS[key].field: value for key, value in settings.items() if SETTINGS[key].group == group}


def _listed(value: Any) -> Iterable[Any]:
    if isinstance(value, (str, Path)):
        return [value] if value != "" else []
    return list(value)


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "data": lambda value: tuple(
        part if isinstance(part, groups.DataFolder) else groups.DataFolder.of(str(part)) for part in _listed(value)
    ),
    "low": lambda value: tuple(map(Path, _listed(value))),
    "run": Path,
    "teacher": lambda value: tuple(map(str, _listed(value))),
}
GROUPS: dict[str, type] = {
    field.name: field.default_factory  # type: ignore[misc]
    for field in fields(TrainConfig)
    if field.default_factory is not MISSING
}
"""The groups of settings by their field of TrainConfig."""
SETTINGS: dict[str, Setting] = {
    setting.key: setting for name, group in (("", TrainConfig), *GROUPS.items()) for setting in settings_of(group, name)
}
"""Every setting by its flat key."""
