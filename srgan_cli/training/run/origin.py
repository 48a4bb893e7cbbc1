"""The weights that a run starts from."""

import copy
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch

from srgan_cli.errors import UsageError
from srgan_cli.networks import Generator
from srgan_cli.system.devices import pick_device
from srgan_cli.system.files import make_folder
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.models.build import build_generator, generator_arguments
from srgan_cli.training.optim.equivariance import check_equivariant
from srgan_cli.training.run.folder import has_checkpoint
from srgan_cli.weights.file import load_weights
from srgan_cli.weights.registry import find_weights
from srgan_cli.weights.spandrel import PREFIX, SpandrelGenerator, build_spandrel, check_trainable


@dataclass(frozen=True)
class InitialWeights:
    """The generator that a run starts from, of any scale, and the story of its weights."""

    generator: Generator
    name: str
    training: dict[str, Any]

    def build(self, config: TrainConfig) -> Generator:
        """The generator that learns on; to one of another scale all weights pass but those that the scale shapes."""
        if isinstance(self.generator, SpandrelGenerator):
            return copy.deepcopy(self.generator).train().requires_grad_(True)
        generator = build_generator(config)
        own = generator.state_dict()
        given = self.generator.state_dict()
        fitting = {key: given[key] for key in own if key in given and given[key].shape == own[key].shape}
        generator.load_state_dict({**own, **fitting})
        return generator

    @property
    def story(self) -> dict[str, Any]:
        """What the weights card tells of it."""
        return {"name": self.name, "training": self.training}


def prepare_run(config: TrainConfig) -> tuple[TrainConfig, InitialWeights | None]:
    """Make the folder of a new run that can go ahead; the settings with the shape of its first weights.

    Raises what check_start raises, and SrganError when the folder cannot be made or written to.
    """
    adapted, origin = check_start(config)
    make_folder(config.run.folder)
    return adapted, origin


def check_start(config: TrainConfig) -> tuple[TrainConfig, InitialWeights | None]:
    """Find out before any work whether a new run can go ahead; the settings with the shape of its first weights.

    Raises UsageError when the run folder holds another run, the first weights are unknown, there is no such device, or
    the settings make no generator, or none that is equivariant as asked.
    """
    if has_checkpoint(config.run.folder):
        raise UsageError(
            f"{config.run.folder} already holds a run", "go on with --resume, or name another folder with --run"
        )
    pick_device(config.run.device)
    if config.generator.architecture.startswith(PREFIX) and not config.generator.init_from:
        raise UsageError(
            f"a {config.generator.architecture} network is built from its weights", "name them with --init-from"
        )
    if config.generator.init_from:
        config, origin = _adapt(config)
        return _resolve_equivariance(config, origin.build(config), learned=True), origin
    _check_buildable(config)
    return _resolve_equivariance(config, build_generator(config), learned=False), None


def rebuild(config: TrainConfig, tensors: dict[str, Any]) -> InitialWeights | None:
    """The network of a resumed run that only its tensors tell of; None for srgan's own.  Raises WeightsError."""
    if not config.generator.architecture.startswith(PREFIX):
        return None
    return InitialWeights(build_spandrel(tensors, f"the checkpoint in {config.run.folder}"), config.run.name, {})


def _adapt(config: TrainConfig) -> tuple[TrainConfig, InitialWeights]:
    generator, card = load_weights(find_weights(config.generator.init_from, config.scale))
    origin = InitialWeights(generator, card.name, card.training)
    if isinstance(generator, SpandrelGenerator):
        check_trainable(generator, card.name)
        if generator.scale != config.scale:
            raise UsageError(
                f"{card.name} enlarges {generator.scale} times, the run {config.scale}", "give its --scale"
            )
        return config.replace(generator=card.architecture), origin
    _check_settable(generator, config, card.name)
    settings = generator_arguments(config)
    shape = {key: value for key, value in card.config.items() if key in settings} | {"scale": config.scale}
    return config.replace(generator=card.architecture, **shape), origin


def _resolve_equivariance(config: TrainConfig, generator: Generator, learned: bool) -> TrainConfig:
    """The settings with a group of equivariance, or off.  Raises UsageError where one is asked for and cannot be."""
    if config.optim.equivariance == "off":
        return config
    group = "d4" if config.optim.equivariance == "auto" else config.optim.equivariance
    try:
        check_equivariant(generator, group, learned)
    except UsageError:
        if config.optim.equivariance == "auto":
            return config.replace(equivariance="off")
        raise
    return config.replace(equivariance=group)


def _check_buildable(config: TrainConfig) -> None:
    """Build the generator without its numbers.  Raises UsageError where that cannot be."""
    try:
        with torch.device("meta"):
            build_generator(config)
    except ValueError as error:
        raise UsageError(str(error), "give other --channels") from error


def _check_settable(generator: Generator, config: TrainConfig, name: str) -> None:
    """Raises UsageError for a generator whose twin the settings of a run cannot tell of."""
    usual = {key: parameter.default for key, parameter in signature(type(generator)).parameters.items()}
    for key, value in generator.config.items():
        if key not in generator_arguments(config) and value != usual[key]:
            raise UsageError(f"{name} has {key} {value}, expected {usual[key]}", "start from other weights")
