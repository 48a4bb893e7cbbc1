"""Muon: orthogonalised steps for hidden kernels, Adam for the rest."""

from io import BytesIO

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Adam

from srgan_cli.networks import DISCRIMINATORS, GENERATORS
from srgan_cli.training.optim.muon import MOMENTUM, STEP, Muon, hidden_kernels, orthogonalize
from srgan_cli.training.optim.optimizer import OPTIMIZERS


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(*[nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3)])


def learn(network: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    pictures = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    network(pictures).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize("shape", [(5, 20), (20, 5), (6, 6)])
def test_singular_values_move_near_one_and_directions_stay(shape: tuple[int, int]) -> None:
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    result = orthogonalize(matrices)
    spread = torch.diagonal(left.mT @ result @ right.mT, dim1=-2, dim2=-1)
    assert bool((spread[values > 0.1] > 0.6).all())
    assert bool((spread < 1.3).all())
    assert torch.allclose(left @ torch.diag_embed(spread) @ right, result, atol=1e-4)


def test_a_gradient_of_zero_gives_no_step() -> None:
    assert not orthogonalize(torch.zeros(1, 4, 6)).any()


def test_the_first_step_follows_the_orthogonalised_gradient() -> None:
    net = network()
    before = net[1].weight.detach().clone()
    learn(net, Muon(net), 0)
    gradient = net[1].weight.grad
    direction = gradient.lerp((1 - MOMENTUM) * gradient, MOMENTUM).flatten(1)
    expected = before.flatten(1) - 1e-3 * STEP * 72**0.5 * orthogonalize(direction[None])[0]
    assert torch.allclose(net[1].weight.flatten(1), expected, atol=1e-7)


def test_first_and_last_layers_biases_and_norms_are_updated_by_adam() -> None:
    ours, theirs = network(), network()
    theirs[1].weight.requires_grad_(False)
    learn(ours, Muon(ours), 0)
    learn(theirs, Adam(theirs.parameters(), 1e-3, betas=(0.9, 0.99)), 0)
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(mine, other, atol=1e-7) is (name != "1.weight")


def test_a_restored_optimizer_continues_as_before() -> None:
    through, halted = network(), network()
    straight, first = Muon(through), Muon(halted)
    for seed in range(3):
        learn(through, straight, seed)
        learn(halted, first, seed)
    saved = BytesIO()
    torch.save(first.state_dict(), saved)
    saved.seek(0)
    second = Muon(halted)
    second.load_state_dict(torch.load(saved, weights_only=True))
    for seed in range(3, 6):
        learn(through, straight, seed)
        learn(halted, second, seed)
    assert all(torch.equal(a, b) for a, b in zip(through.parameters(), halted.parameters(), strict=True))


@pytest.mark.parametrize("name", GENERATORS)
def test_head_and_tail_of_a_generator_are_not_hidden(name: str) -> None:
    generator = GENERATORS[name](scale=2)
    hidden: list[Tensor] = hidden_kernels(generator)
    assert hidden
    assert not any(kernel.shape[1] == 3 for kernel in hidden if kernel.ndim == 4)
    assert all(bool(kernel.any()) for kernel in hidden), "a tail begins at zero"


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_every_optimizer_moves_every_discriminator(name: str, optimizer: str) -> None:
    torch.manual_seed(0)
    discriminator = DISCRIMINATORS[name](channels=4).train()
    before = [parameter.detach().clone() for parameter in discriminator.parameters()]
    stepper = OPTIMIZERS[optimizer](discriminator, False)
    discriminator(torch.rand(2, 3, 32, 32)).logits.square().mean().backward()
    stepper.step()
    moved = [not torch.equal(a, b) for a, b in zip(before, discriminator.parameters(), strict=True)]
    assert all(moved)
