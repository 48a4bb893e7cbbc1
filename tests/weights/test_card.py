"""Weights cards: what a file says about its network."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from safetensors import safe_open
from small_weights import CONFIG, DETAILS, rewrite_card, small_generator

from srgan_cli.errors import WeightsError
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import read_card


def test_a_card_describes_how_to_run_the_generator() -> None:
    card = WeightsCard.for_generator(small_generator(), "tiny-x2")
    assert (card.architecture, card.config, card.scale) == ("srresnet", CONFIG, 2)
    assert card.receptive_radius == small_generator().receptive_radius


def test_a_card_is_json_in_the_metadata(file: Path) -> None:
    with safe_open(file, framework="pt") as opened:
        stored = json.loads(opened.metadata()["srgan"])
    assert stored["name"] == "tiny-x2"
    assert {key: stored[key] for key in DETAILS} == DETAILS


def test_fields_of_a_newer_version_are_ignored(file: Path) -> None:
    card = read_card(file)
    rewrite_card(file, {**asdict(card), "mood": "sunny"})
    assert read_card(file) == card


@pytest.mark.parametrize("dropout", [float("nan"), float("inf")])
def test_settings_that_are_not_finite_are_refused(dropout: float) -> None:
    card = WeightsCard("tiny", "srresnet", {"scale": 2, "dropout": dropout}, 2, 9)
    with pytest.raises(WeightsError, match="invalid config"):
        WeightsCard.from_metadata(card.to_metadata(), Path("tiny.safetensors"))
