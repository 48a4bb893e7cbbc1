"""One step downhill: number format, optimiser, gradient scaling and clipping."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer, RMSprop

from srgan_cli.errors import UsageError
from srgan_cli.system.devices import pick_device, pick_dtype
from srgan_cli.system.distributed import SINGLE_PROCESS, World
from srgan_cli.training.optim.muon import Muon

LARGEST_GRADIENT = 1.0
Network = TypeVar("Network", bound=nn.Module)

TRAINING_DTYPES = {"auto": None, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
OPTIMIZERS: dict[str, Callable[[nn.Module, bool], Optimizer]] = {
    "adam": lambda network, fused: Adam(network.parameters(), betas=(0.9, 0.99), fused=fused),
    "adamw": lambda network, fused: AdamW(network.parameters(), betas=(0.9, 0.99), weight_decay=1e-4, fused=fused),
    "rmsprop": lambda network, _: RMSprop(network.parameters(), alpha=0.99),
    "muon": Muon,
}


@dataclass(frozen=True)
class ComputeContext:
    """The device that computes and the number format of its multiplications."""

    device: torch.device
    dtype: torch.dtype

    @classmethod
    def for_device(cls, device: str, name: str = "auto") -> "ComputeContext":
        """The format of this name, auto for the device's best.

        Raises UnknownDevice, and UsageError for fp16 where gradients cannot be scaled to it.
        """
        chosen = pick_device(device)
        if name == "fp16" and chosen.type != "cuda":
            raise UsageError(f"fp16 trains on CUDA devices, found {chosen}", "take bf16 or fp32")
        return cls(chosen, TRAINING_DTYPES[name] or pick_dtype(chosen))

    def autocast(self) -> torch.autocast:
        """Multiplications inside run in this format."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)


class OptimizerStep:
    """A network and what moves it.  It never moves on a loss or a gradient that is not finite.

    `run` is the network as training calls it: its gradients are averaged over all processes.
    `transform_gradients` changes the
    gradients before every step.
    """

    def __init__(
        self,
        network: nn.Module,
        compute: ComputeContext,
        optimizer: str,
        accumulate: int = 1,
        world: World = SINGLE_PROCESS,
        transform_gradients: Callable[[], None] | None = None,
    ) -> None:
        self.network = network
        self.run = world.parallel(network)
        self.world = world
        self.optimizer = OPTIMIZERS[optimizer](network, compute.device.type in ("cpu", "cuda"))
        self.scaler = torch.amp.GradScaler(compute.device.type, enabled=compute.dtype == torch.float16)
        self.accumulate = accumulate
        self.transform_gradients = transform_gradients
        self._accumulated = 0

    def learn(self, loss: Tensor, retain_graph: bool = False) -> bool:
        """Gather the gradient, and go a step along it when `accumulate` have been gathered; False if it is unusable.

        Of all that the loss rests on, the network alone learns.  retain_graph: others will learn from what led to
        the loss.
        """
        if not self.world.all_true(bool(loss.isfinite())):
            self._reset()
            return False
        self.scaler.scale(loss / self.accumulate).backward(  # type: ignore[no-untyped-call]
            retain_graph=retain_graph, inputs=[p for p in self.network.parameters() if p.requires_grad]
        )
        self._accumulated += 1
        return self._accumulated < self.accumulate or self._step()

    def set_learning_rate(self, rate: float) -> None:
        """The learning rate from the next step on."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def state_dict(self) -> dict[str, Any]:
        """Everything that learning has changed, but for the network."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`.  Raises KeyError or ValueError when it does not fit."""
        self.optimizer.load_state_dict(state["optimizer"])
        self._match_memory_format()
        self.scaler.load_state_dict(state["scaler"])
        self._reset()

    def _step(self) -> bool:
        self.scaler.unscale_(self.optimizer)
        if self.transform_gradients:
            self.transform_gradients()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        usable = bool(norm.isfinite())
        if usable or self.scaler.is_enabled():  # the scaler skips the step itself, and learns from it
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self._reset()
        return usable

    def _match_memory_format(self) -> None:
        """Lay out what the optimiser keeps of a parameter as the parameter is: fused optimisers rely on it."""
        for parameter, kept in self.optimizer.state.items():
            for name, value in kept.items():
                if value.shape == parameter.shape:
                    kept[name] = torch.empty_like(parameter).copy_(value)

    def _reset(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self._accumulated = 0


def channels_last(network: Network) -> Network:
    """The network with its weights laid out as convolutions are fastest on: channels innermost."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network
