"""ONNX files as models: they give what the network that they were exported from gives."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support import REPOSITORY
from typer.testing import CliRunner

from srgan_cli.cli import app
from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.image.io import read_picture
from srgan_cli.image.picture import Picture
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.run.initial_weights import check_start
from srgan_cli.upscaling.precision import with_precision
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy, activation_bytes
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.weights.file import load_weights, read_card
from srgan_cli.weights.onnx import export_onnx

CAT = REPOSITORY / "examples/cat.png"
onnx: Any = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def network() -> Generator:
    torch.manual_seed(1)
    generator = GENERATORS["srresnet"](scale=2, channels=8, blocks=2).eval().requires_grad_(False)
    torch.nn.init.normal_(generator.get_parameter("tail.weight"), std=0.05)
    return generator


@pytest.fixture(scope="module")
def model(network: Generator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "tiny-x2.onnx"
    export_onnx(network, path)
    return path


def save_graph(path: Path, nodes: list[Any], shape: list[Any], kind: int = 1) -> Path:
    """A model of these nodes, from `x` to `y`; the resizing factors are the constant `scales`."""
    given, made = (onnx.helper.make_tensor_value_info(name, kind, size) for name, size in (("x", shape), ("y", None)))
    scales = onnx.numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    graph = onnx.helper.make_graph(nodes, "graph", [given], [made], [scales])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def resize_node() -> Any:
    return onnx.helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="nearest")


def test_an_onnx_file_gives_what_its_network_gives(network: Generator, model: Path) -> None:
    loaded, card = load_weights(model)
    picture = torch.rand(2, 3, 9, 13)
    torch.testing.assert_close(loaded(picture), network(picture), atol=1e-4, rtol=0)
    assert (card.name, card.architecture, card.scale) == ("tiny-x2", "onnx", 2)
    assert read_card(model) == card
    assert loaded.parameter_count > 0


def test_tiles_are_close_to_the_whole(network: Generator, model: Path) -> None:
    picture = Picture(read_picture(CAT).flatten_on_white().rgb[:, :70, :90])
    tiled = Upscaler.load(model, device="cpu", policy=TilePolicy(size=32)).upscale(picture)
    with torch.no_grad():
        whole = network(picture.pixels[None])[0].clamp(0, 1)
    assert (tiled.pixels - whole).abs().max() < 1 / 255


def test_the_command_takes_onnx_files(model: Path, tmp_path: Path) -> None:
    with Image.open(CAT) as cat:
        cat.convert("RGB").crop((60, 40, 84, 56)).save(tmp_path / "in.png")
    done = CliRunner().invoke(app, ["upscale", "-m", str(model), str(tmp_path / "in.png"), str(tmp_path / "out.png")])
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "out.png") as made:
        assert made.size == (48, 32)


def test_memory_beside_torchs_counts(model: Path) -> None:
    generator = load_weights(model)[0]
    assert activation_bytes(with_precision(generator, torch.device("cpu")), 3) > generator.native_bytes > 0


@pytest.mark.parametrize(
    ("shape", "node", "message"),
    [
        ([1, 3, 64, 64], resize_node(), "any size"),
        ([1, 1, None, None], resize_node(), "any size"),
        ([None, 3, None], onnx.helper.make_node("Identity", ["x"], ["y"]), "one picture"),
        ([None, 3, None, None], onnx.helper.make_node("ReduceMax", ["x"], ["y"], axes=[1]), "whole factor"),
    ],
)
def test_models_of_other_shapes_are_refused(tmp_path: Path, shape: list[Any], node: Any, message: str) -> None:
    path = save_graph(tmp_path / "other.onnx", [node], shape)
    with pytest.raises(WeightsError, match=message):
        load_weights(path)


def test_a_model_in_half_precision_is_fed_so(tmp_path: Path) -> None:
    path = save_graph(tmp_path / "half.onnx", [resize_node()], [None, 3, None, None], kind=10)
    enlarged = load_weights(path)[0](torch.ones(1, 3, 8, 8))
    assert enlarged.dtype == torch.float32
    assert torch.equal(enlarged, torch.ones(1, 3, 16, 16))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "damaged.onnx").write_bytes(b"no model")
    with pytest.raises(WeightsError, match=r"cannot read .*damaged\.onnx"):
        load_weights(tmp_path / "damaged.onnx")
    with pytest.raises(WeightsError, match="no such"):
        load_weights(tmp_path / "missing.onnx")


def test_the_missing_extra_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match="onnxruntime is not installed") as caught:
        load_weights(model)
    assert "srgan-cli[onnx]" in caught.value.hint


def test_an_onnx_model_neither_learns_nor_is_exported(model: Path, tmp_path: Path) -> None:
    config = TrainConfig.from_settings(data=tmp_path, run=tmp_path / "run", scale=2, init_from=str(model), device="cpu")
    with pytest.raises(UsageError, match="cannot be trained"):
        check_start(config)
    with pytest.raises(UsageError, match="already"):
        export_onnx(load_weights(model)[0], tmp_path / "again.onnx")
