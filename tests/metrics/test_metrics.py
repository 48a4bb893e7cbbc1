"""The registry of metrics: properties that all metrics have."""

import pytest
import torch
from metric_pictures import LARGE, noisy_pair, photograph

from srgan_cli.errors import UsageError
from srgan_cli.metrics import METRICS, SET_METRICS, metric_of

ASYMMETRIC = ("gradients", "niqe", "ergas")


@pytest.mark.usefixtures("random_backbones", "random_heads")
@pytest.mark.parametrize("name", METRICS)
class TestEveryMetric:
    def test_is_symmetric_unless_it_is_documented_otherwise(self, name: str) -> None:
        metric = METRICS[name].compute
        reference, candidate = noisy_pair(1, LARGE, 0.2)
        same = metric(reference, candidate) == pytest.approx(metric(candidate, reference), rel=1e-5)
        assert same == (name not in ASYMMETRIC)

    def test_does_not_change_the_pictures(self, name: str) -> None:
        metric = METRICS[name].compute
        pair = noisy_pair(1, LARGE, 0.2)
        copies = [pixels.clone() for pixels in pair]
        metric(*pair)
        assert all(torch.equal(pixels, copy) for pixels, copy in zip(pair, copies, strict=True))


@pytest.mark.usefixtures("random_backbones", "random_heads")
@pytest.mark.parametrize("name", METRICS)
def test_less_noise_scores_better(name: str) -> None:
    metric, picture = METRICS[name], photograph(*LARGE[1:])
    noise = torch.randn(LARGE, generator=torch.Generator().manual_seed(0))
    little, much = (metric.compute(picture, (picture + strength * noise).clamp(0, 1)) for strength in (0.05, 0.3))
    assert (little > much) == metric.higher_is_better


@pytest.mark.parametrize("name", [*METRICS, *SET_METRICS])
def test_metric_formats_its_values(name: str) -> None:
    metric = metric_of(name)
    assert float(metric.format(1.23456789)) == round(1.23456789, metric.decimals)
    assert metric.format(1, "+").startswith("+1.")


def test_unknown_metric_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown metric 'beauty'"):
        metric_of("beauty")
