"""Batches of random patches."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from srgan_cli.pixels import downscale
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data import Pair
from srgan_cli.training.sampling import mix, sample_batch, turn


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    return TrainConfig(tmp_path, tmp_path / "run", scale=2, patch=8, seconds=None, steps=4)


@pytest.fixture
def pairs() -> list[Pair]:
    random = torch.Generator().manual_seed(0)
    highs = [torch.randint(256, (3, 36, 40), generator=random).to(torch.uint8) for _ in range(3)]
    lows = [(downscale(high.float() / 255, 2) * 255).round().to(torch.uint8) for high in highs]
    return [Pair(str(index), low, high) for index, (low, high) in enumerate(zip(lows, highs, strict=True))]


def test_a_patch_is_the_partner_of_its_low_resolution_patch(pairs: list[Pair], config: TrainConfig) -> None:
    low, high = sample_batch(pairs, config, torch.Generator().manual_seed(1), 8, 5)
    assert low.shape == (5, 3, 8, 8)
    assert high.shape == (5, 3, 16, 16)
    inner = (..., slice(2, -2), slice(2, -2))
    assert (downscale(high, 2)[inner] - low[inner]).abs().max() <= 0.51 / 255


def test_batches_are_drawn_from_the_generator_alone(pairs: list[Pair], config: TrainConfig) -> None:
    batches = [sample_batch(pairs, config, torch.Generator().manual_seed(seed), 8, 5)[1] for seed in (3, 3, 4)]
    assert torch.equal(batches[0], batches[1])
    assert not torch.equal(batches[0], batches[2])


def test_degraded_patches_lie_where_their_partners_do(config: TrainConfig) -> None:
    """On a steep ramp a shift by one pixel would cost 8 levels."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None] * 4, (64, 64, 3))
    high = torch.from_numpy(ramp.copy()).permute(2, 0, 1)
    pairs = [Pair("ramp", (downscale(high.float() / 255, 2) * 255).round().to(torch.uint8), high)]
    config = replace(config, degraded_share=1.0)
    low, high = sample_batch(pairs, config, torch.Generator().manual_seed(1), 16, 24)
    error = (low - downscale(high, 2))[..., 2:-2, 2:-2] * 255
    assert error.any()
    assert error.mean((1, 2, 3)).abs().max() < 3


def test_the_eight_orientations_differ() -> None:
    square = torch.arange(9.0).view(1, 3, 3)
    assert len({tuple(turn(square, number).flatten().tolist()) for number in range(8)}) == 8


def test_colours_change_places_in_both_partners(pairs: list[Pair], config: TrainConfig) -> None:
    for pair in pairs:
        for side in (pair.low, pair.high):
            side[:] = torch.tensor([10, 20, 30])[:, None, None]
    config = replace(config, colour_share=1.0)
    low, high = sample_batch(pairs, config, torch.Generator().manual_seed(0), 8, 30)
    orders = {tuple((colour * 255).round().int().tolist()) for colour in high[:, :, 0, 0]}
    assert len(orders) == 6
    assert torch.equal(low[:, :, 0, 0], high[:, :, 0, 0])


def test_mixed_patches_are_blends_of_two_by_one_share_for_both_partners() -> None:
    low = torch.eye(4)[:, :, None, None].expand(4, 4, 2, 2).contiguous()
    mixed_low, mixed_high = mix(low, low.repeat(1, 1, 2, 2), torch.Generator().manual_seed(0))
    assert torch.allclose(mixed_low.sum(1), torch.ones(()))
    assert ((mixed_low > 0).flatten(2)[..., 0].sum(1) <= 2).all()
    assert not torch.equal(mixed_low, low)
    assert torch.equal(mixed_high[..., :2, :2], mixed_low)
