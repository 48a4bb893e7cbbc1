"""Losses in closed form on small tensors."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from srgan_cli.training.losses.pixel import (
    CHARBONNIER_EPSILON,
    PHASE_WINDOW,
    PIXEL_LOSSES,
    feature_matching_loss,
    frequency_loss,
    phase_loss,
)


@pytest.mark.parametrize(
    ("name", "expected"), [("l1", 0.75), ("l2", 0.625), ("charbonnier", pytest.approx(0.75, abs=2e-6))]
)
def test_pixel_losses_are_mean_differences(name: str, expected: object) -> None:
    pictures = torch.tensor([0.0, 1.0]), torch.tensor([0.5, 0.0])
    assert PIXEL_LOSSES[name](*pictures).item() == expected


def test_charbonnier_is_differentiable_at_zero() -> None:
    same = torch.zeros(3, requires_grad=True)
    loss = PIXEL_LOSSES["charbonnier"](same, torch.zeros(3))
    loss.backward()
    assert loss.item() == pytest.approx(CHARBONNIER_EPSILON)
    assert same.grad is not None
    assert not same.grad.any()


def test_frequency_loss_agrees_with_numpy() -> None:
    random = np.random.default_rng(0)
    pictures = random.random((2, 2, 3, 6, 8))
    coefficients = np.fft.rfft2(pictures[0] - pictures[1], norm="ortho")
    found = frequency_loss(*torch.from_numpy(pictures))
    assert found.item() == pytest.approx(np.abs(coefficients).mean(), rel=1e-9)


def test_phase_loss_sees_patterns_that_repeat_and_not_noise() -> None:
    torch.manual_seed(0)
    target = torch.rand(2, 3, 64, 64)
    checkerboard = (torch.arange(64)[:, None] + torch.arange(64)) % 2 * 2.0 - 1
    assert phase_loss(target + 0.25 * checkerboard, target, 4).item() == pytest.approx(0.25)
    assert phase_loss(target + 0.25, target, 4).item() == pytest.approx(0.25)
    chance = 0.25 * torch.randn_like(target)
    expected = 0.25 / PHASE_WINDOW * (2 / torch.pi) ** 0.5
    assert phase_loss(target + chance, target, 4).item() == pytest.approx(expected, rel=0.05)


def test_phase_loss_accepts_pictures_smaller_than_its_window() -> None:
    assert phase_loss(torch.ones(1, 3, 12, 8), torch.zeros(1, 3, 12, 8), 4).item() == 1


def test_feature_matching_is_the_mean_over_layers_of_any_size() -> None:
    ours = [torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 1, 1)]
    theirs = [torch.full((1, 2, 4, 4), 1.0), torch.full((1, 1, 1, 1), -3.0)]
    assert feature_matching_loss(ours, theirs).item() == 2


@pytest.mark.parametrize("loss", [*PIXEL_LOSSES.values(), frequency_loss])
def test_gradients_agree_with_finite_differences(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    pair = torch.randn(2, 1, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x[0], x[1]), pair)
