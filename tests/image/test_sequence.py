"""Animations and documents of several pages."""

import struct
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from srgan_cli.errors import PictureError, UsageError
from srgan_cli.image.codec import tiff
from srgan_cli.image.codec.capabilities import FORMAT_CAPABILITIES, format_of
from srgan_cli.image.codec.raster import Rows
from srgan_cli.image.io import read_picture
from srgan_cli.image.metadata.exif import build_exif, parse_exif
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.image.sequence import (
    ImageSequence,
    LossReporter,
    fit_to_format,
    open_pictures,
    sequence_losses,
    write_picture,
    write_pictures,
)

ANIMATED = [form.suffixes[0] for form in FORMAT_CAPABILITIES.values() if form.sequence == "animation"]
PAGED = [form.suffixes[0] for form in FORMAT_CAPABILITIES.values() if form.sequence == "pages"]
EXACT = (".png", ".gif", ".tif")
HEIGHT, WIDTH = 12, 16


def frame(number: int, clear: bool = False, grey: bool = False) -> Picture:
    """A picture of few colours with a bar at the position `number`."""
    pixels, alpha = torch.full((1 if grey else 3, HEIGHT, WIDTH), 0.2), torch.ones(1, HEIGHT, WIDTH)
    pixels[0, :, 2 * number : 2 * number + 4] = 0.8
    alpha[:, 2 * number : 2 * number + 2] = 0
    return Picture(pixels, alpha if clear else None, duration=100 + 50 * number)


def animation(count: int = 4, loop: int = 0, clear: bool = False) -> ImageSequence:
    return ImageSequence([frame(number, clear) for number in range(count)], [(HEIGHT, WIDTH)] * count, True, loop)


def pages(*pictures: Picture) -> ImageSequence:
    return ImageSequence(pictures, [(picture.height, picture.width) for picture in pictures])


def in_memory(pictures: ImageSequence) -> Iterator[Picture]:
    return (scan.to_picture() for scan in pictures.streams())


def at(folder: Path, suffix: str) -> Path:
    try:
        format_of(Path(f"a{suffix}"))
    except UsageError as error:
        pytest.skip(error.message)
    return folder / f"a{suffix}"


def shown(picture: Picture) -> torch.Tensor:
    """The picture on a green background."""
    alpha = torch.ones(1, 1, 1) if picture.alpha is None else picture.alpha
    return picture.rgb * alpha + torch.tensor([0.0, 1, 0]).view(3, 1, 1) * (1 - alpha)


def differ(one: Picture, other: Picture) -> bool:
    """Whether they look different; equal frames are written as one with the sum of their durations."""
    return not torch.equal(shown(one), shown(other))


@pytest.mark.parametrize("clear", [False, True], ids=["opaque", "transparent"])
@pytest.mark.parametrize("suffix", ANIMATED)
def test_an_animation_keeps_its_frames_and_their_timing(tmp_path: Path, suffix: str, clear: bool) -> None:
    path = at(tmp_path, suffix)
    write_pictures(animation(clear=clear), path)
    back = open_pictures(path)
    assert (back.count, back.animated, back.size) == (4, True, (HEIGHT, WIDTH))
    for found, expected in zip(in_memory(back), animation(clear=clear).frames, strict=True):
        assert found.duration == expected.duration
        assert (shown(found) - shown(expected)).abs().max() < (0.003 if suffix in EXACT else 0.25)
        assert (shown(found) - shown(expected)).abs().mean() < 0.03


@pytest.mark.parametrize("loop", [0, 1, 2, 7])
@pytest.mark.parametrize("suffix", [suffix for suffix in ANIMATED if suffix != ".avif"])
def test_the_number_of_repetitions_is_kept(tmp_path: Path, suffix: str, loop: int) -> None:
    path = at(tmp_path, suffix)
    write_pictures(animation(loop=loop), path)
    assert open_pictures(path).loop == loop


def test_paths_may_be_strings(tmp_path: Path) -> None:
    still, animated = str(tmp_path / "still.png"), str(tmp_path / "moving.png")
    write_picture(frame(0), still)
    write_pictures(animation(2), animated)
    assert torch.equal(read_picture(still).pixels, read_picture(Path(still)).pixels)
    assert open_pictures(animated).count == len(list(open_pictures(animated).frames)) == 2


def test_the_first_picture_can_be_iterated_twice(tmp_path: Path) -> None:
    kept = fit_to_format(animation(3), tmp_path / "a.jpg")
    assert [len(list(kept.streams())) for _ in range(2)] == [1, 1]


