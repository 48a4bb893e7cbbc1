"""Pretrained backbones."""

import os
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from support import REPOSITORY

from srgan_cli.errors import WeightsError
from srgan_cli.image.io import read_picture
from srgan_cli.metrics import METRICS
from srgan_cli.networks.backbones import BACKBONES, feature_distance
from srgan_cli.weights import backbones as pretrained
from srgan_cli.weights.backbones import METRIC_WEIGHTS_VARIABLE, load_backbone

SHARED = Path(os.environ.get("SRGAN_SHARED") or REPOSITORY.parent / "shared/data")


@pytest.mark.parametrize(
    ("name", "widths", "parameters"),
    [
        ("vgg16", [64, 128, 256, 512, 512], 14_714_688),
        ("vgg19", [64, 128, 256, 512, 512], 20_024_384),
        ("squeezenet", [64, 128, 256, 384, 384, 512, 512], 722_496),
    ],
)
def test_backbones_have_the_shapes_of_the_papers(name: str, widths: list[int], parameters: int) -> None:
    backbone = BACKBONES[name]()
    assert [maps.shape[1] for maps in backbone(torch.rand(1, 3, 64, 64))] == widths
    assert sum(p.numel() for p in backbone.parameters()) == parameters


def test_feature_distance_follows_its_formula() -> None:
    random = np.random.default_rng(0)
    maps = [[random.normal(size=(2, c, 3, 4)).astype(np.float32) for c in (5, 7)] for _ in range(2)]
    layers = []
    for left, right in zip(*maps, strict=True):
        units = [side / np.sqrt((side**2).sum(1, keepdims=True)) for side in (left, right)]
        layers.append(((units[0] - units[1]) ** 2).sum(1).mean())
    found = feature_distance(*([torch.from_numpy(m) for m in side] for side in maps))
    assert found.item() == pytest.approx(np.mean(layers), rel=1e-5)


def test_feature_distance_has_a_gradient_where_features_vanish() -> None:
    maps = torch.zeros(1, 4, 2, 2, requires_grad=True)
    feature_distance([torch.ones(1, 4, 2, 2)], [maps]).backward()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()


@pytest.mark.parametrize("name", BACKBONES)
def test_weights_are_found_in_the_folder_and_frozen(name: str, random_backbones: Path) -> None:
    found, named = load_backbone(name), load_backbone(name, random_backbones / f"{name}.safetensors")
    for left, right in zip(found.parameters(), named.parameters(), strict=True):
        assert torch.equal(left, right)
        assert not left.requires_grad


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server with the files of tmp_path / "hub"; the cache of torch is empty."""
    (tmp_path / "hub").mkdir()
    monkeypatch.delenv(METRIC_WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "hub"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("name", ["vgg19", "squeezenet"])
def test_weights_are_downloaded_once_and_their_hash_is_checked(
    name: str, hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is printed on stdout.  As in torchvision, file names end in the first digits of their SHA-256."""
    torch.manual_seed(0)
    published = {**BACKBONES[name]().state_dict(), "classifier.0.weight": torch.zeros(1)}
    torch.save(published, tmp_path / "weights.pth")
    content = (tmp_path / "weights.pth").read_bytes()
    good, bad = f"{name}-{sha256(content).hexdigest()[:8]}.pth", f"{name}-0123abcd.pth"
    for file in (good, bad):
        (tmp_path / "hub" / file).write_bytes(content)
    monkeypatch.setitem(pretrained.DOWNLOAD_URLS, name, f"{hub}/{bad}")
    with pytest.raises(WeightsError, match="invalid hash value"):
        load_backbone(name)
    monkeypatch.setitem(pretrained.DOWNLOAD_URLS, name, f"{hub}/{good}")
    assert not pretrained.is_available(name)
    backbone = load_backbone(name)
    assert torch.equal(backbone.features[0].weight, published["features.0.weight"])
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Downloading" in printed.err
    (tmp_path / "hub" / good).unlink()
    assert pretrained.is_available(name)
    assert torch.equal(load_backbone(name).features[0].weight, backbone.features[0].weight)


def test_file_names_of_downloads_contain_a_hash() -> None:
    assert all(torch.hub.HASH_REGEX.search(url) for url in pretrained.DOWNLOAD_URLS.values())


def test_a_failed_download_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.delenv(METRIC_WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setattr(pretrained.torch.hub, "load_state_dict_from_url", fail)
    with pytest.raises(WeightsError, match="cannot download vgg16") as raised:
        load_backbone("vgg16")
    assert METRIC_WEIGHTS_VARIABLE in raised.value.hint


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_an_unusable_file_is_one_clear_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"vgg16{suffix}"
    with pytest.raises(WeightsError, match="cannot read"):
        load_backbone("vgg16", path)
    path.write_bytes(b"garbage")
    with pytest.raises(WeightsError, match="cannot read"):
        load_backbone("vgg16", path)


def test_weights_of_another_network_are_an_error(random_backbones: Path) -> None:
    with pytest.raises(WeightsError, match="does not contain the features of vgg16"):
        load_backbone("vgg16", random_backbones / "squeezenet.safetensors")


@pytest.mark.skipif(not (SHARED / "metric-networks").is_dir(), reason="the trained backbones are not here")
@pytest.mark.parametrize(("peer", "expected"), [("bicubic", (0.386, 0.284)), ("srgan", (0.235, 0.134))])
def test_distances_of_set5_are_those_measured_elsewhere(
    peer: str, expected: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expected values: computed by another program, with SqueezeNet of Caffe and the VGG16 of HED."""
    monkeypatch.setenv(METRIC_WEIGHTS_VARIABLE, str(SHARED / "metric-networks"))
    found = []
    for path in sorted((SHARED / "bench/Set5/x4/HR").iterdir()):
        pair = [read_picture(p).rgb for p in (path, SHARED / "peers" / peer / "Set5" / path.name)]
        found.append([METRICS[name].compute(*pair) for name in ("sqd", "vggd")])
    assert np.mean(found, axis=0) == pytest.approx(expected, abs=6e-4)
