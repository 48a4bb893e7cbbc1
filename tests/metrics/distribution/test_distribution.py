"""FID and KID, compared with their formulas, and the networks that extract their features."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from torch import Tensor, nn

from srgan_cli.errors import PictureError, UsageError, WeightsError
from srgan_cli.metrics import FEATURES, SET_METRICS
from srgan_cli.metrics.distribution.extractors import BATCH, EXTRACTORS, extract_features, load_inception
from srgan_cli.metrics.distribution.frechet import frechet_distance, kernel_distance
from srgan_cli.metrics.distribution.sets import compare_sets
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.weights.backbones import load_backbone

Values = NDArray[np.float64]
UNUSABLE = (ImportError, RuntimeError)


def random_features(count: int, width: int, seed: int, shift: float = 0.0) -> Values:
    random = np.random.default_rng(seed)
    return random.normal(size=(count, width)) @ random.normal(size=(width, width)) + shift


@pytest.mark.parametrize(("counts", "width"), [((30, 40), 5), ((200, 150), 16)])
def test_fid_equals_its_formula(counts: tuple[int, int], width: int) -> None:
    """Heusel et al. 2017, equation 6, with the matrix root of the product."""
    left, right = random_features(counts[0], width, 0), random_features(counts[1], width, 1, 0.5)
    covariances = [np.cov(side.T) for side in (left, right)]
    root = sqrtm(covariances[0] @ covariances[1]).real
    expected = ((left.mean(0) - right.mean(0)) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance(left, right) == pytest.approx(expected, rel=1e-6)


def test_fid_of_normal_distributions_is_known() -> None:
    """For N(0, 1) and N(3, 4) in each of four dimensions it is 4 · (3² + (2 - 1)²)."""
    random = np.random.default_rng(0)
    found = frechet_distance(random.normal(0, 1, (200_000, 4)), random.normal(3, 2, (200_000, 4)))
    assert found == pytest.approx(40, rel=0.01)


def test_kid_equals_its_formula() -> None:
    """Bińkowski et al. 2018, equation 4, summed over pairs."""
    left, right = random_features(12, 4, 0), random_features(9, 4, 1)

    def kernel(x: Values, y: Values) -> float:
        return float((x @ y / len(x) + 1) ** 3)

    def within(side: Values) -> float:
        values = [kernel(x, y) for i, x in enumerate(side) for j, y in enumerate(side) if i != j]
        return sum(values) / len(values)

    between = np.mean([kernel(x, y) for x in left for y in right])
    assert kernel_distance(left, right) == pytest.approx(within(left) + within(right) - 2 * between, rel=1e-9)


class Features(nn.Module):
    """An extractor for torchmetrics whose pictures are features already."""

    num_features = 8

    def forward(self, features: Tensor) -> Tensor:
        return features


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`:UserWarning")
@pytest.mark.parametrize(
    ("name", "metric", "options"),
    [
        ("fid", "FrechetInceptionDistance", {}),
        ("kid", "KernelInceptionDistance", {"subsets": 1, "subset_size": 60}),
    ],
)
def test_value_equals_that_of_torchmetrics(name: str, metric: str, options: dict[str, Any]) -> None:
    module = pytest.importorskip(f"torchmetrics.image.{name}", exc_type=UNUSABLE)
    other = getattr(module, metric)(feature=Features(), normalize=True, **options).set_dtype(torch.float64)
    sides = random_features(60, 8, 0), random_features(60, 8, 1, 0.5)
    for side, real in zip(sides, (True, False), strict=True):
        other.update(torch.from_numpy(side), real=real)
    expected = other.compute()
    value = float(expected[0] if name == "kid" else expected)  # KID also returns a deviation
    assert SET_METRICS[name].compute(*sides) == pytest.approx(value, rel=1e-6)


def test_kid_is_unbiased() -> None:
    """Its mean over many pairs of samples of one distribution is 0, within three standard errors."""
    random = np.random.default_rng(0)
    found = [kernel_distance(*random.normal(size=(2, 50, 3))) for _ in range(400)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(400)


@pytest.mark.parametrize("name", SET_METRICS)
def test_sets_further_apart_score_worse(name: str) -> None:
    metric, left = SET_METRICS[name], random_features(200, 8, 0)
    near, far = (metric.compute(left, left[::-1] + shift) for shift in (0.1, 2.0))
    assert near < far
    assert not metric.higher_is_better


def test_too_few_pictures_are_reported_and_the_others_compared() -> None:
    few = [random_features(4, 8, seed) for seed in range(10)]
    many = [random_features(6, 8, seed + 50) for seed in range(10)]
    features = {"few": [(part, part) for part in few], "many": [(part, part + 1) for part in many]}
    values, errors = compare_sets(features, ("fid", "kid"))
    assert set(values) == {"few", "many"}
    assert set(values["few"]) == {"fid"}
    assert values["many"]["kid"][1] == 60
    assert errors == [
        "kid of few: 8 features need 50 pictures or patches, found 40; use more pictures, or a smaller --patch"
    ]


def test_patches_lie_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRACTORS, "corner", lambda: lambda pictures: pictures[:, 0, 0, :1] * 100)
    picture = torch.arange(7 * 11.0).reshape(1, 7, 11) / 100
    assert extract_features(picture, "corner", 3).ravel().tolist() == pytest.approx([0, 3, 6, 33, 36, 39])
    assert extract_features(picture, "corner").shape == (1, 1)
    with pytest.raises(PictureError, match="no patch of 8 x 8 pixels fits"):
        extract_features(picture, "corner", 8)


def test_patches_are_processed_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def extract(pictures: Tensor) -> Tensor:
        sizes.append(len(pictures))
        return pictures.mean((2, 3))

    monkeypatch.setitem(EXTRACTORS, "mean", lambda: extract)
    assert extract_features(torch.rand(3, 40, 40), "mean", 4).shape == (100, 3)
    assert max(sizes) == BATCH


@pytest.mark.usefixtures("random_backbones")
@pytest.mark.parametrize(("name", "width"), [("squeezenet", 512), ("vgg16", 512)])
def test_features_of_a_backbone_are_the_means_of_its_last_maps(name: str, width: int) -> None:
    picture = torch.rand(3, 40, 50)
    with torch.no_grad():
        expected = load_backbone(name)(picture[None])[-1].numpy().mean((2, 3))
    assert expected.shape == (1, width)
    assert extract_features(picture, name) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(PictureError, match="need 32 x 32 pixels"):
        extract_features(picture, name, 16)


def test_unknown_features_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown features 'retina'"):
        Protocol(features="retina")


def test_inception_uses_the_given_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With random weights, the features equal those of torch-fidelity."""
    module = pytest.importorskip(
        "torch_fidelity.feature_extractor_inceptionv3",
        exc_type=UNUSABLE,
        reason="torch-fidelity cannot be imported here",
    )
    with monkeypatch.context() as patched:
        patched.setattr(module, "load_state_dict_from_url", lambda *_, **__: {})
        patched.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = module.FeatureExtractorInceptionV3("random", ["2048"])
    path = tmp_path / "inception.pth"
    torch.save(network.state_dict(), path)
    pictures = torch.rand(2, 3, 40, 40)
    expected = network((pictures * 255).round().byte())[0]
    assert torch.equal(load_inception(path)(pictures), expected)
    torch.save({"fc.bias": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="does not contain Inception"):
        load_inception(path)


def test_missing_torch_fidelity_or_weights_give_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        load_inception(tmp_path / "missing.pth")


def test_every_extractor_can_be_named() -> None:
    assert set(FEATURES) == EXTRACTORS.keys()
