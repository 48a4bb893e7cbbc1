"""Reading the training pictures."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from srgan_cli.errors import SrganError
from srgan_cli.image.ops import downscale
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data import store
from srgan_cli.training.data.dataset import load_dataset
from srgan_cli.training.run.contact_sheet import PARTNERS, SAMPLES
from srgan_cli.training.settings import DataFolder


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
    return TrainConfig.from_settings(
        data=folder, run=tmp_path / "run", scale=2, patch=8, batch=5, seconds=None, steps=4
    )


def test_usable_pictures_are_loaded_and_the_others_are_listed(config: TrainConfig) -> None:
    dataset = load_dataset(config)
    assert len(dataset.validation) == 1
    names = {pair.name for pair in [*dataset.training, *dataset.validation]}
    assert names == {"flat0.png", "flat1.png", "flat2.png", "flat3.png", "odd.jpg", "grey.bmp"}
    assert [skip.path.name for skip in dataset.skipped] == ["broken.png", "text.jpg", "tiny.png"]
    assert "40 x 12" in dataset.skipped[2].reason


def test_a_folder_of_the_data_is_held_out(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(config.data.folders[0].folder)
    dataset = load_dataset(config.replace(held_out="nested"))
    assert [pair.name for pair in dataset.validation] == ["odd.jpg"]
    assert len(dataset.training) == 5
    Path("linked").mkdir()
    Path("elsewhere").mkdir()
    Path("linked/flat.png").symlink_to(Path("flat0.png").resolve())
    assert [pair.name for pair in load_dataset(config.replace(held_out="linked")).validation] == ["flat.png"]
    for folder, found in ("absent", "no such folder"), ("elsewhere", "0 of the 10"), (".", "10 of the 10"):
        with pytest.raises(SrganError, match=found):
            load_dataset(config.replace(held_out=folder))


@pytest.mark.parametrize("sheet", [SAMPLES, PARTNERS])
def test_samples_of_the_run_are_not_training_pictures(config: TrainConfig, sheet: str) -> None:
    below = config.replace(run=config.data.folders[0].folder / "run")
    before = load_dataset(below).digest
    noise(below.run.folder / sheet / "00000001.png")
    assert load_dataset(below).digest == before
    assert load_dataset(config).digest != before


@pytest.mark.parametrize("log", ["metrics.jsonl", "checkpoint.pt"])
def test_pictures_in_run_folders_inside_the_data_are_left_out(config: TrainConfig, log: str) -> None:
    folder, before = config.data.folders[0].folder, load_dataset(config).digest
    old = folder / "deep/old"
    for name in ("samples/sheet.png", "partners/sheet.png", "figure.png"):
        noise(old / name)
    assert len(load_dataset(config).left_out) == 0
    (old / "config.json").write_text("{}")
    (old / log).touch()
    dataset = load_dataset(config)
    assert dataset.digest == before
    assert {path.name for path in dataset.left_out} == {"sheet.png", "figure.png"}
    assert len(load_dataset(config.replace(data=old)).left_out) == 0


def test_partners_are_bicubic_reductions(config: TrainConfig) -> None:
    for pair in load_dataset(config).training:
        assert [2 * side for side in pair.low.shape[1:]] == list(pair.high.shape[1:])
        expected = downscale(pair.high.float() / 255, 2) * 255
        assert (pair.low.float() - expected).abs().max() <= 0.501


def test_the_seed_decides_what_is_held_out(config: TrainConfig) -> None:
    held_out = [{pair.name for pair in load_dataset(config.replace(seed=s)).validation} for s in (0, 0, 1, 2, 3)]
    assert held_out[0] == held_out[1]
    assert any(names != held_out[0] for names in held_out)


def test_pixels_go_to_a_file_when_memory_is_short(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = load_dataset(config).training
    monkeypatch.setattr(store, "total_memory", lambda: 0)
    on_disk = load_dataset(config).training
    assert (config.run.folder / "pixels-0.cache").stat().st_size > 0
    assert all(torch.equal(a.high, b.high) for a, b in zip(in_memory, on_disk, strict=True))


def test_pictures_beyond_the_limit_take_no_memory(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "total_memory", lambda: 0)
    load_dataset(config)
    needed = (config.run.folder / "pixels-0.cache").stat().st_size
    noise(config.data.folders[0].folder / "large.bmp", 200, 100)
    skipped = load_dataset(config, max_pixels=19_999).skipped
    assert any("large.bmp has 20000 pixels" in skip.reason for skip in skipped)
    assert (config.run.folder / "pixels-0.cache").stat().st_size == needed


@pytest.mark.parametrize(("size", "in_file"), [(50, False), (51, True)])
def test_pixels_may_take_half_of_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, in_file: bool
) -> None:
    monkeypatch.setattr(store, "total_memory", lambda: 100)
    store.PixelCache(size, tmp_path / "cache")
    assert (tmp_path / "cache").exists() == in_file


def test_space_is_not_asked_for_a_file_that_is_appended_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On file systems without fallocate, glibc refuses that."""
    fcntl = pytest.importorskip("fcntl")
    flags: list[int] = []
    monkeypatch.setattr(os, "posix_fallocate", lambda file, *_: flags.append(fcntl.fcntl(file, fcntl.F_GETFL)))
    assert len(store.map_file(tmp_path / "cache", 9)) == 9
    assert not flags[0] & os.O_APPEND


