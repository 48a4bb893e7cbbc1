"""The quality of lossy formats."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import Outcome

from srgan_cli.image.io import read_picture

Srgan = Callable[..., Outcome]


@pytest.fixture
def upscale(srgan: Srgan, picture: Path, tmp_path: Path) -> Callable[..., Outcome]:
    """Enlarges the picture into a file, which is replaced."""
    return lambda name, *options: srgan(
        "upscale", "--overwrite", "-m", "bicubic", "-s", 2, *options, picture, tmp_path / name
    )


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif", "heic", "jxl"])
def test_quality_decides_about_size(upscale: Callable[..., Outcome], tmp_path: Path, suffix: str) -> None:
    sizes = []
    for quality in (0, 50, 98):
        assert upscale(f"out.{suffix}", "--quality", quality).code == 0
        sizes.append((tmp_path / f"out.{suffix}").stat().st_size)
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("suffix", ["webp", "avif", "heic", "jxl"])
def test_lossless_loses_nothing(upscale: Callable[..., Outcome], tmp_path: Path, suffix: str) -> None:
    assert upscale("out.png").code == upscale(f"out.{suffix}", "--lossless").code == 0
    exact, stored = (read_picture(tmp_path / name).pixels for name in ("out.png", f"out.{suffix}"))
    assert stored.equal(exact)
    assert upscale(f"out.{suffix}").code == 0
    assert not read_picture(tmp_path / f"out.{suffix}").pixels.equal(exact)


@pytest.mark.parametrize("suffix", ["jpg", "gif"])
def test_formats_that_always_lose_something_refuse_lossless(
    upscale: Callable[..., Outcome], tmp_path: Path, suffix: str
) -> None:
    outcome = upscale(f"out.{suffix}", "--lossless")
    assert outcome.code == 2
    assert "is not written without loss\n  hint: use .png" in outcome.err
    assert not (tmp_path / f"out.{suffix}").exists()


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_lossless_avif_keeps_grey_and_alpha(srgan: Srgan, tmp_path: Path, mode: str) -> None:
    values = np.random.default_rng(0).integers(0, 256, (9, 7, len(mode)), np.uint8).squeeze()
    Image.fromarray(values, mode).save(tmp_path / "in.png")
    for name in ("out.png", "out.avif"):
        assert srgan("upscale", "-m", "nearest", "-s", 2, "--lossless", tmp_path / "in.png", tmp_path / name).code == 0
    with Image.open(tmp_path / "out.png") as exact, Image.open(tmp_path / "out.avif") as stored:
        assert np.array_equal(exact.convert("RGBA"), stored.convert("RGBA"))


def test_an_animation_is_not_written_as_avif_without_loss(srgan: Srgan, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:])
    outcome = srgan("upscale", "-m", "nearest", "--lossless", tmp_path / "in.gif", tmp_path / "out.avif")
    assert (outcome.code, "without loss\n  hint: use .webp or .png" in outcome.err) == (1, True)
    assert not (tmp_path / "out.avif").exists()


@pytest.mark.parametrize("options", [("--quality", 80), ("--lossless",)])
def test_one_line_says_that_a_format_is_lossless_anyway(
    upscale: Callable[..., Outcome], options: tuple[object]
) -> None:
    assert upscale("out.png", *options).err.startswith(f"PNG is lossless: {options[0]} changes nothing\nin.png")


def test_quality_and_lossless_exclude_each_other(upscale: Callable[..., Outcome]) -> None:
    assert upscale("out.webp", "--lossless", "--quality", 5).code == 2
