"""Generators run eight times over, in half precision, and again where that broke."""

import pytest
import torch
from torch import Tensor, nn

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.networks.srresnet import SRResNet
from srgan_cli.picture import Picture
from srgan_cli.running import Guarded, SelfEnsemble, guarded
from srgan_cli.tiling import TilePolicy
from srgan_cli.upscaler import Upscaler

CPU = torch.device("cpu")
SMALL = {
    "srresnet": {"channels": 8, "blocks": 2},
    "span": {"channels": 8, "blocks": 2},
    "srcnn": {"channels": 8},
    "swinir": {"channels": 12, "blocks": 2, "heads": 2},
    "unet": {"channels": 8},
}


def restless() -> SRResNet:
    generator = SRResNet(2, channels=4, blocks=1).eval().requires_grad_(False)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.2, generator=torch.Generator().manual_seed(2))
    return generator


class Breaking(Generator):
    """Gives `broken` where it computes in half precision, the nearest enlargement in float32."""

    def __init__(self, broken: float, always: bool = False) -> None:
        super().__init__(scale=2)
        self.broken, self.always = broken, always

    def forward(self, x: Tensor) -> Tensor:
        enlarged = nn.functional.interpolate(x, scale_factor=2)
        half = torch.is_autocast_enabled("cpu")
        return torch.full_like(enlarged, self.broken) if half or self.always else enlarged


def test_what_is_known_of_a_generator_is_known_of_it_wrapped() -> None:
    generator = restless()
    generator.grid, generator.exact_tiles, generator.half_formats = 3, False, ()
    generator.memory_format = torch.preserve_format
    wrapped = guarded(SelfEnsemble(generator), CPU)
    assert (wrapped.grid, wrapped.exact_tiles, wrapped.half_formats) == (3, False, ())
    assert wrapped.memory_format == torch.preserve_format
    assert wrapped.receptive_radius == generator.receptive_radius


def test_self_ensemble_treats_all_directions_alike() -> None:
    picture, ensemble = torch.rand(1, 3, 6, 9, generator=torch.Generator().manual_seed(0)), SelfEnsemble(restless())
    mean = ensemble(picture)
    for turns in range(4):
        torch.testing.assert_close(ensemble(picture.rot90(turns, (2, 3))), mean.rot90(turns, (2, 3)))
    torch.testing.assert_close(ensemble(picture.flip(-1)), mean.flip(-1))
    assert (mean - ensemble.generator(picture)).abs().max() > 1e-3


def test_self_ensemble_is_the_mean_of_what_the_generator_gives() -> None:
    flat = torch.full((1, 3, 5, 4), 0.5)
    torch.testing.assert_close(SelfEnsemble(Breaking(0))(flat), torch.full((1, 3, 10, 8), 0.5))


def test_self_ensemble_is_tiled_exactly() -> None:
    picture = Picture(torch.rand(3, 30, 40, generator=torch.Generator().manual_seed(1)))
    whole, tiled = (Upscaler(SelfEnsemble(restless()), CPU, TilePolicy(tile)).upscale(picture) for tile in (0, 16))
    assert (whole.pixels - tiled.pixels).abs().max() < 1e-4


@pytest.mark.parametrize(("dtype", "most"), [(torch.float16, 0.5), (torch.bfloat16, 3)])
def test_half_precision_stays_near_float32(dtype: torch.dtype, most: float) -> None:
    picture = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    half = Guarded(restless(), dtype)(picture)
    assert half.dtype == torch.float32
    assert 0 < (half - restless()(picture)).abs().max() < most / 255 * restless()(picture).abs().max()


@pytest.mark.parametrize("name", [name for name, kind in GENERATORS.items() if torch.bfloat16 in kind.half_formats])
def test_in_bfloat16_tiles_are_as_exact_as_ever(name: str) -> None:
    generator = GENERATORS[name](scale=2, **SMALL.get(name, {})).eval().requires_grad_(False)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(2))
    picture = Picture(torch.rand(3, 70, 60, generator=torch.Generator().manual_seed(1)))
    whole, tiled = (
        Upscaler(Guarded(generator, torch.bfloat16), CPU, TilePolicy(tile)).upscale(picture).pixels for tile in (0, 32)
    )
    assert (whole - tiled).abs().max() < 1 / 255


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), 0.0, -3.0])
def test_a_broken_tile_is_computed_again_in_float32(broken: float) -> None:
    picture = torch.full((1, 3, 4, 4), 0.5)
    torch.testing.assert_close(Guarded(Breaking(broken), torch.float16)(picture), torch.full((1, 3, 8, 8), 0.5))


def test_what_is_black_stays_black() -> None:
    assert not Guarded(Breaking(0), torch.float16)(torch.zeros(1, 3, 4, 4)).any()


def test_a_network_that_gives_no_numbers_is_told() -> None:
    with pytest.raises(SrganError, match="values that are no numbers"):
        Guarded(Breaking(float("nan"), always=True))(torch.ones(1, 3, 4, 4))


@pytest.mark.parametrize(
    ("device", "capability", "native", "expected"),
    [
        ("cpu", (0, 0), False, torch.float32),
        ("cpu", (0, 0), True, torch.bfloat16),
        ("cuda", (6, 1), True, torch.float32),
        ("cuda", (7, 5), False, torch.float16),
        ("cuda", (8, 0), False, torch.float16),
    ],
)
def test_half_precision_is_taken_where_the_device_does_it_well(
    monkeypatch: pytest.MonkeyPatch, device: str, capability: tuple[int, int], native: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: capability)
    monkeypatch.setattr("srgan_cli.devices._cpu_has_bfloat16", lambda: native)
    assert guarded(restless(), torch.device(device)).dtype is expected
    assert guarded(restless(), torch.device(device), "fp32").dtype is torch.float32


def test_half_precision_is_for_networks_that_do_it_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srgan_cli.devices._cpu_has_bfloat16", lambda: True)
    plain = GENERATORS["rrdb"](scale=2, channels=4, blocks=1, growth=4)
    assert guarded(plain, CPU).dtype is torch.float32
    with pytest.raises(UsageError, match="bf16 is not done well by this network"):
        guarded(plain, CPU, "bf16")
    with pytest.raises(UsageError, match="fp16 is not done well by cpu"):
        guarded(plain, CPU, "fp16")


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(UsageError, match="the precision is 'int8', expected one of auto, fp32, fp16, bf16"):
        guarded(restless(), CPU, "int8")
