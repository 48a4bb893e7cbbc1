"""Batches of random patches."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from srgan_cli.image.ops import downscale
from srgan_cli.system.distributed import World
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import Pair
from srgan_cli.training.data.sampling import BatchRequest, Sampler, cutblur, mixup


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    return TrainConfig.from_settings(run=tmp_path / "run", scale=2, patch=8, seconds=None, steps=4)


@pytest.fixture
def pairs() -> list[Pair]:
    random = torch.Generator().manual_seed(0)
    highs = [torch.randint(256, (3, 36, 40), generator=random).to(torch.uint8) for _ in range(3)]
    lows = [(downscale(high.float() / 255, 2) * 255).round().to(torch.uint8) for high in highs]
    return [Pair(str(index), low, high) for index, (low, high) in enumerate(zip(lows, highs, strict=True))]


def test_a_patch_is_the_partner_of_its_low_resolution_patch(pairs: list[Pair], config: TrainConfig) -> None:
    low, high, _ = Sampler(pairs, config).cut(BatchRequest(1, 8, 5))
    assert low.shape == (5, 3, 8, 8)
    assert high.shape == (5, 3, 16, 16)
    inner = (..., slice(2, -2), slice(2, -2))
    assert (downscale(high, 2)[inner] - low[inner]).abs().max() <= 0.51 / 255


def test_a_batch_depends_on_its_number_and_the_seed_alone(pairs: list[Pair], config: TrainConfig) -> None:
    sampler = Sampler(pairs, config)
    taken = [sampler.take(BatchRequest(number, 8, 5))[1] for number in (0, 1, 2, 5)]
    fresh = [Sampler(pairs, config).cut(BatchRequest(number, 8, 5))[1] for number in (0, 1, 2, 5)]
    assert all(torch.equal(left, right) for left, right in zip(taken, fresh, strict=True))
    other = Sampler(pairs, config.replace(seed=1)).cut(BatchRequest(0, 8, 5))[1]
    assert len({batch.numpy().tobytes() for batch in [*taken, other]}) == 5


def test_processes_share_the_patches_of_a_larger_batch(pairs: list[Pair], config: TrainConfig) -> None:
    config = config.replace(noise=1, batch=6)
    whole = Sampler(pairs, config).cut(BatchRequest(3, 8, 6))
    config = config.replace(batch=3)
    parts = [Sampler(pairs, config, World(rank, 2)).cut(BatchRequest(3, 8, 3)) for rank in (0, 1)]
    assert torch.equal(torch.cat([part[1] for part in parts]), whole[1])
    assert torch.equal(torch.cat([part[0] for part in parts]), whole[0])


def test_pictures_are_sampled_by_their_weights(pairs: list[Pair], config: TrainConfig) -> None:
    for index, pair in enumerate(pairs):
        pair.high[:] = index
    weighted = [replace(pair, weight=weight) for pair, weight in zip(pairs, (1.0, 3.0, 0.5), strict=True)]
    _, high, _ = Sampler(weighted, config.replace(candidate_patches=1)).cut(BatchRequest(0, 8, 1800))
    counts = (high[:, 0, 0, 0] * 255).round().int().bincount().tolist()
    assert counts == pytest.approx([400, 1200, 200], rel=0.15)


def test_degraded_patches_lie_where_their_partners_do(config: TrainConfig) -> None:
    """On a steep ramp a shift by one pixel would cost 8 levels."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None] * 4, (64, 64, 3))
    high = torch.from_numpy(ramp.copy()).permute(2, 0, 1)
    pairs = [Pair("ramp", (downscale(high.float() / 255, 2) * 255).round().to(torch.uint8), high)]
    config = config.replace(degradation="mild")
    low, high, _ = Sampler(pairs, config).cut(BatchRequest(1, 16, 24))
    error = (low - downscale(high, 2))[..., 2:-2, 2:-2] * 255
    assert error.any()
    assert error.mean((1, 2, 3)).abs().max() < 3


def test_the_candidate_with_the_most_detail_is_taken(config: TrainConfig) -> None:
    """Flat pictures are sampled as often as others, but taken only if all candidates are flat."""
    flat, busy = torch.zeros(3, 16, 16), torch.zeros(3, 16, 16)
    busy[:, ::2] = 255
    pairs = [
        Pair("flat", flat.byte(), flat.byte().repeat(1, 2, 2)),
        Pair("busy", busy.byte(), busy.byte().repeat(1, 2, 2)),
    ]
    for choice in (1, 3):
        low, _, _ = Sampler(pairs, config.replace(candidate_patches=choice)).cut(BatchRequest(0, 8, 400))
        assert float((low.amax((1, 2, 3)) == 0).float().mean()) == pytest.approx(0.5**choice, abs=0.06)


def test_channels_are_permuted_alike_in_both_partners(pairs: list[Pair], config: TrainConfig) -> None:
    for pair in pairs:
        for side in (pair.low, pair.high):
            side[:] = torch.tensor([10, 20, 30])[:, None, None]
    config = config.replace(channel_shuffle_prob=1.0)
    low, high, _ = Sampler(pairs, config).cut(BatchRequest(0, 8, 30))
    orders = {tuple((colour * 255).round().int().tolist()) for colour in high[:, :, 0, 0]}
    assert len(orders) == 6
    assert torch.equal(low[:, :, 0, 0], high[:, :, 0, 0])


def test_mixup_blends_two_patches_by_one_fraction_for_both_partners() -> None:
    low = torch.eye(4)[:, :, None, None].expand(4, 4, 2, 2).contiguous()
    mixed_low, mixed_high = mixup((low, low.repeat(1, 1, 2, 2)), torch.Generator().manual_seed(0))
    assert torch.allclose(mixed_low.sum(1), torch.ones(()))
    assert ((mixed_low > 0).flatten(2)[..., 0].sum(1) <= 2).all()
    assert not torch.equal(mixed_low, low)
    assert torch.equal(mixed_high[..., :2, :2], mixed_low)


def test_cutblur_is_clean_inside_or_outside_a_square() -> None:
    random = torch.Generator().manual_seed(0)
    degraded, clean = torch.zeros(3, 8, 8, dtype=torch.uint8), torch.ones(3, 8, 8, dtype=torch.uint8)
    shares = []
    for _ in range(200):
        cut = cutblur(degraded, clean, random)[0]
        assert any(side.sum() == side.amax(0).sum() * side.amax(1).sum() for side in (cut, 1 - cut))
        shares.append(cut.float().mean().item())
    assert np.mean(shares) == pytest.approx(0.5, abs=0.06)
    assert not degraded.any()


def test_probabilities_of_degradation_and_cutblur_leave_patches_clean(pairs: list[Pair], config: TrainConfig) -> None:
    low, high, _ = Sampler(pairs, config.replace(degradation="real", degradation_prob=0.5)).cut(BatchRequest(0, 8, 60))
    clean = (low - downscale(high, 2)).abs()[..., 2:-2, 2:-2].amax((1, 2, 3)) < 0.51 / 255
    assert 18 < clean.sum() < 42
    low, high, _ = Sampler(pairs, config.replace(degradation="real", cutblur_prob=1.0)).cut(BatchRequest(0, 8, 60))
    partly = (low - downscale(high, 2)).abs()[..., 2:-2, 2:-2].amin((1, 2, 3)) < 0.51 / 255
    assert partly.sum() > 40
