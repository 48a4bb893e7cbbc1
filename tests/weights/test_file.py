"""Weights files carry their card, and nothing but a fitting one is loaded."""

import json
import os
import pickle
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from srgan_cli.errors import UnknownModel, UsageError, WeightsError
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.system.files import digest
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.weights import registry
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import load_weights, read_card, save_weights
from srgan_cli.weights.interpolation import interpolate
from srgan_cli.weights.registry import find_weights, list_weights

STORY: dict[str, Any] = {
    "training": {"pictures": 3, "data": ["a", "b"]},
    "licence": "CC0-1.0",
    "scores": {"Set5": {"psnr": 30.5}},
}
CONFIG: dict[str, Any] = {
    "scale": 2,
    "channels": 3,
    "blocks": 1,
    "batch_norm": False,
    "dropout": 0.0,
    "noise": 0,
}


def generator(**changes: Any) -> Generator:
    built = GENERATORS["srresnet"](**{**CONFIG, **changes})
    torch.nn.init.normal_(built.get_parameter("tail.weight"))
    return built.eval()


def ship(folder: Path, *names: str) -> None:
    for name in names:
        built = generator(scale=int(name.rpartition("-x")[2]))
        save_weights(folder / f"{name}.safetensors", built, WeightsCard.for_generator(built, name))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    built = generator()
    save_weights(tmp_path / "tiny-x2.safetensors", built, WeightsCard.for_generator(built, "tiny-x2", **STORY))
    return tmp_path / "tiny-x2.safetensors"


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    ship(folder, "srgan-x4", "srgan-x2", "fidelity-x4")
    monkeypatch.setattr(registry, "shipped_folder", lambda: folder)
    return folder


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_loaded_generator_gives_the_output_of_the_saved_one(tmp_path: Path, batch_norm: bool) -> None:
    saved, picture = generator(batch_norm=batch_norm), torch.rand(1, 3, 5, 4)
    card = WeightsCard.for_generator(saved, "tiny-x2", **STORY)
    save_weights(tmp_path / "tiny.safetensors", saved, card)
    loaded, loaded_card = load_weights(tmp_path / "tiny.safetensors")
    assert torch.equal(loaded(picture), saved(picture))
    assert loaded_card == card == read_card(tmp_path / "tiny.safetensors")


def test_loaded_generator_is_ready_to_run(file: Path) -> None:
    loaded, _ = load_weights(file)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_card_tells_how_to_run_the_generator() -> None:
    card = WeightsCard.for_generator(generator(), "tiny-x2")
    assert (card.architecture, card.config, card.scale) == ("srresnet", CONFIG, 2)
    assert card.receptive_radius == generator().receptive_radius


def test_card_is_plain_json_in_the_metadata(file: Path) -> None:
    with safe_open(file, framework="pt") as opened:
        stored = json.loads(opened.metadata()["srgan"])
    assert stored["name"] == "tiny-x2"
    assert {key: stored[key] for key in STORY} == STORY


def test_card_with_fields_of_a_newer_version_is_read(file: Path) -> None:
    card = read_card(file)
    _rewrite(file, {**asdict(card), "mood": "sunny"})
    assert read_card(file) == card


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_file_permissions_follow_the_umask(tmp_path: Path, umask: Callable[[int], int], mask: int, mode: int) -> None:
    umask(mask)
    ship(tmp_path, "tiny-x2")
    assert stat.S_IMODE((tmp_path / "tiny-x2.safetensors").stat().st_mode) == mode


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(range(256)) * 4, id="any bytes"),
        pytest.param(pickle.dumps({"weight": [1.0]}), id="pickle"),
    ],
)
@pytest.mark.parametrize("read", [load_weights, read_card])
def test_other_files_are_refused(tmp_path: Path, content: bytes, read: Callable[[Path], object]) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    _refused(path, "is not a readable safetensors file", read)


