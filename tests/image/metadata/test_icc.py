"""Colour that files declare by numbers, and the ICC profiles that say the same, read by LittleCMS."""

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from srgan_cli.image.codec.writer import fit_metadata
from srgan_cli.image.io import picture_losses, read_picture
from srgan_cli.image.metadata import bmp, png
from srgan_cli.image.metadata.icc import HLG, NO_COLOUR, PQ, PRIMARIES, Colour, from_calibration, from_cicp
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture

SRGB = PRIMARIES[1]
PIXELS = np.array([[[255, 255, 255], [200, 100, 50], [20, 220, 128], [0, 0, 0]]], np.uint8)


def flat(channels: int = 3) -> torch.Tensor:
    return torch.full((channels, 8, 8), 100 / 255)


def to_srgb(profile: bytes) -> np.ndarray:
    """PIXELS under a profile, in sRGB."""
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    target = ImageCms.createProfile("sRGB")
    image = ImageCms.profileToProfile(Image.fromarray(PIXELS), source, target, renderingIntent=1)
    assert image is not None
    return np.asarray(image).astype(int)


def expected(colour: Colour, decode: object) -> np.ndarray:
    """The same by matrices of the CIE."""
    assert callable(decode)

    def matrix(pairs: tuple[float, ...]) -> np.ndarray:
        columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in zip(pairs[::2], pairs[1::2], strict=True)]).T
        return columns[:, 1:] * np.linalg.solve(columns[:, 1:], columns[:, 0])

    chromaticities = PRIMARIES[colour.cicp[0]] if colour.cicp else colour.chromaticities or SRGB
    light = decode(PIXELS / 255) @ (np.linalg.inv(matrix(SRGB)) @ matrix(chromaticities)).T
    light = light.clip(0, 1)
    return np.rint(255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055))


