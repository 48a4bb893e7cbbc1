"""Adversarial losses of discriminator and generator, as functions of logits.

`real` and `fake` are the logits of real and of generated pictures, of any shape; D is their sigmoid.  Every loss is a
mean.  `smoothing` lowers the label of real pictures from 1 (one-sided label smoothing: T. Salimans et al., Improved
Techniques for Training GANs, NeurIPS 2016, section 3.4, arXiv:1606.03498).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Logits = Callable[[Tensor], Tensor]
"""Pictures to their logits."""


@dataclass(frozen=True)
class AdversarialLoss:
    """An adversarial loss for both networks."""

    discriminator: Callable[[Tensor, Tensor, float], Tensor]
    """The discriminator's loss of (real, fake, smoothing)."""
    generator: Callable[[Tensor, Tensor], Tensor]
    """The generator's loss of (real, fake)."""
    chance_loss: float
    """The loss of a discriminator whose logits are 0; 0 for a loss without a lower bound."""


def discriminator_loss(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """-log D(real) - log(1 - D(fake)), the discriminator's loss of the original GAN.

    Source: I. Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, equation 1 (arXiv:1406.2661).
    """
    real_loss = (1 - smoothing) * F.softplus(-real) + smoothing * F.softplus(real)
    return real_loss.mean() + F.softplus(fake).mean()


def relativistic_loss(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Half the original discriminator loss with D(x) = sigmoid(logit of x - mean logit of the other kind).

    Source: A. Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019, equation 8 (arXiv:1807.00734), halved as
    in X. Wang et al., ESRGAN, ECCVW 2018 (arXiv:1809.00219).
    """
    return 0.5 * discriminator_loss(real - fake.mean(), fake - real.mean(), smoothing)


ADVERSARIAL_LOSSES: dict[str, AdversarialLoss] = {
    # The generator's log(1 - D(fake)), whose gradient vanishes when the discriminator is confident: Goodfellow 2014.
    "minimax": AdversarialLoss(discriminator_loss, lambda _real, fake: -F.softplus(fake).mean(), 1.386),
    # The generator's -log D(fake), whose gradient does not vanish: Goodfellow 2014, section 3.
    "non-saturating": AdversarialLoss(discriminator_loss, lambda _real, fake: F.softplus(-fake).mean(), 1.386),
    # ((real - 1)² + fake²) / 2, and (fake - 1)² / 2.
    # X. Mao et al., Least Squares Generative Adversarial Networks, ICCV 2017, equation 9 (arXiv:1611.04076).
    "least-squares": AdversarialLoss(
        lambda real, fake, smoothing: 0.5 * ((real - (1 - smoothing)).square().mean() + fake.square().mean()),
        lambda _real, fake: 0.5 * (fake - 1).square().mean(),
        0.5,
    ),
    # max(0, 1 - real) + max(0, 1 + fake), and -fake: J. Lim and J. Ye, Geometric GAN, 2017 (arXiv:1705.02894).
    "hinge": AdversarialLoss(
        lambda real, fake, smoothing: F.relu(1 - smoothing - real).mean() + F.relu(1 + fake).mean(),
        lambda _real, fake: -fake.mean(),
        2.0,
    ),
    # The generator's loss is the discriminator's with real and generated exchanged.
    "relativistic": AdversarialLoss(relativistic_loss, lambda real, fake: relativistic_loss(fake, real), 0.693),
    # fake - real, the negative Wasserstein distance, if the critic is Lipschitz continuous, and -fake.
    # M. Arjovsky et al., Wasserstein GAN, ICML 2017 (arXiv:1701.07875).
    "wasserstein": AdversarialLoss(lambda real, fake, _: fake.mean() - real.mean(), lambda _, fake: -fake.mean(), 0.0),
}


def gradient_penalty(discriminator: Logits, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    """(|gradient of the logits| - 1)² at random interpolations of real and generated pictures (N, C, H, W).

    Source: I. Gulrajani et al., Improved Training of Wasserstein GANs, NeurIPS 2017, equation 3 (arXiv:1704.00028).
    """
    position = torch.rand(len(real), 1, 1, 1, generator=rng).to(real)
    between = torch.lerp(real, fake, position).requires_grad_(True)
    return (_gradient_norm(discriminator, between) - 1).square().mean()


def r1_penalty(discriminator: Logits, real: Tensor) -> Tensor:
    """Half the squared norm of the gradient of the logits at real pictures (N, C, H, W).

    Source: L. Mescheder et al., Which Training Methods for GANs do actually Converge?, ICML 2018, equation 9
    (arXiv:1801.04406).
    """
    return 0.5 * _gradient_norm(discriminator, real.detach().requires_grad_(True)).square().mean()


def _gradient_norm(discriminator: Logits, pictures: Tensor) -> Tensor:
    """The norm of the gradient for each picture, (N,); several logits of a picture are averaged."""
    (gradient,) = torch.autograd.grad(discriminator(pictures).flatten(1).mean(1).sum(), pictures, create_graph=True)
    return (gradient.flatten(1).square().sum(1) + 1e-12).sqrt()
