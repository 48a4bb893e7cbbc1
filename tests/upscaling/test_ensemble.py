"""Self-ensemble."""

import pytest
import torch
from generators import EXACT, SMALL, noise, random_generator, small_generator
from torch import Tensor, nn

from srgan_cli.image.picture import Picture
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.upscaling.ensemble import SelfEnsemble
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_core")


class Nearest(Generator):
    """Nearest-neighbour enlargement."""

    def __init__(self) -> None:
        super().__init__(scale=2)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=2)


def test_all_flips_and_turns_are_treated_alike() -> None:
    picture, ensemble = noise(1, 3, 6, 9), SelfEnsemble(random_generator())
    mean = ensemble(picture)
    for turns in range(4):
        torch.testing.assert_close(ensemble(picture.rot90(turns, (2, 3))), mean.rot90(turns, (2, 3)))
    torch.testing.assert_close(ensemble(picture.flip(-1)), mean.flip(-1))
    assert (mean - ensemble.generator(picture)).abs().max() > 1e-3


@pytest.mark.parametrize("grid", [1, 4])
def test_the_result_is_the_mean_of_the_results(grid: int) -> None:
    generator, picture = Nearest(), noise(1, 3, 5, 6)
    generator.grid = grid
    torch.testing.assert_close(SelfEnsemble(generator)(picture), generator(picture))


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize(("height", "width"), [(75, 83), (61, 64)])
def test_tiled_equals_whole_for_every_generator(name: str, height: int, width: int) -> None:
    """Within a tenth of a level of 255.  Before inputs were padded to the grid, swinir and unet differed by levels."""
    assert SMALL.keys() == GENERATORS.keys()
    picture = Picture(noise(3, height, width))
    whole, tiled = (
        Upscaler(SelfEnsemble(small_generator(name)), CPU, policy=TilePolicy(size)).upscale(picture).pixels
        for size in (0, 30)
    )
    assert whole.std() > 0.01
    assert (whole - tiled).abs().max() * 255 < 0.1
