"""Equivariance of convolutional networks, and of the weights of a run."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from srgan_cli.errors import UsageError
from srgan_cli.image.ops import orient
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import load_dataset
from srgan_cli.training.optim.equivariance import GROUPS, Equivariance, check_equivariant, orbits
from srgan_cli.training.run.initial_weights import prepare_run
from srgan_cli.training.trainer import Trainer
from srgan_cli.weights.file import load_weights

SMALL = {"srresnet": {"channels": 8, "blocks": 1}, "rrdb": {"channels": 16, "blocks": 1}}


@pytest.fixture
def config(smooth_pictures: Path, small_run: Callable[..., TrainConfig]) -> TrainConfig:
    return small_run(smooth_pictures, steps=6)


def spread(generator: Generator) -> float:
    """The largest deviation from equivariance."""
    picture = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        upright = generator.eval()(picture)
        return max(
            float((generator(orient(picture, n)) - orient(upright, n)).abs().max() / upright.std()) for n in range(8)
        )


def random(generator: Generator) -> Generator:
    torch.manual_seed(0)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    return generator


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", ["srresnet", "span", "srcnn", "unet"])
def test_symmetric_random_weights_are_equivariant(name: str, scale: int) -> None:
    generator = random(GENERATORS[name](scale=scale, **SMALL.get(name, {})))
    scattered = [p.detach().square().mean() for p in generator.parameters() if p.dim() == 4]
    assert spread(generator) > 0.1
    Equivariance(generator, "d4").draw()
    assert spread(generator) < 1e-4
    kept = [p.detach().square().mean() for p in generator.parameters() if p.dim() == 4]
    assert float(sum(kept) / sum(scattered)) == pytest.approx(1, abs=0.2)


def test_the_averaged_gradient_is_the_gradient_of_all_orientations() -> None:
    """The gradient of all eight orientations equals the averaged gradient of one."""
    generator = random(GENERATORS["srresnet"](scale=2, channels=8, blocks=1))
    equivariance = Equivariance(generator, "d4")
    equivariance.draw()
    low, high = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 16, 16)
    every = [torch.cat([orient(side, n) for n in range(8)]) for side in (low, high)]
    (generator(every[0]) - every[1]).square().mean().backward()
    expected = [parameter.grad.clone() for parameter in generator.parameters()]
    generator.zero_grad()
    (generator(low) - high).square().mean().backward()
    equivariance.average_gradients()
    for parameter, wanted in zip(generator.parameters(), expected, strict=True):
        assert torch.allclose(parameter.grad, wanted, atol=1e-5 * float(wanted.abs().max() + 1))


def test_gradients_are_averaged_in_any_memory_format() -> None:
    """Gradients of 1 x 1 kernels may have arbitrary strides."""
    layer = nn.Conv2d(16, 8, 1, bias=False)
    layer.weight.grad = torch.rand(8, 16).as_strided((8, 16, 1, 1), (16, 1, 16, 16))
    before = layer.weight.grad.clone()
    Equivariance(Odd(nn.Conv2d(3, 16, 1), layer, nn.Conv2d(8, 3, 1)), "d4").average_gradients()
    places = orbits(layer.weight.shape, "", "d4")
    expected = before.flatten()[places].mean(0).expand(places.shape)
    torch.testing.assert_close(layer.weight.grad.flatten()[places], expected)


@pytest.mark.parametrize("group", GROUPS)
def test_orbits_hold_every_index_once(group: str) -> None:
    places = orbits(torch.Size((8, 16, 3, 3)), "", group)
    assert sorted(places.flatten().tolist()) == list(range(8 * 16 * 9))


def test_the_weights_of_a_run_with_muon_are_equivariant(config: TrainConfig) -> None:
    config, initial = prepare_run(config.replace(optimizer="muon"))
    assert config.optim.equivariance == "d4"
    list(Trainer(config, load_dataset(config), initial=initial).fit())
    generator, _ = load_weights(config.run.folder / f"{config.run.name}.safetensors")
    assert generator.tail.weight.any()
    assert spread(generator) < 1e-4


def test_the_weights_of_a_run_are_equivariant_and_a_smaller_group_can_start_from_them(config: TrainConfig) -> None:
    prepared, initial = prepare_run(config)
    assert prepared.optim.equivariance == "d4"
    list(Trainer(prepared, load_dataset(prepared), initial=initial).fit())
    first = config.run.folder / f"{config.run.name}.safetensors"
    generator, _ = load_weights(first)
    assert generator.tail.weight.any()
    assert spread(generator) < 1e-4
    again = config.replace(
        run=config.run.folder / "again", init_from=str(first), equivariance="d1", pretrain_fraction=1.0
    )
    prepared, initial = prepare_run(again)
    list(Trainer(prepared, load_dataset(prepared), initial=initial).fit())
    generator, _ = load_weights(again.run.folder / f"{config.run.name}.safetensors")
    assert spread(generator) > 1e-4
    check_equivariant(generator, "d1", trained=True)


def test_a_deep_generator_is_not_refused_for_its_large_values() -> None:
    for seed in range(3):
        torch.manual_seed(seed)
        check_equivariant(GENERATORS["srresnet"](channels=32, blocks=32), "d4", trained=False)


class Odd(Generator):
    """A generator with a layer that cannot be equivariant."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(scale=1)
        self.layers = nn.Sequential(*layers)


@pytest.mark.parametrize(
    ("odd", "last", "reason"),
    [
        (nn.Identity(), 8, "8 channels, expected sub-pixels"),
        (nn.Identity(), 1, "1 channels, expected sub-pixels"),
        (nn.PReLU(), 3, "1 channels cannot"),
        (nn.Conv2d(8, 8, 3, groups=8), 3, "depthwise convolutions"),
        (nn.ParameterList([nn.Parameter(torch.ones(()))]), 3, "not convolutions"),
        (nn.BatchNorm2d(8), 3, "batch norm"),
    ],
)
def test_other_layers_are_refused(odd: nn.Module, last: int, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        check_equivariant(Odd(nn.Conv2d(3, 8, 3), odd, nn.Conv2d(8, last, 3)), "d4", trained=False)


def test_a_generator_without_convolutions_is_refused() -> None:
    with pytest.raises(UsageError, match="no convolutions"):
        check_equivariant(Odd(nn.PReLU()), "d4", trained=False)


def test_equivariance_can_be_switched_off(config: TrainConfig) -> None:
    config, initial = prepare_run(config.replace(equivariance="off"))
    list(Trainer(config, load_dataset(config), initial=initial).fit())
    assert spread(load_weights(config.run.folder / f"{config.run.name}.safetensors")[0]) > 1e-4


@pytest.mark.parametrize("change", [{"channels": 12}, {"batch_norm": True}, {"generator": "swinir", "channels": 24}])
def test_impossible_equivariance_is_refused_on_request_and_skipped_by_auto(config: TrainConfig, change: dict) -> None:
    with pytest.raises(UsageError):
        prepare_run(config.replace(equivariance="d4", **change))
    assert prepare_run(config.replace(**change))[0].optim.equivariance == "off"


def test_trained_weights_that_are_not_equivariant_are_refused() -> None:
    generator = random(GENERATORS["srresnet"](scale=2, channels=8, blocks=1))
    check_equivariant(generator, "d4", trained=False)
    with pytest.raises(UsageError, match="initial weights"):
        check_equivariant(generator, "d4", trained=True)
