"""The weights that a run starts from."""

import copy
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import torch

from srgan_cli.errors import UsageError, errors_as
from srgan_cli.networks import Generator
from srgan_cli.networks.generators.base import RGB
from srgan_cli.system.devices import pick_device
from srgan_cli.system.discovery import not_found_error
from srgan_cli.system.files import make_folder
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.models.build import build_generator, generator_arguments, untaken_settings
from srgan_cli.training.optim.equivariance import GROUPS, Equivariance, check_equivariant
from srgan_cli.training.run.folder import check_unused
from srgan_cli.training.run.loggers import check_logger
from srgan_cli.weights.file import load_weights
from srgan_cli.weights.onnx_runtime import OnnxGenerator
from srgan_cli.weights.registry import find_weights
from srgan_cli.weights.spandrel import PREFIX, SpandrelGenerator, build_spandrel, check_trainable


@dataclass(frozen=True)
class InitialWeights:
    """The weights from which a run starts."""

    generator: Generator
    """A generator of any scale."""
    name: str
    training: dict[str, Any]
    """How the weights were trained, from their card."""

    def build(self, config: TrainConfig) -> Generator:
        """The generator to train.  Weights whose shape depends on the scale are not copied to another scale."""
        if isinstance(self.generator, SpandrelGenerator):
            return copy.deepcopy(self.generator).train().requires_grad_(True)
        generator = build_generator(config)
        own = generator.state_dict()
        given = self.generator.state_dict()
        fitting = {key: given[key] for key in own if key in given and given[key].shape == own[key].shape}
        generator.load_state_dict({**own, **fitting})
        return generator


def first_generator(config: TrainConfig, initial: InitialWeights | None) -> Generator:
    """The generator with which a run starts."""
    if initial:
        return initial.build(config)
    generator = build_generator(config)
    if config.optim.equivariance in GROUPS:
        Equivariance(generator, config.optim.equivariance).draw()
    return generator


def prepare_run(config: TrainConfig) -> tuple[TrainConfig, InitialWeights | None]:
    """Check a new run as `check_start` does, and make its folder.  Raises SrganError where that is not possible."""
    adapted, initial = check_start(config)
    make_folder(config.run.folder)
    return adapted, initial


def check_start(config: TrainConfig) -> tuple[TrainConfig, InitialWeights | None]:
    """Check a new run before any work.  The settings as the run uses them, and its initial weights.

    The settings have the shape of the initial weights, and defaults where the network does not take them.

    Raises UsageError when the run folder holds another run or foreign files, the initial weights or the device are
    unknown, a file of weights is missing, the program to log to is missing, or the settings do not give a generator
    that is equivariant as requested.
    """
    check_unused(config.run.folder, config.run.name)
    pick_device(config.run.device)
    check_logger(config.run.log, config.run.folder)
    if (weights := config.loss.perceptual_weights) and not Path(weights).is_file():
        raise not_found_error(Path(weights))
    if config.generator.architecture.startswith(PREFIX) and not config.generator.init_from:
        message = f"a {config.generator.architecture} network is built from its weights"
        raise UsageError(message, "name them with --init-from")
    if config.generator.init_from:
        config, initial = _adapt(config)
        config = config.replace(**untaken_settings(config))
        return _resolve_equivariance(config, initial.build(config), trained=True), initial
    config = config.replace(**untaken_settings(config))
    with errors_as(UsageError, "{reason}", "change --channels", ValueError), torch.device("meta"):
        build_generator(config)  # without memory for its weights
    return _resolve_equivariance(config, build_generator(config), trained=False), None


def rebuild(config: TrainConfig, tensors: dict[str, Any]) -> InitialWeights | None:
    """The network of a resumed run if only its tensors describe it, else None.  Raises WeightsError."""
    if not config.generator.architecture.startswith(PREFIX):
        return None
    return InitialWeights(build_spandrel(tensors, f"the checkpoint in {config.run.folder}"), config.run.name, {})


def _adapt(config: TrainConfig) -> tuple[TrainConfig, InitialWeights]:
    generator, card = load_weights(find_weights(config.generator.init_from, config.scale))
    if isinstance(generator, OnnxGenerator):
        raise UsageError(f"{card.name} is an ONNX model and cannot be trained", "give it as --teacher instead")
    if generator.bands != (config.data.bands or RGB):
        found, expected = generator.bands, config.data.bands or RGB
        message = f"{card.name} takes {found} bands, the run has {expected}"
        raise UsageError(message, "start from other weights", option="bands init-from")
    initial = InitialWeights(generator, card.name, card.training)
    if isinstance(generator, SpandrelGenerator):
        check_trainable(generator, card.name)
        if generator.scale != config.scale:
            message = f"{card.name} has scale {generator.scale}, the run {config.scale}"
            raise UsageError(message, f"give --scale {generator.scale}", option="scale init-from")
        return config.replace(generator=card.architecture), initial
    _check_settable(generator, config, card.name)
    settings = generator_arguments(config)
    shape = {key: value for key, value in card.config.items() if key in settings} | {"scale": config.scale}
    if not config.generator.global_variance:  # a part that a run may leave out
        shape["global_variance"] = False
    return config.replace(generator=card.architecture, **shape), initial


def _resolve_equivariance(config: TrainConfig, generator: Generator, *, trained: bool) -> TrainConfig:
    """The settings with `auto` resolved.  Raises UsageError for an equivariance that the generator cannot have."""
    if config.optim.equivariance == "off":
        return config
    group = "d4" if config.optim.equivariance == "auto" else config.optim.equivariance
    try:
        check_equivariant(generator, group, trained=trained)
    except UsageError:
        if config.optim.equivariance == "auto":
            return config.replace(equivariance="off")
        raise
    return config.replace(equivariance=group)


def _check_settable(generator: Generator, config: TrainConfig, name: str) -> None:
    """Raises UsageError for a generator whose shape the settings of a run cannot describe."""
    defaults = {key: parameter.default for key, parameter in signature(type(generator)).parameters.items()}
    for key, value in generator.config.items():
        if key not in generator_arguments(config) and value != defaults[key]:
            message = f"{name} has {key} {value}, expected {defaults[key]}"
            raise UsageError(message, "start from other weights", option="init-from")
