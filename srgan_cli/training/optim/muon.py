"""Muon: momentum whose steps change every direction of a kernel alike.

Source: K. Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024
(kellerjordan.github.io/posts/muon); the size of a step as in J. Liu et al., Muon is Scalable for LLM Training, 2025
(arXiv:2502.16982), so that learning rates are those of Adam.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

MOMENTUM = 0.95
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the odd polynomial that draws singular values between 0 and 1 towards 1."""
ITERATIONS = 5
STEP = 0.2
"""Root mean square of a step at a learning rate of 1, about that of Adam's steps."""


class Muon(Optimizer):
    """Moves the kernels of hidden layers; the first and the last layer, biases and norms are left to Adam.

    A kernel (out, in, height, width) counts as a matrix of `out` rows.
    """

    def __init__(self, network: nn.Module, fused: bool = False) -> None:
        hidden = hidden_kernels(network)
        known = {id(kernel) for kernel in hidden}
        others = [p for p in network.parameters() if id(p) not in known]
        self._adam = Adam(others, betas=(0.9, 0.99), fused=fused)
        super().__init__([{"params": hidden}, *self._adam.param_groups], {"lr": 1e-3})
        self._share()

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Go a step along the gradients at hand, or along those that `closure` finds; what it returns."""
        with torch.enable_grad():
            loss = closure() if closure else None
        moved = [kernel for kernel in self.param_groups[0]["params"] if kernel.grad is not None]
        for shape in {kernel.shape for kernel in moved}:
            self._move([kernel for kernel in moved if kernel.shape == shape])
        self._adam.step()
        return loss

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Go on from what `load_state_dict` read."""
        super().__setstate__(state)
        self._share()

    def _move(self, kernels: list[Tensor]) -> None:
        """Kernels of one shape, orthogonalised together."""
        directions = orthogonalised(torch.stack([self._direction(kernel) for kernel in kernels]).flatten(2))
        length = STEP * max(directions.shape[-2:]) ** 0.5 * self.param_groups[0]["lr"]
        for kernel, direction in zip(kernels, directions, strict=True):
            kernel.sub_(direction.view_as(kernel), alpha=length)

    def _direction(self, kernel: Tensor) -> Tensor:
        """Nesterov's momentum."""
        assert kernel.grad is not None
        state = self.state[kernel]
        if not state:
            state["momentum"] = torch.zeros_like(kernel)
        momentum: Tensor = state["momentum"].lerp_(kernel.grad, 1 - MOMENTUM)
        return kernel.grad.lerp(momentum, MOMENTUM)

    def _share(self) -> None:
        """Adam keeps its numbers among these, so that all are saved and loaded together."""
        self._adam.param_groups, self._adam.state = self.param_groups[1:], self.state


def hidden_kernels(network: nn.Module) -> list[Tensor]:
    """The kernels of convolutions and linear layers, but for the first and the last that a network holds."""
    layers = (module for module in network.modules() if isinstance(module, (nn.Conv2d, nn.Linear)))
    # under spectral norm a layer's weight is computed anew from what is learned
    kernels: list[Tensor] = [next(p for p in layer.parameters() if p.dim() > 1) for layer in layers]
    return [kernel for kernel in kernels if kernel.requires_grad][1:-1]


def orthogonalised(matrices: Tensor) -> Tensor:
    """Matrices (N, rows, columns) with their singular values drawn near 1, between about 0.7 and 1.2."""
    a, b, c = QUINTIC
    tall = matrices.shape[-2] > matrices.shape[-1]
    wide = matrices.mT if tall else matrices
    x: Tensor = wide / wide.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x
