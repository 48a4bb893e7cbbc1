"""Discriminators that are chains of convolutions: that of SRGAN, in the style of VGG, and PatchGAN.

Sources: C. Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
Network, CVPR 2017, figure 4 (arXiv:1609.04802); P. Isola et al., Image-to-Image Translation with Conditional
Adversarial Networks, CVPR 2017, section 3.2.2 (arXiv:1611.07004).
"""

from torch import Tensor, nn

from srgan_cli.networks.discriminators.base import Discriminator, DiscriminatorOutput


class ConvolutionalDiscriminator(Discriminator):
    """Judges the last map of a chain of convolutions. Its feature maps are those after the activations."""

    features: nn.Sequential
    judge: nn.Module

    def forward(self, x: Tensor) -> DiscriminatorOutput:
        """The sigmoid of a logit is the probability that the picture, or the patch, is real."""
        maps = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                maps.append(x)
        return DiscriminatorOutput(self.judge(x), maps)


class VGGDiscriminator(ConvolutionalDiscriminator):
    """One logit per picture: (N, bands, H, W) to (N, 1).

    Eight convolutions halve the size four times and grow the channels from `channels` (64 in the paper) to eight times
    as many. Two dense layers follow. The last map is average-pooled to 6 x 6: the network accepts sides from 16 pixels,
    and nothing changes for the 96 x 96 pictures of the paper.
    """

    def __init__(self, channels: int = 64, norm: str = "batch", bands: int = 3) -> None:
        super().__init__(channels=channels, norm=norm)
        widths = [channels * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8)]
        self.features = _convolutions(bands, widths, (1, 2) * 4, 3, norm)
        dense = nn.Linear(widths[-1] * 36, 1024), nn.LeakyReLU(0.2), nn.Linear(1024, 1)
        self.judge = nn.Sequential(nn.AdaptiveAvgPool2d(6), nn.Flatten(), *dense)


class PatchDiscriminator(ConvolutionalDiscriminator):
    """One logit per patch of 70 x 70 pixels, 8 pixels apart: (N, bands, H, W) to (N, 1, H / 8 - 2, W / 8 - 2).

    The paper uses 64 channels. The first layer has no normalisation. Sides are at least 24 pixels.
    """

    def __init__(self, channels: int = 64, norm: str = "batch", bands: int = 3) -> None:
        super().__init__(channels=channels, norm=norm)
        self.features = _convolutions(bands, [channels * factor for factor in (1, 2, 4, 8)], (2, 2, 2, 1), 4, norm)
        self.judge = nn.Conv2d(8 * channels, 1, 4, padding=1)


def _convolutions(bands: int, widths: list[int], strides: tuple[int, ...], kernel: int, norm: str) -> nn.Sequential:
    """Convolutions of these widths with leaky ReLU; all but the first one have a normalisation.

    `norm` is `batch`, `layer` or `none`. Layer norm normalises each picture alone, as penalties on the gradients of
    single pictures require.
    """
    layers: list[nn.Module] = []
    for number, (before, width, stride) in enumerate(zip([bands, *widths[:-1]], widths, strides, strict=True)):
        convolution = nn.Conv2d(before, width, kernel, stride, padding=1, bias=not number or norm == "none")
        norms = {"batch": nn.BatchNorm2d(width), "layer": nn.GroupNorm(1, width), "none": nn.Identity()}
        layers += [convolution, *([norms[norm]] if number else []), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)
