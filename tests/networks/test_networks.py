"""The contract of generators and discriminators, tested for all of them."""

from itertools import product
from typing import Any

import pytest
import torch
from spandrel import ModelLoader
from torch import Tensor, nn

from srgan_cli.image.ops import resize
from srgan_cli.networks import DISCRIMINATORS, GENERATORS, Discriminator, Generator
from srgan_cli.networks.generators import smfanet
from srgan_cli.networks.generators.base import BICUBIC_RADIUS
from srgan_cli.networks.generators.compact import Compact
from srgan_cli.networks.generators.smfanet import SMFANet
from srgan_cli.networks.generators.srresnet import ResidualBlock, SRResNet

SCALES = (2, 3, 4)
GENERATOR_VARIANTS: dict[str, list[dict[str, Any]]] = {
    "compact": [{"channels": 4, "blocks": 2}],
    "rrdb": [{"channels": 4, "blocks": 1, "growth": 2}],
    "smfanet": [{"channels": 4, "blocks": 1}],
    "span": [{"channels": 4, "blocks": 3}],
    "srcnn": [{"channels": 4}],
    "srresnet": [
        {"channels": 4, "blocks": 2},
        {"channels": 4, "blocks": 2, "batch_norm": True, "dropout": 0.5},
        {"channels": 4, "blocks": 2, "noise": 2},
    ],
    "swinir": [{"channels": 6, "blocks": 2, "heads": 2}],
    "unet": [{"channels": 4, "dropout": 0.5}],
}
BICUBIC_AT_FIRST = ("span", "srcnn", "srresnet", "swinir", "unet")
DISCRIMINATOR_VARIANTS: dict[str, list[dict[str, Any]]] = {
    "patch": [{"channels": 2, "norm": norm} for norm in ("batch", "layer", "none")],
    "unet": [{"channels": 2}],
    "vgg": [{"channels": 2, "norm": norm} for norm in ("batch", "layer", "none")],
}
GENERATOR_CASES = [
    pytest.param(name, {"scale": scale, **config}, id=f"{name}-x{scale}-{index}")
    for name, variants in GENERATOR_VARIANTS.items()
    for (index, config), scale in product(enumerate(variants), SCALES)
]
EXACT_CASES = [case for case in GENERATOR_CASES if GENERATORS[str(case.values[0])].exact_tiles]
DISCRIMINATOR_CASES = [
    pytest.param(name, config, id=f"{name}-{index}")
    for name, variants in DISCRIMINATOR_VARIANTS.items()
    for index, config in enumerate(variants)
]


