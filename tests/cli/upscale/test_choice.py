"""srgan upscale without -m: the weights are chosen for each file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from support import Outcome

from srgan_cli.weights import formats
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import load_weights, save_weights


@pytest.fixture(autouse=True)
def shipped(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small weights under the names of shipped ones."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    generator, _ = load_weights(weights)
    for name in ("srgan-x4", "photo-x4", "fidelity-x4", "photo-fidelity-x4"):
        save_weights(folder / f"{name}.safetensors", generator, WeightsCard.for_generator(generator, name))
    monkeypatch.setattr(formats, "shipped_folder", lambda: folder)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    image = Image.linear_gradient("L").resize((20, 14)).convert("RGB")
    image.save(folder / "web.jpg", quality=75)
    image.save(folder / "fine.jpg", quality=98)
    image.save(folder / "clean.png")
    return folder


@pytest.mark.parametrize(
    ("options", "clean", "compressed"),
    [
        ((), "srgan-x4", "photo-x4"),
        (("--for", "drawing"), "fidelity-x4", "photo-fidelity-x4"),
        (("--for", "text"), "fidelity-x4", "photo-fidelity-x4"),
        (("--for", "photo"), "photo-x4", "photo-x4"),
    ],
)
def test_a_compressed_file_gets_weights_of_its_own_and_the_reason_is_named(
    srgan: Callable[..., Outcome], photos: Path, tmp_path: Path, options: tuple[str], clean: str, compressed: str
) -> None:
    outcome = srgan("upscale", photos, tmp_path / "out", "--json", *options)
    assert outcome.code == 0
    models = {Path(line["in"]).name: line["model"] for line in map(json.loads, outcome.out.splitlines())}
    assert models == {"web.jpg": compressed, "fine.jpg": clean, "clean.png": clean}
    assert (f"({compressed}, chosen for a JPEG of quality 75, on cpu" in outcome.err) == (clean != compressed)
    again = srgan("upscale", photos, tmp_path / "out", "--json", *options)
    assert "3 kept" in again.err
    assert {Path(line["in"]).name: line["model"] for line in map(json.loads, again.out.splitlines())} == models


def test_named_weights_enlarge_every_file(srgan: Callable[..., Outcome], photos: Path, tmp_path: Path) -> None:
    outcome = srgan("upscale", photos, tmp_path / "out", "--json", "-m", "srgan")
    assert {json.loads(line)["model"] for line in outcome.out.splitlines()} == {"srgan-x4"}


def test_own_weights_never_have_the_name_of_shipped_ones(
    srgan: Callable[..., Outcome], photos: Path, tmp_path: Path, shipped: Path
) -> None:
    own = tmp_path / "mine/srgan-x4.safetensors"
    own.parent.mkdir()
    shutil.copy(shipped / own.name, own)
    outcome = srgan("upscale", photos, tmp_path / "out", "--json", "-m", own, "--name", "{model}/{stem}{suffix}")
    assert {json.loads(line)["model"] for line in outcome.out.splitlines()} == {f"srgan-x4 of {own}"}
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == ["mine-srgan-x4"]


def test_other_weights_for_photographs_enlarge_them_again(
    srgan: Callable[..., Outcome], photos: Path, tmp_path: Path, shipped: Path
) -> None:
    srgan("upscale", photos, tmp_path / "out")
    generator, card = load_weights(shipped / "photo-x4.safetensors")
    next(iter(generator.parameters())).data.mul_(1.5)
    save_weights(shipped / "photo-x4.safetensors", generator, card)
    assert "1 enlarged, 2 kept" in srgan("upscale", photos, tmp_path / "out").err


def test_two_times_is_four_times_reduced(srgan: Callable[..., Outcome], photos: Path, tmp_path: Path) -> None:
    outcome = srgan("upscale", photos / "web.jpg", tmp_path / "out.png", "-s", "2")
    resampled = "photo-x4 4 times, then bicubic resampling 0.5 times, chosen for a JPEG"
    assert f"web.jpg 20 x 14 -> out.png 40 x 28 ({resampled}" in outcome.err


def test_without_weights_for_photographs_all_files_are_enlarged_alike(
    srgan: Callable[..., Outcome], photos: Path, tmp_path: Path, shipped: Path
) -> None:
    (shipped / "photo-x4.safetensors").unlink()
    outcome = srgan("upscale", photos, tmp_path / "out", "--json")
    assert {json.loads(line)["model"] for line in outcome.out.splitlines()} == {"srgan-x4"}
