"""The contract of every network, held for all of them."""

from copy import deepcopy
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from srgan_cli.networks import DISCRIMINATORS, GENERATORS, Discriminator, Generator
from srgan_cli.networks.expansion import ExpandedConvolution, expand, folded
from srgan_cli.networks.generator import BICUBIC_RADIUS
from srgan_cli.networks.srresnet import ResidualBlock, SRResNet
from srgan_cli.pixels import resize

SCALES = (2, 3, 4)
GENERATOR_VARIANTS: dict[str, list[dict[str, Any]]] = {
    "srresnet": [{"channels": 4, "blocks": 2, "batch_norm": batch_norm} for batch_norm in (False, True)],
}
DISCRIMINATOR_VARIANTS: dict[str, list[dict[str, Any]]] = {
    "unet": [{"channels": 2}],
    "vgg": [{"channels": 2}],
}
GENERATOR_CASES = [
    pytest.param(name, {"scale": scale, **config}, id=f"{name}-x{scale}-{index}")
    for name, variants in GENERATOR_VARIANTS.items()
    for (index, config), scale in product(enumerate(variants), SCALES)
]
DISCRIMINATOR_CASES = [
    pytest.param(name, config, id=f"{name}-{index}")
    for name, variants in DISCRIMINATOR_VARIANTS.items()
    for index, config in enumerate(variants)
]


