"""The adversarial losses in closed form on small tensors, and by their gradients."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from srgan_cli.training.losses.adversarial import ADVERSARIAL_LOSSES, gradient_penalty, r1_penalty


def probability(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def log(value: float) -> float:
    return math.log(value)


BY_HAND: dict[str, Callable[[float, float], tuple[float, float]]] = {
    "minimax": lambda r, f: (-log(probability(r)) - log(1 - probability(f)), log(1 - probability(f))),
    "non-saturating": lambda r, f: (-log(probability(r)) - log(1 - probability(f)), -log(probability(f))),
    "least-squares": lambda r, f: (((r - 1) ** 2 + f**2) / 2, (f - 1) ** 2 / 2),
    "hinge": lambda r, f: (max(0, 1 - r) + max(0, 1 + f), -f),
    "relativistic": lambda r, f: (-log(probability(r - f)), -log(probability(f - r))),
    "wasserstein": lambda r, f: (f - r, -f),
}


def test_every_loss_has_its_formula() -> None:
    assert BY_HAND.keys() == ADVERSARIAL_LOSSES.keys()


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
@pytest.mark.parametrize(("real", "fake"), [(0.0, 0.0), (2.0, -3.0), (-1.5, 4.0)])
def test_losses_follow_their_formulas(name: str, real: float, fake: float) -> None:
    logits = torch.full((3, 1), real), torch.full((3, 1, 2, 2), fake)
    discriminator, generator = BY_HAND[name](real, fake)
    assert ADVERSARIAL_LOSSES[name].discriminator(*logits, 0.0).item() == pytest.approx(discriminator, rel=1e-5)
    assert ADVERSARIAL_LOSSES[name].generator(*logits).item() == pytest.approx(generator, rel=1e-5)


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_chance_is_the_loss_of_a_discriminator_with_zero_logits(name: str) -> None:
    zero = torch.zeros(4, 1)
    assert ADVERSARIAL_LOSSES[name].discriminator(zero, zero, 0.0).item() == pytest.approx(
        ADVERSARIAL_LOSSES[name].chance_loss, abs=1e-3
    )


@pytest.mark.parametrize(
    "name",
    sorted(ADVERSARIAL_LOSSES.keys() - {"wasserstein", "hinge", "relativistic"}),
)
def test_a_smoothed_label_moves_the_best_logit_of_real_pictures(name: str) -> None:
    """At smoothing s the probability 1 - s is best, and for least squares the logit 1 - s."""
    fake = torch.full((1,), -30.0)
    candidates = torch.linspace(-2, 6, 801)
    losses = [ADVERSARIAL_LOSSES[name].discriminator(logit[None], fake, 0.1).item() for logit in candidates]
    best = candidates[int(torch.tensor(losses).argmin())].item()
    assert best == pytest.approx(0.9 if name == "least-squares" else math.log(9), abs=0.02)


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
@pytest.mark.parametrize("side", ["discriminator", "generator"])
def test_gradients_agree_with_finite_differences(name: str, side: str) -> None:
    torch.manual_seed(0)
    pair = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    extra = (0.1,) if side == "discriminator" else ()
    assert torch.autograd.gradcheck(lambda x: getattr(ADVERSARIAL_LOSSES[name], side)(x[0], x[1], *extra), pair)


@pytest.mark.parametrize("name", sorted(ADVERSARIAL_LOSSES.keys() - {"minimax"}))
def test_the_generators_gradient_does_not_vanish_for_a_confident_discriminator(name: str) -> None:
    assert generator_gradient(name) <= -0.5 + 1e-6


def test_the_minimax_gradient_vanishes_for_a_confident_discriminator() -> None:
    assert abs(generator_gradient("minimax")) < 1e-6


def generator_gradient(name: str) -> float:
    fake = torch.tensor([-20.0], requires_grad=True)
    ADVERSARIAL_LOSSES[name].generator(torch.tensor([20.0]), fake).backward()
    assert fake.grad is not None
    return fake.grad.item()


def slope(weight: Tensor) -> Callable[[Tensor], Tensor]:
    """A critic whose gradient is `weight` everywhere."""
    return lambda pictures: (pictures * weight).flatten(1).sum(1, keepdim=True)


@pytest.mark.parametrize("norm", [0.0, 1.0, 3.0])
def test_gradient_penalty_is_the_squared_distance_of_the_norm_from_one(norm: float) -> None:
    weight = torch.zeros(3, 4, 4)
    weight[1, 2, 3] = norm
    pictures = torch.rand(2, 2, 3, 4, 4)
    penalty = gradient_penalty(slope(weight), *pictures, torch.Generator().manual_seed(0))
    assert penalty.item() == pytest.approx((norm - 1) ** 2, abs=1e-5)


def test_gradient_penalty_interpolates_real_and_generated_pictures() -> None:
    seen = []

    def critic(pictures: Tensor) -> Tensor:
        seen.append(pictures.detach())
        return pictures.flatten(1).sum(1, keepdim=True)

    gradient_penalty(critic, torch.zeros(8, 1, 2, 2), torch.ones(8, 1, 2, 2), torch.Generator().manual_seed(0))
    shares = seen[0].flatten(1)
    assert ((shares > 0) & (shares < 1)).all()
    assert torch.equal(shares, shares[:, :1].expand_as(shares))
    assert len(shares[:, 0].unique()) == 8


def test_r1_is_half_the_squared_norm_and_its_gradient_reaches_the_critic() -> None:
    weight = torch.full((1, 2, 2), 2.0, requires_grad=True)
    penalty = r1_penalty(slope(weight), torch.rand(3, 1, 2, 2))
    assert penalty.item() == pytest.approx(0.5 * 16)
    penalty.backward()
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, weight.detach())