def test_a_gif_counts_repetitions_as_browsers_do(tmp_path: Path) -> None:
    images = [Image.new("L", (4, 4), value) for value in (0, 255)]
    for stored, played in ((None, 1), (0, 0), (2, 3)):
        options = {} if stored is None else {"loop": stored}
        images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=50, **options)
        assert open_pictures(tmp_path / "a.gif").loop == played


@given(st.data())
@settings(max_examples=40)
def test_a_gif_of_few_colours_is_exact(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    count, seed = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 999))
    random = np.random.default_rng(seed)
    colours = random.integers(0, 256, (data.draw(st.integers(1, 255)), 3)).astype(np.float32) / 255
    frames = []
    for _ in range(count):
        pixels = torch.from_numpy(colours[random.integers(0, len(colours), (9, 7))]).permute(2, 0, 1)
        alpha = torch.from_numpy(random.integers(0, 2, (1, 9, 7)).astype(np.float32))
        frames.append(Picture(pixels, alpha if data.draw(st.booleans()) else None, duration=70))
    path = tmp_path_factory.getbasetemp() / "few.gif"
    write_pictures(ImageSequence(frames, [(9, 7)] * count, count > 1), path)
    distinct = [
        one for one, before in zip(frames, [None, *frames], strict=False) if before is None or differ(one, before)
    ]
    back = list(in_memory(open_pictures(path)))
    assert len(back) == len(distinct)
    assert count == 1 or len(back) == 1 or sum(found.duration for found in back) == 70 * count
    for found, expected in zip(back, distinct, strict=True):
        assert torch.allclose(shown(found), shown(expected), atol=1e-6)


@pytest.mark.parametrize("suffix", PAGED)
def test_pages_come_back_in_their_order(tmp_path: Path, suffix: str) -> None:
    path = at(tmp_path, suffix)
    write_pictures(pages(*(frame(number) for number in range(3))), path)
    back = open_pictures(path)
    assert (back.count, back.animated) == (3, False)
    for found, expected in zip(in_memory(back), (frame(number) for number in range(3)), strict=True):
        assert found.duration == 0
        assert (shown(found) - shown(expected)).abs().mean() < 0.03


def test_pages_may_differ_in_everything(tmp_path: Path) -> None:
    metadata = Metadata(build_exif({271: "Camera", 34665: {0x9003: "2026:11:24 03:00:00"}}), b"<x/>", (600, 300))
    written = [
        frame(0, grey=True),
        replace(frame(1), depth=16, metadata=metadata, icc_profile=b"a profile"),
        Picture(torch.rand(1, 5, 3), torch.rand(1, 5, 3), 32),
        replace(frame(2, clear=True), metadata=metadata),
        Picture(torch.rand(3, 2, 70), None, 32),
    ]
    write_pictures(pages(*written), tmp_path / "a.tif")
    back = list(in_memory(open_pictures(tmp_path / "a.tif")))
    assert [page.depth for page in back] == [8, 16, 32, 8, 32]
    assert [tuple(page.pixels.shape) for page in back] == [tuple(page.pixels.shape) for page in written]
    assert [page.alpha is None for page in back] == [page.alpha is None for page in written]
    for found, expected in zip(back, written, strict=True):
        assert (shown(found) - shown(expected)).abs().max() < 0.003
        assert found.icc_profile == expected.icc_profile
        assert (found.metadata.xmp, found.metadata.dpi) == (expected.metadata.xmp, expected.metadata.dpi)
    assert parse_exif(back[1].metadata.exif) | {282: 0, 283: 0, 296: 0} == parse_exif(metadata.exif) | {
        282: 0,
        283: 0,
        296: 0,
    }
    with Image.open(tmp_path / "a.tif") as image:  # an independent reader of those it understands
        image.seek(3)
        assert (image.mode, image.size) == ("RGBA", (WIDTH, HEIGHT))
        assert image.getexif().get_ifd(34665)[0x9003] == "2026:11:24 03:00:00"


