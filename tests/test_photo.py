"""The benchmark on degraded photographs."""

import runpy
import sys
from pathlib import Path

import pytest
import torch
from support import REPOSITORY

from srgan_cli.image.io import read_picture
from srgan_cli.image.ops import resize
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture


def test_every_candidate_gets_the_same_degraded_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], backbones: Path
) -> None:
    monkeypatch.setattr(sys, "path", [str(REPOSITORY / "benchmarks"), *sys.path])
    monkeypatch.setenv("SRGAN_METRIC_WEIGHTS", str(backbones))
    random = torch.Generator().manual_seed(0)
    pixels = resize(torch.rand(3, 10, 20, generator=random), 300, 560)
    (tmp_path / "photos").mkdir()
    write_picture(Picture(pixels), tmp_path / "photos/a.png")
    program = runpy.run_path(str(REPOSITORY / "benchmarks/photo.py"))
    (tmp_path / "made").mkdir()
    only = ["bicubic (Pillow)", "srcnn-x4"]
    for _ in range(2):
        program["main"](tmp_path / "photos", only=only, count=2, every=True, write=tmp_path / "made", markdown=True)
    first, second = capsys.readouterr().out.split("BT.601")[1:]
    assert [line.split("|")[5] for line in first.splitlines()[-2:]] == [
        line.split("|")[5] for line in second.splitlines()[-2:]
    ]
    names = ["00-a.png", "01-a.png"]
    assert {folder.name for folder in (tmp_path / "made").iterdir()} == {*only, "input", "original"}
    assert sorted(path.name for path in (tmp_path / "made/srcnn-x4").iterdir()) == names
    low, high = (read_picture(tmp_path / f"made/{name}/00-a.png").pixels for name in ("input", "original"))
    assert (low.shape, high.shape) == ((3, 64, 64), (3, 256, 256))
    assert 0 < (resize(high, 64, 64) - low).abs().mean() < 0.1
