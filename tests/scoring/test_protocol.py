"""Protocols: what is compared, and their names and descriptions."""

import numpy as np
import pytest
import torch

from srgan_cli.errors import MismatchError, UsageError
from srgan_cli.scoring.protocol import PROTOCOLS, Protocol, compare, named_protocol


def test_unknown_metric_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown metric 'beauty'"):
        Protocol(metrics=("beauty",))


def test_luma_protocol_compares_bt601_studio_luma() -> None:
    """The weight of green is 128.553 / 255."""
    reference = torch.full((3, 20, 20), 0.5)
    candidate = reference.clone()
    candidate[1] += 0.1
    expected = -20 * np.log10(0.1 * 128.553 / 255)
    assert compare(reference, candidate, Protocol())["psnr"] == pytest.approx(expected, abs=1e-4)
    expected = -10 * np.log10(0.1**2 / 3)
    assert compare(reference, candidate, Protocol(channels="rgb"))["psnr"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("border", "seen"), [(0, True), (2, True), (3, False)])
def test_border_is_not_compared(border: int, seen: bool) -> None:
    reference = torch.full((3, 20, 20), 0.5)
    candidate = reference.clone()
    candidate[:, 2, :] = candidate[:, :, -3] = 0
    assert np.isfinite(compare(reference, candidate, Protocol(channels="rgb", border=border))["psnr"]) == seen


def test_pictures_of_two_sizes_are_not_compared() -> None:
    with pytest.raises(MismatchError, match="the reference is 20 x 22, the candidate 20 x 21"):
        compare(torch.zeros(3, 22, 20), torch.zeros(3, 21, 20), Protocol())


def test_description_names_channels_and_border() -> None:
    assert str(Protocol(border=4)).startswith("BT.601 luma (16–235), border 4 px cut")
    assert [str(Protocol(channels=kind)).endswith("; measurements: all bands") for kind in ("y", "bands")] == [
        True,
        False,
    ]
    assert str(Protocol(channels="rgb", border=0)).startswith("RGB, border 0 px cut")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_named_protocol_has_its_name_and_default_border(name: str) -> None:
    protocol = named_protocol(name, scale=3)
    assert protocol.name == name
    assert protocol.border == (0 if name == "skimage" else 3)
    assert named_protocol(name, scale=3, border=7).border == 7
    assert protocol.to_json()["range"].startswith("of each reference")


def test_unknown_protocol_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown protocol 'matlab'"):
        named_protocol("matlab", scale=4)


def test_skimage_protocol_equals_the_defaults_of_scikit_image() -> None:
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    pair = torch.rand(2, 3, 20, 22, generator=torch.Generator().manual_seed(0))
    found = compare(pair[0], pair[1], named_protocol("skimage", scale=4))
    arrays = [pixels.permute(1, 2, 0).double().numpy() for pixels in pair]
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(*arrays, data_range=1), rel=1e-12)
    assert found["ssim"] == pytest.approx(structural_similarity(*arrays, data_range=1, channel_axis=2), rel=1e-12)


def test_consistency_uses_the_scale_of_the_protocol() -> None:
    pair = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    found = [compare(pair[0], pair[1], Protocol(metrics=("consistency",), scale=s))["consistency"] for s in (2, 4)]
    assert found[0] != found[1]
