"""The example programs do what they say."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

from srgan_cli.networks import GENERATORS
from srgan_cli.picture import read_picture

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def program() -> ModuleType:
    specification = importlib.util.spec_from_file_location("attribution", EXAMPLES / "attribution.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_a_patch_rests_on_nothing_beyond_the_receptive_radius(program: ModuleType) -> None:
    torch.manual_seed(0)
    generator = GENERATORS["srresnet"](scale=2, channels=8, blocks=1).eval()
    torch.nn.init.normal_(generator.get_parameter("tail.weight"), std=0.1)
    picture = torch.rand(3, 60, 60)
    map_ = program.attribution(generator, picture, 30, 20, side=4, steps=4)
    rows, columns = map_.nonzero().T
    reach = generator.receptive_radius + 2
    assert map_.shape == (60, 60)
    assert 0 < (rows - 30).abs().max() <= reach
    assert 0 < (columns - 20).abs().max() <= reach


def test_the_diffusion_index_tells_one_pixel_from_all(program: ModuleType) -> None:
    one = torch.zeros(10, 10)
    one[3, 4] = 1
    assert program.diffusion_index(torch.ones(10, 10)) == pytest.approx(100)
    assert program.diffusion_index(one) == pytest.approx(1)


def test_the_map_is_drawn_over_the_input(
    program: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program.main(EXAMPLES / "cat.png", tmp_path / "map.png", 60, 60, "fidelity-x4", 8)
    drawn, original = read_picture(tmp_path / "map.png"), read_picture(EXAMPLES / "cat.png")
    assert drawn.pixels.shape == original.pixels.shape
    assert drawn.pixels[0, 50:70, 50:70].mean() > drawn.pixels[1, 50:70, 50:70].mean() + 0.1
    assert capsys.readouterr().out.startswith("diffusion index ")
