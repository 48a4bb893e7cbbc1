"""Weights files: safetensors with a card, so that a file is enough to run its generator."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from reprlib import repr as shorten_repr
from threading import get_ident
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from srgan_cli.errors import WeightsError, errors_as
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.networks.generators.compact import Compact
from srgan_cli.networks.generators.smfanet import SMFANet
from srgan_cli.system.discovery import not_found_hint
from srgan_cli.system.files import atomic_write
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.formats import ONNX_SUFFIX, TORCH_SUFFIXES, WEIGHTS_SUFFIXES
from srgan_cli.weights.onnx_runtime import load_onnx
from srgan_cli.weights.spandrel import PREFIX, build_spandrel, read_tensors

_SMALL_TENSORS, _SMALL_NUMBERS = 1000, 2**20
"""Networks up to this size are always built, so that the error can say how they differ from the file."""


def save_weights(path: Path, generator: Generator, card: WeightsCard) -> None:
    """Write a generator and its card to one file, atomically."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in generator.state_dict().items()}
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(tensors, metadata=card.to_metadata()))


def load_weights(path: Path) -> tuple[Generator, WeightsCard]:
    """The generator of a weights file, ready to run on the CPU, and its card.

    The architecture of a file without a card, such as the .pth of another project, is recognised by its tensors, here
    (Compact, SMFANet) or by spandrel.  ONNX files run with onnxruntime.
    Raises WeightsError if the file is missing, cannot be read or recognised, or does not match its card.
    """
    card, tensors = _read(path)
    if card is None:
        recognised = load_onnx(path) if path.suffix.lower() == ONNX_SUFFIX else _recognise(tensors, path)
        return recognised, WeightsCard.for_generator(recognised, path.stem)
    hint = "was it made by a newer srgan?"
    with errors_as(WeightsError, "{path} does not match its own card: {reason}", hint, path=path):
        if card.architecture.startswith(PREFIX):
            return build_spandrel(tensors, str(path)), card
        with _limit_parameters(tensors):
            generator = _generator_class(path, card.architecture)(**card.config)
        generator.load_state_dict(tensors)
    return generator.eval().requires_grad_(False), card


def read_card(path: Path) -> WeightsCard:
    """The card alone; for a file without a card, what spandrel recognises.  Raises WeightsError like load_weights."""
    return _read(path, tensors=False)[0] or load_weights(path)[1]


def _recognise(tensors: dict[str, Any], path: Path) -> Generator:
    """The generator that fits tensors without a card."""
    wrapped = (tensors[key] for key in ("params_ema", "params") if isinstance(tensors.get(key), dict))
    state = next(wrapped, tensors)
    for family in (Compact, SMFANet):
        with suppress(ArithmeticError, TypeError, ValueError):  # shapes that no network has
            if generator := family.from_shapes(state):
                generator.load_state_dict(state)
                return generator.eval().requires_grad_(False)
    return build_spandrel(tensors, str(path))


def _generator_class(path: Path, architecture: str) -> type[Generator]:
    if architecture not in GENERATORS:
        found, known = shorten_repr(architecture), ", ".join(GENERATORS)
        raise WeightsError(f"{path} has an unknown architecture: {found}", f"this version has: {known}")
    return GENERATORS[architecture]


@contextmanager
def _limit_parameters(tensors: dict[str, Tensor]) -> Iterator[None]:
    """Raises ValueError once a network far exceeds the file, before a hostile card has filled the memory."""
    thread = get_ident()
    numbers = sum(map(Tensor.numel, tensors.values()))
    left = {"tensors": 2 * len(tensors) + _SMALL_TENSORS, "numbers": 2 * numbers + _SMALL_NUMBERS}

    def count(_module: nn.Module, _name: str, parameter: Tensor) -> None:
        if get_ident() == thread:
            left["tensors"] -= 1
            left["numbers"] -= parameter.numel()
            if min(left.values()) < 0:
                raise ValueError("it has more parameters than the file")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def _read(path: Path, *, tensors: bool = True) -> tuple[WeightsCard | None, dict[str, Tensor]]:
    if not path.is_file():
        raise WeightsError(f"no such weights file: {path}", not_found_hint(path))
    if path.suffix.lower() == ONNX_SUFFIX:
        return None, {}
    if path.suffix.lower() in TORCH_SUFFIXES:
        return None, read_tensors(path) if tensors else {}
    try:
        with safe_open(path, framework="pt") as file:
            card = WeightsCard.from_metadata(file.metadata() or {}, path)
            return card, {key: file.get_tensor(key) for key in file.keys()} if tensors else {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        if isinstance(error, SafetensorError) and path.suffix.lower() not in WEIGHTS_SUFFIXES:
            raise WeightsError(f"{path} is no weights file", f"weights end in: {' '.join(WEIGHTS_SUFFIXES)}") from error
        message = f"{path} is not a readable safetensors file: {str(error)[:240]}"
        raise WeightsError(message, "download it again") from error
