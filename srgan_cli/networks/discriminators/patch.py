"""PatchGAN: a discriminator with one output per overlapping patch.

Source: P. Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017, section 3.2.2
(arXiv:1611.07004).
"""

from torch import nn

from srgan_cli.networks.discriminators.base import ConvolutionalDiscriminator, convolutions


class PatchDiscriminator(ConvolutionalDiscriminator):
    """One logit per patch of 70 x 70 pixels, 8 pixels apart: (N, bands, H, W) to (N, 1, H / 8 - 2, W / 8 - 2).

    The paper uses 64 channels. The first layer has no normalisation. Sides are at least 24 pixels.
    """

    def __init__(self, channels: int = 64, norm: str = "batch", bands: int = 3) -> None:
        super().__init__(channels=channels, norm=norm)
        self.features = convolutions(bands, [channels * factor for factor in (1, 2, 4, 8)], (2, 2, 2, 1), 4, norm)
        self.judge = nn.Conv2d(8 * channels, 1, 4, padding=1)
