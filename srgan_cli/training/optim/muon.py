"""Muon: momentum with orthogonalised steps.  torch has no Muon for convolution kernels.

Source: K. Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024
(kellerjordan.github.io/posts/muon); the step size as in J. Liu et al., Muon is Scalable for LLM Training, 2025
(arXiv:2502.16982), so that learning rates match those of Adam.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

MOMENTUM = 0.95
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the odd polynomial that moves singular values in 0…1 towards 1."""
ITERATIONS = 5
STEP = 0.2  # root mean square of a step at a learning rate of 1, as with Adam


class Muon(Optimizer):
    """Muon for hidden kernels (out, in, H, W), as matrices of `out` rows; Adam for the other parameters."""

    def __init__(self, network: nn.Module, fused: bool = False) -> None:
        hidden = hidden_kernels(network)
        known = {id(kernel) for kernel in hidden}
        self._adam = Adam([p for p in network.parameters() if id(p) not in known], betas=(0.9, 0.99), fused=fused)
        super().__init__([{"params": hidden}, *self._adam.param_groups], {"lr": 1e-3})
        self._share()

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step.  Returns the result of `closure`, which recomputes the gradients, if it is given."""
        with torch.enable_grad():
            loss = closure() if closure else None
        moved = [kernel for kernel in self.param_groups[0]["params"] if kernel.grad is not None]
        for shape in {kernel.shape for kernel in moved}:
            self._move([kernel for kernel in moved if kernel.shape == shape])
        self._adam.step()
        return loss

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state that `load_state_dict` has read."""
        super().__setstate__(state)
        self._share()

    def _move(self, kernels: list[Tensor]) -> None:
        directions = orthogonalize(torch.stack([self._direction(kernel) for kernel in kernels]).flatten(2))
        length = STEP * max(directions.shape[-2:]) ** 0.5 * self.param_groups[0]["lr"]
        for kernel, direction in zip(kernels, directions, strict=True):
            kernel.sub_(direction.view_as(kernel), alpha=length)

    def _direction(self, kernel: Tensor) -> Tensor:
        assert kernel.grad is not None
        if not (state := self.state[kernel]):
            state["momentum"] = torch.zeros_like(kernel)
        momentum: Tensor = state["momentum"].lerp_(kernel.grad, 1 - MOMENTUM)
        return kernel.grad.lerp(momentum, MOMENTUM)

    def _share(self) -> None:
        """Let Adam use the state of this optimizer, so that both are saved and loaded together."""
        self._adam.param_groups, self._adam.state = self.param_groups[1:], self.state


def hidden_kernels(network: nn.Module) -> list[Tensor]:
    """The kernels of convolutions and linear layers except the first and the last of a network."""
    layers = (module for module in network.modules() if isinstance(module, (nn.Conv2d, nn.Linear)))
    # under spectral norm the weight is computed from the parameter
    kernels: list[Tensor] = [next(p for p in layer.parameters() if p.dim() > 1) for layer in layers]
    return [kernel for kernel in kernels if kernel.requires_grad][1:-1]


def orthogonalize(matrices: Tensor) -> Tensor:
    """Matrices (N, rows, columns) with their singular values moved near 1, to about 0.7…1.2."""
    a, b, c = QUINTIC
    tall = matrices.shape[-2] > matrices.shape[-1]
    wide = matrices.mT if tall else matrices
    x: Tensor = wide / wide.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x
