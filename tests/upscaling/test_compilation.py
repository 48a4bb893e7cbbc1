"""Generators compiled by torch.compile."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import torch
from generators import EXACT, noise, random_generator, small_generator
from torch import Tensor

from srgan_cli.batch.processor import ImageProcessor
from srgan_cli.batch.runner import run_batch
from srgan_cli.batch.task import Task
from srgan_cli.errors import SrganError
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture
from srgan_cli.networks import Generator
from srgan_cli.upscaling.compilation import CompiledGenerator, check_compiler
from srgan_cli.upscaling.ensemble import SelfEnsemble
from srgan_cli.upscaling.precision import MixedPrecision, with_precision
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_core")


class Shapes:
    """A backend of torch.compile that compiles nothing and records the shapes of the pictures.

    `error` is raised when a compiled graph first runs.
    """

    def __init__(self) -> None:
        self.seen = list[tuple[int, int]]()
        self.error: Exception | None = None

    def __call__(self, graph: Any, examples: list[Tensor]) -> Any:
        self.seen += [tuple(example.shape[-2:]) for example in examples if example.shape[:2] == (1, 3)]

        def run(*inputs: Tensor) -> Any:
            error, self.error = self.error, None
            if error:
                raise error
            return graph.forward(*inputs)

        return run


@pytest.fixture
def shapes() -> Iterator[Shapes]:
    """A backend, with nothing compiled by other tests."""
    torch._dynamo.reset()
    yield Shapes()
    torch._dynamo.reset()


def compiled(shapes: Shapes, tile: int) -> Upscaler:
    generator = with_precision(CompiledGenerator(random_generator(), shapes), CPU, "fp32")
    return Upscaler(generator, CPU, policy=TilePolicy(tile))


def photo(height: int, width: int, channels: int = 3, alpha: bool = False) -> Picture:
    return Picture(noise(channels, height, width), noise(1, height, width) if alpha else None)


def enlarged(generator: Generator, picture: Picture, tile: int = 0, scale: float | None = None) -> Picture:
    return Upscaler(generator, CPU, policy=TilePolicy(tile)).upscale(picture, scale=scale)


@pytest.mark.parametrize("scale", [None, 1.4])
def test_pictures_of_all_sizes_share_one_compiled_shape(shapes: Shapes, scale: float | None) -> None:
    upscaler = compiled(shapes, 24)
    sizes = [(50, 41, 3, False), (97, 60, 1, False), (71, 120, 3, True), (41, 45, 1, True)]
    for size in sizes:
        original = photo(*size)
        found, expected = upscaler.upscale(original, scale=scale), enlarged(random_generator(), original, scale=scale)
        assert (found.pixels - expected.pixels).abs().max() < 1e-4
        assert original.alpha is None or (found.alpha - expected.alpha).abs().max() < 1e-4
    assert len(shapes.seen) == 1


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("name", [name for name in EXACT if name != "rrdb"])
def test_tiles_of_one_shape_equal_the_whole(name: str, ensemble: bool) -> None:
    """Every tile is compiled, and all have the same shape, also when they are flipped."""
    generator, seen = small_generator(name), set[tuple[int, ...]]()

    def forward(x: Tensor) -> Tensor:
        seen.add(tuple(sorted(x.shape[-2:])))
        return generator(x)

    uniform = CompiledGenerator(generator)
    uniform.compiled_forward = forward
    for original in (photo(175, 183), photo(171, 199)):
        seen.clear()
        tiled = enlarged(SelfEnsemble(uniform) if ensemble else uniform, original, 60).pixels
        assert len(seen) == 1
        whole = enlarged(SelfEnsemble(generator) if ensemble else generator, original).pixels
        assert (whole - tiled).abs().max() * 255 < 0.1


def test_four_shapes_of_small_pictures_are_compiled(shapes: Shapes) -> None:
    upscaler = compiled(shapes, 24)
    for height in (9, 10, 11, 12, 13, 14, 10, 9):
        original = photo(height, 20)
        assert torch.equal(upscaler.upscale(original).pixels, enlarged(random_generator(), original, 1024).pixels)
    assert shapes.seen == [(9, 20), (10, 20), (11, 20), (12, 20)]


def test_turned_tiles_are_compiled_too(shapes: Shapes) -> None:
    original = photo(60, 20)
    found = enlarged(SelfEnsemble(CompiledGenerator(random_generator(), shapes)), original, 24).pixels
    expected = enlarged(SelfEnsemble(random_generator()), original).pixels
    assert (found - expected).abs().max() < 1e-4
    assert sorted(shapes.seen) == [(20, 34), (34, 20)]


def test_after_an_out_of_memory_the_next_picture_is_compiled_for_smaller_tiles(shapes: Shapes) -> None:
    """The pieces of the tile that failed run uncompiled."""
    upscaler = compiled(shapes, 24)
    shapes.error = torch.OutOfMemoryError("out of memory")
    for _ in range(2):
        original = photo(70, 80)
        expected = enlarged(random_generator(), original).pixels
        assert (upscaler.upscale(original).pixels - expected).abs().max() < 1e-4
    assert shapes.seen == [(34, 34), (22, 22)]


def test_a_compiler_error_becomes_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Tensor:
        raise RuntimeError("No working C++ compiler found\n\nSet TORCHDYNAMO_VERBOSE=1")

    generator = CompiledGenerator(random_generator())
    generator.expect_shape(4, 4, whole=False)
    generator.compiled_forward = fail
    with pytest.raises(SrganError, match=r"cannot compile .*: No working C\+\+ compiler found$") as raised:
        generator(torch.zeros(1, 3, 4, 4))
    assert "--compile" in raised.value.hint
    monkeypatch.setattr("torch.compile", lambda *_, **__: fail)
    with pytest.raises(SrganError, match=r"No working C\+\+ compiler found$"):
        check_compiler(CPU)


def test_shapes_of_small_pictures_do_not_displace_that_of_large_ones(shapes: Shapes) -> None:
    generator = CompiledGenerator(random_generator(), shapes)
    for side in range(9, 20):
        generator.expect_shape(side, 20, whole=False)
    generator.expect_shape(30, 30, whole=True)
    for height, width in [*((side, 20) for side in range(9, 20)), (30, 30)]:
        generator(noise(1, 3, height, width))
    assert shapes.seen == [(9, 20), (10, 20), (11, 20), (12, 20), (30, 30)]


def test_an_out_of_memory_is_not_reported_as_a_compiler_error(shapes: Shapes) -> None:
    generator = CompiledGenerator(random_generator(), shapes)
    generator.expect_shape(4, 4, whole=False)
    shapes.error = torch.OutOfMemoryError("out of memory")
    with pytest.raises(torch.OutOfMemoryError):
        generator(torch.zeros(1, 3, 4, 4))


def test_files_in_progress_share_what_is_compiled(shapes: Shapes, tmp_path: Path) -> None:
    tasks = []
    for number, (height, width) in enumerate([(50, 41), (61, 35), (34, 90), (47, 47)]):
        write_picture(photo(height, width), tmp_path / f"{number}.png")
        tasks.append(Task(tmp_path / f"{number}.png", tmp_path / f"large{number}.png"))
    results = list(run_batch([ImageProcessor(compiled(shapes, 24))], tasks))
    assert [result.status for result in results] == ["enlarged"] * 4
    assert len(shapes.seen) == 1


@pytest.mark.slow
def test_a_missing_compiler_is_reported_before_any_work(picture: Path, weights: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "srgan_cli", "upscale", "--device", "cpu", "--compile", "-m", weights]
    nowhere = {"CXX": str(tmp_path / "nowhere"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [*map(str, command), picture, tmp_path / "out.png"], env=os.environ | nowhere, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "torch cannot compile this network here: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.png").exists()


@pytest.mark.slow
@pytest.mark.skipif(not (which("g++") or which("c++") or which("clang++")), reason="no C++ compiler")
def test_a_compiled_generator_differs_only_by_rounding() -> None:
    torch._dynamo.reset()
    check_compiler(CPU)
    original = photo(70, 80, alpha=True)
    for dtype in (torch.float32, torch.bfloat16):
        plain, built = (
            enlarged(MixedPrecision(generator, dtype), original, 24)
            for generator in (random_generator(), CompiledGenerator(random_generator()))
        )
        assert (plain.pixels - built.pixels).abs().max() < (1e-5 if dtype == torch.float32 else 2 / 255)
        assert (plain.alpha - built.alpha).abs().max() < (1e-5 if dtype == torch.float32 else 2 / 255)
