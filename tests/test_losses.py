"""Losses in closed form on small tensors."""

import math

import pytest
import torch

from srgan_cli.training.losses import adversarial_loss, discriminator_loss, pixel_loss


def test_pixel_loss_is_the_mean_absolute_difference() -> None:
    assert pixel_loss(torch.tensor([0.0, 1.0]), torch.tensor([0.5, 0.5])).item() == 0.5


@pytest.mark.parametrize(("real", "fake"), [(0.0, 0.0), (2.0, -3.0), (-1.5, 4.0)])
def test_adversarial_losses_are_the_logarithms_of_the_min_max_game(real: float, fake: float) -> None:
    def probability(logit: float) -> float:
        return 1 / (1 + math.exp(-logit))

    logits = torch.full((3, 1), real), torch.full((3, 1), fake)
    expected = -math.log(probability(real)) - math.log(1 - probability(fake))
    assert discriminator_loss(*logits).item() == pytest.approx(expected, rel=1e-5)
    assert adversarial_loss(logits[1]).item() == pytest.approx(-math.log(probability(fake)), rel=1e-5)


@pytest.mark.parametrize("loss", [pixel_loss, discriminator_loss])
def test_gradients_agree_with_finite_differences(loss: object) -> None:
    torch.manual_seed(0)
    pair = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x[0], x[1]), pair)  # type: ignore[operator]


def test_the_generators_gradient_does_not_vanish_when_it_is_found_out() -> None:
    logit = torch.tensor([-20.0], requires_grad=True)
    adversarial_loss(logit).backward()
    assert logit.grad is not None
    assert logit.grad.item() == pytest.approx(-1, abs=1e-6)
