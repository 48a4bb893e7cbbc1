"""Estimates of memory, and limits that are kept."""

import errno
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from srgan_cli.errors import SrganError, UsageError, is_out_of_memory
from srgan_cli.image.codec.capabilities import FORMAT_CAPABILITIES
from srgan_cli.image.io import picture_size
from srgan_cli.image.sequence import encode_bytes, open_pictures
from srgan_cli.networks import GENERATORS
from srgan_cli.system import files
from srgan_cli.system.files import check_space, format_bytes
from srgan_cli.system.memory_usage import rss
from srgan_cli.upscaling.tiles import memory_limit
from srgan_cli.upscaling.tiles.memory_limit import (
    MemoryEstimate,
    ReservedMemory,
    TilePolicy,
    activation_bytes,
    parse_bytes,
    plan_tile_sides,
)
from srgan_cli.upscaling.upscaler import Upscaler

MEASURE_RISE = """
import sys, torch
from srgan_cli.networks import GENERATORS
from srgan_cli.system.memory_usage import peak_rss, rss
torch.set_num_threads(2)
generator = GENERATORS[sys.argv[1]]().eval()
with torch.no_grad():
    generator(torch.rand(1, 3, 16, 16))
    before = rss()
    generator(torch.rand(1, 3, int(sys.argv[2]), int(sys.argv[2])))
print(peak_rss() - before)
"""


@pytest.mark.parametrize(
    ("text", "size"),
    [("2G", 2 * 2**30), ("800M", 800 * 2**20), ("1.5GiB", 3 * 2**29), ("64kb", 65_536), ("123", 123), (" 1 T ", 2**40)],
)
def test_memory_sizes_are_parsed(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "G", "two", "-1G", "1,5G", "0", "0G", "nanG", "1P", "0.2", "9" * 400])
def test_other_texts_are_not_memory_sizes(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the memory size") as caught:
        parse_bytes(text)
    assert "--max-memory" in caught.value.hint


@pytest.mark.parametrize("size", [1, 2**10 + 1, 2**20, 700 * 2**20, 2**30, 3 * 2**29])
def test_a_formatted_size_is_parsed_as_no_less(size: int) -> None:
    assert parse_bytes(format_bytes(size)) >= size


def test_activations_of_a_chain_equal_those_counted_by_hand() -> None:
    """Input, picture and output of one convolution are alive at once."""
    chain = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 16, 1), nn.Conv2d(16, 2, 1))
    assert activation_bytes(chain, 3) == 4 * (3 + 8 + 16)


def test_activations_of_residual_blocks_equal_those_counted_by_hand() -> None:
    """The picture, the input of the first block, the input of one block and the outputs of its two convolutions."""
    assert activation_bytes(GENERATORS["srresnet"](channels=48, blocks=3).eval(), 3) == 4 * (3 + 4 * 48)


@pytest.mark.parametrize("name", ["srresnet", "span"])
def test_a_process_takes_about_the_counted_memory(name: str) -> None:
    side = 400
    done = subprocess.run(
        [sys.executable, "-c", MEASURE_RISE, name, str(side)], capture_output=True, text=True, check=True
    )
    counted = activation_bytes(GENERATORS[name]().eval(), 3) * side**2
    assert 0.8 * counted < int(done.stdout) < memory_limit.ALLOCATOR_FACTOR * memory_limit.WORKSPACE * counted


def limited(available: int, size: int = 384) -> TilePolicy:
    return TilePolicy(size, rss() + memory_limit.OVERHEAD + available)


def test_tiles_are_as_large_as_the_policy_allows_if_they_fit() -> None:
    assert plan_tile_sides(MemoryEstimate(1, 1, 0, 10), 1000, 700, TilePolicy(384)) == (334, 350)
    assert plan_tile_sides(MemoryEstimate(1e9, 1e9, 0, 10), 1000, 700, TilePolicy(0)) == (1000, 700)
    assert plan_tile_sides(MemoryEstimate(1e9, 1e9, 0, 10), 45, 38, TilePolicy(384)) == (15, 13)


