"""What each format stores is measured, and compared with what the code declares and docs/formats.md says."""

import sys
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageCms
from support import REPOSITORY

from srgan_cli.errors import PictureError, UsageError
from srgan_cli.image.codec import capabilities
from srgan_cli.image.codec.capabilities import FORMAT_CAPABILITIES, FORMATS, check_size, format_of
from srgan_cli.image.io import picture_losses, read_picture
from srgan_cli.image.metadata.exif import build_exif, parse_exif
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.image.ops import quantise
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import ImageSequence, open_pictures, sequence_losses, write_picture, write_pictures
from srgan_cli.system.discovery import READABLE

PAGE = REPOSITORY / "docs/formats.md"
COLUMNS = ("bits a channel", "grey", "alpha", "ICC", "EXIF", "XMP", "DPI", "several pictures")
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
METADATA = Metadata(build_exif({271: "Camera"}), b"<x:xmpmeta/>", (300.0, 300.0))


def row(name: str) -> str:
    """The row of the table for what the code declares of a format."""
    declared = FORMAT_CAPABILITIES[name]
    marks = [
        declared.grey,
        declared.alpha,
        declared.profile,
        bool(declared.exif_bytes),
        bool(declared.xmp_bytes),
        declared.dpi,
    ]
    depths = [depth for depth in declared.depths if depth != 16 or not declared.coded_bits]
    cells = [", ".join(f"{bits}{' (float)' if bits == 32 else ''}" for bits in (*depths, *declared.coded_bits))]
    cells += ["yes" if mark else "no" for mark in marks]
    cells[2] = "on or off" if declared.colours else cells[2]
    cells.append({"no": "no", "pages": "pages", "animation": "animation"}[declared.sequence])
    return f"| {name} | {' '.join(declared.suffixes)} | {' | '.join(cells)} |"


def installed(name: str) -> Path:
    path = Path(f"a{FORMAT_CAPABILITIES[name].suffixes[0]}")
    try:
        format_of(path)
    except UsageError as error:
        pytest.skip(error.message)
    return path


def smooth(channels: int, depth: int) -> torch.Tensor:
    ramp = torch.linspace(0.1, 0.9, 24 * 32).view(1, 24, 32).expand(channels, -1, -1)
    return ramp if depth == 32 else quantise(ramp, depth)


def test_the_table_in_the_documentation_agrees_with_the_code() -> None:
    head = [f"| format | suffixes | {' | '.join(COLUMNS)} |", "|" + "---|" * (len(COLUMNS) + 2)]
    table = "\n".join([*head, *(row(name) for name in FORMAT_CAPABILITIES)])
    assert table in PAGE.read_text(), f"put this table into {PAGE.name}:\n{table}"


@pytest.mark.parametrize("name", FORMAT_CAPABILITIES)
@pytest.mark.parametrize("depth", [8, 16, 32])
def test_depths_are_as_declared(tmp_path: Path, name: str, depth: int) -> None:
    path = tmp_path / installed(name)
    picture = Picture(smooth(3, depth), depth=depth)
    write_picture(picture, path)
    kept = depth in FORMAT_CAPABILITIES[name].depths
    assert (read_picture(path).depth == depth) == kept
    assert any("bits a channel" in loss for loss in picture_losses(path, picture)) == (
        depth > FORMAT_CAPABILITIES[name].most_bits
    )


@pytest.mark.parametrize("name", [name for name, declared in FORMAT_CAPABILITIES.items() if declared.coded_bits])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("has_alpha", [False, True])
def test_pictures_of_10_and_12_bits_are_read_and_written_at_their_depth(
    tmp_path: Path, name: str, channels: int, has_alpha: bool
) -> None:
    path = tmp_path / installed(name)
    alpha = smooth(1, 16) if has_alpha else None
    for bits in FORMAT_CAPABILITIES[name].coded_bits:
        picture = Picture(smooth(channels, 16), alpha, 16, metadata=Metadata(coded_bits=bits))
        write_picture(picture, path)
        back = read_picture(path)
        assert (back.depth, back.metadata.coded_bits, back.notes) == (16, bits, ())
        assert not picture_losses(path, picture)
        assert (back.pixels - picture.pixels).abs().mean() < 1 / 1000
        assert (back.alpha is not None) == has_alpha


