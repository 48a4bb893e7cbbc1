"""Reading references and results."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from scoring_pictures import noise

from srgan_cli.errors import PictureError
from srgan_cli.scoring.pairs import load_pictures
from srgan_cli.scoring.plan import plan_scoring
from srgan_cli.scoring.protocol import Protocol


def test_transparent_results_are_flattened_on_white(tmp_path: Path) -> None:
    reference = noise(tmp_path / "a.png", 0, 4, 5)
    Image.new("RGBA", (4, 5), (0, 0, 0, 0)).save(tmp_path / "b.png")
    original, results = load_pictures(plan_scoring(reference, [tmp_path / "b.png"], [], Protocol()), "a")
    assert original.shape == results["b"].shape == (3, 5, 4)
    assert (results["b"] == 1).all()


def test_results_of_another_size_are_left_out_unless_they_are_matched(tmp_path: Path) -> None:
    files = noise(tmp_path / "a.png", 0, 24, 22), [noise(tmp_path / "b.png", 1, 20, 30)]
    for mismatch, shape in (("error", None), ("crop", (3, 22, 20)), ("resize", (3, 22, 24))):
        original, results = load_pictures(plan_scoring(*files, [], Protocol(mismatch=mismatch)), "a")
        assert [picture.shape for picture in results.values()] == ([shape] if shape else [])
        assert original.shape == (shape or (3, 22, 24))


def test_limit_on_pixels_holds_for_references(tmp_path: Path) -> None:
    plan = plan_scoring(noise(tmp_path / "a.png", 0), [noise(tmp_path / "b.png", 1)], [], Protocol())
    with pytest.raises(PictureError, match="pixels"):
        load_pictures(replace(plan, max_pixels=100), "a")
