"""Runs that start from given weights, also of other projects."""

from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from srgan_cli.cli import app
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.networks.generators.smfanet import SMFANet
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.models.build import build_generator
from srgan_cli.training.run.initial_weights import check_start
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import load_weights, save_weights
from srgan_cli.weights.spandrel import build_spandrel, check_trainable


@pytest.fixture
def file(spandrel: Any, tmp_path: Path) -> Path:
    """ESRGAN, x2, with random weights."""
    torch.manual_seed(0)
    network = spandrel.architectures.ESRGAN.ESRGAN(num_filters=8, num_blocks=1, scale=2)
    torch.save({"params": network.state_dict()}, tmp_path / "2x_foo.pth")
    return tmp_path / "2x_foo.pth"


def train(data: Path, *options: object) -> Any:
    run = data.parent / "run"
    length = ("train", data, "--run", run, "--device", "cpu", "--steps")
    done = CliRunner().invoke(app, [*map(str, (*length, *options))])
    if isinstance(done.exception, SrganError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return run


def test_a_foreign_network_is_fine_tuned_resumed_and_used(file: Path, smooth_pictures: Path) -> None:
    settings = ("--init-from", file, "--name", "mine", "--scale", 2, "--batch", 2, "--patch", 8)
    run = train(smooth_pictures, 4, *settings)
    (run / "mine.safetensors").unlink()
    run = train(smooth_pictures, 8, "--resume")
    tuned, card = load_weights(run / "mine.safetensors")
    assert (card.architecture, card.scale, card.training["steps"]) == ("spandrel:ESRGAN", 2, 8)
    assert card.training["started_from"]["name"] == "2x_foo"
    before = load_weights(file)[0].state_dict()
    assert tuned.state_dict().keys() == before.keys()
    assert not all(torch.equal(tuned.state_dict()[key], value) for key, value in before.items())
    out = run / "large.png"
    done = CliRunner().invoke(
        app, ["upscale", "-m", str(run / "mine.safetensors"), str(smooth_pictures / "0.png"), str(out)]
    )
    assert done.exit_code == 0, done.output
    with Image.open(out) as large:
        assert large.size == (96, 96)
    with pytest.raises(UsageError, match="is built from its weights"):
        train(smooth_pictures, 1, "--run", run.parent / "again", "--config", run / "config.json")


def test_a_foreign_network_keeps_its_scale(file: Path, smooth_pictures: Path) -> None:
    with pytest.raises(UsageError, match="2x_foo has scale 2, the run 4"):
        train(smooth_pictures, 1, "--init-from", file)


def test_networks_that_need_more_inputs_than_pictures_are_refused(spandrel: Any) -> None:
    network = spandrel.architectures.FBCNN.FBCNN(nc=[4, 4, 4, 4], nb=2)
    generator = build_spandrel(network.state_dict(), "fbcnn.pth")
    with pytest.raises(UsageError, match="FBCNN networks cannot be trained"):
        check_trainable(generator, "fbcnn.pth")


def started(given: Generator, scale: int, folder: Path) -> Generator:
    """The generator of a run of this scale that starts from the weights of another."""
    save_weights(folder / "given.safetensors", given, WeightsCard.for_generator(given, "given"))
    config = TrainConfig.from_settings(
        data=folder, run=folder / "run", scale=scale, init_from=str(folder / "given.safetensors")
    )
    config, origin = check_start(config)
    assert origin
    generator = origin.build(config)
    assert generator.config == build_generator(config).config, "otherwise the run cannot be resumed"
    return generator


@pytest.mark.parametrize(("before", "after"), [(4, 2), (2, 4), (4, 3), (2, 2)])
@pytest.mark.parametrize("name", GENERATORS)
def test_every_generator_starts_from_weights_of_any_scale(name: str, before: int, after: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    taken = signature(GENERATORS[name]).parameters
    given = GENERATORS[name](
        before, **{key: value for key, value in {"channels": 6, "blocks": 1}.items() if key in taken}
    )
    generator = started(given, after, tmp_path)
    assert generator.config == {**given.config, "scale": after}
    own, known = generator.state_dict(), given.state_dict()
    shared = [key for key in own if key in known and own[key].shape == known[key].shape]
    assert len(own) - len(shared) <= 2, "all but the layer whose shape depends on the scale"
    assert all(torch.equal(own[key], known[key]) for key in shared)


def test_smfanet_can_do_without_its_global_variance(tmp_path: Path) -> None:
    given = SMFANet(2, channels=8, blocks=1)
    save_weights(tmp_path / "given.safetensors", given, WeightsCard.for_generator(given, "given"))
    start = {"data": tmp_path, "run": tmp_path / "run", "init_from": str(tmp_path / "given.safetensors"), "scale": 2}
    config, origin = check_start(TrainConfig.from_settings(**start, global_variance=False))
    assert origin
    generator = origin.build(config)
    assert generator.config == {**given.config, "global_variance": False}
    assert {key for key in given.state_dict() if key not in generator.state_dict()} == {"feats.0.smfa.belt"}


@pytest.mark.parametrize(("name", "shape"), [("rrdb", {"growth": 4}), ("swinir", {"heads": 3})])
def test_weights_of_a_shape_that_settings_cannot_describe_are_refused(
    name: str, shape: dict[str, int], tmp_path: Path
) -> None:
    given = GENERATORS[name](channels=6, blocks=1, **shape)
    with pytest.raises(UsageError, match="given has {} {}, expected".format(*next(iter(shape.items())))):
        started(given, 4, tmp_path)


@pytest.mark.parametrize("given", [False, True], ids=["new", "from weights"])
def test_settings_that_a_network_does_not_take_have_their_defaults(given: bool, tmp_path: Path) -> None:
    weights = SMFANet(2, channels=8, blocks=1)
    save_weights(tmp_path / "given.safetensors", weights, WeightsCard.for_generator(weights, "given"))
    start = {"init_from": str(tmp_path / "given.safetensors")} if given else {"generator": "smfanet"}
    shape = {"scale": 2, "channels": 8, "noise": 2, "dropout": 0.5}
    config, _ = check_start(TrainConfig.from_settings(data=tmp_path, run=tmp_path / "run", **start, **shape))
    assert (config.generator.channels, config.generator.noise, config.generator.dropout) == (8, 0, 0.0)


def test_a_missing_file_of_the_perceptual_loss_is_named_before_any_work(tmp_path: Path) -> None:
    config = TrainConfig.from_settings(data=tmp_path, run=tmp_path / "run", perceptual_weights="no/such/file.pth")
    with pytest.raises(SrganError, match=r"^no such file or folder: no.such.file.pth$"):
        check_start(config)
