"""LPIPS and DISTS, compared with their formulas in numpy and with the authors' program; feature distances."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve
from torch import Tensor

from srgan_cli.errors import PictureError, WeightsError
from srgan_cli.metrics import METRICS
from srgan_cli.metrics.perceptual import feature_distance as distances
from srgan_cli.metrics.perceptual.dists import dists
from srgan_cli.metrics.perceptual.feature_distance import read_calibration
from srgan_cli.metrics.perceptual.lpips import lpips
from srgan_cli.weights.backbones import load_backbone

Heads = dict[str, dict[str, Tensor]]
UNUSABLE = (ImportError, RuntimeError)
"""The errors of importing a package that is missing or was built for another torch."""


def pair(height: int = 40, width: int = 50) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    reference = torch.rand(3, height, width, generator=random)
    return reference, (reference + 0.2 * torch.randn(3, height, width, generator=random)).clamp(0, 1)


@pytest.mark.usefixtures("random_backbones")
@pytest.mark.parametrize(("network", "backbone"), [("alex", "alexnet"), ("vgg", "vgg16")])
def test_lpips_equals_its_formula(network: str, backbone: str, random_heads: Heads) -> None:
    """Zhang et al. 2018, equation 1."""
    features = load_backbone(backbone)
    expected = 0.0
    layers = zip(*(features(pixels[None]) for pixels in pair()), strict=True)
    for (left, right), head in zip(layers, random_heads[f"lpips_models/{network}.pth"].values(), strict=True):
        units = [side.numpy() / np.linalg.norm(side.numpy(), axis=1, keepdims=True) for side in (left, right)]
        expected += float(np.sum(head.numpy() * np.nan_to_num(units[0] - units[1]) ** 2) / np.prod(left.shape[-2:]))
    assert lpips(*pair(), backbone=network) == pytest.approx(expected, rel=1e-4)


@pytest.mark.usefixtures("random_backbones")
@pytest.mark.parametrize(("network", "backbone"), [("alex", "alexnet"), ("vgg", "vgg16")])
@pytest.mark.filterwarnings("ignore:The parameter 'pretrained':UserWarning", "ignore:Arguments other than:UserWarning")
def test_lpips_equals_that_of_its_authors(network: str, backbone: str) -> None:
    theirs = pytest.importorskip("lpips", exc_type=UNUSABLE, reason="lpips cannot be imported here")
    model = theirs.LPIPS(net=network, pnet_rand=True, verbose=False)
    ours = load_backbone(backbone).features.state_dict()
    model.net.load_state_dict({key: ours[key.partition(".")[2]] for key in model.net.state_dict()})
    with torch.no_grad():
        expected = model(*(pixels[None] for pixels in pair()), normalize=True).item()
    assert lpips(*pair(), backbone=network) == pytest.approx(expected, rel=1e-4)


def vgg_maps(pixels: Tensor) -> list[np.ndarray]:
    """The pixels and five layers of VGG16 with L2 pooling under a Hann window."""
    backbone = load_backbone("vgg16")
    maps, x = [pixels.numpy()], (pixels - backbone.mean) / backbone.std
    window = np.outer([1, 2, 1], [1, 2, 1]) / 16
    for index, layer in enumerate(backbone.features):
        if isinstance(layer, torch.nn.MaxPool2d):
            blurred = [convolve(channel.numpy() ** 2, window, mode="constant")[::2, ::2] for channel in x]
            x = torch.from_numpy(np.sqrt(np.stack(blurred)))
        else:
            x = layer(x[None])[0]
        if index in backbone.taps:
            maps.append(x.numpy())
    return maps


@pytest.mark.usefixtures("random_backbones")
def test_dists_equals_its_formula(random_heads: Heads) -> None:
    """Ding et al. 2020, equations 5 to 8."""
    alpha, beta = (random_heads["dists_models/weights.pt"][key].flatten().numpy() for key in ("alpha", "beta"))
    similarity, channel = 0.0, 0
    for left, right in zip(*(vgg_maps(pixels) for pixels in pair()), strict=True):
        for x, y in zip(left.astype(np.float64), right.astype(np.float64), strict=True):
            texture = (2 * x.mean() * y.mean() + 1e-6) / (x.mean() ** 2 + y.mean() ** 2 + 1e-6)
            covariance = np.cov(x.ravel(), y.ravel(), bias=True)
            structure = (2 * covariance[0, 1] + 1e-6) / (covariance[0, 0] + covariance[1, 1] + 1e-6)
            similarity += alpha[channel] * texture + beta[channel] * structure
            channel += 1
    assert dists(*pair()) == pytest.approx(1 - similarity / (alpha.sum() + beta.sum()), abs=2e-4)


@pytest.mark.usefixtures("random_backbones", "random_heads")
@pytest.mark.parametrize("metric", [lpips, dists])
def test_distance_of_equal_pictures_is_0(metric: Callable[[Tensor, Tensor], float]) -> None:
    picture = pair()[0]
    assert metric(picture, picture.clone()) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("metric", [METRICS[name].compute for name in ("lpips", "dists", "sqd", "vggd")])
def test_picture_smaller_than_the_layers_is_refused(metric: Callable[[Tensor, Tensor], float]) -> None:
    with pytest.raises(PictureError, match="need 32 x 32 pixels, found 40 x 31"):
        metric(*pair(31, 40))


def test_torchmetrics_contains_the_calibration() -> None:
    if find_spec("torchmetrics") is None:
        pytest.skip("torchmetrics is not installed")
    assert [value.shape[1] for value in read_calibration("lpips_models/alex.pth").values()] == [64, 192, 384, 256, 256]
    assert read_calibration("dists_models/weights.pt")["beta"].shape[1] == 3 + 64 + 128 + 256 + 512 + 512
    with pytest.raises(WeightsError, match=r"does not contain lpips_models/none\.pth"):
        read_calibration("lpips_models/none.pth")


def test_missing_torchmetrics_gives_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read_calibration.cache_clear()
    monkeypatch.setattr(distances, "PACKAGE", f"missing_{tmp_path.name}")
    with pytest.raises(WeightsError, match="is not installed") as raised:
        read_calibration("lpips_models/alex.pth")
    assert "srgan-cli[metrics]" in raised.value.hint
