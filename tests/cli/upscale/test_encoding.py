"""The quality of lossy formats."""

from collections.abc import Callable
from pathlib import Path

import pytest
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
    for quality in (10, 50, 98):
        assert upscale(f"out.{suffix}", "--quality", quality).code == 0
        sizes.append((tmp_path / f"out.{suffix}").stat().st_size)
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("suffix", ["webp", "heic", "jxl"])
def test_lossless_loses_nothing(upscale: Callable[..., Outcome], tmp_path: Path, suffix: str) -> None:
    assert upscale("out.png").code == upscale(f"out.{suffix}", "--lossless").code == 0
    exact, stored = (read_picture(tmp_path / name).pixels for name in ("out.png", f"out.{suffix}"))
    assert stored.equal(exact)
    assert upscale(f"out.{suffix}").code == 0
    assert not read_picture(tmp_path / f"out.{suffix}").pixels.equal(exact)


@pytest.mark.parametrize("suffix", ["jpg", "avif", "gif"])
def test_formats_that_always_lose_something_refuse_lossless(
    upscale: Callable[..., Outcome], tmp_path: Path, suffix: str
) -> None:
    outcome = upscale(f"out.{suffix}", "--lossless")
    assert outcome.code == 2
    assert "is not written without loss\n  hint: use .png" in outcome.err
    assert not (tmp_path / f"out.{suffix}").exists()


@pytest.mark.parametrize("options", [("--quality", 80), ("--lossless",)])
def test_one_line_says_that_a_format_is_lossless_anyway(
    upscale: Callable[..., Outcome], options: tuple[object]
) -> None:
    assert upscale("out.png", *options).err.startswith(f"PNG is lossless: {options[0]} changes nothing\nin.png")


def test_quality_and_lossless_exclude_each_other(upscale: Callable[..., Outcome]) -> None:
    assert upscale("out.webp", "--lossless", "--quality", 5).code == 2
