"""The networks by name. To add one, write its file and add a line here."""

from srgan_cli.networks.degrader import Degrader
from srgan_cli.networks.discriminators.base import Discriminator, DiscriminatorOutput
from srgan_cli.networks.discriminators.convolutional import PatchDiscriminator, VGGDiscriminator
from srgan_cli.networks.discriminators.unet import UNetDiscriminator
from srgan_cli.networks.generators.base import Generator
from srgan_cli.networks.generators.compact import Compact
from srgan_cli.networks.generators.rrdb import RRDBNet
from srgan_cli.networks.generators.smfanet import SMFANet
from srgan_cli.networks.generators.span import SPAN
from srgan_cli.networks.generators.srcnn import SRCNN
from srgan_cli.networks.generators.srresnet import SRResNet
from srgan_cli.networks.generators.swinir import SwinIR
from srgan_cli.networks.generators.unet import UNet

GENERATORS: dict[str, type[Generator]] = {
    "compact": Compact,
    "rrdb": RRDBNet,
    "smfanet": SMFANet,
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

__all__ = ["DISCRIMINATORS", "GENERATORS", "Degrader", "Discriminator", "DiscriminatorOutput", "Generator", "SRResNet"]
