"""Networks of other projects: reading their weights files without running code, and building them with spandrel.

spandrel recognises an architecture by the names and shapes of the tensors.  It needs torchvision and takes seconds to
import, so it is imported when a file without a card is loaded.
"""

import copy
from collections.abc import Mapping
from importlib import import_module
from math import lcm
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from srgan_cli.errors import UsageError, WeightsError, errors_as
from srgan_cli.networks.generators.measured import GRID, MeasuredGenerator
from srgan_cli.weights.formats import TORCH_SUFFIXES

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor

PREFIX = "spandrel:"  # marks the name of an architecture that spandrel rebuilds from its tensors


class SpandrelGenerator(MeasuredGenerator):
    """A network that spandrel recognised, as a generator for RGB.

    The input is padded to the size that the network requires.  A network with one channel processes red, green and blue
    one by one; a network with four channels gets an opaque picture.  The state dict has the names of the file.
    """

    memory_format = torch.preserve_format  # some networks depend on the memory layout of activations

    def __init__(self, descriptor: "ImageModelDescriptor[Any]") -> None:
        super().__init__(scale=descriptor.scale)
        self.descriptor = descriptor
        self.network = descriptor.model
        self.grid = lcm(GRID, descriptor.size_requirements.multiple_of)
        self.half_formats = (torch.float16,) if descriptor.supports_half else ()

    @property
    def architecture(self) -> str:
        """The name of the architecture on a weights card."""
        return f"{PREFIX}{self.descriptor.architecture.id}"

    def forward(self, x: Tensor) -> Tensor:
        """The upscaled pictures."""
        height, width = (side * self.scale for side in x.shape[-2:])
        right, bottom = self.descriptor.size_requirements.get_padding(x.shape[-1], x.shape[-2])
        return self._enlarge(F.pad(x, [0, right, 0, bottom], mode="replicate"))[..., :height, :width].float()

    def _enlarge(self, x: Tensor) -> Tensor:
        # the descriptor adds arguments that some networks need, but computes no gradients
        run = self.network if torch.is_grad_enabled() else self.descriptor
        if self.descriptor.input_channels == 1:
            return torch.cat([run(x[:, [channel]]) for channel in range(3)], 1)
        enlarged: Tensor = run(F.pad(x, [0, 0, 0, 0, 0, self.descriptor.input_channels - 3], value=1.0))
        return enlarged[:, :3]

    def state_dict(self, *arguments: Any, **options: Any) -> Any:
        """The tensors by their names in the file."""
        return self.network.state_dict(*arguments, **options)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load tensors by their names in the file."""
        return self.network.load_state_dict(state_dict, strict, assign)


def build_spandrel(tensors: dict[str, Any], source: str) -> SpandrelGenerator:
    """The network of these tensors, ready to run on the CPU; `source` names their file in messages.

    Raises WeightsError if spandrel cannot be imported or does not know the architecture, and for inpainting models and
    networks with other than 1, 3 or 4 channels.
    """
    message = "{source} needs spandrel and torchvision, which cannot be imported: {reason}"
    hint = "install the torchvision that matches this torch: pip install spandrel torchvision"
    with errors_as(WeightsError, message, hint, source=source):  # RuntimeError if torchvision is for another torch
        spandrel = import_module("spandrel")
    descriptor = _recognise(spandrel, tensors, source)
    if not isinstance(descriptor, spandrel.ImageModelDescriptor):
        raise WeightsError(f"{source} is an inpainting model, which needs a mask", "use a model for upscaling")
    if descriptor.input_channels != descriptor.output_channels or descriptor.input_channels not in (1, 3, 4):
        channels = f"{descriptor.input_channels} to {descriptor.output_channels} channels"
        raise WeightsError(f"{source} converts {channels}, expected 1, 3 or 4 of both", "use other weights")
    return SpandrelGenerator(descriptor).eval().requires_grad_(False)


def check_trainable(generator: SpandrelGenerator, name: str) -> None:
    """Raises UsageError if a network cannot be rebuilt from its tensors or trained with pictures alone."""
    copied = build_spandrel(dict(copy.deepcopy(generator.state_dict())), name)
    if (copied.architecture, copied.scale) != (generator.architecture, generator.scale):
        raise UsageError(f"{name} cannot be rebuilt from its tensors alone", "start from another file")
    try:
        with torch.enable_grad():
            output = copied.train()(torch.rand(2, 3, 16, 16))
        trainable = output.shape == (2, 3, 16 * copied.scale, 16 * copied.scale)
    except Exception:  # some networks need more than a picture, and each fails in its own way
        trainable = False
    if not trainable:
        message = f"{copied.architecture.removeprefix(PREFIX)} networks cannot be trained by srgan"
        raise UsageError(message, "use another file")


def read_tensors(path: Path) -> dict[str, Any]:
    """The tensors in a .safetensors or torch file; no code is run.  Raises WeightsError for any other content."""
    try:
        if path.suffix.lower() not in TORCH_SUFFIXES:
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot read {path}: {error}", "expected a .safetensors or .pth file") from error
    except UnpicklingError as error:
        raise _pickle_error(path, error) from error
    except Exception as error:  # damaged files fail in many ways
        if "TorchScript" in str(error):
            raise WeightsError(f"{path} is a TorchScript program", "use the weights that it was made from") from error
        raise WeightsError(f"cannot read {path}: it is damaged", "download it again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} contains a {type(content).__name__}, expected tensors by name", "use another file")
    return content


def _recognise(spandrel: Any, tensors: dict[str, Any], source: str) -> Any:
    count = len(list(spandrel.MAIN_REGISTRY.architectures()))
    newer = f"spandrel {spandrel.__version__} knows {count} architectures; a newer version may know more"
    unfit = "{source} does not match the architecture that it resembles: {reason}"
    unknown = spandrel.UnsupportedModelError
    with (
        errors_as(WeightsError, unfit, "download it again", source=source),
        errors_as(WeightsError, "{source} has no known architecture", newer, unknown, source=source),
    ):
        return spandrel.ModelLoader().load_from_state_dict(spandrel.canonicalize_state_dict(tensors))


def _pickle_error(path: Path, error: UnpicklingError) -> WeightsError:
    """The error for a refused pickle; torch's message names the class or function that the pickle imports."""
    _, refused, rest = str(error).partition("GLOBAL ")
    if not refused:
        return WeightsError(f"cannot read {path}: it is damaged", "download it again")
    name = rest.split()[0].strip("`'\".,")
    hint = "look for it as .safetensors; if you trust it, save its state dict alone"
    return WeightsError(f"{path} asks to run code ({name}) and was not loaded", hint)
