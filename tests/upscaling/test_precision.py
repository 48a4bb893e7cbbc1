"""Half precision, and tiles that are computed again in float32."""

from collections.abc import Callable

import pytest
import torch
from generators import noise, random_generator, randomise
from torch import Tensor, nn

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.image.picture import Picture
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.upscaling.precision import MixedPrecision, with_precision
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy
from srgan_cli.upscaling.tiles.transfer import TileTransfer
from srgan_cli.upscaling.upscaler import Upscaler

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_core")
SMALL = {
    "srresnet": {"channels": 8, "blocks": 2},
    "compact": {"channels": 8, "blocks": 2},
    "span": {"channels": 8, "blocks": 2},
    "srcnn": {"channels": 8},
    "swinir": {"channels": 12, "blocks": 2, "heads": 2},
    "unet": {"channels": 8},
}


class Breaking(Generator):
    """Nearest-neighbour enlargement; in half precision, or always, its values are `broken` instead."""

    def __init__(self, broken: float, always: bool = False) -> None:
        super().__init__(scale=2)
        self.broken, self.always = broken, always
        self.passes = list[str]()

    def forward(self, x: Tensor) -> Tensor:
        half = torch.is_autocast_enabled("cpu")
        self.passes.append("half" if half else "float32")
        enlarged = nn.functional.interpolate(x, scale_factor=2)
        return torch.full_like(enlarged, self.broken) if half or self.always else enlarged


def enlarged(generator: Generator, tile: Tensor) -> Tensor:
    return TileTransfer(MixedPrecision(generator, torch.float16), CPU).submit(tile, lambda whole: whole)()


@pytest.mark.parametrize(("dtype", "most"), [(torch.float16, 0.5), (torch.bfloat16, 3)])
def test_half_precision_is_close_to_float32(dtype: torch.dtype, most: float) -> None:
    picture = noise(1, 3, 12, 12)
    half = MixedPrecision(random_generator(), dtype)(picture)
    expected = random_generator()(picture)
    assert half.dtype == torch.float32
    assert 0 < (half - expected).abs().max() < most / 255 * expected.abs().max()


@pytest.mark.parametrize("name", [name for name, kind in GENERATORS.items() if torch.bfloat16 in kind.half_formats])
def test_in_bfloat16_tiled_equals_whole_within_a_level(name: str) -> None:
    generator = randomise(GENERATORS[name](scale=2, **SMALL.get(name, {})), 0.05, 2)
    picture = Picture(noise(3, 70, 60))
    whole, tiled = (
        Upscaler(MixedPrecision(generator, torch.bfloat16), CPU, policy=TilePolicy(tile)).upscale(picture).pixels
        for tile in (0, 32)
    )
    assert (whole - tiled).abs().max() < 1 / 255


@pytest.mark.parametrize("name", GENERATORS)
def test_only_networks_whose_results_are_finer_than_bfloat16_run_in_it(name: str) -> None:
    generator = randomise(GENERATORS[name](scale=2, **SMALL.get(name, {})), 0.05, 2)
    result = MixedPrecision(generator, torch.bfloat16)(noise(1, 3, 16, 16))
    assert torch.equal(result, result.bfloat16().float()) == (torch.bfloat16 not in generator.half_formats)


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), 0.0, -3.0])
def test_a_broken_result_is_computed_again_in_float32(broken: float) -> None:
    generator, tile = Breaking(broken), torch.full((3, 4, 4), 0.5)
    torch.testing.assert_close(enlarged(generator, tile), torch.full((3, 8, 8), 0.5))
    assert generator.passes == ["half", "float32"]


@pytest.mark.parametrize("broken", [float("nan"), 0.0])
def test_a_broken_tile_costs_two_passes(broken: float) -> None:
    generator, picture = Breaking(broken), Picture(torch.full((3, 20, 8), 0.5))
    upscaler = Upscaler(MixedPrecision(generator, torch.bfloat16), CPU, policy=TilePolicy(10))
    upscaler.plan(20, 8)  # counts activations in a pass of its own
    generator.passes.clear()
    assert torch.equal(upscaler.upscale(picture).pixels, torch.full((3, 40, 16), 0.5))
    assert generator.passes == ["half", "float32"] * 2


def test_a_black_picture_stays_black() -> None:
    generator = Breaking(0)
    assert not enlarged(generator, torch.zeros(3, 4, 4)).any()
    assert generator.passes == ["half"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_network_whose_values_are_not_finite_is_an_error(dtype: torch.dtype) -> None:
    broken = MixedPrecision(Breaking(float("nan"), always=True), dtype)
    with pytest.raises(SrganError, match="values that are not finite"):
        Upscaler(broken, CPU).upscale(Picture(torch.ones(3, 4, 4)))


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
def test_auto_takes_a_half_format_that_the_device_supports_well(
    monkeypatch: pytest.MonkeyPatch,
    cpu_bfloat16: Callable[[bool], None],
    device: str,
    capability: tuple[int, int],
    native: bool,
    expected: torch.dtype,
) -> None:
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: capability)
    cpu_bfloat16(native)
    assert with_precision(random_generator(), torch.device(device)).dtype is expected
    assert with_precision(random_generator(), torch.device(device), "fp32").dtype is torch.float32


def test_auto_takes_a_half_format_that_the_network_supports_well(cpu_bfloat16: Callable[[bool], None]) -> None:
    cpu_bfloat16(True)
    plain = GENERATORS["rrdb"](scale=2, channels=4, blocks=1, growth=4)
    assert with_precision(plain, CPU).dtype is torch.float32
    with pytest.raises(UsageError, match="bf16 is not supported efficiently by this network"):
        with_precision(plain, CPU, "bf16")
    with pytest.raises(UsageError, match="fp16 is not supported efficiently on cpu"):
        with_precision(plain, CPU, "fp16")


def test_an_unknown_precision_is_an_error() -> None:
    with pytest.raises(UsageError, match="the precision is 'int8', expected one of auto, fp32, fp16, bf16"):
        with_precision(random_generator(), CPU, "int8")
