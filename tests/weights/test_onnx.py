"""Exported models have the results of torch, also at other sizes than the example."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from srgan_cli.cli import app
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.weights.file import load_weights
from srgan_cli.weights.onnx import INPUT, OUTPUT, export_onnx
from srgan_cli.weights.registry import find_weights


@pytest.fixture(scope="module")
def runtime() -> Any:
    """onnxruntime, if the extra is installed."""
    for name in ("onnx", "onnxscript"):
        pytest.importorskip(name)
    return pytest.importorskip("onnxruntime")


def test_the_command_exports_a_shipped_model(runtime: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    done = CliRunner().invoke(app, ["export", str(path), "-m", "fidelity-x4"])
    assert (done.exit_code, done.stdout) == (0, f"{path}\n")
    picture = np.random.default_rng(0).random((1, 3, 21, 33), dtype=np.float32)
    (found,) = runtime.InferenceSession(path).run([OUTPUT], {INPUT: picture})
    expected = load_weights(find_weights("fidelity-x4"))[0](torch.from_numpy(picture))
    assert np.abs(found - expected.numpy()).max() < 1e-4
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("rrdb", {"channels": 4, "blocks": 1, "growth": 2}),
        ("span", {"channels": 4, "blocks": 3}),
        ("srresnet", {"channels": 4, "blocks": 1, "bands": 4}),
    ],
)
def test_other_generators_are_exported(tmp_path: Path, name: str, config: dict[str, int]) -> None:
    generator = GENERATORS[name](scale=2, **config).eval().requires_grad_(False)
    assert export_onnx(generator, tmp_path / "model.onnx") < 1e-4


class Inconsistent(Generator):
    """Has other results in torch than in the exported model."""

    def __init__(self) -> None:
        super().__init__(scale=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if torch.compiler.is_exporting() else x + 0.01


@pytest.mark.usefixtures("runtime")
def test_a_model_that_differs_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(SrganError, match=r"differs from torch by 0\.01"):
        export_onnx(Inconsistent().eval(), tmp_path / "model.onnx")
    assert not [*tmp_path.iterdir()]


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match="onnx is not installed") as caught:
        export_onnx(GENERATORS["srcnn"](scale=2), tmp_path / "model.onnx")
    assert "srgan-cli[onnx]" in caught.value.hint
