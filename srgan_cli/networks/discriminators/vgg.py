"""The discriminator of SRGAN, in the style of VGG.

Source: C. Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
Network, CVPR 2017, figure 4 (arXiv:1609.04802).
"""

from torch import nn

from srgan_cli.networks.discriminators.base import ConvolutionalDiscriminator, convolutions


class VGGDiscriminator(ConvolutionalDiscriminator):
    """One logit per picture: (N, bands, H, W) to (N, 1).

    Eight convolutions halve the size four times and grow the channels from `channels` (64 in the paper) to eight times
    as many. Two dense layers follow. The last map is average-pooled to 6 x 6: the network accepts sides from 16 pixels,
    and nothing changes for the 96 x 96 pictures of the paper.
    """

    def __init__(self, channels: int = 64, norm: str = "batch", bands: int = 3) -> None:
        super().__init__(channels=channels, norm=norm)
        widths = [channels * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8)]
        self.features = convolutions(bands, widths, (1, 2) * 4, 3, norm)
        dense = nn.Linear(widths[-1] * 36, 1024), nn.LeakyReLU(0.2), nn.Linear(1024, 1)
        self.judge = nn.Sequential(nn.AdaptiveAvgPool2d(6), nn.Flatten(), *dense)
