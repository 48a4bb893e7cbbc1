"""Networks of other projects: recognised, run with the sizes they require, and loaded without running code."""

import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from support import REPOSITORY
from torch import nn

from srgan_cli.errors import WeightsError
from srgan_cli.image.io import read_picture
from srgan_cli.image.picture import Picture
from srgan_cli.networks.generators.measured import GRID, LARGEST_HALO
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import load_weights, read_card, save_weights
from srgan_cli.weights.spandrel import SpandrelGenerator, build_spandrel, read_tensors

COMMUNITY = REPOSITORY.parent / "shared/data/community-weights"
CAT = REPOSITORY / "examples/cat.png"
NETWORKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "compact-x2-rgba": (
        "Compact",
        "Compact",
        {"num_in_ch": 4, "num_out_ch": 4, "num_feat": 4, "num_conv": 2, "upscale": 2},
    ),
    "span-x2": ("SPAN", "SPAN", {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 4, "upscale": 2}),
    "esrgan-x4": ("ESRGAN", "ESRGAN", {"num_filters": 4, "num_blocks": 2, "scale": 4}),
    "esrgan-x2-unshuffled": (
        "ESRGAN",
        "ESRGAN",
        {"in_nc": 12, "num_filters": 4, "num_blocks": 2, "scale": 4, "shuffle_factor": 2},
    ),
    "plksr-x3": ("PLKSR", "RealPLKSR", {"dim": 8, "n_blocks": 2, "upscaling_factor": 3}),
    "safmn-x4": ("SAFMN", "SAFMN", {"dim": 8, "n_blocks": 1, "upscaling_factor": 4}),
    "swinir-x2": (
        "SwinIR",
        "SwinIR",
        {
            "embed_dim": 8,
            "depths": [2, 2],
            "num_heads": [2, 2],
            "window_size": 8,
            "mlp_ratio": 2.0,
            "upscale": 2,
            "upsampler": "pixelshuffledirect",
        },
    ),
    "dncnn-grey": ("DnCNN", "DnCNN", {"nc": 4, "nb": 8, "act_mode": "R"}),
    "nafnet": ("NAFNet", "NAFNet", {"width": 4, "enc_blk_nums": [1, 1], "dec_blk_nums": [1, 1]}),
}
CONVOLUTIONS = ("compact-x2-rgba", "span-x2", "esrgan-x4", "esrgan-x2-unshuffled", "dncnn-grey")


