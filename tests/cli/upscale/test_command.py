"""srgan upscale: what is written, and what is printed where."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from support import Outcome, files_in, size_of

from srgan_cli.image.io import read_picture
from srgan_cli.image.metadata.exif import build_exif, parse_exif
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture
from srgan_cli.upscaling import upscaler
from srgan_cli.weights.formats import list_weights


def test_the_picture_is_written_and_stdout_stays_empty(
    srgan: Callable[..., Outcome], picture: Path, weights: Path
) -> None:
    target = picture.with_name("out.webp")
    outcome = srgan("upscale", picture, target, "-m", weights)
    assert (outcome.code, outcome.out) == (0, "")
    assert "in.png 20 x 14 -> out.webp 80 x 56 (tiny on cpu" in outcome.err
    assert size_of(target) == (80, 56)


@pytest.mark.parametrize(("scale", "size"), [("2", (40, 28)), ("3", (60, 42)), ("1.5", (30, 21)), ("6", (120, 84))])
def test_any_scale_can_be_reached(
    srgan: Callable[..., Outcome], picture: Path, weights: Path, scale: str, size: tuple[int, int]
) -> None:
    target = picture.with_name("out.png")
    assert srgan("upscale", picture, target, "-m", weights, "-s", scale, "--tile", 7).code == 0
    assert size_of(target) == size


def test_losses_of_the_format_are_reported(srgan: Callable[..., Outcome], weights: Path, tmp_path: Path) -> None:
    Image.new("RGBA", (5, 5), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    outcome = srgan("upscale", tmp_path / "clear.png", tmp_path / "out.jpg", "-m", weights)
    assert outcome.code == 0
    assert "JPEG has no transparency" in outcome.err


def test_strict_fails_instead_of_losing_anything(srgan: Callable[..., Outcome], weights: Path, tmp_path: Path) -> None:
    Image.new("RGBA", (5, 5), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    outcome = srgan("upscale", "--strict", tmp_path / "clear.png", tmp_path / "out.jpg", "-m", weights)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.splitlines()[0] == "srgan: out.jpg: JPEG has no transparency: the picture is flattened on white"
    assert not (tmp_path / "out.jpg").exists()
    assert srgan("upscale", "--strict", tmp_path / "clear.png", tmp_path / "out.png", "-m", weights).code == 0


def test_medical_results_are_said_once_not_to_be_for_diagnosis(srgan: Callable[..., Outcome], tmp_path: Path) -> None:
    pytest.importorskip("pydicom", reason="needs srgan-cli[dicom]")
    for name in ("a.png", "b.png"):
        Image.new("L", (5, 5), 90).save(tmp_path / name)
    arguments = ("-m", "bicubic", "--strict", "--name", "{stem}.dcm")
    outcome = srgan("upscale", tmp_path / "a.png", tmp_path / "b.png", tmp_path / "out", *arguments)
    assert outcome.code == 0
    assert outcome.err.count("not for diagnosis") == 1


def test_conversion_of_cmyk_is_reported(srgan: Callable[..., Outcome], weights: Path, tmp_path: Path) -> None:
    Image.new("CMYK", (5, 5), (200, 0, 0, 0)).save(tmp_path / "ink.jpg")
    outcome = srgan("upscale", tmp_path / "ink.jpg", tmp_path / "out.png", "-m", weights)
    assert outcome.code == 0
    assert "srgan: out.png: its CMYK is converted to sRGB by plain arithmetic: it has no profile" in outcome.err
    assert srgan("upscale", "--strict", tmp_path / "ink.jpg", tmp_path / "strict.png", "-m", weights).code == 1
    assert not (tmp_path / "strict.png").exists()


def test_all_frames_are_enlarged(srgan: Callable[..., Outcome], weights: Path, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 4), (shade, 20, 20)) for shade in (10, 120, 240)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], duration=[40, 80, 120], loop=2)
    outcome = srgan("upscale", tmp_path / "in.gif", tmp_path / "out.webp", "-m", weights)
    assert outcome.code == 0
    assert "in.gif 6 x 4 -> out.webp 24 x 16, 3 pictures (tiny on cpu" in outcome.err
    with Image.open(tmp_path / "out.webp") as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (3, (24, 16), 3)
    still = srgan("upscale", tmp_path / "in.gif", tmp_path / "out.jpg", "-m", weights)
    assert "srgan: out.jpg: JPEG cannot store several frames: 2 of 3 are dropped" in still.err
    assert srgan("upscale", "--strict", tmp_path / "in.gif", tmp_path / "no.jpg", "-m", weights).code == 1


def test_16_bits_and_metadata_are_kept(srgan: Callable[..., Outcome], weights: Path, tmp_path: Path) -> None:
    metadata = Metadata(build_exif({271: "Camera"}), b"<x/>", (300, 300))
    write_picture(Picture(torch.rand(3, 6, 7), torch.rand(1, 6, 7), 16, b"profile", metadata), tmp_path / "in.tif")
    for name in ("out.png", "out.tif"):
        outcome = srgan("upscale", "--strict", tmp_path / "in.tif", tmp_path / name, "-m", weights)
        assert (outcome.code, len(outcome.err.splitlines())) == (0, 1)
        back = read_picture(tmp_path / name)
        assert (back.depth, back.icc_profile, back.metadata.xmp) == (16, b"profile", b"<x/>")
        assert back.metadata.dpi == pytest.approx((300, 300), abs=0.02)
        assert parse_exif(back.metadata.exif)[271] == "Camera"
        assert back.alpha is not None
        assert len(torch.unique(back.pixels * 65_535 % 257)) > 100


def test_a_size_beyond_the_format_is_an_error_before_any_work(
    srgan: Callable[..., Outcome], weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("no work was to be done")

    Image.new("L", (4096, 1)).save(tmp_path / "long.png")
    monkeypatch.setattr(upscaler.Upscaler, "upscale_stream", work)
    outcome = srgan("upscale", tmp_path / "long.png", tmp_path / "out.webp", "-m", weights)
    assert outcome.code == 1
    assert "WEBP stores at most 16383 pixels a side, the picture is 16384 x 4" in outcome.err


def test_a_bad_file_does_not_stop_the_others_and_failures_are_listed(
    srgan: Callable[..., Outcome], picture: Path, photographs: Path, weights: Path, tmp_path: Path
) -> None:
    (photographs / "below").mkdir()
    (photographs / "below/cut.png").write_bytes(picture.read_bytes()[:150])
    outcome = srgan("upscale", photographs, picture, tmp_path / "missing.png", tmp_path / "out", "-m", weights)
    assert (outcome.code, outcome.out) == (1, "")
    assert files_in(tmp_path / "out") == ["0.png", "1.png", "2.png", "in.png"]
    assert size_of(tmp_path / "out/2.png") == (128, 128)
    *_, summary, first, second = outcome.err.splitlines()
    assert summary == "4 enlarged, 2 failed:"
    assert (first.strip(), second.strip()) == (str(photographs / "below/cut.png"), str(tmp_path / "missing.png"))
    assert f"srgan: no such file: {tmp_path / 'missing.png'}; did you mean " in outcome.err


def test_the_hint_for_an_unknown_model_is_the_nearest_name(srgan: Callable[..., Outcome], picture: Path) -> None:
    outcome = srgan("upscale", picture, picture.with_name("out.png"), "-m", "sgran-x4")
    assert "did you mean srgan-x4?" in outcome.err


def test_pixel_art_is_repeated_exactly(srgan: Callable[..., Outcome], picture: Path) -> None:
    outcome = srgan("upscale", "--for", "pixels", "-s", 3, picture, "--strict")
    assert outcome.err.startswith("--for pixels: nearest, every pixel becomes 3 x 3 pixels\n")
    small, large = read_picture(picture).pixels, read_picture(picture.with_name("in_x3.png")).pixels
    assert large.equal(small.repeat_interleave(3, 1).repeat_interleave(3, 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("pixels", "-s", 2.5), "--for pixels takes a whole factor"),
        (("pixels", "--size", "60x60"), "--for pixels takes no --size"),
        (("pixels", "-m", "bicubic"), "exclude each other"),
        (("text", "--strength", 0.3), "hint: leave out --strength or --for"),
    ],
)
def test_a_purpose_refuses_what_does_not_fit(
    srgan: Callable[..., Outcome], picture: Path, options: tuple[object, ...], message: str
) -> None:
    outcome = srgan("upscale", "--for", *options, picture)
    assert (outcome.code, message in outcome.err) == (2, True)


def test_outputs_that_srgan_names(srgan: Callable[..., Outcome], picture: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        (photos / name).write_bytes(picture.read_bytes())
    lines = [srgan("upscale", photos, "-m", "nearest").err.splitlines()[-1] for _ in range(2)]
    assert lines == [f"{photos}_x4/: 2 enlarged, 0 failed", f"{photos}_x4/: 0 enlarged, 2 kept, 0 failed"]
    (tmp_path / "in_x4.png").mkdir()
    outcome = srgan("upscale", picture, "-m", "nearest")
    assert (outcome.code, outcome.err.splitlines()[0]) == (2, f"srgan: {tmp_path / 'in_x4.png'} is a folder")
    outcome = srgan("upscale", picture, photos / "a.png", photos / "b.png", "-m", "nearest")
    assert outcome.err.endswith("hint: name a folder for the outputs at the end, such as out/\n")


def test_the_part_of_resampling_is_named(srgan: Callable[..., Outcome], picture: Path, weights: Path) -> None:
    for scale, part in ((6, "1.5"), (3, "0.75")):
        outcome = srgan("upscale", "-m", weights, "-s", scale, picture)
        assert f"(tiny 4 times, then bicubic resampling {part} times, on cpu," in outcome.err
    for options in (("-m", weights, "-s", 4), ("-m", weights), ("-m", "bicubic", "-s", 6)):
        assert "bicubic resampling" not in srgan("upscale", "--overwrite", *options, picture).err


def test_own_weights_are_not_reported_as_shipped_ones(srgan: Callable[..., Outcome], picture: Path) -> None:
    own = shutil.copy(list_weights()["srcnn-x4"], picture.with_name("srcnn-x4.safetensors"))
    assert f"(srcnn-x4 of {own} on " in srgan("upscale", "-m", own, picture).err
    assert "(srcnn-x4 on " in srgan("upscale", "-m", "srcnn-x4", "--overwrite", picture).err