def test_more_than_4_gigabytes_become_a_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "MAX_CLASSIC_BYTES", 100)
    written = [frame(0), replace(frame(1), depth=16, metadata=Metadata(build_exif({271: "Camera"})))]
    write_pictures(pages(*written), tmp_path / "a.tif")
    assert (tmp_path / "a.tif").read_bytes().startswith(b"II+\x00\x08")
    back = list(in_memory(open_pictures(tmp_path / "a.tif")))
    assert [page.depth for page in back] == [8, 16]
    assert parse_exif(back[1].metadata.exif)[271] == "Camera"
    for found, expected in zip(back, written, strict=True):
        assert (shown(found) - shown(expected)).abs().max() < 0.003


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6), st.booleans(), st.booleans()), min_size=1, max_size=4))
@settings(max_examples=30)
def test_16_bit_pages_are_exact(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[tuple[int, int, bool, bool]]
) -> None:
    random = np.random.default_rng(len(shapes))
    written = []
    for height, width, grey, clear in shapes:
        planes = torch.from_numpy(random.integers(0, 65_536, (4, height, width)).astype(np.float32)) / 65_535
        written.append(Picture(planes[: 1 if grey else 3], planes[3:] if clear else None, 16))
    path = tmp_path_factory.getbasetemp() / "pages.tif"
    write_pictures(pages(*written), path)
    for found, expected in zip(in_memory(open_pictures(path)), written, strict=True):
        assert torch.equal(found.pixels, expected.pixels)
        assert (found.alpha is None) == (expected.alpha is None)
        assert found.alpha is None or torch.equal(found.alpha, expected.alpha)


def paletted(path: Path, *shades: int) -> None:
    images = [Image.new("P", (8, 6 + number), 0) for number in range(len(shades))]
    for image, shade in zip(images, shades, strict=True):
        image.putpalette([shade] * 3)
    images[0].save(path, save_all=True, append_images=images[1:])


def test_pages_that_are_decoded_whole_are_not_in_memory_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, lazy = [], Rows.lazy
    monkeypatch.setattr(
        Rows, "lazy", lambda values, decode: decoded.append(weakref.ref(values)) or lazy(values, decode)
    )
    paletted(tmp_path / "a.tif", 10, 20, 30)
    pictures = open_pictures(tmp_path / "a.tif")
    assert pictures.sizes == ((6, 8), (7, 8), (8, 8))
    assert pictures.peak_decode_bytes == max(pictures.decode_bytes) == 20 * 8 * 8
    assert pictures.first.peak_decode_bytes == 20 * 6 * 8
    scans = list(pictures.streams())
    assert [values() for values in decoded] == [None] * 3
    assert [[round(float(scan.to_picture().pixels.max() * 255)) for scan in scans] for _ in range(2)] == [
        [10, 20, 30]
    ] * 2
    assert [(scan.height, scan.width) for scan in scans] == list(pictures.sizes)


def test_pages_that_change_between_reading_and_decoding_are_refused(tmp_path: Path) -> None:
    paletted(tmp_path / "a.tif", 10, 20)
    first, _ = open_pictures(tmp_path / "a.tif").streams()
    paletted(tmp_path / "a.tif", 10, 20, 30)
    with pytest.raises(PictureError, match="changed while it was read"):
        first.to_picture()


def test_a_damaged_page_is_an_error_only_if_it_is_written(tmp_path: Path) -> None:
    """The second page of this file has lost the tag of its width."""
    paletted(tmp_path / "a.tif", 10, 20)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    width = struct.pack("<HHL", 256, 4, 1)
    assert data.count(width) == 2
    data[data.rindex(width) + 1] = 0
    (tmp_path / "a.tif").write_bytes(data)
    pictures = open_pictures(tmp_path / "a.tif")
    assert pictures.sizes == ((6, 8), (0, 0))
    write_pictures(pictures, tmp_path / "a.png")
    with pytest.raises(PictureError, match=r"cannot read .*a\.tif"):
        write_pictures(pictures, tmp_path / "b.tif")


@pytest.mark.parametrize(("name", "share"), [("a.jpg", 5), ("a.webp", 5), ("interlaced.png", 1)])
def test_pictures_decoded_whole_count_as_memory_beside_tiles(tmp_path: Path, name: str, share: int) -> None:
    if name == "interlaced.png":
        pyvips.Image.black(30, 20, bands=3).pngsave(str(tmp_path / name), interlace=True)
    else:
        Image.new("RGB", (30, 20)).save(tmp_path / name)
    pictures = open_pictures(tmp_path / name)
    assert pictures.decode_bytes[0] > 0
    assert pictures.peak_decode_bytes == pictures.decode_bytes[0] // share


