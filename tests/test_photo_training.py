"""The program that continues the training of photo-x4."""

import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from support import REPOSITORY

from srgan_cli.image.ops import resize
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture
from srgan_cli.networks import GENERATORS
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import load_weights, read_card, save_weights


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, backbones: Path) -> dict[str, Any]:
    monkeypatch.setenv("SRGAN_METRIC_WEIGHTS", str(backbones))
    monkeypatch.setattr(sys, "path", [str(REPOSITORY / "benchmarks"), *sys.path])
    return runpy.run_path(str(REPOSITORY / "benchmarks/photo_training.py"))


def save_generator(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    generator = GENERATORS["srresnet"](channels=8, blocks=1)
    torch.nn.init.normal_(generator.get_parameter("tail.weight"), std=0.02)
    save_weights(path, generator, WeightsCard.for_generator(generator, path.stem))
    return path


@pytest.mark.usefixtures("one_core")
def test_a_packed_training_continues_from_its_checkpoint(program: dict[str, Any], tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    (tmp_path / "photos").mkdir()
    for name in "ab":
        pixels = resize(torch.rand(3, 40, 40, generator=random), 520, 530)
        write_picture(Picture(pixels), tmp_path / f"photos/{name}.png")
    runpy.run_path(str(REPOSITORY / "benchmarks/photo_crops.py"))["main"](
        tmp_path / "photos", tmp_path / "photos.zip", megabytes=0.2
    )
    assert 0 < (tmp_path / "photos.zip").stat().st_size <= 0.25e6
    teacher, first = save_generator(tmp_path / "teacher.safetensors", 1), save_generator(tmp_path / "w.safetensors", 2)
    shutil.copy(first, tmp_path / "first.safetensors")
    places = (tmp_path / "photos.zip", teacher, tmp_path / "checkpoint.pt", first)
    steps = []
    for _ in range(2):
        program["main"](*places, minutes=0.05, device="cpu", reuse=1e9, batch=2, discriminator_channels=4)
        state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
        steps.append(state["steps"])
    assert 0 < steps[0] < steps[1]
    (before, _), (after, card) = load_weights(tmp_path / "first.safetensors"), load_weights(first)
    assert not torch.equal(before.get_parameter("tail.weight"), after.get_parameter("tail.weight"))
    assert card.training["steps"] == steps[1]
    assert read_card(first).training["teachers"][0]["licence"] == "BSD-3-Clause"


def test_targets_have_the_coarse_values_of_the_original(program: dict[str, Any]) -> None:
    random = torch.Generator().manual_seed(0)
    original = torch.full((2, 3, 64, 64), 0.3)
    stripes = torch.tensor([0.1, -0.1]).repeat(32)
    tinted = original + stripes + torch.rand(2, 3, 1, 1, generator=random)
    assert torch.allclose(program["with_coarse_values"](tinted, original), original + stripes, atol=0.01)


def test_the_finest_detail_of_targets_is_raised(program: dict[str, Any]) -> None:
    fine, coarse = torch.tensor([0.1, -0.1]).repeat(32), torch.tensor([0.1, -0.1]).repeat_interleave(32)
    flat = torch.full((2, 3, 64, 64), 0.5)
    raised = program["with_fine_detail"]
    assert torch.allclose(raised(flat + fine)[..., 8:-8], flat[..., 8:-8] + 1.4 * fine[8:-8], atol=0.01)
    assert torch.allclose(raised(flat + coarse)[..., 8:24], (flat + coarse)[..., 8:24], atol=1e-4)