def randomised(network: Generator) -> Generator:
    """The generator with random weights, in evaluation mode."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.1)
    return network.eval()


def parameters_without_gradient(network: nn.Module) -> list[str]:
    return [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(value, right[key]) for key, value in left.items())


def test_every_network_is_tested() -> None:
    assert GENERATOR_VARIANTS.keys() == GENERATORS.keys()
    assert DISCRIMINATOR_VARIANTS.keys() == DISCRIMINATORS.keys()


@pytest.mark.parametrize(("name", "config"), GENERATOR_CASES)
class TestGenerator:
    @pytest.fixture
    def trained(self, name: str, config: dict[str, Any]) -> Generator:
        return randomised(GENERATORS[name](**config))

    @pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2), (6, 9)])
    def test_upscales_any_size_to_finite_float32(
        self, trained: Generator, config: dict[str, Any], size: tuple[int, int]
    ) -> None:
        upscaled = trained(torch.rand(2, 3, *size))
        assert upscaled.shape == (2, 3, config["scale"] * size[0], config["scale"] * size[1])
        assert upscaled.dtype == torch.float32
        assert upscaled.isfinite().all()

    def test_gradients_reach_every_parameter(self, trained: Generator) -> None:
        trained(torch.rand(1, 3, 5, 5)).square().sum().backward()
        assert parameters_without_gradient(trained) == []

    def test_config_builds_a_network_that_the_weights_fit(self, name: str, trained: Generator) -> None:
        copy = GENERATORS[name](**trained.config).eval()
        copy.load_state_dict(trained.state_dict())
        picture = torch.rand(1, 3, 4, 5)
        assert copy.scale == trained.scale
        assert torch.equal(copy(picture), trained(picture))

    def test_mixed_precision_stays_close_to_full_precision(self, trained: Generator) -> None:
        picture = torch.rand(1, 3, 6, 6)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = trained(picture)
        assert mixed.dtype == torch.float32
        torch.testing.assert_close(mixed, trained(picture), atol=0.05, rtol=0)

    def test_seed_determines_the_initial_weights(self, name: str, config: dict[str, Any]) -> None:
        first, second, other = (_built(GENERATORS[name], config, seed) for seed in (3, 3, 4))
        assert same(first, second)
        assert not same(first, other)


@pytest.mark.parametrize(("name", "config"), EXACT_CASES)
class TestExactTiles:
    @pytest.fixture
    def trained(self, name: str, config: dict[str, Any]) -> Generator:
        return randomised(GENERATORS[name](**config))

    def test_receptive_radius_is_how_far_one_pixel_has_an_effect(self, trained: Generator) -> None:
        radius, scale = trained.receptive_radius, trained.scale
        centre = radius + 3
        picture = torch.rand(1, 3, 2 * centre + 1, 2 * centre + 1)
        picture[..., centre, centre] = torch.nan
        changed = nn.functional.max_pool2d(trained(picture).isnan().float(), scale)[0].amax(0).nonzero()
        first, last = changed.min(0).values.tolist(), changed.max(0).values.tolist()
        if trained.grid == 1:
            assert (first, last) == ([centre - radius] * 2, [centre + radius] * 2)
        else:
            assert min(first) >= centre - radius
            assert max(last) <= centre + radius

    def test_window_on_the_grid_gives_the_same_as_the_whole_picture(self, trained: Generator) -> None:
        grid, scale = trained.grid, trained.scale
        halo = -(-trained.receptive_radius // grid) * grid
        picture = torch.rand(1, 3, 8, 3 * grid + 2 * halo + 5)
        whole, window = trained(picture), trained(picture[..., grid:])
        torch.testing.assert_close(
            window[..., halo * scale :], whole[..., (halo + grid) * scale :], atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", BICUBIC_AT_FIRST)
class TestUntrainedGenerator:
    @pytest.fixture
    def fresh(self, name: str, scale: int) -> Generator:
        return GENERATORS[name](scale=scale, **GENERATOR_VARIANTS[name][0]).eval()

    def test_is_bicubic_upscaling(self, fresh: Generator, scale: int) -> None:
        height, width, border = 9, 11, BICUBIC_RADIUS * scale
        picture = torch.rand(1, 3, height, width)
        expected = resize(picture, height * scale, width * scale)
        inside = (..., slice(border, -border), slice(border, -border))
        torch.testing.assert_close(fresh(picture)[inside], expected[inside], atol=1e-6, rtol=0)

    def test_keeps_bicubic_upscaling_in_float32_under_mixed_precision(self, fresh: Generator) -> None:
        picture = torch.rand(1, 3, 6, 6)
        with torch.autocast("cpu", torch.bfloat16):
            upscaled = fresh(picture)
        assert torch.equal(upscaled, fresh(picture))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_residual_block_with_zero_weights_is_the_identity(batch_norm: bool) -> None:
    block = ResidualBlock(4, batch_norm).eval()
    for parameter in block.parameters():
        torch.nn.init.zeros_(parameter)
    features = torch.rand(1, 4, 5, 6)
    assert torch.equal(block(features), features)


def test_noise_changes_the_result_and_missing_noise_is_zero() -> None:
    generator = randomised(SRResNet(2, channels=4, blocks=1, noise=2))
    picture, noise = torch.rand(1, 3, 6, 6), torch.randn(1, 2, 6, 6)
    without = generator(torch.cat([picture, torch.zeros(1, 2, 6, 6)], 1))
    assert torch.equal(generator(picture), without)
    assert not torch.allclose(generator(torch.cat([picture, noise], 1)), without)


def test_dropout_is_active_only_in_training() -> None:
    generator = randomised(SRResNet(2, channels=8, blocks=1, dropout=0.5))
    picture = torch.rand(1, 3, 6, 6)
    assert torch.equal(generator(picture), generator(picture))
    generator.train()
    assert not torch.equal(generator(picture), generator(picture))


def test_rrdb_is_the_public_network() -> None:
    """With the same weights, spandrel's gives the same."""
    generator = randomised(GENERATORS["rrdb"](scale=4, channels=8, blocks=2, growth=32))
    public = ModelLoader().load_from_state_dict(dict(generator.state_dict())).model
    picture = torch.rand(1, 3, 9, 12)
    assert torch.allclose(public(picture), generator(picture), atol=1e-6)


def test_esrgan_has_its_published_number_of_parameters() -> None:
    """Real-ESRGAN x4plus and ESRGAN have 16 697 987 parameters."""
    with torch.device("meta"):
        assert GENERATORS["rrdb"]().parameter_count == 16_697_987


def test_lightweight_swinir_has_about_the_published_number_of_parameters() -> None:
    """Table 3 of the paper: 897 K parameters at x4."""
    assert GENERATORS["swinir"]().parameter_count == pytest.approx(897_000, rel=0.05)