def test_a_picture_without_pixels_is_refused(tmp_path: Path) -> None:
    path, width = tmp_path / "a.tif", struct.pack("<HHL", 256, 4, 1)
    Image.new("RGB", (8, 6)).save(path)
    data = path.read_bytes()
    place = data.index(width) + len(width)
    path.write_bytes(data[:place] + bytes(4) + data[place + 4 :])
    with pytest.raises(PictureError, match="has no pixels according to its header"):
        open_pictures(path)


def test_reduced_copies_are_not_pages(tmp_path: Path) -> None:
    image, copy = Image.new("RGB", (16, 12), (9, 8, 7)), Image.new("RGB", (8, 6))
    copy.encoderinfo = {"tiffinfo": {254: 1}}
    image.save(tmp_path / "a.tif", save_all=True, append_images=[copy])
    with Image.open(tmp_path / "a.tif") as found:
        assert found.n_frames == 2
        found.seek(1)
        assert found.tag_v2.get(254) == 1
    assert open_pictures(tmp_path / "a.tif").count == 1


@pytest.mark.parametrize(
    ("name", "pictures", "kept", "losses"),
    [
        ("a.gif", animation(), 4, []),
        ("a.webp", animation(loop=3), 4, []),
        ("a.jpg", animation(), 1, ["JPEG cannot store several frames: 3 of 4 are dropped"]),
        ("a.bmp", pages(frame(0), frame(1)), 1, ["BMP cannot store several pages: 1 of 2 are dropped"]),
        ("a.png", pages(frame(0), frame(1)), 1, ["PNG cannot store several pages: 1 of 2 are dropped"]),
        ("a.tif", animation(), 4, ["TIFF has no animations: the 4 frames become pages"]),
        ("a.tif", pages(frame(0), frame(1)), 2, []),
        ("a.avif", animation(), 4, []),
        ("a.avif", animation(loop=2), 4, ["AVIF cannot store the number of repetitions (2): it is played endlessly"]),
        ("a.jpg", pages(frame(0)), 1, []),
    ],
)
def test_reported_sequence_losses_are_true(
    tmp_path: Path, name: str, pictures: ImageSequence, kept: int, losses: list[str]
) -> None:
    assert sequence_losses(tmp_path / name, pictures) == losses
    assert fit_to_format(pictures, tmp_path / name).count == kept
    write_pictures(pictures, tmp_path / name)
    assert open_pictures(tmp_path / name).count == kept


def test_frames_are_decoded_when_they_are_requested(tmp_path: Path) -> None:
    write_pictures(animation(), tmp_path / "a.png")
    decoded: list[int] = []
    pictures = open_pictures(tmp_path / "a.png").map(lambda picture: decoded.append(1) or picture)
    frames = iter(pictures.frames)
    assert decoded == []
    next(frames)
    assert decoded == [1]


def test_a_file_can_be_iterated_twice(tmp_path: Path) -> None:
    write_pictures(animation(), tmp_path / "a.gif")
    pictures = open_pictures(tmp_path / "a.gif")
    assert len(list(pictures.frames)) == len(list(pictures.frames)) == 4


def test_the_default_image_of_an_animation_is_dropped_with_a_note(tmp_path: Path) -> None:
    images = [Image.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue")]
    images[0].save(tmp_path / "a.png", save_all=True, append_images=images[1:], duration=50, default_image=True)
    pictures = open_pictures(tmp_path / "a.png")
    frames = list(in_memory(pictures))
    assert pictures.count == len(frames) == 2
    assert frames[0].notes == ("the default image of its animation is dropped",)
    assert frames[0].pixels[1].mean() == pytest.approx(128 / 255)
    assert read_picture(tmp_path / "a.png").pixels[1].mean() == pytest.approx(128 / 255)


def test_an_animation_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def fail(picture: ImageStream) -> ImageStream:
        raise PictureError("no") if picture.header.duration > 100 else PictureError("not even the first")

    with pytest.raises(PictureError):
        write_pictures(animation().map(fail), tmp_path / "a.gif")
    assert list(tmp_path.iterdir()) == []


def test_losses_are_reported_once_and_refused_in_strict_mode() -> None:
    lines: list[str] = []
    report = LossReporter(Path("folder/a.jpg"), lines.append)
    report(["one", "two"])
    report(["two", "three"])
    assert lines == ["a.jpg: one", "a.jpg: two", "a.jpg: three"]
    strict = LossReporter(Path("a.jpg"), lines.append, strict=True)
    strict([])
    with pytest.raises(PictureError, match=r"a\.jpg: one"):
        strict(["one"])
    assert len(lines) == 3
