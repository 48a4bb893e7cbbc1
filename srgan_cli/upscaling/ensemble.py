"""Self-ensemble: the mean over the eight flips and quarter turns of a picture."""

import torch
from torch import Tensor

from srgan_cli.networks.generators.base import WrappedGenerator, pad_to_grid


class SelfEnsemble(WrappedGenerator):
    """The mean over eight flips and quarter turns.  Source: R. Timofte et al., CVPR 2016 (arXiv:1511.02228)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the enlarged pictures (N, 3, scale x H, scale x W).

        The input is padded to the generator's grid first: a flipped tile then starts on the same grid as the flipped
        picture, so tiled equals whole.
        """
        height, width = (self.scale * length for length in x.shape[-2:])
        padded = pad_to_grid(x, self.grid)
        total = torch.zeros((), device=x.device)
        for turns in range(4):
            turned = padded.rot90(turns, (-2, -1))
            mirrored = self.generator(turned.flip(-1)).flip(-1)
            total = total + (self.generator(turned) + mirrored).rot90(-turns, (-2, -1))
        return (total / 8)[..., :height, :width]
