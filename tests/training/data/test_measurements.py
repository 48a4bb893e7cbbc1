"""Training on measurements: any number of bands, in units of their own, with pixels without data."""

from pathlib import Path

import numpy as np
import pytest
import torch

from srgan_cli import Upscaler, read_picture
from srgan_cli.errors import PictureError, SrganError, UsageError
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import load_dataset
from srgan_cli.training.data.measurements import MeasurementReader, common_range, valid_corners
from srgan_cli.training.data.sampling import BatchRequest, Sampler
from srgan_cli.training.run.initial_weights import prepare_run
from srgan_cli.training.trainer import Trainer

tifffile = pytest.importorskip("tifffile")
BANDS, SIDE, NODATA = 4, 96, -9999.0


def scene(number: int, *, bands: int = BANDS, dtype: str = "float32", holes: bool = False) -> np.ndarray:
    """Reflectance (bands, SIDE, SIDE) between 0 and 3000: waves whose bands differ; a corner has no data."""
    y, x = np.mgrid[:SIDE, :SIDE] / 8
    waves = [np.sin(x + band + number) + np.cos(y * (1 + band / 3)) for band in range(bands)]
    values = 1500 + 700 * np.stack(waves)
    if holes:
        values[:, :40, :30] = NODATA
    return values.astype(dtype)


def write(folder: Path, name: str, values: np.ndarray, *, nodata: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    tags = [(42113, "s", 0, nodata, True)] if nodata else []
    tifffile.imwrite(folder / name, values, photometric="minisblack", planarconfig="separate", extratags=tags)
    return folder / name


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    for number in range(3):
        write(tmp_path / "scenes", f"{number}.tif", scene(number, holes=number < 2), nodata=str(NODATA))
    return tmp_path / "scenes"


def small(data: Path, run: Path, **settings: object) -> TrainConfig:
    shape = {"channels": 8, "blocks": 1, "batch": 2, "patch": 16, "scale": 2, "steps": 3, "discriminator_channels": 4}
    chosen = {"seconds": None, "bands": BANDS, "equivariance": "off", "discriminator": "patch", "device": "cpu"}
    return TrainConfig.from_settings(data=str(data), run=str(run), **{**shape, **chosen, **settings})


def test_the_range_is_that_of_valid_values_without_outliers(tmp_path: Path) -> None:
    values = scene(0)
    values[0, 0, 0] = 1e9
    path = write(tmp_path, "a.tif", values)
    low, high = common_range([path], BANDS)
    assert 0 <= low < 200
    assert 2800 < high <= 3000


def test_levels_are_those_of_the_range_and_holes_stay_apart(scenes: Path) -> None:
    made = MeasurementReader(BANDS, (0.0, 3000.0)).read(scenes / "0.tif")
    expected = torch.from_numpy(scene(0)) / 3000 * 255
    assert torch.allclose(made.levels[:, 40:], expected[:, 40:], atol=1e-3)
    assert not made.valid[0, :40, :30].any()
    assert made.valid[0, 40:].all()
    low = made.reduced(2)
    assert low.levels.shape == (BANDS, SIDE // 2, SIDE // 2)
    assert not low.valid[0, :22, :17].any()
    assert low.valid[0, 22:].all()


def test_patches_have_no_pixel_without_data(scenes: Path, tmp_path: Path) -> None:
    config = small(scenes, tmp_path / "run", degradation="mild")
    dataset = load_dataset(config)
    sampler = Sampler(dataset.training, config)
    for number in range(20):
        batch = sampler.cut(BatchRequest(number, 16, 2))
        assert batch.low.shape == (2, BANDS, 16, 16)
        assert batch.high.shape == (2, BANDS, 32, 32)
        assert batch.high.min() > -0.1  # no data is far below the range


def test_valid_corners_are_those_of_squares_with_data() -> None:
    valid = torch.ones(1, 5, 6, dtype=torch.bool)
    valid[0, 2, 3] = False
    expected = [[bool(valid[0, y : y + 2, x : x + 2].all()) for x in range(5)] for y in range(4)]
    assert valid_corners(valid, 2)[0].tolist() == expected


@pytest.mark.parametrize("dtype", ["float32", "uint16", "int16"])
def test_a_run_on_bands_gives_weights_that_upscale_takes(tmp_path: Path, dtype: str) -> None:
    """Before much training the generator is bicubic, so values stay in their units."""
    for number in range(3):
        write(tmp_path / "scenes", f"{number}.tif", scene(number, dtype=dtype))
    config = small(tmp_path / "scenes", tmp_path / "run", pretrain_fraction=0.5)
    config, initial = prepare_run(config)
    reports = list(Trainer(config, load_dataset(config), initial=initial).fit())
    assert [report.phase for report in reports] == ["pixel", "pixel", "adversarial"]
    assert reports[-1].scores["psnr"] > 20
    weights = tmp_path / "run/srgan-x4.safetensors"
    source = read_picture(tmp_path / "scenes/0.tif")
    done = Upscaler.load(weights).upscale(source)
    assert done.pixels.shape == (BANDS, 2 * SIDE, 2 * SIDE)
    stored = done.pixels.double() * done.full_scale
    coarse = stored.view(BANDS, SIDE, 2, SIDE, 2).mean((2, 4))
    assert (coarse - torch.from_numpy(scene(0))).abs().mean() < 60


def test_weights_for_bands_refuse_other_pictures(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / "scenes", f"{number}.tif", scene(number))
    config = small(tmp_path / "scenes", tmp_path / "run", steps=1, pretrain_fraction=1.0)
    prepare_run(config)
    list(Trainer(config, load_dataset(config)).fit())
    upscaler = Upscaler.load(tmp_path / "run/srgan-x4.safetensors")
    with pytest.raises(PictureError, match="4 bands"):
        upscaler.upscale(np.zeros((20, 20, 3), np.uint8))


def test_pictures_of_other_bands_are_skipped_with_a_reason(scenes: Path, tmp_path: Path) -> None:
    write(scenes, "rgb.tif", scene(0, bands=3))
    dataset = load_dataset(small(scenes, tmp_path / "run"))
    assert [skip.path.name for skip in dataset.skipped] == ["rgb.tif"]
    assert "bands: 3, expected 4" in dataset.skipped[0].reason


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"perceptual_weight": 1.0}, "three bands"),
        ({"rgb_bands": "1,2"}, "rgb_bands"),
        ({"rgb_bands": "1,2,9"}, "rgb_bands"),
        ({"bands": 0, "value_range": "0,1"}, "for --bands"),
        ({"channel_shuffle_prob": 0.5}, "photographs"),
    ],
)
def test_settings_that_do_not_fit_bands_are_refused(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        small(tmp_path, tmp_path / "run", **settings)


def test_a_folder_without_such_pictures_is_one_clear_error(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tif", scene(0, bands=3))
    with pytest.raises(SrganError, match="no file with 4 bands"):
        common_range([path], BANDS)


def test_bands_are_not_dropped_without_the_option(scenes: Path, tmp_path: Path) -> None:
    with pytest.raises(SrganError, match="0 usable pictures") as caught:
        load_dataset(small(scenes, tmp_path / "run", bands=0))
    assert "4 bands" in caught.value.hint