def test_pictures_too_small_for_a_metric_are_skipped(config: TrainConfig) -> None:
    noise(config.data.folders[0].folder / "small.png", 30, 36)
    reasons = {skip.path.name: skip.reason for skip in load_dataset(config).skipped}
    assert "small.png is 30 x 36, expected at least 32 pixels a side" in reasons["small.png"]


@pytest.mark.parametrize("prepare", [lambda _: None, lambda folder: noise(folder / "one.png")])
def test_too_little_data_is_refused(tmp_path: Path, prepare: Callable[[Path], None]) -> None:
    prepare(tmp_path)
    noise(tmp_path / "tiny.png", 9, 9)
    with pytest.raises(SrganError, match="usable picture"):
        load_dataset(TrainConfig.from_settings(data=tmp_path, run=tmp_path / "run", scale=2, patch=8))


def test_partners_of_the_same_name_are_read_from_their_folder(config: TrainConfig, tmp_path: Path) -> None:
    low = tmp_path / "low"
    noise(low / "flat0.webp", 20, 18)
    noise(low / "flat1.png", 20, 17)
    noise(low / "nested/deep/odd.png", 21, 19)
    dataset = load_dataset(config.replace(low=(low,)))
    pairs = {pair.name: pair for pair in [*dataset.training, *dataset.validation]}
    assert pairs.keys() == {"flat0.png", "odd.jpg"}
    assert pairs["odd.jpg"].high.shape == (3, 38, 42)
    reasons = {skip.path.name: skip.reason for skip in dataset.skipped}
    assert "its partner 20 x 17, not 1/2" in reasons["flat1.png"]
    assert "has no partner" in reasons["flat2"]


def test_a_picture_below_several_folders_has_the_weight_of_the_last(config: TrainConfig) -> None:
    (source,) = config.data.folders
    nested = DataFolder(source.folder / "nested", 3.0)
    dataset = load_dataset(config.replace(data=(source, nested)))
    weights = {pair.name: pair.weight for pair in [*dataset.training, *dataset.validation]}
    assert weights.pop("odd.jpg") == 3
    assert len(weights) == 5
    assert set(weights.values()) == {1}


def test_every_folder_has_its_own_partners(config: TrainConfig, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "low a", "low b")]
    for folder, width, height in zip(folders, (40, 32, 20, 16), (36, 36, 18, 18), strict=True):
        noise(folder / "same.png", width, height)
    sources = tuple(DataFolder(folder) for folder in folders[:2])
    dataset = load_dataset(config.replace(data=sources, low=tuple(folders[2:])))
    assert dataset.skipped == []
    assert {pair.low.shape[2] for pair in [*dataset.training, *dataset.validation]} == {20, 16}
    with pytest.raises(SrganError, match="0 usable pictures") as raised:
        load_dataset(config.replace(data=sources, low=tuple(folders[:1:-1])))
    assert "its partner 16 x 18, not 1/2" in raised.value.hint
