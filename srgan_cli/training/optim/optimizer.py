"""One optimizer step: number format, backward pass, gradient scaling and clipping."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer, RMSprop

from srgan_cli.errors import UsageError
from srgan_cli.system.devices import pick_device, pick_dtype
from srgan_cli.system.distributed import SINGLE_PROCESS, World
from srgan_cli.training.optim.muon import Muon

MAX_GRADIENT_NORM = 1.0
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
    """Where and how precisely a run computes."""

    device: torch.device
    dtype: torch.dtype
    """The number format of matrix products and convolutions."""

    @classmethod
    def for_device(cls, device: str, name: str = "auto") -> "ComputeContext":
        """The context by names; auto chooses the best.  Raises UnknownDevice, and UsageError for fp16 outside CUDA."""
        chosen = pick_device(device)
        if name == "fp16" and chosen.type != "cuda":
            raise UsageError(f"fp16 trains on CUDA devices, found {chosen}", "take bf16 or fp32")
        return cls(chosen, TRAINING_DTYPES[name] or pick_dtype(chosen))

    def autocast(self) -> torch.autocast:
        """A context manager that runs matrix products and convolutions in `dtype`."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)


class StepResult(NamedTuple):
    """The outcome of a training step."""

    losses: dict[str, float]
    """Every loss by its name, before the step.  Tensors would keep the activations of all accumulated batches."""
    finite: bool
    """Whether losses and gradients were finite; otherwise no parameter has changed."""

    @classmethod
    def of(cls, losses: dict[str, Tensor], finite: bool) -> "StepResult":
        """The result with the values of the losses."""
        return cls({name: float(loss.detach()) for name, loss in losses.items()}, finite)


class OptimizerStep:
    """Minimises a loss over the parameters of one network; skips losses and gradients that are not finite."""

    def __init__(
        self,
        network: nn.Module,
        compute: ComputeContext,
        optimizer: str,
        *,
        accumulate: int = 1,
        world: World = SINGLE_PROCESS,
        transform_gradients: Callable[[], None] | None = None,
    ) -> None:
        """`accumulate` is the number of batches a step; `transform_gradients` is called before every step."""
        self.network = network
        self.forward = world.parallel(network)  # the network, which averages gradients over the processes
        self.world = world
        self.optimizer = OPTIMIZERS[optimizer](network, compute.device.type in ("cpu", "cuda"))
        self.scaler = torch.amp.GradScaler(compute.device.type, enabled=compute.dtype == torch.float16)
        self.accumulate, self.transform_gradients = accumulate, transform_gradients
        self._accumulated = 0

    def minimize(self, loss: Tensor, *, retain_graph: bool = False) -> bool:
        """Backpropagate for this network, and step after `accumulate` calls.  False for a loss that is not finite."""
        if not self.world.all_true(bool(loss.isfinite())):
            self._reset()
            return False
        self.scaler.scale(loss / self.accumulate).backward(  # type: ignore[no-untyped-call]
            retain_graph=retain_graph, inputs=[p for p in self.network.parameters() if p.requires_grad]
        )
        self._accumulated += 1
        return self._accumulated < self.accumulate or self._step()

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the next step, and drop what an incomplete one has accumulated."""
        self._reset()
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    @property
    def learning_rate(self) -> float:
        """The learning rate of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def state_dict(self) -> dict[str, Any]:
        """The state of optimizer and gradient scaler."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`.  Raises KeyError or ValueError if it does not match."""
        self.optimizer.load_state_dict(state["optimizer"])
        self._match_memory_format()
        self.scaler.load_state_dict(state["scaler"])
        self._reset()

    def _step(self) -> bool:
        self.scaler.unscale_(self.optimizer)
        if self.transform_gradients:
            self.transform_gradients()
        finite = bool(nn.utils.clip_grad_norm_(self.network.parameters(), MAX_GRADIENT_NORM).isfinite())
        if finite or self.scaler.is_enabled():  # the scaler skips the step itself and lowers its scale
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self._reset()
        return finite

    def _match_memory_format(self) -> None:
        """Give the optimizer's state the memory format of its parameters, which fused optimizers require."""
        for parameter, kept in self.optimizer.state.items():
            for name, value in kept.items():
                if value.shape == parameter.shape:
                    kept[name] = torch.empty_like(parameter).copy_(value)

    def _reset(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self._accumulated = 0


def channels_last(network: Network) -> Network:
    """The network with its kernels in channels-last memory format, the fastest for convolutions."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network
