"""Weights files: safetensors that carry their own card, so that a file is enough to run its generator."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from reprlib import repr as shown
from textwrap import shorten
from threading import get_ident

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from srgan_cli.errors import WeightsError
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.system.files import atomic_write
from srgan_cli.weights.card import _KEY, WeightsCard, _parse
from srgan_cli.weights.spandrel import PREFIX, TORCH_SUFFIXES, build_spandrel, read_tensors

SUFFIX = ".safetensors"
_SMALL_TENSORS, _SMALL_NUMBERS = 1000, 2**20
"""A network of no more than these may be built to see how it differs from its file."""


def save_weights(path: Path, generator: Generator, card: WeightsCard) -> None:
    """Write a generator and its card to one file, whole or not at all."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in generator.state_dict().items()}
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={_KEY: json.dumps(asdict(card))}))


def load_weights(path: Path) -> tuple[Generator, WeightsCard]:
    """The generator of a weights file, ready to run on the CPU, and its card.

    A file without a card, such as another project's .pth, is of whatever architecture spandrel recognises.
    Raises WeightsError when the file is missing, cannot be read or recognised, or does not fit its card.
    """
    card, tensors = _read(path)
    if card is None:
        foreign = build_spandrel(tensors, str(path))
        return foreign, WeightsCard.for_generator(foreign, path.stem)
    try:
        if card.architecture.startswith(PREFIX):
            return build_spandrel(tensors, str(path)), card
        with _limit_parameters(tensors):
            generator = _network(path, card.architecture)(**card.config)
        generator.load_state_dict(tensors)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
        reason = shorten(str(error), 240)
        raise WeightsError(f"{path} does not fit its own card: {reason}", "was it made by a newer srgan?") from error
    return generator.eval().requires_grad_(False), card


def read_card(path: Path) -> WeightsCard:
    """The card alone; of a file without one what is recognised.  Raises WeightsError as load_weights does."""
    return _read(path, tensors=False)[0] or load_weights(path)[1]


def _network(path: Path, architecture: str) -> type[Generator]:
    """Raises WeightsError for one that is unknown."""
    if architecture not in GENERATORS:
        asked, known = shown(architecture), ", ".join(GENERATORS)
        raise WeightsError(f"{path} is of an unknown architecture: {asked}", f"this srgan knows: {known}")
    return GENERATORS[architecture]


@contextmanager
def _limit_parameters(tensors: dict[str, Tensor]) -> Iterator[None]:
    """Raises ValueError as soon as a network that is being built has far more parameters than a file holds.

    Its card might ask for thousands of millions, and each is built before it is seen that the file lacks it.
    """
    here = get_ident()
    room = {
        "tensors": 2 * len(tensors) + _SMALL_TENSORS,
        "numbers": 2 * sum(map(Tensor.numel, tensors.values())) + _SMALL_NUMBERS,
    }

    def count(_module: nn.Module, _name: str, parameter: Tensor) -> None:
        if get_ident() == here:
            room["tensors"] -= 1
            room["numbers"] -= parameter.numel()
            if min(room.values()) < 0:
                raise ValueError("it asks for more parameters than the file holds")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def _read(path: Path, tensors: bool = True) -> tuple[WeightsCard | None, dict[str, Tensor]]:
    if not path.is_file():
        raise WeightsError(f"no such weights file: {path}", "check the spelling of the path")
    if path.suffix.lower() in TORCH_SUFFIXES:
        return None, read_tensors(path) if tensors else {}
    try:
        with safe_open(path, framework="pt") as file:
            card = _parse(path, file.metadata() or {})
            return card, {key: file.get_tensor(key) for key in file.keys()} if tensors else {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        reason = str(error)[:240]
        raise WeightsError(f"{path} is not a readable safetensors file: {reason}", "fetch it again") from error
