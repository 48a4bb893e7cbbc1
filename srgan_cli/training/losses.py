"""What generator and discriminator are trained to make small.  Every loss is a mean over the batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def l1_loss(generated: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of pictures of equal shape."""
    return F.l1_loss(generated, target)


def l2_loss(generated: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of pictures of equal shape, which PSNR is the logarithm of."""
    return F.mse_loss(generated, target)


def feature_matching_loss(generated: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of feature maps (N, C, H, W), averaged over the layers.

    Source: T. Salimans et al., Improved Techniques for Training GANs, NeurIPS 2016, section 3.1
    (arXiv:1606.03498), picture by picture as in T. Wang et al., High-Resolution Image Synthesis and Semantic
    Manipulation with Conditional GANs, CVPR 2018, equation 4 (arXiv:1711.11585).
    """
    return torch.stack([F.l1_loss(g.float(), t.float()) for g, t in zip(generated, target, strict=True)]).mean()


@dataclass(frozen=True)
class Game:
    """The two sides of an adversarial loss, as functions of the logits of real and of generated pictures."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(real) - log(1 - D(fake)), the discriminator's side of the min-max game; D is the logits' sigmoid.

    Source: I. Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, equation 1 (arXiv:1406.2661).
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def non_saturating_loss(_real: Tensor, fake: Tensor) -> Tensor:
    """-log D(fake), the generator's side in the form whose gradient does not vanish.

    Source: I. Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, section 3 (arXiv:1406.2661).
    """
    return F.softplus(-fake).mean()


def relativistic_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Half the discriminator's side of the game on D(x) = sigmoid(logit of x - mean logit of the other kind).

    Source: A. Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019, equation 8 (arXiv:1807.00734), halved as
    in X. Wang et al., ESRGAN, ECCVW 2018 (arXiv:1809.00219).
    """
    return 0.5 * discriminator_loss(real - fake.mean(), fake - real.mean())


def relativistic_generator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """The same with real and generated exchanged."""
    return relativistic_discriminator_loss(fake, real)


def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 - real) + max(0, 1 + fake).

    Source: J. Lim and J. Ye, Geometric GAN, 2017 (arXiv:1705.02894).
    """
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator_loss(_real: Tensor, fake: Tensor) -> Tensor:
    """-fake, the generator's side of the hinge game."""
    return -fake.mean()


GAMES: dict[str, Game] = {
    "non-saturating": Game(discriminator_loss, non_saturating_loss),
    "relativistic": Game(relativistic_discriminator_loss, relativistic_generator_loss),
    "hinge": Game(hinge_discriminator_loss, hinge_generator_loss),
}
