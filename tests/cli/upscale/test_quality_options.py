"""The options of `srgan upscale` that change the result."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from support import REPOSITORY
from typer.testing import CliRunner

from srgan_cli.cli import app
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.image.io import read_picture
from srgan_cli.image.ops import resize

CAT = REPOSITORY / "examples/cat.png"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A crop of 24 x 16 pixels of a photograph."""
    with Image.open(CAT) as cat:
        cat.convert("RGB").crop((60, 40, 84, 56)).save(tmp_path / "in.png")
    return tmp_path / "in.png"


def upscaled(picture: Path, *options: str, name: str = "out.png") -> tuple[torch.Tensor, dict[str, Any], str]:
    """The pixels, the line of JSON and the messages."""
    target = picture.with_name(name)
    words = ["upscale", "--device", "cpu", "--json", "-m", "fidelity-x4", *options, str(picture), str(target)]
    done = CliRunner().invoke(app, words)
    if isinstance(done.exception, SrganError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return read_picture(target).pixels, json.loads(done.stdout), done.stderr


def test_consistent_result_downscaled_equals_the_input(picture: Path) -> None:
    plain, record, _ = upscaled(picture)
    assert record["consistency"] is None
    consistent, record, messages = upscaled(picture, "--consistent", name="consistent.png")
    original = read_picture(picture).pixels
    assert (resize(consistent, 16, 24) - original).abs().max() <= 0.5 / 255
    assert (resize(plain, 16, 24) - original).abs().max() > 0.5 / 255
    assert record["consistency"]["deviation"] <= 0.5
    assert f"{record['consistency']['decibels']:.1f} dB when downscaled again" in messages


def test_self_ensemble_of_a_rotated_picture_is_rotated(picture: Path) -> None:
    ensemble, _, _ = upscaled(picture, "--self-ensemble")
    plain, _, _ = upscaled(picture, name="plain.png")
    with Image.open(picture) as image:
        image.transpose(Image.Transpose.ROTATE_90).save(picture.with_name("rotated.png"))
    rotated, _, _ = upscaled(picture.with_name("rotated.png"), "--self-ensemble", name="rotated-out.png")
    assert (rotated.rot90(-1, (1, 2)) - ensemble).abs().max() <= 1.01 / 255
    assert not torch.equal(ensemble, plain)


@pytest.mark.parametrize(("options", "size"), [(("--size", "90x90"), (60, 90)), (("--scale", "2.5"), (40, 60))])
def test_size_and_scale_set_the_output_size(picture: Path, options: tuple[str, str], size: tuple[int, int]) -> None:
    pixels, record, _ = upscaled(picture, *options)
    assert pixels.shape[1:] == size
    assert record["out_size"] == [size[1], size[0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--size", "90x90", "--scale", "2"), "exclude each other"),
        (("--size", "90x90", "--name", "{stem}_{scale}"), "its own scale"),
        (("--size", "90"), "cannot read the size"),
        (("--size", "9x9"), "would have to grow"),
        (("--precision", "fp16"), "fp16 is not supported efficiently on cpu"),
    ],
)
def test_contradictory_options_are_refused(picture: Path, options: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        upscaled(picture, *options)
    assert [path.name for path in picture.parent.iterdir()] == ["in.png"]
