"""Convolutions that are learned as a sum of products of kernels, and run as one.

Learning goes faster for a kernel written with more numbers than it has; afterwards they are multiplied out.
Sources: X. Ding et al., RepVGG, CVPR 2021 (arXiv:2101.03697); C. Wan et al., Swift Parameter-free Attention Network for
Efficient Super-Resolution, CVPRW 2024 (arXiv:2311.12770), for this product; M. Hu et al., Online Convolutional
Re-parameterization, CVPR 2022 (arXiv:2204.00826), for multiplying out at every step, which costs
little beside the convolutions themselves.
"""

import copy
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)
BRANCH_SHARE = 0.5
"""Size of the product beside an ordinary kernel, when learning begins."""


class ExpandedConvolution(nn.Conv2d):
    """A 3 x 3 convolution whose kernel is its weight plus a product of three.

    The product: 1 x 1 to `gain` times the channels, 3 x 3 there, 1 x 1 back.  It begins as the convolution given.
    """

    def __init__(self, plain: nn.Conv2d, gain: int) -> None:
        super().__init__(plain.in_channels, plain.out_channels, 3, padding=1)
        inputs, outputs = gain * plain.in_channels, gain * plain.out_channels
        self.first = nn.Parameter(nn.init.orthogonal_(torch.empty(inputs, plain.in_channels)))
        self.middle = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(outputs, inputs, 3, 3), a=5**0.5))
        self.last = nn.Parameter(nn.init.orthogonal_(torch.empty(plain.out_channels, outputs)))
        self.load_state_dict(plain.state_dict(), strict=False)
        with torch.no_grad():
            self.middle.mul_(BRANCH_SHARE)
            self.weight.sub_(self.product())

    def product(self) -> Tensor:
        """What is added to the weight, of its shape."""
        with torch.autocast(self.weight.device.type, enabled=False):
            inner = torch.tensordot(self.middle, self.first, dims=([1], [0]))
            product: Tensor = torch.tensordot(self.last, inner, dims=([1], [0])).permute(0, 3, 1, 2)
            return product

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H, W)."""
        return F.conv2d(x, self.weight + self.product(), self.bias, padding=1)

    def folded(self) -> nn.Conv2d:
        """The ordinary convolution that does the same."""
        plain = nn.Conv2d(self.in_channels, self.out_channels, 3, padding=1, device=self.weight.device)
        with torch.no_grad():
            plain.load_state_dict({"weight": self.weight + self.product(), "bias": self.bias})
        return plain


def expand(network: nn.Module, gain: int) -> None:
    """Let every 3 x 3 convolution that keeps its channels learn by an expansion; the network's results stay."""
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, nn.Conv2d) and layer.in_channels == layer.out_channels and layer.kernel_size == (3, 3):
                parent.add_module(name, ExpandedConvolution(layer, gain))


def folded(network: Network) -> Network:
    """A copy with every expansion multiplied out."""
    plain = copy.deepcopy(network)
    for parent in list(plain.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, ExpandedConvolution):
                parent.add_module(name, layer.folded())
    return plain
