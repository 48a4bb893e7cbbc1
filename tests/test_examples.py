"""The example programs do what they say."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors import safe_open
from support import REPOSITORY

from srgan_cli.image.io import read_picture
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture
from srgan_cli.networks import GENERATORS

EXAMPLES = REPOSITORY / "examples"


def loaded(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def program() -> ModuleType:
    return loaded("attribution")


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
    original = Picture(read_picture(EXAMPLES / "cat.png").pixels[:, 40:80, 40:80])
    write_picture(original, tmp_path / "eye.png")
    program.main(tmp_path / "eye.png", tmp_path / "map.png", 20, 20, "fidelity-x4", 8)
    drawn = read_picture(tmp_path / "map.png")
    assert drawn.pixels.shape == original.pixels.shape
    assert drawn.pixels[0, 16:24, 16:24].mean() > drawn.pixels[1, 16:24, 16:24].mean() + 0.2
    assert capsys.readouterr().out.startswith("diffusion index ")


def test_a_model_of_natural_pictures_is_fitted_to_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, target = tmp_path / "photographs", tmp_path / "niqe.safetensors"
    folder.mkdir()
    for seed in range(2):
        pixels = torch.rand(3, 200, 100, generator=torch.Generator().manual_seed(seed))
        write_picture(Picture(pixels), folder / f"{seed}.png")
    loaded("fit_niqe").main(folder, target, "noise")
    assert capsys.readouterr().out == "4 blocks of 2 pictures\n"
    with safe_open(target, "pt") as file:
        assert json.loads(file.metadata()["niqe"]) == {"pictures": 2, "blocks": 4, "story": "noise"}
        assert file.get_tensor("covariance").shape == (36, 36)


def test_pages_are_drawn_the_same_for_a_seed(tmp_path: Path) -> None:
    pages, fonts = loaded("pages"), sorted(Path("/usr/share/fonts").rglob("*.ttf"))[:2]
    if not fonts:
        pytest.skip("no TrueType fonts here")
    for folder in ("one", "again"):
        pages.main(tmp_path / folder, fonts, count=2)
    drawn, again = (
        [path.read_bytes() for path in sorted((tmp_path / folder).iterdir())] for folder in ("one", "again")
    )
    assert len(drawn) == 2
    assert drawn == again
    assert drawn[0] != drawn[1]
