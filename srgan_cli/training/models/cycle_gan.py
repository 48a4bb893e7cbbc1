"""CycleGAN: learns from unpaired pictures what befalls the low-resolution ones, to make partners that are like them.

Source: J.-Y. Zhu, T. Park, P. Isola and A. Efros, Unpaired Image-to-Image Translation using Cycle-Consistent
Adversarial Networks, ICCV 2017 (arXiv:1703.10593); between two resolutions as in Y. Yuan et al., Unsupervised Image
Super-Resolution using Cycle-in-Cycle Generative Adversarial Networks, CVPRW 2018 (arXiv:1809.00437).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.networks import Degrader, SRResNet
from srgan_cli.system.distributed import SINGLE_PROCESS, World
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.models.adversary import DiscriminatorTrainer
from srgan_cli.training.optim.optimizer import ComputeContext, OptimizerStep, channels_last

RATE = 2e-4
CYCLE_WEIGHT, IDENTITY_WEIGHT, DRIFT_WEIGHT = 10.0, 5.0, 10.0
DRIFT_WINDOW = 4
"""Side in low-resolution pixels of the windows in whose mean nothing should be added: that is the filter's to do."""


class Cycle(nn.Module):
    """There and back again: the degrader, and the restorer that takes its results for the originals."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.degrader = Degrader(scale)
        self.restorer = SRResNet(scale, channels=32, blocks=4)

    def forward(self, high: Tensor, reduced: Tensor, low: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """What both make of pictures of both kinds, of one another's results, and of what needs no change."""
        added = self.degrader.residual(high, noise)
        degraded, restored = self.degrader.apply_filter(high) + added, self.restorer(low)
        still = torch.zeros_like(noise)  # nothing that was drawn can be brought back
        return {
            "added": added,
            "degraded": degraded,
            "restored": restored,
            "high again": self.restorer(degraded.detach()),  # else what was lost would be hidden there, to be found
            "low again": self.degrader(restored, still),
            "high still": self.restorer(reduced),
        }


class CycleGAN:
    """The cycle and its two discriminators."""

    def __init__(self, config: TrainConfig, compute: ComputeContext, world: World = SINGLE_PROCESS) -> None:
        self.compute = compute
        self.cycle = channels_last(Cycle(config.scale).to(compute.device))
        self.learner = OptimizerStep(self.cycle, compute, "adam", config.optim.accumulate, world)
        critics = config.replace(
            gan_loss="least-squares",
            discriminator="unet",
            label_smoothing=0.0,
            feature_matching_weight=0.0,
            gradient_penalty=None,
            r1_weight=0.0,
        )
        self.low_adversary, self.high_adversary = (DiscriminatorTrainer(critics, compute, world) for _ in range(2))

    def learn(self, high: Tensor, reduced: Tensor, low: Tensor, rng: torch.Generator) -> tuple[dict[str, Tensor], bool]:
        """Learn from pictures (N, 3, scale x S, scale x S), the same reduced, and unpaired low ones (N, 3, S, S).

        Gives the losses, and whether they could be used.
        """
        noise = torch.randn(len(low), 1, *low.shape[-2:], generator=rng).to(low)
        with self.compute.autocast():
            made = {name: pictures.float() for name, pictures in self.learner.run(high, reduced, low, noise).items()}
        of_low = self.low_adversary.discriminate(low, made["degraded"])
        of_high = self.high_adversary.discriminate(high, made["restored"])
        losses = {
            "adversarial": self.low_adversary.losses(of_low)["adversarial"]
            + self.high_adversary.losses(of_high)["adversarial"],
            "cycle": F.l1_loss(made["high again"], high) + F.l1_loss(made["low again"], low),
            "identity": F.l1_loss(made["high still"], high),
            "drift": F.avg_pool2d(made["added"], DRIFT_WINDOW).abs().mean(),
        }
        weights = {"cycle": CYCLE_WEIGHT, "identity": IDENTITY_WEIGHT, "drift": DRIFT_WEIGHT}
        total = torch.stack([weights.get(name, 1.0) * loss for name, loss in losses.items()]).sum()
        usable = self.learner.learn(total, retain_graph=True)
        low_loss, low_usable = self.low_adversary.learn(of_low, rng)
        high_loss, high_usable = self.high_adversary.learn(of_high, rng)
        return {**losses, "discriminator": low_loss + high_loss}, usable and low_usable and high_usable

    def set_learning_rate(self, factor: float) -> None:
        """The learning rates from the next step on, as a part of the paper's."""
        for learner in (self.learner, self.low_adversary.learner, self.high_adversary.learner):
            learner.set_learning_rate(RATE * factor)

    @property
    def degrader(self) -> Degrader:
        """What this is all about."""
        return self.cycle.degrader

    @property
    def discriminator_saturated(self) -> bool:
        """Whether a discriminator was too sure to teach in the last step."""
        return self.low_adversary.saturated or self.high_adversary.saturated

    def state_dict(self) -> dict[str, Any]:
        """Everything that learning has changed."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`.  Raises KeyError, RuntimeError or ValueError when it does not fit."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {
            "cycle": self.cycle,
            "learner": self.learner,
            "low": self.low_adversary,
            "high": self.high_adversary,
        }
