"""What befalls low-resolution patches."""

import pytest
import torch

from srgan_cli.training.degrade import LARGEST_BLUR, blur, degrade, jpeg


@pytest.fixture
def picture() -> torch.Tensor:
    smooth = torch.linspace(40, 200, 24)[None, None] * torch.tensor([1.0, 0.8, 0.6])[:, None, None]
    return smooth.expand(3, 20, 24).to(torch.uint8)


def test_degrading_is_slight_keeps_shape_and_type_and_is_drawn_from_the_generator_alone(picture: torch.Tensor) -> None:
    spoilt = [degrade(picture, torch.Generator().manual_seed(seed)) for seed in range(40)]
    again = degrade(picture, torch.Generator().manual_seed(7))
    assert torch.equal(spoilt[7], again)
    for result in spoilt:
        assert (result.shape, result.dtype) == (picture.shape, torch.uint8)
        assert (result.float() - picture.float()).abs().mean() < 10
    assert sum(not torch.equal(result, picture) for result in spoilt) > 30


def test_blur_keeps_plain_areas_and_the_sum_and_spreads_a_point_as_a_gaussian() -> None:
    assert torch.allclose(blur(torch.full((3, 9, 9), 7.0), LARGEST_BLUR), torch.tensor(7.0))
    point = torch.zeros(1, 11, 11)
    point[0, 5, 5] = 1
    spread = blur(point, LARGEST_BLUR)[0]
    assert spread.sum().item() == pytest.approx(1, abs=1e-5)
    assert (spread[5, 6] / spread[5, 5]).item() == pytest.approx(2.718281828 ** (-0.5 / LARGEST_BLUR**2), rel=1e-4)


def test_jpeg_costs_more_at_a_lower_quality() -> None:
    noise = torch.randint(256, (3, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    errors = [(jpeg(noise, quality, "4:2:0").float() - noise.float()).square().mean() for quality in (100, 60)]
    assert errors[0] < errors[1]
    fine = jpeg(noise, 100, "4:4:4")
    assert (fine.float() - noise.float()).abs().mean() < 1