@pytest.mark.parametrize("name", FORMAT_CAPABILITIES)
def test_grey_alpha_and_profile_are_as_declared(tmp_path: Path, name: str) -> None:
    path, declared = tmp_path / installed(name), FORMAT_CAPABILITIES[name]
    write_picture(Picture(smooth(1, 8)), path)
    assert (len(read_picture(path).pixels) == 1) == declared.grey
    alpha = torch.ones(1, 24, 32)
    alpha[..., :9] = 0
    clear = Picture(smooth(3, 8), alpha, icc_profile=PROFILE)
    write_picture(clear, path)
    back = read_picture(path)
    assert (back.alpha is not None) == declared.alpha
    assert (back.icc_profile == PROFILE) == declared.profile
    losses = " ".join(picture_losses(path, clear))
    assert ("transparency" in losses) == (not declared.alpha)
    assert ("profile" in losses) == (not declared.profile)


@pytest.mark.parametrize("name", FORMAT_CAPABILITIES)
def test_metadata_is_as_declared(tmp_path: Path, name: str) -> None:
    path, declared = tmp_path / installed(name), FORMAT_CAPABILITIES[name]
    picture = Picture(smooth(3, 8), metadata=METADATA)
    write_picture(picture, path)
    back, losses = read_picture(path).metadata, " ".join(picture_losses(path, picture))
    found = bool(back.exif) and parse_exif(back.exif or b"").get(271) == "Camera"
    assert found == bool(declared.exif_bytes) == ("EXIF" not in losses)
    assert (back.xmp == METADATA.xmp) == bool(declared.xmp_bytes) == ("XMP" not in losses)
    assert (back.dpi == pytest.approx(METADATA.dpi, abs=0.02) if back.dpi else False) == declared.dpi
    assert ("resolution" not in losses) == declared.dpi


@pytest.mark.parametrize("name", FORMAT_CAPABILITIES)
def test_several_pictures_are_as_declared(tmp_path: Path, name: str) -> None:
    path, declared = tmp_path / installed(name), FORMAT_CAPABILITIES[name]
    frames = [Picture(torch.full((3, 16, 16), shade), duration=100) for shade in (0.1, 0.5, 0.9)]
    for animated in (True, False):
        pictures = ImageSequence(frames, [(16, 16)] * 3, animated)
        write_pictures(pictures, path)
        back = open_pictures(path)
        kept = declared.sequence == "pages" or (declared.sequence == "animation" and animated)
        assert (back.count == 3) == kept
        assert back.animated == (animated and declared.sequence == "animation")
        assert any("are dropped" in loss for loss in sequence_losses(path, pictures)) == (not kept)


def test_every_suffix_belongs_to_one_format_and_is_found_in_folders() -> None:
    assert len(FORMATS) == sum(len(declared.suffixes) for declared in FORMAT_CAPABILITIES.values())
    assert set(FORMATS) <= READABLE


@pytest.mark.parametrize(
    ("extra", "module", "head"),
    [
        ("heic", "pillow_heif", b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"),
        ("jxl", "pillow_jxl", b"\xff\x0a" + bytes(30)),
    ],
)
def test_a_missing_plugin_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: str, module: str, head: bytes
) -> None:
    path = tmp_path / f"a.{extra}"
    path.write_bytes(head)
    monkeypatch.setitem(sys.modules, module, None)
    for error, use in ((PictureError, read_picture), (UsageError, format_of)):
        with pytest.raises(error, match="needs a plugin that is not installed") as caught:
            use(path)
        assert caught.value.hint == f"pip install 'srgan-cli[{extra}]'"


def test_plugins_are_not_loaded_before_they_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> object:
        raise AssertionError(f"{name} was loaded")

    monkeypatch.setattr(capabilities, "import_module", refuse)
    for name in ("a.png", "a.tif", "a.avif", "a.gif"):
        write_picture(Picture(smooth(3, 8)), tmp_path / name)
        read_picture(tmp_path / name)


def test_the_content_decides_about_the_format_not_the_name(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), (9, 8, 7)).save(tmp_path / "a.png", "AVIF")
    assert read_picture(tmp_path / "a.png").pixels.shape == (3, 2, 3)


@pytest.mark.parametrize(
    ("name", "side"), [("a.jpg", 65_535), ("a.webp", 16_383), ("a.gif", 65_535), ("a.avif", 65_535)]
)
def test_pictures_too_large_for_a_format_are_refused(name: str, side: int) -> None:
    check_size(Path(name), side, 1)
    check_size(Path(name), 1, side)
    for height, width in ((side + 1, 1), (1, side + 1)):
        with pytest.raises(PictureError, match=f"the picture is {width} x {height}"):
            check_size(Path(name), height, width)
