"""The folder of a run: weights, checkpoint and log; and what a run starts from."""

import copy
import json
import math
from dataclasses import dataclass, replace
from importlib.util import find_spec
from inspect import signature
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from srgan_cli.devices import pick_device
from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.files import atomic_write, explained, make_folder, sweep
from srgan_cli.foreign import PREFIX, Foreign, build, check_trainable
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.training.config import SETTINGS, UNTOLD, TrainConfig
from srgan_cli.training.equivariance import check_equivariant
from srgan_cli.training.samples import SAMPLES, ContactSheet
from srgan_cli.weights import SUFFIX, WeightsCard, find_weights, load_weights, save_weights

CHECKPOINT, CHECKPOINT_BEFORE = "checkpoint.pt", "checkpoint-before.pt"
LOG = "metrics.jsonl"


@dataclass(frozen=True)
class Origin:
    """The generator that a run starts from, of any scale, and the story of its weights."""

    generator: Generator
    name: str
    training: dict[str, Any]

    def heir(self, config: TrainConfig) -> Generator:
        """The generator that learns on; to one of another scale all weights pass but those that the scale shapes."""
        if isinstance(self.generator, Foreign):
            return copy.deepcopy(self.generator).train().requires_grad_(True)
        heir = GENERATORS[config.generator](**config.generator_config)
        own = heir.state_dict()
        given = self.generator.state_dict()
        fitting = {key: given[key] for key in own if key in given and given[key].shape == own[key].shape}
        heir.load_state_dict({**own, **fitting})
        return heir

    @property
    def story(self) -> dict[str, Any]:
        """What the weights card tells of it."""
        return {"name": self.name, "training": self.training}


def prepare(config: TrainConfig) -> tuple[TrainConfig, Origin | None]:
    """Make the folder of a new run that can go ahead; the settings with the shape of its first weights.

    Raises what check_start raises, and SrganError when the folder cannot be made or written to.
    """
    adapted, origin = check_start(config)
    make_folder(config.run)
    return adapted, origin


def check_start(config: TrainConfig) -> tuple[TrainConfig, Origin | None]:
    """Find out before any work whether a new run can go ahead; the settings with the shape of its first weights.

    Raises UsageError when the run folder holds another run, the first weights are unknown, there is no such device, or
    the settings make no generator, or none that is equivariant as asked.
    """
    if has_checkpoint(config.run):
        raise UsageError(f"{config.run} already holds a run", "go on with --resume, or name another folder with --run")
    pick_device(config.device)
    if config.generator.startswith(PREFIX) and not config.init_from:
        raise UsageError(f"a {config.generator} network is built from its weights", "name them with --init-from")
    if config.init_from:
        config, origin = _adapt(config)
        return _settled(config, origin.heir(config), learned=True), origin
    _check_buildable(config)
    return _settled(config, GENERATORS[config.generator](**config.generator_config), learned=False), None


class RunFolder:
    """Where a run keeps what it makes."""

    def __init__(self, place: Path, name: str) -> None:
        self.place = place
        self.weights = place / f"{name}{SUFFIX}"
        self._events: Any = None

    def save_weights(self, generator: Generator, card: WeightsCard) -> None:
        """Write deployable weights under the card's name."""
        save_weights(self.place / f"{card.name}{SUFFIX}", generator, card)

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Write the checkpoint; the one before is kept beside it."""
        path = self.place / CHECKPOINT
        with atomic_write(path) as temporary:
            temporary.write_bytes(serialised(state))
            if path.exists():
                path.replace(self.place / CHECKPOINT_BEFORE)

    def save_settings(self, config: TrainConfig) -> None:
        """Write the settings, so that `--config` makes the same run of them again."""
        with atomic_write(self.place / SETTINGS) as temporary:
            temporary.write_text(json.dumps(config.to_recipe(), indent=2) + "\n", encoding="utf8")

    def save_samples(self, step: int, originals: list[Tensor], made: list[Tensor], name: str = SAMPLES) -> None:
        """Add to the contact sheet of this name; pictures are (3, H, W), values 0…1."""
        ContactSheet(self.place / name).add(step, originals, made)

    def open_log(self, step: int) -> None:
        """Keep the lines up to this step; what came after it is about to happen again.

        What a process that was killed was writing goes, too.
        """
        sweep(self.place)
        path = self.place / LOG
        lines = path.read_bytes().splitlines() if path.is_file() and step else []
        kept = [line.decode() for line in lines if _step_of(line) <= step]
        with atomic_write(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf8")

    def log(self, line: dict[str, Any]) -> None:
        """Add a line of JSON to the log."""
        path = self.place / LOG
        with explained(path), path.open("a", encoding="utf8") as file:
            file.write(json.dumps(line) + "\n")
        self._show_events(line)

    def _show_events(self, line: dict[str, Any]) -> None:
        """The same for TensorBoard, where it is installed; it writes to no place whose name is not Unicode."""
        if find_spec("tensorboard") is None or not _is_unicode(self.place):
            return
        from torch.utils.tensorboard import SummaryWriter

        self._events = self._events or SummaryWriter(str(self.place / "events"))
        for name, value in line.items():
            if isinstance(value, float) and name != "seconds":
                self._events.add_scalar(name, value, line["step"])
        self._events.flush()


class Nowhere(RunFolder):
    """The run folder of a process that leaves writing to another."""

    def save_weights(self, generator: Generator, card: WeightsCard) -> None:
        """Nothing."""

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Nothing."""

    def save_settings(self, config: TrainConfig) -> None:
        """Nothing."""

    def save_samples(self, step: int, originals: list[Tensor], made: list[Tensor], name: str = SAMPLES) -> None:
        """Nothing."""

    def open_log(self, step: int) -> None:
        """Nothing."""

    def log(self, line: dict[str, Any]) -> None:
        """Nothing."""


