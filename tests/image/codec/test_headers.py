"""The head of JPEG XL files, against files of its plugin and heads put together bit by bit."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from srgan_cli.image.codec.headers import JxlHeader, parse_jxl_header


def packed(*fields: tuple[int, int]) -> bytes:
    """A code's beginning with these numbers of so many bits, from the least significant on."""
    bits = "".join(f"{value:0{count}b}"[::-1] for value, count in fields if count)
    bits += "0" * (-len(bits) % 8)
    return b"\xff\x0a" + bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


SMALL = ((1, 1), (3, 5), (1, 3))
LARGE = ((0, 1), (2, 2), (70_000, 18), (0, 3), (1, 2), (5000, 13))
PREVIEW = ((0, 1), (1, 2), (9, 8), (0, 3), (0, 2), (1, 6))
ANIMATION = ((2, 2), (7, 10), (1, 2), (1, 2), (5, 3), (0, 1))


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(("inner", "preview"), [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize(
    ("depth", "bits"),
    [(((0, 1), (0, 2)), 8), (((0, 1), (1, 2)), 10), (((0, 1), (3, 2), (15, 6)), 16), (((1, 1), (0, 2)), 32)],
)
def test_heads(size: tuple, inner: int, preview: int, moves: bool, depth: tuple, bits: int) -> None:
    fields = [*size, (0, 1), (1, 1), (5, 3), (inner, 1), *(SMALL if inner else ()), (preview, 1)]
    fields += [*(PREVIEW if preview else ()), (moves, 1), *(ANIMATION if moves else ()), *depth]
    assert parse_jxl_header(packed(*fields)) == JxlHeader(bits, moves)
    boxed = b"\x00\x00\x00\x0cJXL \r\n\x87\n" + (12 + len(packed(*fields))).to_bytes(4, "big") + b"jxlp" + bytes(4)
    assert parse_jxl_header(boxed + packed(*fields)) == JxlHeader(bits, moves)


def test_all_by_default_is_8_bits_and_still() -> None:
    assert parse_jxl_header(packed(*SMALL, (1, 1))) == JxlHeader(8, False)


@given(st.binary(max_size=40))
def test_anything_has_some_head(data: bytes) -> None:
    for start in (b"", b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n"):
        assert 1 <= parse_jxl_header(start + data).bits <= 64


def test_heads_of_real_files() -> None:
    pytest.importorskip("pillow_jxl")
    for values, bits in ((np.zeros((9, 7), np.uint16), 16), (np.zeros((9, 7), np.uint8), 8)):
        file = io.BytesIO()
        Image.fromarray(values).save(file, "JXL", lossless=True)
        assert parse_jxl_header(file.getvalue()) == JxlHeader(bits, False)
