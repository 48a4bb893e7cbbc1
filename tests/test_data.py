"""What a folder gives to train on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from srgan_cli.errors import SrganError
from srgan_cli.pixels import downscale
from srgan_cli.training import data
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data import load_dataset, sample_batch, turn


def noise(path: Path, width: int = 40, height: int = 36, mode: str = "RGB") -> None:
    random = np.random.default_rng(len(path.name) + width)
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(path)


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    folder = tmp_path / "data"
    for index in range(4):
        noise(folder / f"flat{index}.png")
    noise(folder / "nested/deep/odd.jpg", 43, 39)
    noise(folder / "grey.bmp", mode="L")
    noise(folder / "tiny.png", 40, 12)
    (folder / "broken.png").write_bytes((folder / "flat0.png").read_bytes()[:900])
    (folder / "text.jpg").write_text("not a picture")
    (folder / "notes.txt").write_text("passed over")
    return TrainConfig(folder, tmp_path / "run", scale=2, patch=8, batch=5, seconds=None, steps=4)


def test_usable_pictures_are_found_and_the_others_listed(config: TrainConfig) -> None:
    dataset = load_dataset(config)
    assert len(dataset.validation) == 1
    names = {pair.name for pair in [*dataset.training, *dataset.validation]}
    assert names == {"flat0.png", "flat1.png", "flat2.png", "flat3.png", "odd.jpg", "grey.bmp"}
    assert [skip.path.name for skip in dataset.skipped] == ["broken.png", "text.jpg", "tiny.png"]
    assert "40 x 12" in dataset.skipped[2].reason


def test_partners_are_the_bicubic_halves(config: TrainConfig) -> None:
    for pair in load_dataset(config).training:
        assert [2 * side for side in pair.low.shape[1:]] == list(pair.high.shape[1:])
        expected = downscale(pair.high.float() / 255, 2) * 255
        assert (pair.low.float() - expected).abs().max() <= 0.501


def test_a_patch_is_the_partner_of_its_low_resolution_patch(config: TrainConfig) -> None:
    low, high = sample_batch(load_dataset(config).training, config, torch.Generator().manual_seed(1), 8, 5)
    assert low.shape == (5, 3, 8, 8)
    assert high.shape == (5, 3, 16, 16)
    inner = (..., slice(2, -2), slice(2, -2))
    assert (downscale(high, 2)[inner] - low[inner]).abs().max() <= 0.51 / 255


def test_batches_are_drawn_from_the_generator_alone(config: TrainConfig) -> None:
    pairs = load_dataset(config).training
    batches = [sample_batch(pairs, config, torch.Generator().manual_seed(seed), 8, 5)[1] for seed in (3, 3, 4)]
    assert torch.equal(batches[0], batches[1])
    assert not torch.equal(batches[0], batches[2])


def test_degraded_patches_lie_where_their_partners_do(tmp_path: Path) -> None:
    """On a steep ramp a shift by one pixel would cost 8 levels."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None] * 4, (64, 64, 3))
    for index in range(2):
        Image.fromarray(np.ascontiguousarray(ramp)).save(tmp_path / f"{index}.png")
    config = TrainConfig(tmp_path, tmp_path / "run", scale=2, patch=16, degraded_share=1.0)
    low, high = sample_batch(load_dataset(config).training, config, torch.Generator().manual_seed(1), 16, 24)
    error = (low - downscale(high, 2))[..., 2:-2, 2:-2] * 255
    assert error.any()
    assert error.mean((1, 2, 3)).abs().max() < 3


def test_the_eight_orientations_differ() -> None:
    square = torch.arange(9.0).view(1, 3, 3)
    assert len({tuple(turn(square, number).flatten().tolist()) for number in range(8)}) == 8


def test_the_seed_decides_what_is_held_out(config: TrainConfig) -> None:
    held_out = [{pair.name for pair in load_dataset(replace(config, seed=s)).validation} for s in (0, 0, 1, 2, 3)]
    assert held_out[0] == held_out[1]
    assert any(names != held_out[0] for names in held_out)


def test_pixels_move_to_a_file_when_memory_is_short(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = load_dataset(config).training
    monkeypatch.setattr(data, "_memory", lambda: 100)
    on_disk = load_dataset(config).training
    assert (config.run / "pixels.cache").stat().st_size > 0
    assert all(torch.equal(a.high, b.high) for a, b in zip(in_memory, on_disk, strict=True))


@pytest.mark.parametrize("spoil", [lambda _: None, lambda folder: noise(folder / "one.png")])
def test_too_little_data_is_refused(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path)
    noise(tmp_path / "tiny.png", 9, 9)
    with pytest.raises(SrganError, match="usable pictures"):
        load_dataset(TrainConfig(tmp_path, tmp_path / "run", scale=2, patch=8))
