"""Weights files: written with a card, and loaded if they match it."""

import os
import pickle
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from small_weights import CONFIG, DETAILS, rewrite_card, save_small_weights, small_generator

from srgan_cli.errors import WeightsError
from srgan_cli.networks.generators.smfanet import SMFANet
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import load_weights, read_card, save_weights
from srgan_cli.weights.formats import list_weights


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_loaded_generator_has_the_output_of_the_saved_one(tmp_path: Path, batch_norm: bool) -> None:
    saved, picture = small_generator(batch_norm=batch_norm), torch.rand(1, 3, 5, 4)
    card = WeightsCard.for_generator(saved, "tiny-x2", **DETAILS)
    save_weights(tmp_path / "tiny.safetensors", saved, card)
    loaded, loaded_card = load_weights(tmp_path / "tiny.safetensors")
    assert torch.equal(loaded(picture), saved(picture))
    assert loaded_card == card == read_card(tmp_path / "tiny.safetensors")


def test_a_loaded_generator_is_ready_to_run(file: Path) -> None:
    loaded, _ = load_weights(file)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_file_permissions_follow_the_umask(tmp_path: Path, umask: Callable[[int], int], mask: int, mode: int) -> None:
    umask(mask)
    save_small_weights(tmp_path, "tiny-x2")
    assert stat.S_IMODE((tmp_path / "tiny-x2.safetensors").stat().st_mode) == mode


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(range(256)) * 4, id="any bytes"),
        pytest.param(pickle.dumps({"weight": [1.0]}), id="pickle"),
    ],
)
@pytest.mark.parametrize("read", [load_weights, read_card])
def test_other_files_are_errors(tmp_path: Path, content: bytes, read: Callable[[Path], object]) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    assert_error(path, "is not a readable safetensors file", read)


def test_a_truncated_file_is_an_error(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])
    assert_error(file, "is not a readable safetensors file")


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    assert_error(tmp_path / "none.safetensors", "no such weights file")
    assert_error(tmp_path, "no such weights file")


def test_a_file_without_card_or_known_architecture_is_an_error(file: Path) -> None:
    save_file({"weight": torch.zeros(1)}, file)
    assert_error(file, "has no known architecture|needs spandrel and torchvision")


@pytest.mark.parametrize("card", ["{", "[]", "null", "{}", '{"name": "only"}'])
def test_a_malformed_card_is_an_error(file: Path, card: str) -> None:
    save_file({"weight": torch.zeros(1)}, file, {"srgan": card})
    assert_error(file, "cannot read the card of")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"architecture": "perceptron"}, "unknown architecture: 'perceptron'"),
        ({"architecture": ["srresnet"]}, "does not match its own card"),
        ({"config": [1]}, "does not match its own card"),
        ({"config": {**CONFIG, "mood": "sunny"}}, "does not match its own card"),
        ({"config": {**CONFIG, "scale": 2.5}}, "does not match its own card"),
        ({"config": {**CONFIG, "channels": 5}}, r"does not match its own card: .*size mismatch"),
        ({"config": {**CONFIG, "blocks": 2}}, r"does not match its own card: .*Missing key"),
        ({"config": {**CONFIG, "channels": 3000}}, "it has more parameters than the file"),
        ({"config": {**CONFIG, "blocks": 10**12}}, "it has more parameters than the file"),
        (
            {"architecture": "swinir", "config": {"scale": 2, "channels": 6, "blocks": 10**30, "heads": 6}},
            "it has more parameters than the file",
        ),
        (
            {"architecture": "swinir", "config": {"heads": 0}},
            "the number of channels, 60, must be a multiple of the number of heads, 0",
        ),
        ({"architecture": "rrdb", "config": {"scale": 5}}, "the scale is 5, expected one of 2, 3, 4"),
        ({"architecture": "srcnn", "config": {"scale": 20_000, "channels": 2}}, "the scale is 20000, expected 1 to 16"),
        ({"architecture": "x" * 5000}, r"has an unknown architecture: 'x+\.\.\.x+'$"),
        ({"name": ["odd"]}, r"has an invalid name: \['odd'\]"),
        ({"training": "1e9"}, "has an invalid training"),
        ({"scale": None}, "has an invalid scale"),
        ({"strength": 2.0}, "has an invalid strength"),
        ({"strength": float("nan")}, "has an invalid strength"),
        ({"counterpart": "../plain"}, "has an invalid counterpart"),
        ({"counterpart": "https://example.org/evil.safetensors"}, "has an invalid counterpart"),
    ],
)
def test_a_card_that_matches_no_generator_is_an_error(file: Path, change: dict[str, Any], expected: str) -> None:
    rewrite_card(file, {**asdict(read_card(file)), **change})
    assert_error(file, expected)


def test_all_shipped_weights_load() -> None:
    for name, path in list_weights().items():
        loaded, card = load_weights(path)
        assert (card.name, card.scale) == (name, loaded.scale)
        rounding = 0 if loaded.exact_tiles else 1  # a measured radius may differ by a pixel from machine to machine
        assert abs(card.receptive_radius - loaded.receptive_radius) <= rounding


def assert_error(path: Path, expected: str, read: Callable[[Path], object] = load_weights) -> None:
    with pytest.raises(WeightsError, match=expected) as caught:
        read(path)
    assert "\n" not in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_public_smfanet_files_need_no_card(tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator = SMFANet(2, channels=8, blocks=2).eval()
    torch.save({"params": generator.state_dict()}, tmp_path / "smfanet.pth")
    loaded, card = load_weights(tmp_path / "smfanet.pth")
    picture = torch.rand(1, 3, 9, 20)
    assert (card.architecture, card.scale, card.config) == ("smfanet", 2, generator.config)
    assert torch.equal(loaded(picture), generator(picture))