@pytest.fixture(scope="module")
def folder(spandrel: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random weights for every entry of NETWORKS, wrapped as by common trainers."""
    place = tmp_path_factory.mktemp("foreign")
    for name, (module, kind, options) in NETWORKS.items():
        torch.manual_seed(3)
        network: nn.Module = getattr(getattr(spandrel.architectures, module), kind)(**options)
        torch.save({"params_ema": network.state_dict(), "iter": 7}, place / f"{name}.pth")
    return place


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


def upscale(generator: SpandrelGenerator, picture: Picture, tile: int = 0) -> torch.Tensor:
    return Upscaler(generator, torch.device("cpu"), policy=TilePolicy(tile)).upscale(picture).pixels


@pytest.mark.parametrize("name", NETWORKS)
def test_every_architecture_upscales_any_size(folder: Path, name: str) -> None:
    generator, card = load_weights(folder / f"{name}.pth")
    scale = int(name.split("-x")[1][0]) if "-x" in name else 1
    assert (card.name, card.scale, card.architecture) == (name, scale, f"spandrel:{NETWORKS[name][0]}")
    for size in ((1, 1), (7, 18)):
        result = upscale(generator, Picture(noise(3, *size)))
        assert result.shape == (3, scale * size[0], scale * size[1])
    assert upscale(generator, Picture(noise(1, 9, 5))).shape == (1, scale * 9, scale * 5)


@pytest.mark.parametrize("name", ["esrgan-x4", "swinir-x2", "nafnet"])
def test_results_are_those_of_spandrel(spandrel: Any, folder: Path, name: str) -> None:
    path, picture = folder / f"{name}.pth", noise(3, 32, 48)
    expected = spandrel.ModelLoader().load_from_file(path).eval()(picture[None])[0]
    torch.testing.assert_close(upscale(load_weights(path)[0], Picture(picture)), expected, atol=1e-5, rtol=0)


def test_a_network_with_one_channel_processes_each_colour_alone(folder: Path) -> None:
    generator, _ = load_weights(folder / "dncnn-grey.pth")
    picture = noise(3, 16, 16)
    colours = [upscale(generator, Picture(channel[None])) for channel in picture]
    torch.testing.assert_close(upscale(generator, Picture(picture)), torch.cat(colours))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_tiles_equal_the_whole_picture_within_a_grey_level(folder: Path, name: str) -> None:
    generator, _ = load_weights(folder / f"{name}.pth")
    assert not generator.exact_tiles
    picture = Picture(noise(3, 40, 75))
    assert (upscale(generator, picture) - upscale(generator, picture, 25)).abs().max() <= 1 / 255


def test_a_network_with_global_information_has_about_the_largest_halo(folder: Path) -> None:
    """The attention of NAFNet uses the mean of all pixels; the few convolutions of Compact do not reach far."""
    local, global_ = (load_weights(folder / f"{name}.pth")[0] for name in ("compact-x2-rgba", "nafnet"))
    for parameter in global_.network.parameters():
        nn.init.normal_(parameter, std=0.5, generator=torch.Generator().manual_seed(1))
    assert 0 < local.receptive_radius <= 4
    assert LARGEST_HALO - GRID < global_.receptive_radius <= LARGEST_HALO
    assert (local.blend, global_.blend) == (0, LARGEST_HALO // 2)


@pytest.mark.parametrize("name", NETWORKS)
def test_they_are_saved_with_a_card_and_loaded_again(folder: Path, tmp_path: Path, name: str) -> None:
    generator, _ = load_weights(folder / f"{name}.pth")
    card = WeightsCard.for_generator(generator, "mine", licence="CC0-1.0")
    save_weights(tmp_path / "mine.safetensors", generator, card)
    again, read = load_weights(tmp_path / "mine.safetensors")
    assert read == card == read_card(tmp_path / "mine.safetensors")
    picture = Picture(noise(3, 24, 24))
    assert torch.equal(upscale(again, picture), upscale(generator, picture))


@pytest.mark.parametrize("suffix", [".pt", ".ckpt", ".PTH", ".safetensors"])
def test_files_with_other_suffixes_are_loaded(folder: Path, tmp_path: Path, suffix: str) -> None:
    from safetensors.torch import save_file

    tensors = read_tensors(folder / "span-x2.pth")["params_ema"]
    path = tmp_path / f"other{suffix}"
    save_file(tensors, path) if suffix == ".safetensors" else torch.save({"state_dict": tensors}, path)
    assert load_weights(path)[1].architecture == read_card(path).architecture == "spandrel:SPAN"


class Evil:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.marker, "run")


@pytest.mark.parametrize("protocol", ["zip", "plain"])
def test_a_malicious_pickle_is_an_error(tmp_path: Path, protocol: str) -> None:
    path, marker = tmp_path / "evil.pth", tmp_path / "marker"
    content = {"weight": Evil(marker)}
    torch.save(content, path) if protocol == "zip" else path.write_bytes(pickle.dumps(content, 2))
    with pytest.raises(WeightsError, match=r"asks to run code .* and was not loaded"):
        load_weights(path)
    assert not marker.exists()


def test_a_torchscript_program_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "program.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advises against it too
        torch.jit.save(torch.jit.script(nn.Conv2d(3, 3, 1)), path)
    with pytest.raises(WeightsError, match="is a TorchScript program"):
        load_weights(path)


@pytest.mark.parametrize(
    ("content", "expected"), [(b"", "damaged"), (b"any bytes", "damaged"), ([1.0, 2.0], "contains a list")]
)
def test_other_files_are_errors(tmp_path: Path, content: Any, expected: str) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(WeightsError, match=expected):
        load_weights(path)


def test_unknown_and_mismatching_networks_are_errors(folder: Path) -> None:
    with pytest.raises(WeightsError, match="has no known architecture"):
        build_spandrel({"weight": torch.zeros(1)}, "a.pth")
    tensors = read_tensors(folder / "span-x2.pth")["params_ema"]
    with pytest.raises(WeightsError, match="does not match the architecture that it resembles"):
        build_spandrel({**tensors, "body.1.weight": torch.zeros(9)}, "a.pth")


def test_networks_for_other_tasks_are_errors(spandrel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    network = spandrel.architectures.Compact.Compact(num_in_ch=2, num_out_ch=2, num_feat=4, num_conv=2)
    with pytest.raises(WeightsError, match="converts 2 to 2 channels"):
        build_spandrel(network.state_dict(), "a.pth")
    monkeypatch.setattr(spandrel.ModelLoader, "load_from_state_dict", lambda *_: "an inpainting network")
    with pytest.raises(WeightsError, match="needs a mask"):
        build_spandrel({}, "a.pth")


def test_without_spandrel_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(WeightsError, match="needs spandrel and torchvision") as caught:
        build_spandrel({"weight": torch.zeros(1)}, "a.pth")
    assert "pip install" in caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.skipif(not COMMUNITY.is_dir(), reason="the community files are not available")
@pytest.mark.usefixtures("spandrel")
@pytest.mark.parametrize(
    ("name", "architecture"), [("realesr-animevideov3-x4", "compact"), ("craft-x4", "spandrel:CRAFT")]
)
def test_community_files_upscale_a_photograph(name: str, architecture: str) -> None:
    generator, card = load_weights(COMMUNITY / f"{name}.pth")
    assert (card.architecture, card.scale) == (architecture, 4)
    photograph = read_picture(CAT).pixels[:, 40:73, 60:101]
    result = upscale(generator, Picture(photograph))
    small = nn.functional.interpolate(result[None], scale_factor=1 / 4, mode="area")[0]
    assert (small - photograph).abs().mean() < 5 / 255
