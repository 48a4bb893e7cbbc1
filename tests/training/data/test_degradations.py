"""Degradations of low-resolution patches."""

import math

import pytest
import torch
from torch import Tensor

from srgan_cli.training.data.degradations import DEGRADATIONS, add_noise, add_shot_noise, convolve, gaussian, jpeg, sinc


@pytest.fixture
def picture() -> Tensor:
    smooth = torch.linspace(40, 200, 48)[None, None] * torch.tensor([1.0, 0.8, 0.6])[:, None, None]
    return smooth.expand(3, 40, 48).round().to(torch.uint8)


def reduced(picture: Tensor, scale: int) -> Tensor:
    return torch.nn.functional.avg_pool2d(picture.float(), scale).round().to(torch.uint8)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("name", "largest"), [("mild", 10), ("real", 60)])
@pytest.mark.parametrize("scale", [2, 4])
def test_degradations_depend_on_the_random_generator_alone(
    picture: Tensor, name: str, largest: float, scale: int
) -> None:
    degrade, low = DEGRADATIONS[name], reduced(picture, scale)
    degraded = [degrade(low, picture, seeded(seed)) for seed in range(30)]
    assert torch.equal(degraded[7], degrade(low, picture, seeded(7)))
    plain = low.float()
    for result in degraded:
        assert (result.shape, result.dtype) == (plain.shape, torch.uint8)
        assert (result.float() - plain).abs().mean() < largest
    assert len({result.numpy().tobytes() for result in degraded}) > 25


def test_the_real_degradation_is_harsher_than_the_mild_one(picture: Tensor) -> None:
    low = reduced(picture, 2)
    errors = {
        name: sum(float((degrade(low, picture, seeded(n)).float() - low.float()).abs().mean()) for n in range(20))
        for name, degrade in DEGRADATIONS.items()
    }
    assert errors["real"] > 2 * errors["mild"]


@pytest.mark.parametrize("kernel", [gaussian(0.8), gaussian(2.0, 0.5, 0.7, 1.5), sinc(math.pi / 2)])
def test_kernels_keep_uniform_areas(kernel: Tensor) -> None:
    assert kernel.sum().item() == pytest.approx(1, abs=1e-5)
    assert torch.allclose(convolve(torch.full((3, 9, 9), 7.0), kernel), torch.tensor(7.0))


@pytest.mark.parametrize("radius", [0, 1, 4])
def test_a_blur_is_the_convolution_with_its_kernel_edges_repeated(radius: int) -> None:
    picture = torch.rand(3, 21, 13, generator=seeded()) * 255
    kernel = torch.rand(2 * radius + 1, 2 * radius + 1, generator=seeded())
    padded = torch.nn.functional.pad(picture[:, None], [radius] * 4, mode="replicate")
    expected = torch.nn.functional.conv2d(padded, kernel.flip(0, 1)[None, None])[:, 0]
    torch.testing.assert_close(convolve(picture, kernel), expected, atol=1e-2, rtol=1e-5)


def test_a_gaussian_follows_its_formula() -> None:
    kernel = gaussian(0.8)
    centre = len(kernel) // 2
    assert (kernel[centre, centre + 1] / kernel[centre, centre]).item() == pytest.approx(math.exp(-0.5 / 0.8**2))
    leaning = gaussian(2.0, 0.5, math.pi / 2)
    centre = len(leaning) // 2
    assert leaning[centre + 2, centre] > 10 * leaning[centre, centre + 2]


def test_sinc_overshoots_at_an_edge_and_keeps_low_frequencies() -> None:
    edge = torch.zeros(1, 41, 41)
    edge[..., 20:] = 100
    assert convolve(edge, sinc(math.pi / 2)).max() > 104
    wave = torch.sin(torch.arange(121) * 2 * math.pi / 24).expand(1, 121, 121)
    passed = convolve(wave, sinc(math.pi / 2))[..., 20:-20, 20:-20]
    assert (passed - wave[..., 20:-20, 20:-20]).abs().max() < 0.1


@pytest.mark.parametrize("grey", [False, True])
def test_noise_has_its_deviation_and_equal_channels_if_grey(grey: bool) -> None:
    plain = torch.full((3, 80, 80), 100.0)
    for noisy, deviation in (
        (add_noise(plain, 5.0, seeded(), grey), 5.0),
        (add_shot_noise(plain, 0.5, seeded(), grey), 0.5 * 10.0),
    ):
        assert noisy.std().item() == pytest.approx(deviation, rel=0.05)
        assert torch.equal(noisy[0], noisy[1]) == grey


def test_jpeg_loses_more_at_a_lower_quality() -> None:
    noise = torch.randint(256, (3, 32, 32), generator=seeded()).float()
    errors = [(jpeg(noise, quality, "4:2:0") - noise).square().mean() for quality in (100, 60)]
    assert errors[0] < errors[1]
    assert (jpeg(noise, 100, "4:4:4") - noise).abs().mean() < 1
