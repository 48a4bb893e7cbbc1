"""Settings and fixtures of all tests.  Hypothesis has no deadlines, since the machine may be busy."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image
from safetensors.torch import save_file
from support import Outcome, draw_smooth_pictures

from srgan_cli import __main__
from srgan_cli.networks import GENERATORS
from srgan_cli.networks.backbones import BACKBONES
from srgan_cli.weights.backbones import METRIC_WEIGHTS_VARIABLE
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import save_weights

settings.register_profile("house", deadline=None)
settings.load_profile("house")
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    torch.set_num_threads(max(1, torch.get_num_threads() // int(workers)))


@pytest.fixture
def one_core() -> Iterator[None]:
    """Use one thread, which is faster for tiny networks."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def cpu_bfloat16(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Let the CPU have instructions for bfloat16, or none, as torch reports it."""

    def report(native: bool) -> None:
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
            monkeypatch.setattr(torch.cpu, name, lambda: native, raising=False)

    return report


@pytest.fixture
def smooth_pictures(tmp_path: Path) -> Path:
    """A folder of four smooth pictures of 48 x 48, on which training makes progress."""
    return draw_smooth_pictures(tmp_path / "data")


@pytest.fixture(scope="session")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with random weights for every backbone, for $SRGAN_METRIC_WEIGHTS.

    Initialised as by He et al., so that the activations of the last layers do not vanish.
    """
    folder = tmp_path_factory.mktemp("backbones")
    he = 6**0.5  # relative to the initialisation of torch
    for seed, (name, build) in enumerate(BACKBONES.items()):
        torch.manual_seed(seed)
        drawn = build().state_dict().items()
        tensors = {key: (he * value if value.ndim > 1 else value).half().contiguous() for key, value in drawn}
        save_file(tensors, folder / f"{name}.safetensors")
    return folder


@pytest.fixture
def random_backbones(backbones: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`load_backbone` finds random weights."""
    monkeypatch.setenv(METRIC_WEIGHTS_VARIABLE, str(backbones))
    return backbones


@pytest.fixture
def random_heads(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, torch.Tensor]]:
    """LPIPS and DISTS use these random heads, by file."""
    random = torch.Generator().manual_seed(7)

    def positive(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=random)

    widths = {"lpips_models/alex.pth": (64, 192, 384, 256, 256), "lpips_models/vgg.pth": (64, 128, 256, 512, 512)}
    heads = {
        file: {f"lin{n}.model.1.weight": positive(1, width, 1, 1) for n, width in enumerate(row)}
        for file, row in widths.items()
    }
    heads["dists_models/weights.pt"] = {key: positive(1, 1475, 1, 1) for key in ("alpha", "beta")}
    for module in ("lpips", "dists"):
        monkeypatch.setattr(f"srgan_cli.metrics.perceptual.{module}.read_calibration", heads.__getitem__)
    return heads


@pytest.fixture
def srgan(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs a command line in this process."""

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["srgan", *map(str, arguments)])
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # --max-pixels changes it
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        captured = capfd.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "in.png"
    noise = np.random.default_rng(0).integers(0, 256, (14, 20, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    generator = GENERATORS["srresnet"](scale=4, channels=4, blocks=1)
    path = tmp_path / "tiny.safetensors"
    save_weights(path, generator, WeightsCard.for_generator(generator, "tiny"))
    return path


@pytest.fixture(scope="session")
def spandrel() -> Any:
    """The library, if it can be imported."""
    try:
        import spandrel
    except Exception as error:  # a torchvision for another torch fails with RuntimeError
        pytest.skip(f"spandrel cannot be imported: {error}")
    return spandrel


@pytest.fixture
def mixture(tmp_path: Path, picture: Path) -> Path:
    """A folder with forty pictures, two files that only look like pictures, and a text file."""
    folder = tmp_path / "mixture"
    (folder / "deep").mkdir(parents=True)
    for number in range(40):
        noise = np.random.default_rng(number).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"deep/{number}.png")
    (folder / "cut.png").write_bytes(picture.read_bytes()[:150])
    (folder / "text.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("no picture either")
    return folder
