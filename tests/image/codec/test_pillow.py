"""Which of Pillow's decoders a file can reach."""

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import EpsImagePlugin, Image

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.capabilities import PILLOW_DECODERS
from srgan_cli.image.codec.pillow import open_image
from srgan_cli.image.io import picture_size, read_picture

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF\n"


@pytest.mark.parametrize("name", ["a.eps", "a.png", "a.jpg"])
def test_postscript_is_refused_and_starts_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def start(*_: Any, **__: Any) -> None:
        pytest.fail("a program was started")

    monkeypatch.setattr(EpsImagePlugin, "gs_binary", "gs")
    monkeypatch.setattr(subprocess, "check_call", start)
    (tmp_path / name).write_bytes(EPS)
    with Image.open(tmp_path / name) as image:
        assert image.format == "EPS"
    for read in (read_picture, picture_size):
        with pytest.raises(PictureError, match="PostScript"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["EPS", "WMF", "IPTC", "BUFR", "FITS", "GRIB", "HDF5", "MPEG"])
def test_decoders_that_hand_files_on_or_change_values_are_left_out(name: str) -> None:
    Image.init()
    assert name in Image.OPEN
    assert name not in PILLOW_DECODERS


def test_every_other_decoder_of_pillow_is_used() -> None:
    Image.init()
    assert set(Image.ID) - set(PILLOW_DECODERS) <= {
        "EPS",
        "WMF",
        "IPTC",
        "BUFR",
        "FITS",
        "GRIB",
        "HDF5",
        "MPEG",
        "SPIDER",
        "FPX",
        "MIC",
    }


@pytest.mark.parametrize("name", ["BMP", "GIF", "JPEG", "JPEG2000", "PCX", "PPM", "QOI", "SGI", "TGA", "TIFF", "WEBP"])
def test_what_pillow_writes_is_opened(name: str) -> None:
    file = io.BytesIO()
    picture = Image.radial_gradient("L").convert("RGB")
    picture.save(file, name)
    opened = open_image(file)
    assert (opened.format, opened.size) == (name, picture.size)
