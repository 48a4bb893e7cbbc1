"""Generators run eight times over, compiled, in half precision, and again where that broke."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from srgan_cli.batch.processor import ImageProcessor
from srgan_cli.batch.runner import BatchRunner
from srgan_cli.batch.task import Task
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.image.io import write_picture
from srgan_cli.image.picture import Picture
from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.networks.generators.srresnet import SRResNet
from srgan_cli.upscaling.compilation import CompiledGenerator, check_compiler
from srgan_cli.upscaling.ensemble import SelfEnsemble
from srgan_cli.upscaling.precision import MixedPrecision, with_precision
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

CPU = torch.device("cpu")
SMALL = {
    "srresnet": {"channels": 8, "blocks": 2},
    "span": {"channels": 8, "blocks": 2},
    "srcnn": {"channels": 8},
    "swinir": {"channels": 12, "blocks": 2, "heads": 2},
    "unet": {"channels": 8},
}


def restless() -> SRResNet:
    generator = SRResNet(2, channels=4, blocks=1).eval().requires_grad_(False)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.2, generator=torch.Generator().manual_seed(2))
    return generator


class Breaking(Generator):
    """Gives `broken` where it computes in half precision, the nearest enlargement in float32."""

    def __init__(self, broken: float, always: bool = False) -> None:
        super().__init__(scale=2)
        self.broken, self.always = broken, always

    def forward(self, x: Tensor) -> Tensor:
        enlarged = nn.functional.interpolate(x, scale_factor=2)
        half = torch.is_autocast_enabled("cpu")
        return torch.full_like(enlarged, self.broken) if half or self.always else enlarged


def test_what_is_known_of_a_generator_is_known_of_it_wrapped() -> None:
    generator = restless()
    generator.grid, generator.exact_tiles, generator.half_formats = 3, False, ()
    generator.memory_format = torch.preserve_format
    wrapped = with_precision(SelfEnsemble(generator), CPU)
    assert (wrapped.grid, wrapped.exact_tiles, wrapped.half_formats) == (3, False, ())
    assert wrapped.memory_format == torch.preserve_format
    assert wrapped.receptive_radius == generator.receptive_radius


def test_self_ensemble_treats_all_directions_alike() -> None:
    picture, ensemble = torch.rand(1, 3, 6, 9, generator=torch.Generator().manual_seed(0)), SelfEnsemble(restless())
    mean = ensemble(picture)
    for turns in range(4):
        torch.testing.assert_close(ensemble(picture.rot90(turns, (2, 3))), mean.rot90(turns, (2, 3)))
    torch.testing.assert_close(ensemble(picture.flip(-1)), mean.flip(-1))
    assert (mean - ensemble.generator(picture)).abs().max() > 1e-3


def test_self_ensemble_is_the_mean_of_what_the_generator_gives() -> None:
    flat = torch.full((1, 3, 5, 4), 0.5)
    torch.testing.assert_close(SelfEnsemble(Breaking(0))(flat), torch.full((1, 3, 10, 8), 0.5))


def test_self_ensemble_is_tiled_exactly() -> None:
    picture = Picture(torch.rand(3, 30, 40, generator=torch.Generator().manual_seed(1)))
    whole, tiled = (
        Upscaler(SelfEnsemble(restless()), CPU, policy=TilePolicy(tile)).upscale(picture) for tile in (0, 16)
    )
    assert (whole.pixels - tiled.pixels).abs().max() < 1e-4


@pytest.mark.parametrize(("dtype", "most"), [(torch.float16, 0.5), (torch.bfloat16, 3)])
def test_half_precision_stays_near_float32(dtype: torch.dtype, most: float) -> None:
    picture = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    half = MixedPrecision(restless(), dtype)(picture)
    assert half.dtype == torch.float32
    assert 0 < (half - restless()(picture)).abs().max() < most / 255 * restless()(picture).abs().max()


@pytest.mark.parametrize("name", [name for name, kind in GENERATORS.items() if torch.bfloat16 in kind.half_formats])
def test_in_bfloat16_tiles_are_as_exact_as_ever(name: str) -> None:
    generator = GENERATORS[name](scale=2, **SMALL.get(name, {})).eval().requires_grad_(False)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(2))
    picture = Picture(torch.rand(3, 70, 60, generator=torch.Generator().manual_seed(1)))
    whole, tiled = (
        Upscaler(MixedPrecision(generator, torch.bfloat16), CPU, policy=TilePolicy(tile)).upscale(picture).pixels
        for tile in (0, 32)
    )
    assert (whole - tiled).abs().max() < 1 / 255


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), 0.0, -3.0])
def test_a_broken_tile_is_computed_again_in_float32(broken: float) -> None:
    picture = torch.full((1, 3, 4, 4), 0.5)
    torch.testing.assert_close(MixedPrecision(Breaking(broken), torch.float16)(picture), torch.full((1, 3, 8, 8), 0.5))


def test_what_is_black_stays_black() -> None:
    assert not MixedPrecision(Breaking(0), torch.float16)(torch.zeros(1, 3, 4, 4)).any()


def test_a_network_that_gives_no_numbers_is_told() -> None:
    with pytest.raises(SrganError, match="values that are not finite"):
        MixedPrecision(Breaking(float("nan"), always=True))(torch.ones(1, 3, 4, 4))


@pytest.mark.parametrize(
    ("device", "capability", "native", "expected"),
    [
        ("cpu", (0, 0), False, torch.float32),
        ("cpu", (0, 0), True, torch.bfloat16),
        ("cuda", (6, 1), True, torch.float32),
        ("cuda", (7, 5), False, torch.float16),
        ("cuda", (8, 0), False, torch.float16),
    ],
)
def test_half_precision_is_taken_where_the_device_does_it_well(
    monkeypatch: pytest.MonkeyPatch, device: str, capability: tuple[int, int], native: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: capability)
    monkeypatch.setattr("srgan_cli.system.devices._cpu_has_bfloat16", lambda: native)
    assert with_precision(restless(), torch.device(device)).dtype is expected
    assert with_precision(restless(), torch.device(device), "fp32").dtype is torch.float32


def test_half_precision_is_for_networks_that_do_it_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srgan_cli.system.devices._cpu_has_bfloat16", lambda: True)
    plain = GENERATORS["rrdb"](scale=2, channels=4, blocks=1, growth=4)
    assert with_precision(plain, CPU).dtype is torch.float32
    with pytest.raises(UsageError, match="bf16 is not supported efficiently on this network"):
        with_precision(plain, CPU, "bf16")
    with pytest.raises(UsageError, match="fp16 is not supported efficiently on cpu"):
        with_precision(plain, CPU, "fp16")


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(UsageError, match="the precision is 'int8', expected one of auto, fp32, fp16, bf16"):
        with_precision(restless(), CPU, "int8")


class Shapes:
    """A backend of torch.compile that runs what it is given as it is, and notes the shapes of the pictures."""

    def __init__(self) -> None:
        self.seen = list[tuple[int, int]]()

    def __call__(self, graph: Any, examples: list[Tensor]) -> Any:
        self.seen += [tuple(example.shape[-2:]) for example in examples if example.shape[:2] == (1, 3)]
        return graph.forward


@pytest.fixture
def shapes() -> Iterator[Shapes]:
    """Nothing that other tests have had compiled counts."""
    torch._dynamo.reset()
    yield Shapes()
    torch._dynamo.reset()


def compiled(shapes: Shapes, tile: int) -> Upscaler:
    return Upscaler(with_precision(CompiledGenerator(restless(), shapes), CPU, "fp32"), CPU, policy=TilePolicy(tile))


def photo(height: int, width: int, channels: int = 3, alpha: bool = False) -> Picture:
    random = torch.Generator().manual_seed(height + width)
    pixels, cover = (torch.rand(count, height, width, generator=random) for count in (channels, 1))
    return Picture(pixels, cover if alpha else None)


@pytest.mark.parametrize("scale", [None, 1.4])
def test_for_pictures_of_all_sizes_one_shape_is_compiled(shapes: Shapes, scale: float | None) -> None:
    upscaler, plain = compiled(shapes, 24), Upscaler(restless(), CPU, policy=TilePolicy(0))
    sizes = [(50, 41, 3, False), (97, 60, 1, False), (71, 120, 3, True), (41, 45, 1, True)]
    for wanted in sizes:
        original = photo(*wanted)
        found, expected = upscaler.upscale(original, scale=scale), plain.upscale(original, scale=scale)
        assert (found.pixels - expected.pixels).abs().max() < 1e-4
        assert original.alpha is None or (found.alpha - expected.alpha).abs().max() < 1e-4
    assert len(shapes.seen) == 1


@pytest.mark.parametrize("name", [name for name in GENERATORS if name != "rrdb"])
def test_tiles_of_one_shape_are_as_exact_as_ever(name: str) -> None:
    generator = GENERATORS[name](scale=2, **SMALL[name]).eval().requires_grad_(False)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(0))
    alike = CompiledGenerator(generator)
    alike.compiled_forward = generator
    seen = set[torch.Size]()
    generator.register_forward_pre_hook(lambda _, inputs: seen.add(inputs[0].shape[-2:]) if inputs[0].any() else None)
    for original in (photo(175, 183), photo(171, 199)):
        seen.clear()
        tiled = Upscaler(alike, CPU, policy=TilePolicy(30)).upscale(original).pixels
        assert len(seen) == 1
        whole = Upscaler(generator, CPU, policy=TilePolicy(0)).upscale(original).pixels
        assert (whole - tiled).abs().max() * 255 < 0.1


def test_of_smaller_pictures_four_shapes_are_compiled(shapes: Shapes) -> None:
    upscaler = compiled(shapes, 24)
    for height in (9, 10, 11, 12, 13, 14, 10, 9):
        original = photo(height, 20)
        assert torch.equal(upscaler.upscale(original).pixels, Upscaler(restless(), CPU).upscale(original).pixels)
    assert shapes.seen == [(9, 20), (10, 20), (11, 20), (12, 20)]


def test_turned_tiles_are_compiled_too(shapes: Shapes) -> None:
    original = photo(60, 20)
    upscaler = Upscaler(SelfEnsemble(CompiledGenerator(restless(), shapes)), CPU, policy=TilePolicy(24))
    expected = Upscaler(SelfEnsemble(restless()), CPU).upscale(original).pixels
    assert (upscaler.upscale(original).pixels - expected).abs().max() < 1e-4
    assert sorted(shapes.seen) == [(20, 34), (34, 20)]


def test_where_memory_ran_out_pieces_run_as_ever_and_later_pictures_are_compiled_again(shapes: Shapes) -> None:
    upscaler = compiled(shapes, 24)
    send, failures = upscaler.transfer.submit, [torch.OutOfMemoryError("out of memory")]

    def sent(seen: Tensor, crop: Callable[[Tensor], Tensor]) -> Callable[[], Tensor]:
        collect = send(seen, crop)
        if failures:
            raise failures.pop()
        return collect

    upscaler.transfer.submit = sent  # type: ignore[method-assign]
    for _ in range(2):
        original = photo(70, 80)
        expected = Upscaler(restless(), CPU).upscale(original).pixels
        assert (upscaler.upscale(original).pixels - expected).abs().max() < 1e-4
    assert shapes.seen == [(34, 34), (22, 22)]


def test_what_the_compiler_says_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Tensor:
        raise RuntimeError("No working C++ compiler found\n\nSet TORCHDYNAMO_VERBOSE=1")

    alike = CompiledGenerator(restless())
    alike.expect_shape(4, 4, whole=False)
    alike.compiled_forward = fail
    with pytest.raises(SrganError, match=r"cannot compile .*: No working C\+\+ compiler found$") as raised:
        alike(torch.zeros(1, 3, 4, 4))
    assert "--compile" in raised.value.hint
    monkeypatch.setattr("torch.compile", lambda *_, **__: fail)
    with pytest.raises(SrganError, match=r"No working C\+\+ compiler found$"):
        check_compiler(CPU)


def test_small_pictures_leave_the_shape_of_large_ones_its_place() -> None:
    alike = CompiledGenerator(restless())
    for side in range(9, 20):
        alike.expect_shape(side, 20, whole=False)
    alike.expect_shape(30, 30, whole=True)
    assert alike.shapes == {(9, 20), (10, 20), (11, 20), (12, 20), (30, 30)}


def test_too_little_memory_is_no_fault_of_the_compiler() -> None:
    def fail(_: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("out of memory")

    alike = CompiledGenerator(restless())
    alike.expect_shape(4, 4, whole=False)
    alike.compiled_forward = fail
    with pytest.raises(torch.OutOfMemoryError):
        alike(torch.zeros(1, 3, 4, 4))


def test_hands_at_one_bench_share_what_is_compiled(shapes: Shapes, tmp_path: Path) -> None:
    tasks = []
    for number, (height, width) in enumerate([(50, 41), (61, 35), (34, 90), (47, 47)]):
        write_picture(photo(height, width), tmp_path / f"{number}.png")
        tasks.append(Task(tmp_path / f"{number}.png", tmp_path / f"large{number}.png"))
    results = list(BatchRunner(ImageProcessor(compiled(shapes, 24))).run(tasks))
    assert [result.status for result in results] == ["enlarged"] * 4
    assert len(shapes.seen) == 1


@pytest.mark.slow
def test_without_a_compiler_the_command_says_so_before_any_work(picture: Path, weights: Path, tmp_path: Path) -> None:
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
@pytest.mark.skipif(not (which("g++") or which("c++") or which("clang++")), reason="there is no C++ compiler here")
def test_the_compiler_changes_nothing_but_the_last_digits() -> None:
    torch._dynamo.reset()
    check_compiler(CPU)
    original = photo(70, 80, alpha=True)
    for dtype in (torch.float32, torch.bfloat16):
        plain, built = (
            Upscaler(MixedPrecision(generator, dtype), CPU, policy=TilePolicy(24)).upscale(original)
            for generator in (restless(), CompiledGenerator(restless()))
        )
        assert (plain.pixels - built.pixels).abs().max() < (1e-5 if dtype == torch.float32 else 2 / 255)
        assert (plain.alpha - built.alpha).abs().max() < (1e-5 if dtype == torch.float32 else 2 / 255)
