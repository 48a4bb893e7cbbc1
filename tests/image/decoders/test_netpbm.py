"""Netpbm: numbers as text, headers and the memory that is planned."""

import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from srgan_cli.errors import PictureError
from srgan_cli.image.decoders import netpbm
from srgan_cli.image.io import read_picture


def values_of(path: Path) -> list[int]:
    """The values of a picture of 8 bits."""
    return np.rint(read_picture(path).pixels.numpy() * 255).astype(int).ravel().tolist()


@pytest.mark.parametrize(
    "content",
    [
        b"P2 4 1 255\n260 5 300 4\n",
        b"P2 4 1 9\n1 2 3 10\n",
        b"P2 4 1 255\n0 -5 3 4\n",
        b"P2 2 1 255\n1 99999999999999999999\n",
        b"P2 2 1 255\n1 2.5 3\n",
        b"P2 2 1 255\n1 2x",
        b"P3 1 1 255\n1 2\n",
        b"P1 4 1\n0 1 2 1 0 1",
        b"P2 9000 9000 255\n1",
    ],
)
def test_text_other_than_numbers_from_0_to_white_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pgm").write_bytes(content)
    with pytest.raises(PictureError, match=r"a\.pgm: its pixels are not \d+ numbers from 0 to (1|9|255)$"):
        values_of(tmp_path / "a.pgm")


@pytest.mark.parametrize(
    ("content", "values", "size"),
    [
        (b"P2 2 1 255\n7 #8 9\n 007\nP2 2 1 255\n1 2\n", [7, 7], 14),
        (b"P3 1 1 15\n1 2 15 3", [17, 34, 255], 1),
        (b"P1 2 1\n01\nP1 2 1\n11\n", [255, 0], 9),
        (b"P1 2 1\n0 1\n\n", [255, 0], 0),
    ],
)
def test_what_follows_text_is_reported(tmp_path: Path, content: bytes, values: list[int], size: int) -> None:
    (tmp_path / "a.ppm").write_bytes(content)
    assert values_of(tmp_path / "a.ppm") == values
    notes = (f"what follows its end ({size} bytes) is dropped",) if size else ()
    assert read_picture(tmp_path / "a.ppm").notes == notes


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (b"P5 2 1 9\n\x09\x0a", [255, 255]),
        (b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 51\nENDHDR\n\x01\xff", [5, 255]),
    ],
)
def test_values_above_white_are_reported(tmp_path: Path, content: bytes, values: list[int]) -> None:
    (tmp_path / "a.pgm").write_bytes(content)
    assert values_of(tmp_path / "a.pgm") == values
    (note,) = read_picture(tmp_path / "a.pgm").notes
    assert re.fullmatch(r"its values above \d+, which is white, become white", note)


@pytest.mark.parametrize(
    "header",
    [b"P5 %b2 2 255\n" % (b"0" * 5000), b"P7\nWIDTH %b2\nHEIGHT 2\nDEPTH 1\nMAXVAL 255\nENDHDR\n" % (b"0" * 9)],
)
def test_a_header_may_have_leading_zeros(header: bytes) -> None:
    found = netpbm.read_header(header + bytes(4))
    assert (found.width, found.height, found.notes) == (2, 2, [])


@pytest.mark.parametrize("header", [b"P5\n%b2 1 255\n", b"P7\n%bWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n"])
def test_a_header_longer_than_64_kib_is_damaged(header: bytes) -> None:
    assert netpbm.read_header(header % (b"#\n" * 30_000) + bytes(2)).width == 2
    with pytest.raises(PictureError, match="its header is damaged"):
        netpbm.read_header(header % (b"#\n" * 33_000) + bytes(2))


def test_a_kind_of_tuple_is_no_comment() -> None:
    header = b"P7\n# yes\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nTUPLTYPE A#no\nENDHDR\n"
    assert netpbm.read_header(header + bytes(2)).metadata.comments == ("yes",)


@pytest.mark.parametrize(
    ("header", "pixels"),
    [
        (b"P1 300 300\n", b"01 " * 45_000),
        (b"P2 300 300 9\n", b"9 " * 90_000),
        (b"P3 300 300 65535\n", b"65535 " * 270_000),
        (b"P4 300 300\n", bytes(38 * 300)),
        (b"P5 300 300 255\n", bytes(90_000)),
        (b"P6 300 300 1000\n", bytes(540_000)),
        (b"P6 300 300 65535\n", bytes(540_000)),
    ],
)
def test_the_planned_memory_is_enough(header: bytes, pixels: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netpbm, "_BLOCK", 1000)
    found = netpbm.read_header(data := header + pixels)
    tracemalloc.start()
    found.decode()
    needed = len(data) + tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.4 * found.decode_bytes < needed < found.decode_bytes + 600_000  # at most a table of 65 536 numbers more
