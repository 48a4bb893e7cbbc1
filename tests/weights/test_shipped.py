"""The shipped weights: their cards are complete, and they are better than bicubic."""

import json
import re
from collections.abc import Callable

import pytest
import torch
from support import REPOSITORY, Outcome

from srgan_cli.image.io import read_picture
from srgan_cli.image.ops import downscale, quantise, resize
from srgan_cli.image.picture import Picture
from srgan_cli.scoring.protocol import Protocol, compare
from srgan_cli.training.data.degradations import jpeg
from srgan_cli.upscaling.upscaler import DEFAULT_MODEL, Upscaler
from srgan_cli.weights.file import read_card
from srgan_cli.weights.formats import list_weights
from srgan_cli.weights.registry import find_weights

SHIPPED = list_weights()
LARGEST_FILE = 25_000_000
LICENCES = {
    "photo-x4": "BSD-3-Clause",
    "photo-fidelity-x4": "BSD-3-Clause",
    "srgan-x4": "CC-BY-4.0",
    "srgan-fidelity-x4": "CC-BY-4.0",
}
"""Of weights that continue public ones."""


def test_the_default_is_the_adversarial_generator() -> None:
    assert {"fidelity-x4", "srgan-x4"} <= SHIPPED.keys()
    assert find_weights(DEFAULT_MODEL) == SHIPPED["srgan-x4"]


@pytest.mark.parametrize("name", SHIPPED)
def test_cards_are_complete(name: str) -> None:
    card = read_card(SHIPPED[name])
    assert card.name == name
    assert card.licence == LICENCES.get(name, "Apache-2.0")
    assert {"data", "pictures", "steps", "hours", "machine", "settings"} <= card.training.keys()
    assert all(source["licence"] for source in card.training["data"])
    assert {"protocol", "Set5", "Set14"} <= card.scores.keys()
    assert not re.search(r"['\"]/\w", str(card)), "a path of one machine is on the card"
    assert SHIPPED[name].stat().st_size <= LARGEST_FILE


@pytest.mark.parametrize("name", SHIPPED)
def test_the_table_of_weights_agrees_with_the_cards(name: str) -> None:
    card = read_card(SHIPPED[name])
    row = next(
        line for line in (REPOSITORY / "weights/README.md").read_text().splitlines() if line.startswith(f"| `{name}` |")
    )
    for benchmark in ("Set5", "Set14"):
        assert f"{card.scores[benchmark]['psnr']:.2f} / {card.scores[benchmark]['ssim']:.4f}" in row


def test_the_documented_command_prints_a_card(srgan: Callable[..., Outcome]) -> None:
    found = re.search(r"    srgan (models .*--json)", (REPOSITORY / "weights/README.md").read_text())
    assert found
    card = json.loads(srgan(*found[1].split()).out)[0]
    assert card["scores"] == read_card(SHIPPED["srgan-x4"]).scores


@pytest.fixture
def original() -> Picture:
    return read_picture(REPOSITORY / "examples/cat.png")


@pytest.mark.parametrize(
    ("name", "gain"),
    [
        (f"{kind}-x{scale}", gain)
        for kind, gain in (("fidelity", 1.0), ("fidelity-jpeg", 0.5), ("srgan", 0.0))
        for scale in (2, 4)
    ],
)
def test_shipped_weights_beat_bicubic(name: str, gain: float, original: Picture) -> None:
    upscaler = Upscaler.load(name, device="cpu")
    low = quantise(downscale(original.pixels, upscaler.scale))
    bicubic = quantise(resize(low, original.height, original.width))
    enlarged = quantise(upscaler.upscale(Picture(low)).pixels)
    scores = [compare(original.pixels, candidate, Protocol()) for candidate in (bicubic, enlarged)]
    assert scores[1]["psnr"] > scores[0]["psnr"] + gain
    assert scores[1]["ssim"] > scores[0]["ssim"]


@pytest.mark.parametrize("scale", [2, 4])
def test_weights_trained_on_jpegs_are_better_from_jpegs(scale: int, original: Picture) -> None:
    stored = jpeg(255 * downscale(original.pixels, scale), 75, "4:2:0") / 255
    plain, knowing = (
        compare(original.pixels, quantise(upscaler.upscale(Picture(stored)).pixels), Protocol())
        for upscaler in (
            Upscaler.load(name, device="cpu") for name in (f"fidelity-x{scale}", f"fidelity-jpeg-x{scale}")
        )
    )
    assert knowing["psnr"] > plain["psnr"] + 0.2
    assert knowing["ssim"] > plain["ssim"]


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_a_uniform_area_stays_uniform_and_keeps_its_colour(name: str, value: float) -> None:
    colour = torch.tensor([value, 0.5, 1 - value])[:, None, None]
    enlarged = Upscaler.load(name, device="cpu").upscale(Picture(colour.expand(3, 48, 48))).pixels
    middle = enlarged[:, 32:-32, 32:-32]
    assert (middle - colour).abs().max() <= 3 / 255