def srgb_curve(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize(
    ("colour", "decode"),
    [
        (from_cicp(12, 13), srgb_curve),
        (from_cicp(9, 8), lambda values: values),
        (Colour(intent=0), srgb_curve),
        (Colour(gamma=1 / 1.8), lambda values: values**1.8),
        (from_calibration(PRIMARIES[9], 0.5), lambda values: values**2),
    ],
    ids=["Display P3", "linear BT.2020", "sRGB", "gamma", "chromaticities"],
)
def test_a_profile_says_the_same(colour: Colour, decode: object) -> None:
    profile = colour.profile(grey=False)
    assert profile is not None
    assert np.abs(to_srgb(profile) - expected(colour, decode)).max() <= 2


def test_a_grey_profile_has_the_curve() -> None:
    profile = Colour(gamma=1.0).profile(grey=True)
    assert profile is not None
    grey = ImageCms.profileToProfile(
        Image.new("L", (1, 1), 55), ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB"), 1, "RGB"
    )
    assert grey is not None
    assert grey.getpixel((0, 0)) == pytest.approx((128, 128, 128), abs=1)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_profiles_name_their_codes_and_rise_to_white(transfer: int) -> None:
    profile = from_cicp(9, transfer).profile(grey=False)
    assert profile is not None
    assert b"cicp\0\0\0\0" + bytes([9, transfer, 0, 1]) in profile
    assert to_srgb(profile)[0, 0].tolist() == [255, 255, 255]


def chunks_of(path: Path) -> dict[bytes, bytes]:
    with path.open("rb") as file:
        return dict(png.read_chunks(file))


def write_with_chunks(path: Path, *chunks: tuple[bytes, bytes], mode: str = "RGB") -> None:
    file = BytesIO()
    Image.new(mode, (8, 8)).save(file, "PNG")
    data = file.getvalue()
    path.write_bytes(data[: png.HEADER_END] + b"".join(png.chunk(*chunk) for chunk in chunks) + data[png.HEADER_END :])


CHUNKS = [
    (b"cICP", bytes([9, 16, 0, 1])),
    (b"cICP", bytes([1, 13, 0, 0])),
    (b"sRGB", b"\1"),
    (b"gAMA", struct.pack(">L", 100_000)),
    (b"cHRM", struct.pack(">8L", *(round(number * 100_000) for number in PRIMARIES[9]))),
    (b"sBIT", bytes([5, 6, 5])),
    (b"mDCV", bytes(range(24))),
    (b"cLLI", struct.pack(">2L", 10_000_000, 4_000_000)),
    (b"bKGD", struct.pack(">3H", 1, 2, 3)),
    (b"pHYs", struct.pack(">2LB", 2, 1, 0)),
    (b"pHYs", struct.pack(">2LB", 3000, 1500, 1)),
    (b"tIME", struct.pack(">H5B", 2020, 1, 2, 3, 4, 5)),
    (b"tEXt", b"Title\0A cat"),
    (b"tEXt", b"Comment\0A cat"),
    (b"iTXt", b"Title\0\0\0de\0Titel\0" + "Kätzchen 猫".encode()),
]


@pytest.mark.parametrize("animated", [False, True])
@pytest.mark.parametrize(("name", "content"), CHUNKS, ids=[f"{name.decode()}{n}" for n, (name, _) in enumerate(CHUNKS)])
def test_chunks_of_png_are_kept(tmp_path: Path, name: bytes, content: bytes, animated: bool) -> None:
    if animated:
        frames = [Image.new("RGB", (8, 8), shade) for shade in ("red", "blue")]
        frames[0].save(tmp_path / "in.png", save_all=True, append_images=frames[1:])
        data = (tmp_path / "in.png").read_bytes()
        (tmp_path / "in.png").write_bytes(data[: png.HEADER_END] + png.chunk(name, content) + data[png.HEADER_END :])
    else:
        write_with_chunks(tmp_path / "in.png", (name, content))
    picture = read_picture(tmp_path / "in.png")
    assert not [*picture.notes, *picture_losses(tmp_path / "out.png", picture)]
    write_picture(picture, tmp_path / "out.png")
    assert chunks_of(tmp_path / "out.png")[name] == content


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg", ".bmp", ".gif", ".avif"])
def test_damaged_chunks_never_refuse_a_picture(tmp_path: Path, suffix: str) -> None:
    digits = b"Raw profile type %s\0\nexif\n       9\n4d4g\n"
    broken = [(b"tEXt", digits % kind) for kind in (b"exif", b"xmp", b"iptc", b"APP1", b"icc", b"other")]
    broken += [(b"zTXt", b"Title\0\0no deflate"), (b"iTXt", b"no end"), (b"tEXt", b""), (b"iCCP", b"x"), (b"iCCP", b"")]
    broken += [(name, b"\0") for name in (b"cICP", b"gAMA", b"pHYs", b"mDCV", b"cLLI", b"bKGD", b"tIME", b"sBIT")]
    broken += [(b"sRGB", b"\7"), (b"cHRM", bytes(32))]
    write_with_chunks(tmp_path / "in.png", *broken)
    picture = read_picture(tmp_path / "in.png")
    assert "its text Raw profile type exif is damaged and dropped" in picture.notes
    assert "its colour profile is damaged and dropped" in picture.notes
    assert "its damaged parts are dropped: cICP, gAMA, cHRM, sRGB, pHYs, mDCV, cLLI, tIME, sBIT, bKGD" in picture.notes
    write_picture(picture, tmp_path / f"out{suffix}")
    assert read_picture(tmp_path / f"out{suffix}").width == 8


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("colour", [from_cicp(12, 13), from_cicp(9, PQ), Colour(gamma=0.5)], ids=str)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp", ".gif", ".avif", ".heic", ".jxl"])
def test_declared_colour_is_kept_or_becomes_a_profile_or_is_reported(
    tmp_path: Path, mode: str, colour: Colour, suffix: str
) -> None:
    extra = {".heic": "pillow_heif", ".jxl": "pillow_jxl"}.get(suffix)
    if extra:
        pytest.importorskip(extra)
    chunk = (b"cICP", bytes([*colour.cicp, 0, 1])) if colour.cicp else (b"gAMA", struct.pack(">L", 50_000))
    write_with_chunks(tmp_path / "in.png", chunk, mode=mode)
    picture = read_picture(tmp_path / "in.png")
    write_picture(picture, tmp_path / f"out{suffix}")
    back = read_picture(tmp_path / f"out{suffix}")
    kept = back.metadata.colour == colour
    as_profile = back.icc_profile is not None and back.icc_profile == colour.profile(grey=len(back.pixels) == 1)
    reported = f"colour ({colour})" in " ".join(picture_losses(tmp_path / f"out{suffix}", picture))
    assert [kept, as_profile, reported].count(True) == 1
    assert reported == (suffix == ".jxl")


def test_srgb_is_no_loss_where_readers_assume_it(tmp_path: Path) -> None:
    picture = Picture(flat(), metadata=Metadata(colour=Colour(intent=0, gamma=0.45455, chromaticities=SRGB)))
    assert not picture_losses(tmp_path / "a.gif", picture)


def test_bmp_keeps_a_profile_and_reads_its_calibration(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for channels in (1, 3):
        write_picture(Picture(flat(channels), icc_profile=profile), tmp_path / "a.bmp")
        back = read_picture(tmp_path / "a.bmp")
        assert back.icc_profile == profile
        assert torch.equal(back.pixels, flat(channels))
    numbers = [round(number * 2**30) for number in (0.64, 0.33, 0.03, 0.3, 0.6, 0.1, 0.15, 0.06, 0.79)]
    header = struct.pack("<LllHHLLllLL", 108, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0) + bytes(16) + struct.pack("<L", 0)
    header += struct.pack("<9L", *numbers) + struct.pack("<3L", *[round(2.2 * 65_536)] * 3)
    found, _, notes = bmp.read_colour(b"BM" + bytes(12) + header)
    assert not notes
    assert found.is_srgb
    assert found.gamma == pytest.approx(1 / 2.2, abs=1e-5)


@pytest.mark.parametrize("name", ["JPEG", "HEIF", "PNG"])
def test_codes_count_before_a_profile(name: str) -> None:
    metadata, profile, losses = fit_metadata(Metadata(colour=Colour((9, 16))), b"profile", name, depth=8, grey=False)
    assert losses == []
    assert profile == {"JPEG": Colour((9, 16)).profile(grey=False), "HEIF": None, "PNG": b"profile"}[name]
    assert metadata.colour == (NO_COLOUR if name == "JPEG" else Colour((9, 16)))


def test_a_grey_png_has_a_grey_profile(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for data, kept in ((profile, True), (profile.replace(b"gTRC", b"A2B0"), False)):
        picture = Picture(flat()[:1], icc_profile=data)
        assert bool(picture_losses(tmp_path / "a.png", picture)) != kept
        write_picture(picture, tmp_path / "a.png")
        found = read_picture(tmp_path / "a.png").icc_profile
        assert (found is not None and ImageCms.ImageCmsProfile(BytesIO(found)).profile.xcolor_space == "GRAY") == kept
