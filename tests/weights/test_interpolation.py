"""Interpolation of adversarial weights with their fidelity counterpart."""

from pathlib import Path

import pytest
import torch
from small_weights import save_small_weights, small_generator

from srgan_cli.errors import UnknownModel, UsageError, WeightsError
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import load_weights, save_weights
from srgan_cli.weights.interpolation import interpolate


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Adversarial weights of default strength 0.75, with their counterpart beside them."""
    for name, details in {"plain": {}, "sharp": {"counterpart": "plain", "strength": 0.75}}.items():
        built = small_generator(batch_norm=True)
        save_weights(tmp_path / f"{name}.safetensors", built, WeightsCard.for_generator(built, name, **details))
    return tmp_path / "sharp.safetensors"


@pytest.mark.parametrize(("strength", "share"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0), (None, 0.75)])
def test_parameters_are_interpolated_linearly(pair: Path, strength: float | None, share: float) -> None:
    interpolated, card = interpolate(pair, strength)
    plain, sharp = (load_weights(pair.with_stem(stem))[0].state_dict() for stem in ("plain", "sharp"))
    assert card.name == "sharp"
    for key, value in interpolated.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (1 - share) * plain[key] + share * sharp[key])


def test_the_counterpart_can_be_shipped_weights(shipped: Path, tmp_path: Path) -> None:
    built = small_generator(scale=4)
    path = tmp_path / "mine.safetensors"
    save_weights(path, built, WeightsCard.for_generator(built, "mine", counterpart="fidelity-x4"))
    interpolated = interpolate(path, 0.0)[0]
    expected = load_weights(shipped / "fidelity-x4.safetensors")[0]
    assert torch.equal(interpolated.get_parameter("tail.weight"), expected.get_parameter("tail.weight"))


def test_weights_that_cannot_be_interpolated_are_errors(file: Path, pair: Path) -> None:
    assert interpolate(file, 1.0)[1].name == "tiny-x2"
    with pytest.raises(UsageError, match="has no fidelity counterpart"):
        interpolate(file, 0.5)
    with pytest.raises(UsageError, match="the strength is"):
        interpolate(pair, 1.5)
    save_small_weights(pair.parent, "plain-x2")
    (pair.parent / "plain-x2.safetensors").rename(pair.with_stem("plain"))
    with pytest.raises(WeightsError, match="have different architectures"):
        interpolate(pair, 0.5)
    pair.with_stem("plain").unlink()
    with pytest.raises(UnknownModel, match="plain"):
        interpolate(pair, 0.5)