@pytest.mark.parametrize("size", [0, 384])
def test_tiles_read_no_more_pixels_than_allowed(size: int) -> None:
    estimate = MemoryEstimate(1, 1, 0, 10, max_input_pixels=9000)
    sides = plan_tile_sides(estimate, 1000, 700, TilePolicy(size))
    assert 0.7 * 9000 < memory_limit.input_area(sides, (1000, 700), 10) <= 9000
    assert plan_tile_sides(estimate, 90, 100, TilePolicy(size)) == (90, 100)
    uniform = memory_limit.plan_uniform_side(estimate, 1000, 700, TilePolicy(size))
    assert memory_limit.input_area((uniform, uniform), (1000, 700), 10) <= 9000


def test_tiles_overlap_as_little_as_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two halves fit, side by side or one above the other; the shorter cut costs less."""
    monkeypatch.setattr(memory_limit, "total_memory", lambda: 0)
    estimate = MemoryEstimate(memory_limit.MIN_BUDGET / 1.3e6 / memory_limit.ALLOCATOR_FACTOR, 0, 0, 20)
    assert plan_tile_sides(estimate, 1000, 2000, TilePolicy(2000)) == (1000, 1000)


@pytest.mark.parametrize(
    ("machine", "on_host", "available"),
    [(2**36, True, 2**31), (2**33, True, 2**30), (2**33, False, None), (2**30, True, None)],
)
def test_tiles_take_an_eighth_of_the_machines_memory(
    monkeypatch: pytest.MonkeyPatch, machine: int, on_host: bool, available: int | None
) -> None:
    monkeypatch.setattr(memory_limit, "total_memory", lambda: machine)
    estimate = MemoryEstimate(2000, 0, 0, 20, on_host)
    most = available or memory_limit.MIN_BUDGET
    sides = plan_tile_sides(estimate, 9000, 9000, TilePolicy(4096))
    assert 0.8 * most < estimate.for_tiles(*sides) <= most
    assert (
        estimate.for_tiles(*plan_tile_sides(estimate, 9000, 9000, TilePolicy(4096, shared_machine=True)))
        <= memory_limit.MIN_BUDGET
    )


@pytest.mark.parametrize("on_host", [True, False])
@pytest.mark.parametrize("available", [50, 100, 300])
@pytest.mark.parametrize("row", [1e3, 1e6])
def test_tiles_fit_within_the_limit(monkeypatch: pytest.MonkeyPatch, row: float, available: int, on_host: bool) -> None:
    monkeypatch.setattr(memory_limit, "rss", lambda: 300 * 2**20)
    estimate = MemoryEstimate(2000, row, 1e6, 19, on_host)
    limit = available * 2**20 + memory_limit.OVERHEAD + (300 * 2**20 if on_host else 0)
    if estimate.for_tiles(16, 16) > available * 2**20:
        with pytest.raises(SrganError, match="cannot be enlarged within"):
            plan_tile_sides(estimate, 9000, 9000, TilePolicy(384, limit))
        return
    height, width = plan_tile_sides(estimate, 9000, 9000, TilePolicy(384, limit))
    assert estimate.for_tiles(height, width) <= available * 2**20
    assert estimate.for_tiles(height + 17, width + 17) > available * 2**20 or max(height, width) > 367


@pytest.mark.parametrize("limit", [None, 2**33])
def test_wide_pictures_have_low_tiles_for_kernels(limit: int | None) -> None:
    upscaler = Upscaler.load("bicubic", policy=TilePolicy(max_memory=limit))
    widths = (3000, 9000, 30_000, 100_000)
    sides = [upscaler.plan(9000, width, scale=2).tile_sides for width in widths]
    assert all(2**18 < height * width < 2**20 or height < 32 for (height, _), width in zip(sides, widths, strict=True))
    assert min(width for _, width in sides) > 256


def test_results_in_page_locked_memory_count_for_the_host() -> None:
    """Not when the GPU takes more, nor when there is one memory only."""
    assert (
        MemoryEstimate(10, 1000, 0, 2, on_host=False, pinned_bytes_per_pixel=50).for_tiles(6, 16)
        == 1.6 * 1000 * 10 + 50 * 10 * 20
    )
    assert (
        MemoryEstimate(1000, 10, 0, 2, on_host=False, pinned_bytes_per_pixel=50).for_tiles(6, 16)
        == 1.6 * 1000 * 10 * 20
    )
    assert MemoryEstimate(10, 1000, 0, 2, pinned_bytes_per_pixel=50).for_tiles(6, 16) == 1.6 * (
        10 * 10 * 20 + 1000 * 10
    )


def test_the_limit_named_in_an_error_is_sufficient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limit, "rss", lambda: 300 * 2**20)
    estimate = MemoryEstimate(20_000, 1e6, 5e8, 19)
    with pytest.raises(SrganError) as caught:
        plan_tile_sides(estimate, 5000, 5000, TilePolicy(384, 2**29))
    named = caught.value.hint.partition("--max-memory ")[2].partition(",")[0]
    assert plan_tile_sides(estimate, 5000, 5000, TilePolicy(384, parse_bytes(named)))


def test_a_whole_picture_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(SrganError, match="cannot be enlarged within"):
        plan_tile_sides(MemoryEstimate(1e6, 1, 0, 0), 5000, 5000, limited(2**30, 0))


def test_too_little_disk_space_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_space(tmp_path, 1)
    check_space(tmp_path / "new/folder", 1)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: SimpleNamespace(free=2**20))
    with pytest.raises(SrganError, match=r"up to 2M are needed in .*, found 1M free"):
        check_space(tmp_path, 2**21)


@pytest.mark.parametrize(
    ("error", "exhausted"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory: you"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("could not create a primitive"), True),
        (MemoryError(), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), True),
        (ImportError("a.so: failed to map segment from shared object: Operation not permitted"), False),
        (RuntimeError("shape mismatch"), False),
        (ValueError("memory"), False),
    ],
)
def test_out_of_memory_is_distinguished_from_other_errors(error: Exception, exhausted: bool) -> None:
    assert is_out_of_memory(error) == exhausted


def enlarge(folder: Path, limit: str, out: str = "out.tif") -> "subprocess.CompletedProcess[str]":
    """Enlarge the picture in a folder four times by the command line."""
    arguments = ["upscale", "--json", "-m", "bicubic", "--max-memory", limit, folder / "in.png", folder / out]
    command = [sys.executable, "-m", "srgan_cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def suggested_limit(refused: "subprocess.CompletedProcess[str]") -> str:
    """The limit that the error suggests."""
    return refused.stderr.rpartition("--max-memory ")[2].partition(",")[0].strip()


def test_a_process_stays_within_its_limit(tmp_path: Path) -> None:
    """The result alone takes 183 MiB as floats; the memory before that depends on torch."""
    Image.effect_noise((1000, 1000), 60).convert("RGB").save(tmp_path / "in.png", compress_level=1)
    limit = suggested_limit(enlarge(tmp_path, "100M"))
    done = enlarge(tmp_path, limit)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["peak_memory"] < parse_bytes(limit)
    assert picture_size(tmp_path / "out.tif") == (4000, 4000)


def test_a_limit_that_cannot_be_kept_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    Image.new("RGB", (60, 50)).save(tmp_path / "in.png")
    done = enlarge(tmp_path, "100M")
    assert done.returncode == 1
    assert "this picture cannot be enlarged within 100M: it takes " in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


def test_a_picture_too_large_to_decode_is_an_error_before_decoding(tmp_path: Path) -> None:
    """20 bytes for each pixel are 549 MiB."""
    Image.new("L", (6000, 4800), 99).save(tmp_path / "in.jpg")
    arguments = ["upscale", "-m", "bicubic", "--max-memory", "600M", tmp_path / "in.jpg", tmp_path / "out.tif"]
    command = [sys.executable, "-m", "srgan_cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "this picture cannot be read within 600M: decoded whole, it takes " in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.jpg"]


@pytest.mark.parametrize(
    ("name", "options", "bytes_per_pixel"),
    [("a.png", {}, 0), ("a.tif", {}, 0), ("a.jpg", {}, 20), ("a.webp", {}, 20), ("p.png", {"palette": 1}, 20)],
)
def test_formats_read_in_bands_reserve_no_memory_for_decoding(
    tmp_path: Path, name: str, options: dict[str, int], bytes_per_pixel: int
) -> None:
    image = Image.new("RGB", (30, 20), "teal")
    (image.quantize(4) if options else image).save(tmp_path / name)
    assert open_pictures(tmp_path / name).decode_bytes == (bytes_per_pixel * 30 * 20,)


def test_back_projection_takes_several_copies_of_the_result(tmp_path: Path) -> None:
    streamed, whole, size = tmp_path / "b.png", tmp_path / "b.webp", (40, 60)
    assert encode_bytes([size], streamed) == 0
    assert encode_bytes([size], streamed, back_projected=True) == 5 * 4 * 4 * 40 * 60
    assert encode_bytes([size], whole, back_projected=True) == encode_bytes([size], whole) + 5 * 4 * 4 * 40 * 60
    assert encode_bytes([size, (80, 60)], tmp_path / "b.tif") == 0
    assert encode_bytes([size, (80, 60)], tmp_path / "b.tif", back_projected=True) == 5 * 4 * 4 * 80 * 60


def test_whole_encoding_takes_all_results_and_a_copy_of_the_largest(tmp_path: Path) -> None:
    held = FORMAT_CAPABILITIES["GIF"].encode_memory
    sizes, areas = [(10, 10), (20, 30), (5, 2)], 100 + 600 + 10
    assert encode_bytes(sizes, tmp_path / "a.gif") == held.each * areas + held.once * 600
    assert encode_bytes(sizes[:1], tmp_path / "a.gif") == (held.each + held.once) * 100


def test_promised_memory_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process grows into the promised memory; only growth beyond it counts."""
    now = iter([100, 100, 130, 190])
    monkeypatch.setattr(memory_limit, "rss", lambda: next(now))
    reserve = ReservedMemory(promised=50)
    assert [reserve.in_use for _ in range(3)] == [100, 100, 140]