def serialised(state: dict[str, Any]) -> bytes:
    """A checkpoint as it is written."""
    buffer = BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def has_checkpoint(run: Path) -> bool:
    """Whether there is a run in this folder to go on with."""
    return bool(_checkpoints(run))


def read_checkpoint(run: Path) -> dict[str, Any]:
    """What a run left to go on from.  No code in it is ever executed.

    Where the last checkpoint is damaged or missing, the one before it is taken.  Raises WeightsError if there is none.
    """
    paths = _checkpoints(run)
    if not paths:
        raise WeightsError(f"no checkpoint in {run}", "name the run's folder with --run")
    for path in paths:
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            return {**state, "config": {**UNTOLD, **state["config"]}}
        except Exception as error:  # reading a damaged file fails in many ways
            reason = error
    raise WeightsError(f"cannot read {paths[0]}: it is damaged", "train anew in another folder") from reason


def rebuilt(config: TrainConfig, tensors: dict[str, Any]) -> Origin | None:
    """The network of a resumed run that only its tensors tell of; None for srgan's own.  Raises WeightsError."""
    if not config.generator.startswith(PREFIX):
        return None
    return Origin(build(tensors, f"the checkpoint in {config.run}"), config.name, {})


def _is_unicode(path: Path) -> bool:
    return str(path).isascii() or str(path).encode("utf8", "replace").decode() == str(path)


def _step_of(line: bytes) -> float:
    """The step that a line of the log is of; beyond all steps for one that was cut short."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def _checkpoints(run: Path) -> list[Path]:
    """The last checkpoint and the one before it, as far as they are there."""
    return [run / name for name in (CHECKPOINT, CHECKPOINT_BEFORE) if (run / name).is_file()]


def _adapt(config: TrainConfig) -> tuple[TrainConfig, Origin]:
    generator, card = load_weights(find_weights(config.init_from, config.scale))
    origin = Origin(generator, card.name, card.training)
    if isinstance(generator, Foreign):
        check_trainable(generator, card.name)
        if generator.scale != config.scale:
            raise UsageError(
                f"{card.name} enlarges {generator.scale} times, the run {config.scale}", "give its --scale"
            )
        return replace(config, generator=card.architecture), origin
    _check_settable(generator, config, card.name)
    shape = {key: value for key, value in card.config.items() if hasattr(config, key)} | {"scale": config.scale}
    return replace(config, generator=card.architecture, **shape), origin


def _settled(config: TrainConfig, generator: Generator, learned: bool) -> TrainConfig:
    """The settings with a group of equivariance, or off.  Raises UsageError where one is asked for and cannot be."""
    if config.equivariance == "off":
        return config
    group = "d4" if config.equivariance == "auto" else config.equivariance
    try:
        check_equivariant(generator, group, learned)
    except UsageError:
        if config.equivariance == "auto":
            return replace(config, equivariance="off")
        raise
    return replace(config, equivariance=group)


def _check_buildable(config: TrainConfig) -> None:
    """Build the generator without its numbers.  Raises UsageError where that cannot be."""
    try:
        with torch.device("meta"):
            GENERATORS[config.generator](**config.generator_config)
    except ValueError as error:
        raise UsageError(str(error), "give other --channels") from error


def _check_settable(generator: Generator, config: TrainConfig, name: str) -> None:
    """Raises UsageError for a generator whose twin the settings of a run cannot tell of."""
    usual = {key: parameter.default for key, parameter in signature(type(generator)).parameters.items()}
    for key, value in generator.config.items():
        if not hasattr(config, key) and value != usual[key]:
            raise UsageError(f"{name} has {key} {value}, expected {usual[key]}", "start from other weights")