def test_file_cut_short_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])
    _refused(file, "is not a readable safetensors file")


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    _refused(tmp_path / "none.safetensors", "no such weights file")
    _refused(tmp_path, "no such weights file")


def test_file_without_a_card_and_of_no_known_architecture_is_refused(file: Path) -> None:
    save_file({"weight": torch.zeros(1)}, file)
    _refused(file, "has no known architecture|needs spandrel and torchvision")


@pytest.mark.parametrize("card", ["{", "[]", "null", "{}", '{"name": "only"}'])
def test_unreadable_card_is_refused(file: Path, card: str) -> None:
    save_file({"weight": torch.zeros(1)}, file, {"srgan": card})
    _refused(file, "cannot read the card of")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"architecture": "perceptron"}, "unknown architecture: 'perceptron'"),
        ({"architecture": ["srresnet"]}, "does not match its own card"),
        ({"config": [1]}, "does not match its own card"),
        ({"config": {**CONFIG, "mood": "sunny"}}, "does not match its own card"),
        ({"config": {**CONFIG, "scale": 2.5}}, "does not match its own card"),
        ({"config": {**CONFIG, "channels": 5}}, r"does not match its own card: .*size mismatch"),
        ({"config": {**CONFIG, "blocks": 2}}, r"does not match its own card: .*Missing key"),
        ({"config": {**CONFIG, "channels": 3000}}, "it has more parameters than the file"),
        ({"config": {**CONFIG, "blocks": 10**12}}, "it has more parameters than the file"),
        (
            {"architecture": "swinir", "config": {"scale": 2, "channels": 6, "blocks": 10**30, "heads": 6}},
            "it has more parameters than the file",
        ),
        ({"architecture": "swinir", "config": {"heads": 0}}, "60 channels cannot be shared among 0 heads"),
        ({"architecture": "rrdb", "config": {"scale": 5}}, "the scale is 5, expected one of 2, 3, 4"),
        ({"architecture": "srcnn", "config": {"scale": 20_000, "channels": 2}}, "the scale is 20000, expected 1 to 16"),
        ({"architecture": "x" * 5000}, r"has an unknown architecture: 'x+\.\.\.x+'$"),
        ({"name": ["odd"]}, r"has an invalid name: \['odd'\]"),
        ({"training": "1e9"}, "has an invalid training"),
        ({"scale": None}, "has an invalid scale"),
        ({"strength": 2.0}, "has an invalid strength"),
        ({"strength": float("nan")}, "has an invalid strength"),
        ({"counterpart": "../plain"}, "has an invalid counterpart"),
        ({"counterpart": "https://example.org/evil.safetensors"}, "has an invalid counterpart"),
    ],
)
def test_card_that_fits_no_generator_is_refused(file: Path, change: dict[str, Any], expected: str) -> None:
    _rewrite(file, {**asdict(read_card(file)), **change})
    _refused(file, expected)


def test_shipped_weights_are_listed_by_name(shipped: Path) -> None:
    (shipped / "README.md").write_text("not weights")
    assert list_weights() == {name: shipped / f"{name}.safetensors" for name in ("fidelity-x4", "srgan-x2", "srgan-x4")}


@pytest.mark.parametrize(
    ("name", "scale", "found"),
    [
        ("srgan-x2", None, "srgan-x2"),
        ("srgan-x2", 4, "srgan-x2"),
        ("srgan", None, "srgan-x4"),
        ("srgan", 1, "srgan-x2"),
        ("srgan", 2, "srgan-x2"),
        ("srgan", 2.5, "srgan-x4"),
        ("srgan", 16, "srgan-x4"),
        ("fidelity", 2, "fidelity-x4"),
    ],
)
def test_family_name_finds_the_smallest_scale_that_reaches(
    shipped: Path, name: str, scale: float | None, found: str
) -> None:
    assert find_weights(name, scale) == shipped / f"{found}.safetensors"


@pytest.mark.usefixtures("shipped")
def test_path_is_taken_as_a_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_weights(str(file)) == file
    monkeypatch.chdir(file.parent)
    file.rename("without-suffix")
    assert find_weights("without-suffix") == Path("without-suffix")