@pytest.mark.parametrize(
    ("name", "mode", "count", "side"),
    [
        ("out.gif", "RGB", 3, 200),
        ("out.webp", "RGBA", 3, 250),
        ("out.png", "RGB", 3, 300),
        ("out.avif", "RGB", 2, 250),
        ("out.heic", "RGB", 2, 200),
        ("out.jxl", "RGBA", 1, 300),
        ("out.bmp", "RGB", 1, 600),
    ],
)
def test_the_limit_named_in_an_error_is_sufficient_for_whole_encoding(
    tmp_path: Path, name: str, mode: str, count: int, side: int
) -> None:
    """Frames share the promised memory, which earlier ones already use."""
    random = np.random.default_rng(0)
    frames = [Image.fromarray(random.integers(0, 256, (side, side, len(mode)), np.uint8)) for _ in range(count)]
    frames[0].save(tmp_path / "in.png", save_all=count > 1, append_images=frames[1:])
    refused = enlarge(tmp_path, "100M", name)
    assert "cannot be enlarged within" in refused.stderr
    done = enlarge(tmp_path, suggested_limit(refused), name)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["peak_memory"] < parse_bytes(suggested_limit(refused))
    assert open_pictures(tmp_path / name).count == count


def test_uniform_tiles_are_halved_until_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limit, "rss", lambda: 300 * 2**20)
    estimate = MemoryEstimate(2000, 10, 0, 19)
    assert memory_limit.plan_uniform_side(estimate, 5000, 5000, TilePolicy(384)) == 384
    assert memory_limit.plan_uniform_side(estimate, 5000, 5000, TilePolicy(0)) == 5000
    tight = 300 * 2**20 + memory_limit.OVERHEAD
    sides = [
        memory_limit.plan_uniform_side(estimate, 5000, 5000, TilePolicy(384, tight + available * 2**20))
        for available in (700, 500, 50, 10)
    ]
    assert sides == [384, 192, 48, 12]
    assert memory_limit.plan_uniform_side(estimate, 30, 40, TilePolicy(384, tight + 50 * 2**20)) == 384
    with pytest.raises(SrganError, match="cannot be enlarged within"):
        memory_limit.plan_uniform_side(estimate, 5000, 5000, TilePolicy(384, tight + 2**20))
