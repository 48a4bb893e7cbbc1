"""Files enlarged, beside what other programs read of them."""

import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image, PngImagePlugin
from support import REPOSITORY

REAL = REPOSITORY.parent / "shared/data/codec/pngsuite"
PROGRAM = runpy.run_path(str(REPOSITORY / "benchmarks/differential.py"))


def findings(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    with pytest.raises(typer.Exit):
        PROGRAM["main"](folder)
    _, _, found = capsys.readouterr().out.partition("findings")
    return found.split("\n  ")[1:]


def test_generated_files_keep_their_pixels_and_metadata(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ramp = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8) * 3
    image, exif = Image.fromarray(np.stack([ramp, ramp.T.reshape(32, 48), 255 - ramp], axis=-1)), Image.Exif()
    exif[0x010E] = "a ramp"
    for suffix in ("png", "jpg", "tif", "webp", "avif", "bmp", "gif"):
        image.save(tmp_path / f"a.{suffix}", **({} if suffix in ("bmp", "gif") else {"exif": exif}))
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "a text")
    Image.fromarray(ramp).save(tmp_path / "grey.png", pnginfo=text)
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-200])
    assert not findings(tmp_path, capsys)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the public test collections")
def test_public_files_keep_their_pixels_and_metadata(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted(REAL.glob("[bcg]*.png"))[::3]:
        shutil.copy(path, tmp_path)
    assert not findings(tmp_path, capsys)


def test_another_picture_is_a_finding(tmp_path: Path) -> None:
    for name, level in (("a", 0), ("b", 90)):
        Image.new("RGB", (8 * (1 + (name == "b")),) * 2, (level,) * 3).save(tmp_path / f"{name}.png")
    assert PROGRAM["difference"](tmp_path / "a.png", tmp_path / "b.png") == pytest.approx(90)
