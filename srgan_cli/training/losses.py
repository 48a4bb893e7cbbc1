"""What generator and discriminator are trained to make small.  Every loss is a mean over the batch."""

import torch.nn.functional as F
from torch import Tensor


def pixel_loss(generated: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference (L1) of pictures of equal shape."""
    return F.l1_loss(generated, target)


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-log D(real) - log(1 - D(fake)), the discriminator's side of the min-max game.

    Logits have one value a picture; D is their sigmoid.
    Source: I. Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, equation 1 (arXiv:1406.2661).
    """
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def adversarial_loss(fake_logits: Tensor) -> Tensor:
    """-log D(fake), the generator's side in the non-saturating form.

    Source: I. Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, section 3 (arXiv:1406.2661).
    """
    return F.softplus(-fake_logits).mean()
