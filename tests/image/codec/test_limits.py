"""The limit on pixels is an argument: it holds for one call and changes nothing for the process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import limits
from srgan_cli.image.io import picture_size, read_picture
from srgan_cli.image.sequence import open_pictures

SUFFIXES = (".png", ".gif", ".jpg", ".webp", ".tif", ".bmp")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("read", [read_picture, open_pictures, picture_size])
def test_a_limit_holds_for_one_call(tmp_path: Path, read: Callable[..., object], suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.new("RGB", (20, 10)).save(path)
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(PictureError, match=r"has 200 pixels, more than --max-pixels \(199\)"):
        read(path, max_pixels=199)
    read(path, max_pixels=200)
    read(path)
    assert picture_size(path) == (10, 20)
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_limit_of_the_program_around_it_does_not_hold_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / f"a{suffix}")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 150)
    assert read_picture(tmp_path / f"a{suffix}").width == 20


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_without_an_argument_the_default_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / f"a{suffix}")
    monkeypatch.setattr(limits, "DEFAULT_MAX_PIXELS", 199)
    with pytest.raises(PictureError, match=r"more than --max-pixels \(199\)"):
        read_picture(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("read", [read_picture, open_pictures, picture_size])
def test_jpeg_xl_may_exceed_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[..., object]
) -> None:
    pytest.importorskip("pillow_jxl")
    Image.new("RGB", (20, 10)).save(tmp_path / "a.jxl")
    monkeypatch.setattr(limits, "DEFAULT_MAX_PIXELS", 199)
    read(tmp_path / "a.jxl", max_pixels=200)
    with pytest.raises(PictureError, match=r"more than --max-pixels \(199\)"):
        read(tmp_path / "a.jxl")


@pytest.mark.parametrize(("suffix", "accepted"), [(".png", True), (".tif", True), (".jpg", False)])
def test_by_default_pictures_read_in_bands_may_be_larger_if_their_file_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, accepted: bool
) -> None:
    monkeypatch.setattr(limits, "DEFAULT_MAX_PIXELS", 100)
    path = tmp_path / f"noise{suffix}"
    Image.effect_noise((20, 20), 50).save(path)
    if accepted:
        assert next(iter(open_pictures(path).streams())).to_picture().width == 20
    else:
        with pytest.raises(PictureError, match="400 pixels"):
            open_pictures(path)
    with pytest.raises(PictureError, match="400 pixels"):
        open_pictures(path, max_pixels=399)


def test_a_large_picture_in_a_short_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DEFAULT_MAX_PIXELS", 100)
    Image.new("L", (300, 300)).save(tmp_path / "plain.png", compress_level=9)
    with pytest.raises(PictureError, match="90000 pixels"):
        open_pictures(tmp_path / "plain.png")


def test_every_page_is_checked_before_it_is_decoded(tmp_path: Path) -> None:
    large = Image.new("P", (30, 30))
    Image.new("P", (8, 8)).save(tmp_path / "a.tif", save_all=True, append_images=[large])
    streams = open_pictures(tmp_path / "a.tif", max_pixels=100).streams()
    assert next(streams).to_picture().width == 8
    with pytest.raises(PictureError, match="900 pixels"):
        next(streams)
