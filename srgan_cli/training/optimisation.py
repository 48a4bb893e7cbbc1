"""One step downhill: number format, optimiser, gradient clipping."""

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from srgan_cli.devices import pick_device, pick_dtype
from srgan_cli.errors import SrganError

LARGEST_GRADIENT = 1.0
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Precision:
    """The device that computes and the number format of its multiplications."""

    device: torch.device
    dtype: torch.dtype

    @classmethod
    def on(cls, device: str) -> "Precision":
        """The best format of the device of this name.  Raises UnknownDevice."""
        chosen = pick_device(device)
        return cls(chosen, pick_dtype(chosen))

    def autocast(self) -> torch.autocast:
        """Multiplications inside run in this format."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)


def channels_last(network: Network) -> Network:
    """The network with its weights laid out as convolutions are fastest on: channels innermost."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def adam(network: nn.Module) -> torch.optim.Adam:
    """The optimiser of every network."""
    return torch.optim.Adam(network.parameters(), betas=(0.9, 0.99), fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The rate of every parameter from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def descend(loss: Tensor, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """One step along the clipped gradient.  Raises SrganError when the loss is not finite."""
    if not loss.isfinite():
        raise SrganError(
            f"a loss became {loss.item()}: the training has diverged",
            "start anew with a smaller learning rate or --adversarial-weight",
        )
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
    optimizer.step()
