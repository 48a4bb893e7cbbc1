"""Checks before a run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import load_dataset
from srgan_cli.training.preflight import estimate_cost, find_problems


def scene(seed: int, width: int = 96, height: int = 80) -> Image.Image:
    """Sharp shapes and some texture."""
    random = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 128.0)
    for _ in range(40):
        top, left = random.integers(0, height), random.integers(0, width)
        pixels[top : top + random.integers(3, 30), left : left + random.integers(3, 30)] = random.integers(0, 256, 3)
    return Image.fromarray((pixels + random.normal(0, 6, pixels.shape)).clip(0, 255).astype(np.uint8))


@pytest.fixture
def config(tmp_path: Path, small_run: Callable[..., TrainConfig]) -> TrainConfig:
    folder = tmp_path / "data"
    folder.mkdir()
    for seed in range(3):
        scene(seed).save(folder / f"good{seed}.png")
    return small_run(folder, seconds=3600.0, steps=None, channels=4)


def remarks(config: TrainConfig) -> dict[str, str]:
    return {finding.name: finding.remark for finding in find_problems(load_dataset(config), config)}


def test_good_pictures_have_no_problems(config: TrainConfig) -> None:
    assert remarks(config) == {}


def test_problems_of_pictures_are_reported(config: TrainConfig) -> None:
    scene(1).save(config.data.folders[0].folder / "twin.png")
    scene(4).resize((288, 240), Image.Resampling.BICUBIC).save(config.data.folders[0].folder / "enlarged.png")
    scene(5, 256, 256).save(config.data.folders[0].folder / "squeezed.jpg", quality=40)
    scene(6, 256, 256).save(config.data.folders[0].folder / "fine.jpg", quality=92)
    scene(7, 12, 12).save(config.data.folders[0].folder / "tiny.png")
    (config.data.folders[0].folder / "broken.png").write_text("no picture")
    found = remarks(config)
    assert found.keys() == {"twin.png", "enlarged.png", "squeezed.jpg", "tiny.png", "broken.png"}
    assert "looks the same as good1.png" in found["twin.png"]
    assert "lacks fine detail" in found["enlarged.png"]
    assert "JPEG blocks" in found["squeezed.jpg"]
    assert "cannot be used" in found["tiny.png"]
    assert "cannot be used" in found["broken.png"]


def test_a_duplicate_is_found_after_jpeg_compression_and_among_held_out_pictures(config: TrainConfig) -> None:
    folder = config.data.folders[0].folder
    scene(9, 500, 420).save(folder / "large.png")
    scene(9, 500, 420).save(folder / "large-again.jpg", quality=50)
    for seed in range(6):
        config = config.replace(seed=seed)
        held_out = {pair.name for pair in load_dataset(config).validation}
        twins = [found for found in find_problems(load_dataset(config), config) if "looks the same" in found.remark]
        assert len(twins) == 1
        assert {twins[0].name, twins[0].remark.rpartition(" ")[2]} == {"large.png", "large-again.jpg"}
        if "large.png" in held_out:
            return
    pytest.fail("no seed holds the picture out")


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (-1, 2)])
def test_a_shift_between_partners_is_measured(config: TrainConfig, tmp_path: Path, shift: tuple[int, int]) -> None:
    low = tmp_path / "low"
    low.mkdir()
    for path in sorted(config.data.folders[0].folder.iterdir()):
        small = np.asarray(Image.open(path).resize((48, 40), Image.Resampling.BICUBIC))
        Image.fromarray(np.roll(small, (-shift[0], -shift[1]), (0, 1))).save(low / path.name)
    found = remarks(config.replace(low=(low,)))
    expected = f"is shifted {shift[0]:.1f} low-resolution pixels down and {shift[1]:.1f} right of"
    assert len(found) == (3 if any(shift) else 0)
    assert all(expected in remark for remark in found.values())


def test_partners_of_other_content_are_reported(config: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "low").mkdir()
    for path in sorted(config.data.folders[0].folder.iterdir()):
        small = np.asarray(Image.open(path).resize((48, 40), Image.Resampling.BICUBIC))
        Image.fromarray(255 - small).save(tmp_path / "low" / path.name)
    found = remarks(config.replace(low=(tmp_path / "low",)))
    assert len(found) == 3
    assert all("looks unlike its low-resolution partner" in remark for remark in found.values())


CLASSES = {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16), "metadata": None}


def test_what_reading_changes_is_counted_with_examples(config: TrainConfig) -> None:
    folder = config.data.folders[0].folder
    picture = np.asarray(scene(4))
    Image.fromarray(picture[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    alpha = np.full(picture.shape[:2], 255, np.uint8)
    Image.fromarray(np.dstack([np.asarray(scene(5)), alpha])).save(folder / "opaque.png")
    alpha[:9] = 0
    Image.fromarray(np.dstack([np.asarray(scene(6)), alpha])).save(folder / "clear.png")
    scene(7).save(folder / "moving.gif", save_all=True, append_images=[scene(8)])
    floats = np.asarray(scene(9)).astype(np.float32) / 255
    floats[3:5, 3:5] = np.nan
    tifffile.imwrite(folder / "gaps.tif", floats, photometric="rgb", metadata=None)
    tifffile.imwrite(folder / "classes.tif", picture[..., 0] // 32, **CLASSES, extratags=[(42113, "s", 0, "9", True)])
    counted = {
        f.remark: f.name for f in find_problems(load_dataset(config), config) if f.name.endswith(("file", "files"))
    }
    assert counted.keys() >= {
        "with NaN or infinite values: gaps.tif",
        "with several frames or pages, of which only the first is used: moving.gif",
        "with transparency, composited on white: clear.png",
        "with 16 bits a channel, others not: deep.png",
        "with floats, others not: gaps.tif",
        "with numbers of classes, whose colours are blended: classes.tif",
    }
    assert counted["with NaN or infinite values: gaps.tif"] == "1 file"
    assert "7 files" in counted.values()


@pytest.mark.parametrize(("fraction", "phases"), [(1.0, {"pixel"}), (0.5, {"pixel", "adversarial"})])
def test_the_cost_is_measured_and_no_file_is_left(config: TrainConfig, fraction: float, phases: set[str]) -> None:
    dataset = load_dataset(config)
    by_time = estimate_cost(config.replace(pretrain_fraction=fraction, seconds=7200), dataset)
    assert by_time.rates.keys() == phases
    assert by_time.hours == 2
    by_steps = estimate_cost(config.replace(pretrain_fraction=fraction, seconds=None, steps=1000), dataset)
    slowest, fastest = min(by_steps.rates.values()), max(by_steps.rates.values())
    assert 1000 / fastest / 3600 <= by_steps.hours * 1.0001
    assert by_steps.hours <= 1000 / slowest / 3600 * 1.0001
    assert by_time.disk > 2 * 4 * torch.nn.utils.parameters_to_vector([torch.zeros(1000)]).numel()
    assert by_time.memory > 50e6
    assert not config.run.folder.exists()
