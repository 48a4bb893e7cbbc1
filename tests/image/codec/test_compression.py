"""How strongly files are compressed."""

from pathlib import Path

import pytest
from PIL import Image

from srgan_cli.image.codec.compression import describe_compression


@pytest.fixture
def image() -> Image.Image:
    return Image.linear_gradient("L").resize((40, 30)).convert("RGB")


@pytest.mark.parametrize("quality", [25, 40, 75, 90, 95, 99, 100])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(image: Image.Image, tmp_path: Path, quality: int) -> None:
    image.save(tmp_path / "a.jpg", quality=quality)
    assert describe_compression(tmp_path / "a.jpg", below_quality=101) == f"a JPEG of quality {quality}"
    assert describe_compression(tmp_path / "a.jpg", below_quality=quality) == ""


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("frames", [1, 2])
def test_lossy_webp_differs_from_lossless(image: Image.Image, tmp_path: Path, mode: str, frames: int) -> None:
    more = [image.convert(mode).rotate(10 * number) for number in range(1, frames)]
    for name, options in (("lossy", {"quality": 80}), ("lossless", {"lossless": True})):
        image.convert(mode).save(tmp_path / f"{name}.webp", save_all=True, append_images=more, **options)
    assert describe_compression(tmp_path / "lossy.webp", below_quality=98) == "lossy WebP"
    assert describe_compression(tmp_path / "lossless.webp", below_quality=98) == ""


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"text", None])
def test_other_files_give_nothing(image: Image.Image, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other.jpg"
    image.save(path, "PNG") if content is None else path.write_bytes(content)
    assert describe_compression(path, below_quality=101) == ""
