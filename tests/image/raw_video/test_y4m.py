"""YUV4MPEG2: conversion to RGB and back, and the header."""

import io

import numpy as np
import pytest
import torch

from srgan_cli.errors import PictureError
from srgan_cli.image.luma import luma
from srgan_cli.image.raw_video.y4m import VideoHeader, read_frames, read_header, write_frame, write_header
from srgan_cli.image.raw_video.yuv import from_rgb, to_rgb

CHROMA = ["420jpeg", "420", "420mpeg2", "420paldv", "422", "444", "420p10", "422p10", "444p10", "444p12"]


def header(*words: str, height: int = 6, width: int = 8) -> VideoHeader:
    return VideoHeader((f"W{width}", f"H{height}", "F25:1", "Ip", "A1:1", *words))


def stream(words: str, frames: list[bytes], line: bytes = b"FRAME\n") -> io.BytesIO:
    return io.BytesIO(f"YUV4MPEG2 {words}\n".encode() + b"".join(line + frame for frame in frames))


@pytest.mark.parametrize("chroma", CHROMA)
@pytest.mark.parametrize("colour", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.8, 0.3, 0.1), (0.0, 0.0, 1.0)])
@pytest.mark.parametrize("extra", [(), ("XCOLORRANGE=FULL",)])
def test_single_colours_are_restored(chroma: str, colour: tuple[float, float, float], extra: tuple[str, ...]) -> None:
    parsed = header(f"C{chroma}", *extra, height=5, width=7)
    pixels = torch.tensor(colour).view(3, 1, 1).expand(3, 5, 7)
    planes = from_rgb(pixels, parsed.layout)
    assert [tuple(plane.shape[1:]) for plane in planes] == parsed.plane_sizes()
    assert to_rgb(planes, parsed.layout) == pytest.approx(pixels, abs=2.2 / 2**parsed.layout.depth)


@pytest.mark.parametrize(("extra", "levels"), [((), (16, 235)), (("XCOLORRANGE=FULL",), (0, 255))])
def test_black_and_white_have_the_levels_of_the_range(extra: tuple[str, ...], levels: tuple[int, int]) -> None:
    for value, level in zip((0.0, 1.0), levels, strict=True):
        y, u, v = from_rgb(torch.full((3, 6, 8), value), header("C444", *extra).layout)
        assert (y.unique().tolist(), u.unique().tolist(), v.unique().tolist()) == ([level], [128], [128])
    (ten,) = from_rgb(torch.ones(1, 6, 8), header("Cmonop10").layout)
    assert ten.unique().tolist() == [940]


def test_small_videos_are_bt601_and_large_ones_bt709() -> None:
    pixels = torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(0))
    small = from_rgb(pixels, header("C444").layout)[0]
    assert small == pytest.approx((luma(pixels) * 255).round(), abs=1)
    large = from_rgb(
        torch.tensor([1.0, 0, 0]).view(3, 1, 1).expand(3, 720, 2), header("C444", height=720, width=2).layout
    )[0]
    assert large.unique().tolist() == [round(16 + 219 * 0.2126)]


@pytest.mark.parametrize(
    ("chroma", "expected"),
    [
        ("420jpeg", [0, 25, 75, 100]),  # between two samples
        ("420mpeg2", [0, 50, 100, 100]),  # on every other one
        ("422", [0, 50, 100, 100]),
        ("444", [0, 100]),
    ],
)
def test_chroma_siting_follows_the_pixel_format(chroma: str, expected: list[float]) -> None:
    parsed = header(f"C{chroma}", "XCOLORRANGE=FULL", height=2, width=len(expected))
    (rows, _), _, (tall, wide) = parsed.plane_sizes()
    ramp = torch.tensor([128.0, 228.0]).view(1, 1, wide).expand(1, tall, wide)
    rgb = to_rgb([torch.full((1, rows, len(expected)), 100.0), torch.full((1, tall, wide), 128.0), ramp], parsed.layout)
    red = (rgb[0, 0] - rgb[0, 0, 0]) * 255 / 1.402
    assert red == pytest.approx(torch.tensor(expected, dtype=torch.float32), abs=1e-3)


def test_smooth_colours_survive_subsampled_chroma() -> None:
    across = torch.linspace(0.2, 0.8, 32).expand(3, 16, 32).clone()
    across[2] = across[2].flip(-1)
    for chroma in CHROMA:
        parsed = header(f"C{chroma}", height=16, width=32)
        assert to_rgb(from_rgb(across, parsed.layout), parsed.layout)[..., 2:-2] == pytest.approx(
            across[..., 2:-2], abs=0.02
        )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("W8 H6 It C420jpeg", "interlaced"),
        ("W8 H6 Im C420jpeg", "interlaced"),
        ("W8 H6 C411", "unsupported pixel format C411"),
        ("W8 H6 C444alpha", "unsupported pixel format C444alpha"),
        ("W8 Hsix", "no valid width or height"),
        ("W0 H6", "no valid width or height"),
        ("F25:1", "no valid width or height"),
    ],
)
def test_unsupported_streams_are_refused(words: str, message: str) -> None:
    with pytest.raises(PictureError, match=message) as caught:
        read_header(stream(words, []))
    assert caught.value.hint


@pytest.mark.parametrize("data", [b"RIFF....AVI ", b"YUV4MPEG2 W8 H6", b"YUV4MPEG2" + b" X" * 5000])
def test_other_data_are_refused(data: bytes) -> None:
    with pytest.raises(PictureError, match="not a YUV4MPEG2 stream"):
        read_header(io.BytesIO(data))


def test_an_empty_stream_has_an_error_of_its_own() -> None:
    with pytest.raises(PictureError, match="the video is empty"):
        read_header(io.BytesIO())


@pytest.mark.parametrize(("chroma", "kind"), [("420jpeg", "u1"), ("422", "u1"), ("mono", "u1"), ("444p10", "<u2")])
def test_a_stream_is_written_as_it_was_read(chroma: str, kind: str) -> None:
    parsed = header(f"C{chroma}", "XYSCSS=SOMETHING", "XCOLORRANGE=FULL")
    random, samples = np.random.default_rng(0), sum(height * width for height, width in parsed.plane_sizes())
    # greys, which RGB holds in full
    frames = [random.integers(0, 2**parsed.layout.depth, samples).astype(kind) for _ in range(3)]
    for frame in frames:
        frame[48:] = 2 ** (parsed.layout.depth - 1)
    source = stream(" ".join(parsed.tokens), [frame.tobytes() for frame in frames], b"FRAME Xkept\n")
    target = io.BytesIO()
    found = read_header(source)
    write_header(target, found)
    for frame in read_frames(source, found):
        assert len(frame.pixels) == (1 if chroma == "mono" else 3)
        write_frame(target, frame, found)
    assert target.getvalue() == source.getvalue()


def test_a_truncated_stream_is_an_error_after_its_complete_frames() -> None:
    source = stream("W8 H6", [bytes(72), bytes(71)])
    frames = read_frames(source, read_header(source))
    next(frames)
    with pytest.raises(PictureError, match="ends within frame 2"):
        next(frames)
