"""The networks by name.  A new one is one file and one line here."""

from collections.abc import Callable

from srgan_cli.networks.discriminator import Discriminator, Judgement
from srgan_cli.networks.generator import Generator
from srgan_cli.networks.srresnet import SRResNet
from srgan_cli.networks.unet_discriminator import UNetDiscriminator
from srgan_cli.networks.vgg_discriminator import VGGDiscriminator

GENERATORS: dict[str, type[Generator]] = {
    "srresnet": SRResNet,
}

DISCRIMINATORS: dict[str, Callable[[int], Discriminator]] = {
    "unet": UNetDiscriminator,
    "vgg": VGGDiscriminator,
}

__all__ = ["DISCRIMINATORS", "GENERATORS", "Discriminator", "Generator", "Judgement"]
