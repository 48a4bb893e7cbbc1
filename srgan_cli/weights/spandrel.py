"""Networks of other projects: their weights files read without running code, and the networks that spandrel builds.

spandrel recognises an architecture by the names and shapes of its tensors.  It needs torchvision, and takes seconds to
import: both are first asked for when a file without a card is loaded.
"""

import copy
from collections.abc import Mapping
from functools import cached_property
from math import lcm
from pathlib import Path
from pickle import UnpicklingError
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.networks import Generator

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor

TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin")
"""Suffixes of files that torch wrote."""
PREFIX = "spandrel:"
"""Begins the name of an architecture that spandrel rebuilds from its tensors."""
GRID = 16
"""Tiles begin at multiples of it, since the windows of most attention networks divide it."""
LARGEST_HALO = 64
SMALLEST_CHANGE = 0.25 / 255
_STRIP, _CUT = 32, 48


class SpandrelGenerator(Generator):
    """A network that spandrel recognised, enlarging RGB like every other generator.

    Pictures are padded to the size that it requires.  A network of one channel enlarges red, green and blue one by one;
    one of four channels sees an opaque picture.  The names of its tensors are those of its file.
    """

    exact_tiles = False
    memory_format = torch.preserve_format  # some look at their activations in the order that they expect

    def __init__(self, descriptor: "ImageModelDescriptor[Any]") -> None:
        super().__init__(scale=descriptor.scale)
        self.descriptor = descriptor
        self.network = descriptor.model
        self.grid = lcm(GRID, descriptor.size_requirements.multiple_of)
        self.half_formats = (torch.float16,) if descriptor.supports_half else ()

    @property
    def architecture(self) -> str:
        """Its name on a weights card."""
        return f"{PREFIX}{self.descriptor.architecture.id}"

    @cached_property
    def receptive_radius(self) -> int:
        """How many input pixels from a cut its result changes by more than a quarter of a grey level, 64 at most.

        Measured on a strip of random texture, once.  Networks that look at the whole picture reach the 64.
        """
        cut = -(-_CUT // self.grid) * self.grid
        strip = _texture(_STRIP, cut + 2 * LARGEST_HALO).to(next(self.parameters()).device)
        with torch.no_grad():
            whole, part = self(strip), self(strip[..., cut:])
        change = (whole[..., cut * self.scale :] - part).abs().amax((0, 1, 2)).view(-1, self.scale).amax(1)
        changed = (change[:LARGEST_HALO] > SMALLEST_CHANGE).nonzero()
        return int(changed.max()) + 1 if len(changed) else 0

    @cached_property
    def blend(self) -> int:  # type: ignore[override]
        """How far tiles are faded into each other: not where they fit, else half of what they read beyond."""
        return LARGEST_HALO // 2 if self.receptive_radius > LARGEST_HALO - GRID else 0

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged pictures."""
        height, width = (side * self.scale for side in x.shape[-2:])
        right, bottom = self.descriptor.size_requirements.get_padding(x.shape[-1], x.shape[-2])
        enlarged = self._enlarge(F.pad(x, [0, right, 0, bottom], mode="replicate"))
        return enlarged[..., :height, :width].float()

    def _enlarge(self, x: Tensor) -> Tensor:
        # spandrel's own call knows what some networks need beside the picture, but computes no gradients
        run = self.network if torch.is_grad_enabled() else self.descriptor
        if self.descriptor.input_channels == 1:
            return torch.cat([run(x[:, [channel]]) for channel in range(3)], 1)
        enlarged: Tensor = run(F.pad(x, [0, 0, 0, 0, 0, self.descriptor.input_channels - 3], value=1.0))
        return enlarged[:, :3]

    def state_dict(self, *arguments: Any, **options: Any) -> Any:
        """The tensors by the names of its file."""
        return self.network.state_dict(*arguments, **options)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Take tensors by the names of its file."""
        return self.network.load_state_dict(state_dict, strict, assign)


def build_spandrel(tensors: dict[str, Any], source: str) -> SpandrelGenerator:
    """The network that these tensors are of, ready to run on the CPU; `source` names their file in messages.

    Raises WeightsError where spandrel cannot be imported, knows no such architecture, or knows it as one that needs
    more than a picture of 1, 3 or 4 channels.
    """
    spandrel = _import_spandrel(source)
    try:
        descriptor = spandrel.ModelLoader().load_from_state_dict(spandrel.canonicalize_state_dict(tensors))
    except spandrel.UnsupportedModelError as error:
        known = f"spandrel {spandrel.__version__} knows {len(list(spandrel.MAIN_REGISTRY.architectures()))}"
        raise WeightsError(f"{source} is of no known architecture", f"{known}; a newer one may know more") from error
    except Exception as error:  # each architecture fails in its own way on tensors that do not fit it
        reason = shorten(str(error), 160)
        raise WeightsError(
            f"{source} does not fit the architecture it looks like: {reason}", "fetch it again"
        ) from error
    if not isinstance(descriptor, spandrel.ImageModelDescriptor):
        raise WeightsError(f"{source} fills holes, which needs a mask", "give weights that enlarge or restore")
    if descriptor.input_channels != descriptor.output_channels or descriptor.input_channels not in (1, 3, 4):
        channels = f"{descriptor.input_channels} to {descriptor.output_channels} channels"
        raise WeightsError(f"{source} turns {channels}, expected 1, 3 or 4 of both", "give other weights")
    return SpandrelGenerator(descriptor).eval().requires_grad_(False)


def check_trainable(generator: SpandrelGenerator, name: str) -> None:
    """Raises UsageError where a network does not learn from pictures alone, and where its tensors do not rebuild it."""
    twin = build_spandrel(dict(copy.deepcopy(generator.state_dict())), name)
    if (twin.architecture, twin.scale) != (generator.architecture, generator.scale):
        raise UsageError(f"the tensors of {name} do not tell enough to rebuild it", "start from another file")
    try:
        with torch.enable_grad():
            learned = twin.train()(torch.rand(2, 3, 16, 16))
        fits = learned.shape == (2, 3, 16 * twin.scale, 16 * twin.scale)
    except Exception:  # each network has its own needs beside the picture
        fits = False
    if not fits:
        raise UsageError(
            f"{twin.architecture.removeprefix(PREFIX)} networks cannot be trained here", "take another file"
        )


def read_tensors(path: Path) -> dict[str, Any]:
    """What a .safetensors file or one that torch wrote holds.  No code in it is ever executed.

    Raises WeightsError for a file that is missing, damaged, or holds more than tensors and plain values.
    """
    try:
        if path.suffix.lower() not in TORCH_SUFFIXES:
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot read {path}: {error}", "give a .safetensors or .pth file") from error
    except UnpicklingError as error:
        raise _pickle_error(path, error) from error
    except Exception as error:  # reading a damaged file fails in many ways
        if "TorchScript" in str(error):
            raise WeightsError(f"{path} is a TorchScript program", "give the weights it was made of") from error
        raise WeightsError(f"cannot read {path}: it is damaged", "fetch it again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds a {type(content).__name__}, expected tensors by name", "give another file")
    return content


def _pickle_error(path: Path, error: UnpicklingError) -> WeightsError:
    """torch's refusal names the class or function that a pickle asks for."""
    _, asked, rest = str(error).partition("GLOBAL ")
    if not asked:
        return WeightsError(f"cannot read {path}: it is damaged", "fetch it again")
    wanted = rest.split()[0].strip("`'\".,")
    return WeightsError(
        f"{path} asks to run code ({wanted}) and is not opened",
        "ask for it as .safetensors, or save its state dict alone where you trust it",
    )


def _import_spandrel(source: str) -> Any:
    try:
        import spandrel
    except Exception as error:  # a torchvision for another torch fails with RuntimeError
        raise WeightsError(
            f"{source} needs spandrel and torchvision, which cannot be imported: {shorten(str(error), 120)}",
            "install the torchvision that belongs to this torch: pip install spandrel torchvision",
        ) from error
    return spandrel


def _texture(height: int, width: int) -> Tensor:
    """(1, 3, H, W) of random detail on random patches, so that fine and coarse structure are both felt."""
    random = torch.Generator().manual_seed(0)
    fine = torch.rand(1, 3, height, width, generator=random)
    coarse = torch.rand(1, 3, height // 8 + 1, width // 8 + 1, generator=random)
    return (fine + 2 * F.interpolate(coarse, scale_factor=8)[..., :height, :width]) / 3