def randomised(network: Generator) -> Generator:
    """The generator with every weight drawn at random, as if trained, in evaluation mode."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.1)
    return network.eval()


def parameters_without_gradient(network: nn.Module) -> list[str]:
    return [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(value, right[key]) for key, value in left.items())


def test_every_network_is_held_to_its_contract() -> None:
    assert GENERATOR_VARIANTS.keys() == GENERATORS.keys()
    assert DISCRIMINATOR_VARIANTS.keys() == DISCRIMINATORS.keys()


@pytest.mark.parametrize(("name", "config"), GENERATOR_CASES)
class TestGenerator:
    @pytest.fixture
    def trained(self, name: str, config: dict[str, Any]) -> Generator:
        return randomised(GENERATORS[name](**config))

    @pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2), (6, 9)])
    def test_enlarges_any_size_to_finite_float32(
        self, trained: Generator, config: dict[str, Any], size: tuple[int, int]
    ) -> None:
        enlarged = trained(torch.rand(2, 3, *size))
        assert enlarged.shape == (2, 3, config["scale"] * size[0], config["scale"] * size[1])
        assert enlarged.dtype == torch.float32
        assert enlarged.isfinite().all()

    def test_gradients_reach_every_parameter(self, trained: Generator) -> None:
        trained(torch.rand(1, 3, 5, 5)).square().sum().backward()
        assert parameters_without_gradient(trained) == []

    def test_config_builds_a_twin_that_takes_the_weights(self, name: str, trained: Generator) -> None:
        twin = GENERATORS[name](**trained.config).eval()
        twin.load_state_dict(trained.state_dict())
        picture = torch.rand(1, 3, 4, 5)
        assert twin.scale == trained.scale
        assert torch.equal(twin(picture), trained(picture))

    def test_mixed_precision_stays_close_to_full_precision(self, trained: Generator) -> None:
        picture = torch.rand(1, 3, 6, 6)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = trained(picture)
        assert mixed.dtype == torch.float32
        torch.testing.assert_close(mixed, trained(picture), atol=0.05, rtol=0)

    def test_receptive_radius_is_how_far_one_pixel_is_felt(self, trained: Generator) -> None:
        radius, scale = trained.receptive_radius, trained.scale
        centre = radius + 3
        picture = torch.rand(1, 3, 2 * centre + 1, 2 * centre + 1)
        picture[..., centre, centre] = torch.nan
        touched = nn.functional.max_pool2d(trained(picture).isnan().float(), scale)[0].amax(0).nonzero()
        assert touched.min(0).values.tolist() == [centre - radius] * 2
        assert touched.max(0).values.tolist() == [centre + radius] * 2

    def test_seed_decides_the_first_weights(self, name: str, config: dict[str, Any]) -> None:
        first, second, other = (_built(GENERATORS[name], config, seed) for seed in (3, 3, 4))
        assert same(first, second)
        assert not same(first, other)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("batch_norm", [False, True])
class TestUntrainedSRResNet:
    @pytest.fixture
    def fresh(self, scale: int, batch_norm: bool) -> Generator:
        return SRResNet(scale, channels=4, blocks=1, batch_norm=batch_norm).eval()

    def test_is_the_bicubic_enlargement(self, fresh: Generator, scale: int) -> None:
        height, width, border = 9, 11, BICUBIC_RADIUS * scale
        picture = torch.rand(1, 3, height, width)
        expected = resize(picture, height * scale, width * scale)
        inside = (..., slice(border, -border), slice(border, -border))
        torch.testing.assert_close(fresh(picture)[inside], expected[inside], atol=1e-6, rtol=0)

    def test_keeps_the_bicubic_path_in_float32_under_mixed_precision(self, fresh: Generator) -> None:
        picture = torch.rand(1, 3, 6, 6)
        with torch.autocast("cpu", torch.bfloat16):
            enlarged = fresh(picture)
        assert torch.equal(enlarged, fresh(picture))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_residual_block_that_changes_nothing_passes_its_input_on(batch_norm: bool) -> None:
    block = ResidualBlock(4, batch_norm).eval()
    for parameter in block.parameters():
        torch.nn.init.zeros_(parameter)
    features = torch.rand(1, 4, 5, 6)
    assert torch.equal(block(features), features)


class TestExpansion:
    @pytest.fixture
    def expanded(self) -> tuple[Generator, Generator]:
        """A generator as it was, and expanded."""
        before = randomised(SRResNet(2, channels=4, blocks=1))
        after = deepcopy(before)
        expand(after, 2)
        return before, after

    def test_changes_nothing_at_first(self, expanded: tuple[Generator, Generator]) -> None:
        before, after = expanded
        picture = torch.rand(1, 3, 6, 7)
        assert after.parameter_count > 2 * before.parameter_count
        torch.testing.assert_close(after(picture), before(picture), atol=1e-5, rtol=0)

    def test_is_folded_into_the_plain_shape_whatever_it_has_learned(
        self, expanded: tuple[Generator, Generator]
    ) -> None:
        before, after = expanded
        learned = randomised(after)
        plain = folded(learned)
        assert {k: v.shape for k, v in plain.state_dict().items()} == {
            k: v.shape for k, v in before.state_dict().items()
        }
        picture = torch.rand(1, 3, 6, 7)
        torch.testing.assert_close(plain(picture), learned(picture))
        assert learned.parameter_count > plain.parameter_count

    def test_is_the_product_of_its_convolutions(self) -> None:
        torch.manual_seed(0)
        layer, picture = ExpandedConvolution(nn.Conv2d(5, 5, 3, padding=1), 2), torch.rand(1, 5, 8, 8)
        nn.init.zeros_(layer.weight)
        conv = nn.functional.conv2d
        widened = conv(picture, layer.first[..., None, None])
        one_by_one = conv(conv(widened, layer.middle, padding=1), layer.last[..., None, None], layer.bias)
        torch.testing.assert_close(layer(picture), one_by_one)

    def test_learns_in_every_part(self, expanded: tuple[Generator, Generator]) -> None:
        expanded[1](torch.rand(1, 3, 5, 5)).square().sum().backward()
        assert parameters_without_gradient(expanded[1]) == []


@pytest.mark.parametrize(("name", "config"), DISCRIMINATOR_CASES)
class TestDiscriminator:
    @pytest.fixture
    def fresh(self, name: str, config: dict[str, Any]) -> Discriminator:
        return DISCRIMINATORS[name](**config)

    @pytest.mark.parametrize("size", [(16, 16), (16, 32), (48, 24), (96, 96)])
    def test_judges_every_picture_or_every_pixel_by_a_finite_logit(
        self, name: str, fresh: Discriminator, size: tuple[int, int]
    ) -> None:
        judged = fresh(torch.rand(2, 3, *size))
        assert judged.logits.shape == ((2, 1, *size) if name == "unet" else (2, 1))
        assert judged.logits.dtype == torch.float32
        assert judged.logits.isfinite().all()

    def test_shows_the_maps_that_led_to_its_judgement(self, fresh: Discriminator) -> None:
        maps = fresh(torch.rand(2, 3, 32, 32)).features
        assert len(maps) > 3
        assert all(features.dim() == 4 and len(features) == 2 for features in maps)

    def test_gradients_reach_every_parameter_and_the_picture(self, fresh: Discriminator) -> None:
        picture = torch.rand(2, 3, 24, 24, requires_grad=True)
        fresh(picture).logits.square().sum().backward()
        assert parameters_without_gradient(fresh) == []
        assert picture.grad is not None
        assert picture.grad.any()

    def test_config_builds_a_twin_that_takes_the_weights(self, name: str, fresh: Discriminator) -> None:
        twin = DISCRIMINATORS[name](**fresh.config)
        twin.load_state_dict(fresh.state_dict())
        pictures = torch.rand(2, 3, 16, 16)
        assert torch.equal(twin.eval()(pictures).logits, fresh.eval()(pictures).logits)

    def test_mixed_precision_gives_finite_logits(self, fresh: Discriminator) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            assert fresh(torch.rand(2, 3, 16, 16)).logits.isfinite().all()

    def test_seed_decides_the_first_weights(self, name: str, config: dict[str, Any]) -> None:
        first, second, other = (_built(DISCRIMINATORS[name], config, seed) for seed in (3, 3, 4))
        assert same(first, second)
        assert not same(first, other)


def _built(kind: type[nn.Module], config: dict[str, Any], seed: int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return kind(**config).state_dict()
