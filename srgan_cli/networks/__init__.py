"""The networks by name.  A new one is one file and one line here."""

from srgan_cli.networks.degrader import Degrader
from srgan_cli.networks.discriminator import Discriminator, Judgement
from srgan_cli.networks.generator import Generator
from srgan_cli.networks.patch_discriminator import PatchDiscriminator
from srgan_cli.networks.rrdb import RRDBNet
from srgan_cli.networks.span import SPAN
from srgan_cli.networks.srcnn import SRCNN
from srgan_cli.networks.srresnet import SRResNet
from srgan_cli.networks.swinir import SwinIR
from srgan_cli.networks.unet import UNet
from srgan_cli.networks.unet_discriminator import UNetDiscriminator
from srgan_cli.networks.vgg_discriminator import VGGDiscriminator

GENERATORS: dict[str, type[Generator]] = {
    "rrdb": RRDBNet,
    "span": SPAN,
    "srcnn": SRCNN,
    "srresnet": SRResNet,
    "swinir": SwinIR,
    "unet": UNet,
}

DISCRIMINATORS: dict[str, type[Discriminator]] = {
    "patch": PatchDiscriminator,
    "unet": UNetDiscriminator,
    "vgg": VGGDiscriminator,
}

__all__ = ["DISCRIMINATORS", "GENERATORS", "Degrader", "Discriminator", "Generator", "Judgement", "SRResNet"]
