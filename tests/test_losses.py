"""Losses in closed form on small tensors."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from srgan_cli.training.losses import GAMES, feature_matching_loss, l1_loss, l2_loss


def test_pixel_losses_are_the_mean_absolute_and_the_mean_squared_difference() -> None:
    pictures = torch.tensor([0.0, 1.0]), torch.tensor([0.5, 0.0])
    assert l1_loss(*pictures).item() == 0.75
    assert l2_loss(*pictures).item() == 0.625


def test_feature_matching_is_the_mean_over_layers_whatever_their_sizes() -> None:
    ours = [torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 1, 1)]
    theirs = [torch.full((1, 2, 4, 4), 1.0), torch.full((1, 1, 1, 1), -3.0)]
    assert feature_matching_loss(ours, theirs).item() == 2


def probability(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


@pytest.mark.parametrize(("real", "fake"), [(0.0, 0.0), (2.0, -3.0), (-1.5, 4.0)])
class TestGames:
    @pytest.fixture
    def logits(self, real: float, fake: float) -> tuple[Tensor, Tensor]:
        return torch.full((3, 1), real), torch.full((3, 1, 2, 2), fake)

    def test_non_saturating_losses_are_logarithms_of_the_min_max_game(
        self, logits: tuple[Tensor, Tensor], real: float, fake: float
    ) -> None:
        game = GAMES["non-saturating"]
        expected = -math.log(probability(real)) - math.log(1 - probability(fake))
        assert game.discriminator(*logits).item() == pytest.approx(expected, rel=1e-5)
        assert game.generator(*logits).item() == pytest.approx(-math.log(probability(fake)), rel=1e-5)

    def test_relativistic_losses_compare_the_two_kinds(
        self, logits: tuple[Tensor, Tensor], real: float, fake: float
    ) -> None:
        game = GAMES["relativistic"]
        assert game.discriminator(*logits).item() == pytest.approx(-math.log(probability(real - fake)), rel=1e-5)
        assert game.generator(*logits).item() == pytest.approx(-math.log(probability(fake - real)), rel=1e-5)

    def test_hinge_losses_end_at_the_margin(self, logits: tuple[Tensor, Tensor], real: float, fake: float) -> None:
        game = GAMES["hinge"]
        assert game.discriminator(*logits).item() == pytest.approx(max(0, 1 - real) + max(0, 1 + fake))
        assert game.generator(*logits).item() == pytest.approx(-fake)


LOSSES = [l1_loss, l2_loss, *(side for game in GAMES.values() for side in (game.discriminator, game.generator))]


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_agree_with_finite_differences(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    pair = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x[0], x[1]), pair)


@pytest.mark.parametrize("name", GAMES)
def test_the_generators_gradient_does_not_vanish_when_it_is_found_out(name: str) -> None:
    fake = torch.tensor([-20.0], requires_grad=True)
    GAMES[name].generator(torch.tensor([20.0]), fake).backward()
    assert fake.grad is not None
    assert fake.grad.item() <= -0.5 + 1e-6
