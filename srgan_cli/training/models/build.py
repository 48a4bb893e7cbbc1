"""Networks as the settings of a run describe them."""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from srgan_cli.networks import DISCRIMINATORS, GENERATORS, Discriminator, Generator
from srgan_cli.networks.generators.base import RGB
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.settings import GeneratorConfig


def build_generator(config: TrainConfig) -> Generator:
    """A generator with random weights.  Raises ValueError for channels that the network does not support."""
    network = GENERATORS[config.generator.architecture]
    return network(**_accepted(network, generator_arguments(config)))


def build_discriminator(config: TrainConfig) -> Discriminator:
    """A discriminator with random weights."""
    network = DISCRIMINATORS[config.discriminator.architecture]
    default = "layer" if config.loss.penalises_gradients else "batch"
    norm = default if config.discriminator.norm == "auto" else config.discriminator.norm
    arguments = {"channels": config.discriminator.channels, "norm": norm, "bands": config.data.bands or RGB}
    return network(**_accepted(network, arguments))


def generator_arguments(config: TrainConfig) -> dict[str, Any]:
    """The settings that constructors of generators may take."""
    return {"scale": config.scale, "bands": config.data.bands or RGB, **vars(config.generator)}


def untaken_settings(config: TrainConfig) -> dict[str, Any]:
    """The settings of the generator that its network does not take, with their defaults."""
    network = GENERATORS.get(config.generator.architecture)
    taken = {"architecture", "init_from", *(signature(network).parameters if network else ())}
    return {key: default for key, default in vars(GeneratorConfig()).items() if key not in taken}


def _accepted(network: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments that the constructor has."""
    return {key: arguments[key] for key in signature(network).parameters if key in arguments}