@pytest.mark.parametrize(("name", "config"), DISCRIMINATOR_CASES)
class TestDiscriminator:
    @pytest.fixture
    def fresh(self, name: str, config: dict[str, Any]) -> Discriminator:
        return DISCRIMINATORS[name](**config)

    @pytest.mark.parametrize("size", [(24, 24), (24, 32), (48, 27), (75, 96)])
    def test_gives_finite_logits_of_the_documented_shape(
        self, name: str, fresh: Discriminator, size: tuple[int, int]
    ) -> None:
        output = fresh(torch.rand(2, 3, *size))
        assert output.logits.shape == (
            2,
            *{"unet": (1, *size), "patch": (1, size[0] // 8 - 2, size[1] // 8 - 2), "vgg": (1,)}[name],
        )
        assert output.logits.dtype == torch.float32
        assert output.logits.isfinite().all()

    def test_returns_its_feature_maps(self, fresh: Discriminator) -> None:
        maps = fresh(torch.rand(2, 3, 32, 32)).features
        assert len(maps) > 3
        assert all(features.dim() == 4 and len(features) == 2 for features in maps)

    def test_gradients_reach_every_parameter_and_the_picture(self, fresh: Discriminator) -> None:
        picture = torch.rand(2, 3, 24, 24, requires_grad=True)
        fresh(picture).logits.square().sum().backward()
        assert parameters_without_gradient(fresh) == []
        assert picture.grad is not None
        assert picture.grad.any()

    def test_config_builds_a_network_that_the_weights_fit(self, name: str, fresh: Discriminator) -> None:
        copy = DISCRIMINATORS[name](**fresh.config)
        copy.load_state_dict(fresh.state_dict())
        pictures = torch.rand(2, 3, 24, 24)
        assert torch.equal(copy.eval()(pictures).logits, fresh.eval()(pictures).logits)

    def test_mixed_precision_gives_finite_logits(self, fresh: Discriminator) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            assert fresh(torch.rand(2, 3, 24, 24)).logits.isfinite().all()

    def test_seed_determines_the_initial_weights(self, name: str, config: dict[str, Any]) -> None:
        first, second, other = (_built(DISCRIMINATORS[name], config, seed) for seed in (3, 3, 4))
        assert same(first, second)
        assert not same(first, other)


def _built(kind: type[nn.Module], config: dict[str, Any], seed: int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return kind(**config).state_dict()


def test_compact_is_the_public_network() -> None:
    """With the same weights, spandrel's gives the same; with 32 blocks it has the published number of parameters."""
    generator = randomised(Compact(4, channels=8, blocks=3))
    public = ModelLoader().load_from_state_dict(dict(generator.state_dict())).model
    picture = torch.rand(1, 3, 9, 12)
    assert torch.allclose(public(picture), generator(picture), atol=1e-6)
    assert Compact(4, blocks=32).parameter_count == 1_213_296


@pytest.mark.parametrize(
    "generator",
    [
        Compact(2, channels=8, blocks=9),
        Compact(4, channels=4, blocks=0),
        SMFANet(2, channels=8, blocks=2),
        SMFANet(4, channels=8, blocks=1, global_variance=False),
    ],
)
def test_public_networks_are_recognised_by_the_names_and_shapes_of_their_tensors(generator: Compact | SMFANet) -> None:
    tensors = dict(sorted(generator.state_dict().items()))  # as safetensors has them
    found = type(generator).from_shapes(tensors)
    assert found is not None
    assert found.config == generator.config
    first = next(key for key in tensors if key.endswith("weight"))
    assert type(generator).from_shapes({**tensors, first: torch.ones(4, 3, 1, 1)}) is None
    assert type(generator).from_shapes({first: tensors[first]}) is None
    assert type(generator).from_shapes({"params": tensors}) is None


@pytest.mark.parametrize("global_variance", [True, False])
@pytest.mark.parametrize("size", [(37, 29), (8, 8), (16, 100)])
def test_the_strips_of_smfanet_change_nothing(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], global_variance: bool
) -> None:
    generator = randomised(SMFANet(2, channels=8, blocks=2, global_variance=global_variance))
    picture = torch.rand(2, 3, *size)
    whole = generator(picture)
    monkeypatch.setattr(smfanet, "_STRIP_PIXELS", 100)
    with torch.no_grad():
        assert torch.allclose(generator(picture), whole, atol=1e-6)


def test_smfanet_plus_has_its_published_number_of_parameters() -> None:
    """496 thousand at x4 and 480 thousand at x2."""
    assert SMFANet(4, channels=48, blocks=12).parameter_count == 495_888
    assert SMFANet(2, channels=48, blocks=12).parameter_count == 480_300