def test_shipped_weights_win_over_a_file_of_their_name(
    shipped: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    for name, found in (("srgan", "srgan-x4"), ("srgan-x4", "srgan-x4")):
        Path(name).write_bytes(file.read_bytes())
        assert find_weights(name) == shipped / f"{found}.safetensors"
        assert find_weights(f"./{name}") == Path(name)
        assert Upscaler.load(Path(name)).sha256 == digest(file)


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(("name", "nearest"), [("srgna-x4", "srgan-x4"), ("fidelty", "fidelity-x4")])
def test_unknown_name_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownModel, match=repr(name)) as caught:
        find_weights(name)
    assert f"did you mean {nearest}?" in caught.value.hint
    assert all(shipped in caught.value.hint for shipped in list_weights())


@pytest.mark.usefixtures("shipped")
def test_unknown_name_like_no_other_is_answered_with_the_list() -> None:
    with pytest.raises(UnknownModel) as caught:
        find_weights("???")
    assert "did you mean" not in caught.value.hint
    assert "srgan-x2" in caught.value.hint


def test_every_file_in_the_shipped_folder_loads() -> None:
    for name, path in list_weights().items():
        loaded, card = load_weights(path)
        assert (card.name, card.scale, card.receptive_radius) == (name, loaded.scale, loaded.receptive_radius)


def _rewrite(path: Path, card: dict[str, Any]) -> None:
    with safe_open(path, framework="pt") as opened:
        tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    save_file(tensors, path, {"srgan": json.dumps(card)})


def _refused(path: Path, expected: str, read: Callable[[Path], object] = load_weights) -> None:
    with pytest.raises(WeightsError, match=expected) as caught:
        read(path)
    assert "\n" not in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Adversarial weights of default strength 0.75, with their counterpart beside them."""
    for name, story in {"plain": {}, "sharp": {"counterpart": "plain", "strength": 0.75}}.items():
        built = generator(batch_norm=True)
        save_weights(tmp_path / f"{name}.safetensors", built, WeightsCard.for_generator(built, name, **story))
    return tmp_path / "sharp.safetensors"


@pytest.mark.parametrize(("strength", "share"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0), (None, 0.75)])
def test_a_blend_lies_between_the_weights(pair: Path, strength: float | None, share: float) -> None:
    blended, card = interpolate(pair, strength)
    plain, sharp = (load_weights(pair.with_stem(stem))[0].state_dict() for stem in ("plain", "sharp"))
    assert card.name == "sharp"
    for key, value in blended.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (1 - share) * plain[key] + share * sharp[key])


def test_a_blend_finds_shipped_counterparts(shipped: Path, tmp_path: Path) -> None:
    built = generator(scale=4)
    path = tmp_path / "mine.safetensors"
    save_weights(path, built, WeightsCard.for_generator(built, "mine", counterpart="fidelity-x4"))
    blended = interpolate(path, 0.0)[0]
    expected = load_weights(shipped / "fidelity-x4.safetensors")[0]
    assert torch.equal(blended.get_parameter("tail.weight"), expected.get_parameter("tail.weight"))


def test_what_cannot_be_blended_is_refused(file: Path, pair: Path) -> None:
    assert interpolate(file, 1.0)[1].name == "tiny-x2"
    with pytest.raises(UsageError, match="has no fidelity counterpart"):
        interpolate(file, 0.5)
    with pytest.raises(UsageError, match="the strength is"):
        interpolate(pair, 1.5)
    ship(pair.parent, "plain-x2")
    (pair.parent / "plain-x2.safetensors").rename(pair.with_stem("plain"))
    with pytest.raises(WeightsError, match="have different architectures"):
        interpolate(pair, 0.5)
    pair.with_stem("plain").unlink()
    with pytest.raises(UnknownModel, match="plain"):
        interpolate(pair, 0.5)
