"""The file of defaults, srgan.toml."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import platformdirs
import pytest
from PIL import Image
from support import Outcome, size_of

from srgan_cli.cli import console
from srgan_cli.cli.defaults import FILE, drop_unfit
from srgan_cli.errors import UsageError

Srgan = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, and below it the user's configuration folder, which is returned."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: tmp_path / "home" / name)
    (tmp_path / "home/srgan").mkdir(parents=True)
    (tmp_path / "photos").mkdir()
    return tmp_path / "home/srgan"


def write(folder: Path, *lines: str) -> None:
    (folder / FILE).write_text("\n".join(lines))


def test_the_command_line_overrides_the_file(srgan: Srgan, picture: Path, tmp_path: Path) -> None:
    write(tmp_path, "[upscale]", "model = 'bicubic'", "scale = 3", "format = 'webp'", "max-memory = '4G'")
    outcome = srgan("upscale", picture)
    assert outcome.err.startswith(f"defaults from {FILE}: model = bicubic, scale = 3, format = webp, max-memory = 4G\n")
    assert size_of(tmp_path / "in_x3.webp") == (60, 42)
    outcome = srgan("upscale", picture, "-s", 2)
    assert outcome.err.startswith(f"defaults from {FILE}: model = bicubic, format = webp, max-memory = 4G\n")
    assert size_of(tmp_path / "in_x2.webp") == (40, 28)
    assert "scale = " not in srgan("upscale", picture, "--size", "30x30").err
    assert size_of(tmp_path / "in_30x30.webp") == (30, 21)


def test_no_config_ignores_the_file(srgan: Srgan, picture: Path, tmp_path: Path) -> None:
    write(tmp_path, "[upscale]", "scale = 3")
    outcome = srgan("upscale", "--no-config", picture, "-m", "bicubic")
    assert "defaults" not in outcome.err
    assert size_of(tmp_path / "in_x4.png") == (80, 56)


def test_quiet_prints_no_defaults_but_those_left_out(
    srgan: Srgan, picture: Path, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "is_quiet", False)  # restored at the end
    write(folders, "[upscale]", "strength = 0.5")
    message = f"srgan: {folders / FILE}: strength is left out: bicubic is not a network\n"
    assert srgan("upscale", "-q", picture, "-m", "bicubic").err == message


@pytest.mark.parametrize(
    ("lines", "options", "beginning"),
    [
        ("quiet = true|model = 'bicubic'", "", "defaults from srgan.toml: quiet = true, model = bicubic\n"),
        ("quiet = true|model = 'bicubic'", "-q", ""),
        ("quality = 'high'|scale = 2", "-q", "defaults from srgan.toml: quality = high\nsrgan: invalid value"),
        ("quiet = true|max-memory = 'lots'", "", "defaults from srgan.toml: quiet = true, max-memory = lots\nsrgan: "),
        ("max-memory = 'lots'|scale = 2", "-q", "defaults from srgan.toml: max-memory = lots\nsrgan: cannot read the"),
    ],
)
def test_quiet_names_the_file_that_causes_an_error_or_is_quiet(
    srgan: Srgan,
    picture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lines: str,
    options: str,
    beginning: str,
) -> None:
    monkeypatch.setattr(console, "is_quiet", False)  # restored at the end
    write(tmp_path, "[upscale]", *lines.split("|"))
    error = srgan("upscale", *options.split(), picture).err
    assert error.startswith(beginning)
    assert error.count("defaults from") == bool(beginning)


def test_the_working_folder_comes_before_the_configuration_folder(
    srgan: Srgan, picture: Path, tmp_path: Path, folders: Path
) -> None:
    write(folders, "[score]", "json = true", "metric = ['psnr']")
    outcome = srgan("score", picture, picture)
    assert json.loads(outcome.out)["methods"][0]["mean"].keys() == {"psnr"}
    assert "json = true, metric = psnr" in outcome.err
    write(tmp_path, "[score]", "csv = true")
    assert srgan("score", picture, picture).out.startswith("picture,method")
    assert json.loads(srgan("score", picture, picture, "--json").out)


def test_a_recipe_overrides_the_file(srgan: Srgan, smooth_pictures: Path, tmp_path: Path) -> None:
    write(tmp_path, "[train]", "time = '1h'", "seed = 3", "channels = 8", "blocks = 1", "patch = 8", "batch = 2")
    Path("run.toml").write_text("steps = 1\nchannels = 4\n")
    arguments = ("train", smooth_pictures, "--config", "run.toml", "--scale", 2, "--device", "cpu", "--seed", 5)
    outcome = srgan(*arguments)
    assert outcome.code == 0, outcome.err
    config = json.loads(Path("run/config.json").read_text())
    assert (config["steps"], config["channels"], config["blocks"], config["seed"]) == (1, 4, 1, 5)
    assert srgan("train", "--run", "run", "--resume", "--steps", 2).code == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[upscale]\nscal = 3", "unknown key in [upscale]: scal\n  hint: did you mean scale?"),
        ("[upscal]", "unknown table: upscal\n  hint: did you mean upscale?"),
        ("scale = 3", "scale is in no table\n  hint: settings stand below a line such as [upscale]"),
        ("[upscale]\nstrict = 'yes'", "strict is 'yes', expected true or false"),
        ("[upscale]\nscale = true", "scale is True, expected a text or a number"),
        ("[upscale", "cannot read srgan.toml"),
        ("[upscale]\nscale = 'much'", "--scale is 'much', expected a number"),
        ("[upscale]\nscale = 3\nsize = '30x30'", "exclude each other"),
    ],
)
def test_mistakes_in_the_file_are_errors(srgan: Srgan, picture: Path, tmp_path: Path, line: str, message: str) -> None:
    write(tmp_path, line)
    outcome = srgan("upscale", picture)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("lines", "arguments"),
    [
        ("strength = 0.5|self-ensemble = true|compile = true|precision = 'fp16'", "out.png"),
        ("name = '{stem}_big{suffix}'", "out.png"),
        ("format = 'webp'", "out.png"),
        ("lossless = true", "out.jpg"),
    ],
)
def test_defaults_that_do_not_fit_are_left_out_with_a_line(
    srgan: Srgan, picture: Path, tmp_path: Path, lines: str, arguments: str
) -> None:
    write(tmp_path, "[upscale]", *lines.split("|"))
    outcome = srgan("upscale", picture, arguments, "-m", "bicubic")
    assert (outcome.code, size_of(tmp_path / arguments)) == (0, (80, 56)), outcome.err
    for line in lines.split("|"):
        assert f"{FILE}: {line.partition(' ')[0]} is left out: " in outcome.err


def test_defaults_are_left_out_of_files_that_they_do_not_fit(srgan: Srgan, picture: Path, tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    for name in ("photo.png", "scan.tif"):
        Image.open(picture).save(tmp_path / "photos" / name)
    write(tmp_path, "[upscale]", "model = 'bicubic'", "cog = true", "rgb-bands = '4,3,2'")
    outcome = srgan("upscale", "photos", "out")
    assert (outcome.code, outcome.err.count("rgb-bands is left out: "), outcome.err.count("cog is left")) == (0, 2, 1)
    assert b"LAYOUT=IFDS_BEFORE_DATA" in (tmp_path / "out/scan.tif").read_bytes()
    assert srgan("upscale", "--cog", "photos", "out2").code == 1


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("score photos photos --figure f.png", "by-folder = true"),
        ("train photos --check --patch 8 --channels 2 --blocks 1 --unpaired photos", "low = 'photos'"),
        ("score photos photos", "crop = '1,2,9,9'|by-folder = true|pair = '{stem}_none'"),
        ("train photos --check --patch 8 --channels 2 --blocks 1", "pair = '{stem}_LR'|value-range = '0,9'"),
        ("upscale --for pixels photos/0.png", "strength = 0.5"),
    ],
)
def test_defaults_of_other_commands_that_do_not_fit_are_left_out(
    srgan: Srgan, tmp_path: Path, command: str, lines: str
) -> None:
    for number in range(2):
        Image.new("RGB", (64, 64), (9, 9, number)).save(tmp_path / f"photos/{number}.png")
    write(tmp_path, f"[{command.split()[0]}]", *lines.split("|"))
    outcome = srgan(*command.split())
    for line in lines.split("|"):
        assert f"{FILE}: {line.partition(' ')[0]} is left out: " in outcome.err
    assert outcome.err.count("--for pixels:") == command.count("--for pixels")  # what it chose is said once
    assert outcome.code == 0, outcome.err


def test_streams_are_read_again_where_a_default_does_not_fit(picture: Path, tmp_path: Path) -> None:
    write(tmp_path, "[upscale]", "strength = 0.5", "lossless = true")
    line = [sys.executable, "-m", "srgan_cli", "upscale", "-m", "bicubic", "-s", "2"]
    for more, data, out in (
        (["-", "out.jpg"], picture.read_bytes(), "out.jpg"),
        (["--from-file", "-", "out/"], picture.name.encode(), "out/in.png"),
    ):
        subprocess.run([*line, *more], input=data, check=True)
        assert size_of(tmp_path / out) == (40, 28)


def test_options_that_do_not_fit_are_errors_also_where_the_file_has_them(
    srgan: Srgan, picture: Path, tmp_path: Path
) -> None:
    write(tmp_path, "[upscale]", "strength = 0.5")
    assert srgan("upscale", picture, "-m", "bicubic", "--strength", 1).code == 2


def test_the_file_may_begin_with_a_byte_order_mark(srgan: Srgan, picture: Path, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xef\xbb\xbf[upscale]\r\nmodel = 'bicubic'\r\nscale = 2\r\n")
    assert srgan("upscale", picture).code == 0
    assert size_of(tmp_path / "in_x2.png") == (40, 28)


def test_an_error_may_name_an_option_that_the_command_lacks() -> None:
    context = SimpleNamespace(command=SimpleNamespace(params=[]), meta={})
    assert not drop_unfit(context, UsageError("no counterpart", option="strength"))
