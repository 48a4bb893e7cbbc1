"""The networks by name.  A new one is one file and one line here."""

from srgan_cli.networks.generator import Generator
from srgan_cli.networks.srresnet import SRResNet
from srgan_cli.networks.vgg_discriminator import VGGDiscriminator

GENERATORS: dict[str, type[Generator]] = {
    "srresnet": SRResNet,
}

DISCRIMINATORS: dict[str, type[VGGDiscriminator]] = {
    "vgg": VGGDiscriminator,
}

__all__ = ["DISCRIMINATORS", "GENERATORS", "Generator"]
