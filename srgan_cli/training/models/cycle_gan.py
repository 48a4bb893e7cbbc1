"""CycleGAN: learns the degradation of low-resolution pictures from unpaired examples.

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
from srgan_cli.training.models.discriminator import DiscriminatorTrainer
from srgan_cli.training.optim.optimizer import ComputeContext, OptimizerStep, StepResult, channels_last

RATE = 2e-4
CYCLE_WEIGHT, IDENTITY_WEIGHT, DRIFT_WEIGHT = 10.0, 5.0, 10.0
DRIFT_WINDOW = 4  # side in low-resolution pixels of the windows in which the mean of the added noise should be 0


class Cycle(nn.Module):
    """Both directions of the cycle: the degrader, and the restorer that inverts it."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.degrader = Degrader(scale)
        self.restorer = SRResNet(scale, channels=32, blocks=4)

    def forward(self, high: Tensor, reduced: Tensor, low: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """The outputs of both networks by name: translated, after a whole cycle, and of pictures to leave unchanged."""
        added = self.degrader.residual(high, noise)
        degraded, restored = self.degrader.apply_filter(high) + added, self.restorer(low)
        no_noise = torch.zeros_like(noise)  # the restorer removes noise, which the degrader cannot reproduce
        return {
            "added": added,
            "degraded": degraded,
            "restored": restored,
            "high cycle": self.restorer(degraded.detach()),  # else the degrader hides detail for the restorer
            "low cycle": self.degrader(restored, no_noise),
            "high identity": self.restorer(reduced),
        }


class CycleGAN:
    """Trains degrader and restorer against a discriminator each."""

    def __init__(self, config: TrainConfig, compute: ComputeContext, world: World = SINGLE_PROCESS) -> None:
        self.compute = compute
        self.cycle = channels_last(Cycle(config.scale).to(compute.device))
        accumulate = config.optim.accumulate
        self.optimizer_step = OptimizerStep(self.cycle, compute, "adam", accumulate=accumulate, world=world)
        losses = {"gan_loss": "least-squares", "label_smoothing": 0.0, "feature_matching_weight": 0.0, "r1_weight": 0.0}
        plain = config.replace(**losses, discriminator="unet", gradient_penalty=None)
        self.low_discriminator = DiscriminatorTrainer(plain, compute, world)
        self.high_discriminator = DiscriminatorTrainer(plain, compute, world)

    def train_step(self, high: Tensor, reduced: Tensor, low: Tensor, rng: torch.Generator) -> StepResult:
        """Update all networks on a batch, values 0…1.

        `high` (N, 3, scale x S, scale x S), the same pictures `reduced` (N, 3, S, S), and unpaired `low` (N, 3, S, S).
        """
        noise = torch.randn(len(low), 1, *low.shape[-2:], generator=rng).to(low)
        with self.compute.autocast():
            outputs = self.optimizer_step.forward(high, reduced, low, noise)
        outputs = {name: pictures.float() for name, pictures in outputs.items()}
        of_low = self.low_discriminator.discriminate(low, outputs["degraded"])
        of_high = self.high_discriminator.discriminate(high, outputs["restored"])
        losses = {
            "adversarial": self.low_discriminator.generator_losses(of_low)["adversarial"]
            + self.high_discriminator.generator_losses(of_high)["adversarial"],
            "cycle": F.l1_loss(outputs["high cycle"], high) + F.l1_loss(outputs["low cycle"], low),
            "identity": F.l1_loss(outputs["high identity"], high),
            "drift": F.avg_pool2d(outputs["added"], DRIFT_WINDOW).abs().mean(),
        }
        weights = {"cycle": CYCLE_WEIGHT, "identity": IDENTITY_WEIGHT, "drift": DRIFT_WEIGHT}
        total = torch.stack([weights.get(name, 1.0) * loss for name, loss in losses.items()]).sum()
        finite = self.optimizer_step.minimize(total, retain_graph=True)
        low_loss, low_finite = self.low_discriminator.train_step(of_low, rng)
        high_loss, high_finite = self.high_discriminator.train_step(of_high, rng)
        return StepResult.of({**losses, "discriminator": low_loss + high_loss}, finite and low_finite and high_finite)

    def set_learning_rate(self, factor: float) -> None:
        """Set the learning rates of the next steps to the paper's times `factor`."""
        discriminators = (self.low_discriminator, self.high_discriminator)
        for step in (self.optimizer_step, *(trainer.optimizer_step for trainer in discriminators)):
            step.set_learning_rate(RATE * factor)

    @property
    def degrader(self) -> Degrader:
        """The network that is kept after training."""
        return self.cycle.degrader

    @property
    def discriminator_saturated(self) -> bool:
        """Whether a discriminator was saturated in the last step."""
        return self.low_discriminator.saturated or self.high_discriminator.saturated

    def state_dict(self) -> dict[str, Any]:
        """The state of all networks and optimizers."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`.  Raises KeyError, RuntimeError or ValueError if it does not match."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        discriminators = {"low": self.low_discriminator, "high": self.high_discriminator}
        return {"cycle": self.cycle, "learner": self.optimizer_step, **discriminators}
