"""Generators that run another generator."""

import torch

from srgan_cli.networks.generators.srresnet import SRResNet
from srgan_cli.upscaling.ensemble import SelfEnsemble
from srgan_cli.upscaling.precision import with_precision


def test_a_wrapped_generator_keeps_the_properties_of_the_inner_one() -> None:
    generator = SRResNet(2, channels=4, blocks=1)
    generator.grid, generator.exact_tiles, generator.half_formats = 3, False, ()
    generator.memory_format = torch.preserve_format
    wrapped = with_precision(SelfEnsemble(generator), torch.device("cpu"))
    assert (wrapped.grid, wrapped.exact_tiles, wrapped.half_formats) == (3, False, ())
    assert wrapped.memory_format == torch.preserve_format
    assert wrapped.receptive_radius == generator.receptive_radius
    assert wrapped.scale == 2
