"""The option --max-pixels of all commands."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from support import Outcome

from srgan_cli.image.codec import limits


def bomb(path: Path, side: int) -> Path:
    """A PNG or a JPEG of a few bytes that says it is `side` pixels wide and high."""
    Image.new("RGB", (8, 8)).save(path)
    data, size = path.read_bytes(), side.to_bytes(4, "big")
    if path.suffix == ".png":
        head = b"IHDR" + size + size + data[24:29]
        data = data[:12] + head + zlib.crc32(head).to_bytes(4, "big") + data[33:]
    else:
        place = data.index(b"\xff\xc0") + 5
        data = data[:place] + size[2:] + size[2:] + data[place + 4 :]
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_with_too_many_pixels_is_refused(srgan: Callable[..., Outcome], tmp_path: Path, suffix: str) -> None:
    path, out = bomb(tmp_path / f"a{suffix}", 15_000), tmp_path / "out.png"
    lines = ["upscale", path, out, "-m", "bicubic"], ["score", path, path], ["train", tmp_path, "--check"]
    for most, options in ((178_956_970, []), (1000, ["--max-pixels", 1000])):
        for line in lines:
            outcome = srgan(*line, *options)
            assert outcome.code == 1
            assert f"{path} has 225000000 pixels, more than --max-pixels ({most})" in outcome.err
    assert srgan(*lines[0]).err.endswith("hint: raise --max-pixels if you trust the file\n")
    assert not out.exists()


def test_a_later_page_with_too_many_pixels_is_refused_if_it_is_needed(
    srgan: Callable[..., Outcome], tmp_path: Path
) -> None:
    path, width, height = tmp_path / "a.tif", b"\x00\x01\x04\x00\x01\x00\x00\x00", b"\x01\x01\x04\x00\x01\x00\x00\x00"
    Image.new("RGB", (8, 6)).save(path, save_all=True, append_images=[Image.new("RGB", (8, 6))])
    data = path.read_bytes()
    for tag in (width, height):
        place = data.rindex(tag) + len(tag)
        data = data[:place] + (15_000).to_bytes(4, "little") + data[place + 4 :]
    path.write_bytes(data)
    outcome = srgan("upscale", path, tmp_path / "out.tif", "-m", "bicubic")
    assert outcome.code == 1
    assert f"{path} has 225000000 pixels" in outcome.err
    assert srgan("upscale", path, tmp_path / "out.png", "-m", "bicubic").code == 0


def test_max_pixels_allows_larger_pictures(
    srgan: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DEFAULT_MAX_PIXELS", 100)
    Image.effect_noise((20, 20), 50).save(tmp_path / "a.png")
    Image.new("L", (300, 300)).save(tmp_path / "plain.png", compress_level=9)
    for name, options, code in (("a", [], 0), ("plain", [], 1), ("plain", ["--max-pixels", 90_000], 0)):
        line = ("upscale", tmp_path / f"{name}.png", tmp_path / "out.png", "-m", "bicubic", "-s", 2, "--overwrite")
        assert srgan(*line, *options).code == code
