"""Enlarging pictures."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from generators import EXACT, noise, small_generator
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.image.codec.raster import BAND_GRID
from srgan_cli.image.ops import KERNELS, resize
from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.networks.generators.srresnet import SRResNet
from srgan_cli.upscaling.scale import Scale, Size, check_scale
from srgan_cli.upscaling.tiles.layers import Layers
from srgan_cli.upscaling.tiles.memory_limit import ReservedMemory, TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

CPU = torch.device("cpu")


@cache
def bicubic(scale: int = 4) -> SRResNet:
    """An untrained generator gives the bicubic enlargement."""
    return SRResNet(scale, channels=4, blocks=1)


@cache
def random_weights(scale: int) -> SRResNet:
    """A generator in which every weight changes the result."""
    generator, random = SRResNet(scale, channels=4, blocks=1), torch.Generator().manual_seed(scale)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.2, generator=random)
    return generator


def upscaler(generator: SRResNet, tile: int = 0) -> Upscaler:
    return Upscaler(generator, CPU, policy=TilePolicy(tile))


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40), st.sampled_from([2, 3, 4]), st.booleans())
@settings(max_examples=20)
def test_tiled_equals_whole(height: int, width: int, tile: int, scale: int, transparent: bool) -> None:
    tile = max(tile, max(height, width) // 5)  # few tiles are quick
    picture = Picture(noise(3, height, width), noise(1, height, width) if transparent else None)
    whole, tiled = (upscaler(random_weights(scale), size).upscale(picture) for size in (0, tile))
    assert whole.pixels.shape == (3, scale * height, scale * width)
    assert (tiled.pixels - whole.pixels).abs().max() < 1e-4
    if transparent:
        assert (tiled.alpha - whole.alpha).abs().max() < 1e-4


def test_a_smaller_halo_changes_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(noise(3, 40, 40))
    whole = upscaler(random_weights(2)).upscale(picture)
    monkeypatch.setattr(SRResNet, "receptive_radius", 2)
    assert (upscaler(random_weights(2), 20).upscale(picture).pixels - whole.pixels).abs().max() > 1e-3


def test_a_kernel_has_the_scale_that_it_is_loaded_with() -> None:
    assert Upscaler.load("bicubic", scale=2.5).upscale(Picture(noise(3, 4, 6))).pixels.shape == (3, 10, 15)
    with pytest.raises(UsageError, match="cannot enlarge 0 times"):
        Upscaler.load("nearest", scale=0)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_an_untrained_generator_enlarges_bicubically_away_from_the_edge(scale: int) -> None:
    pixels = noise(3, 12, 9) / 2 + 0.25
    enlarged = upscaler(bicubic(scale)).upscale(Picture(pixels)).pixels
    inner = (..., slice(2 * scale, -2 * scale), slice(2 * scale, -2 * scale))
    assert (enlarged - resize(pixels, 12 * scale, 9 * scale))[inner].abs().max() < 1e-5


def test_grey_stays_grey_and_metadata_is_kept() -> None:
    grey = Picture(noise(1, 7, 8), depth=16, icc_profile=b"profile")
    enlarged = upscaler(random_weights(2)).upscale(grey)
    assert enlarged.pixels.shape == (1, 14, 16)
    assert (enlarged.depth, enlarged.icc_profile, enlarged.alpha) == (16, b"profile", None)


def test_enlarged_grey_is_the_mean_of_the_enlarged_colours() -> None:
    grey = noise(1, 7, 8)
    with torch.no_grad():
        colours = random_weights(2)(grey.expand(3, -1, -1)[None])[0]
    assert (colours[0] - colours[1]).abs().max() > 0.1
    enlarged = upscaler(random_weights(2)).upscale(Picture(grey)).pixels
    assert torch.allclose(enlarged, colours.mean(0, keepdim=True).clamp(0, 1), atol=1e-5)


def test_alpha_is_enlarged_as_a_grey_picture() -> None:
    picture = Picture(noise(3, 9, 7), noise(1, 9, 7))
    enlarged = upscaler(random_weights(3)).upscale(picture)
    expected = upscaler(random_weights(3)).upscale(Picture(noise(1, 9, 7)))
    smooth = resize(picture.alpha, 27, 21)
    between = (smooth > 0.01) & (smooth < 0.99)
    assert torch.allclose(enlarged.alpha[between], expected.pixels[between])


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("side", [1, 3, 20])
def test_opaque_and_transparent_pixels_stay_exactly_so(value: float, side: int) -> None:
    alpha = torch.full((1, side, side), value)
    enlarged = upscaler(random_weights(3)).upscale(Picture(noise(3, side, side), alpha)).alpha
    assert (enlarged == value).all()


@pytest.mark.parametrize("hidden", [(0, 0, 0), (1, 1, 1), (1, 0, 1)], ids=["black", "white", "magenta"])
@pytest.mark.parametrize("tile", [0, 7])
def test_a_logo_has_no_fringe(hidden: tuple[int, int, int], tile: int) -> None:
    logo, hidden_colour = torch.tensor([0.9, 0.2, 0.4]).view(3, 1, 1), torch.tensor(hidden).view(3, 1, 1)
    rows, columns = torch.meshgrid(torch.arange(21), torch.arange(26), indexing="ij")
    distance = ((rows - 10) ** 2 + (columns - 12) ** 2).sqrt()
    alpha = (7.5 - distance).clamp(0, 1)[None]
    enlarged = upscaler(bicubic(), tile).upscale(Picture(torch.where(alpha > 0, logo, hidden_colour), alpha))
    assert enlarged.alpha[0, 0, 0] == 0
    assert enlarged.alpha[0, 42, 50] == 1
    visible = (enlarged.alpha > 0).expand(3, -1, -1)
    assert (enlarged.pixels - logo)[visible].abs().max() <= 2 / 255


@pytest.mark.parametrize("background", [(0, 0, 0), (1, 1, 1), (0, 0.6, 0.1)], ids=["black", "white", "green"])
@pytest.mark.parametrize("hidden", [(0, 0, 0), (1, 1, 1), (1, 0, 1)], ids=["over black", "over white", "over magenta"])
def test_a_logo_has_no_halo_on_any_background(
    hidden: tuple[int, int, int], background: tuple[float, float, float]
) -> None:
    """Each pixel is a mix of the logo's and the background's colour, which plain resampling does not give."""
    logo, hidden_colour, ground = (
        torch.tensor(rgb).view(3, 1, 1).float() for rgb in ((0.9, 0.2, 0.4), hidden, background)
    )
    rows, columns = torch.meshgrid(torch.arange(21), torch.arange(26), indexing="ij")
    alpha = (7.5 - ((rows - 10) ** 2 + (columns - 12) ** 2).sqrt()).clamp(0, 1)[None]
    stored = torch.where(alpha > 0, logo, hidden_colour)
    enlarged = upscaler(bicubic()).upscale(Picture(stored, alpha))

    def on_background(colour: Tensor) -> Tensor:
        return torch.lerp(ground.expand_as(colour), colour, enlarged.alpha)

    ideal = on_background(logo.expand(3, 84, 104))
    assert (on_background(enlarged.pixels) - ideal).abs().max() <= 2 / 255
    assert (on_background(resize(stored, 84, 104)) - ideal).abs().max() > 8 / 255


@pytest.mark.parametrize("scale", [1, 1.01, 2.5, 3, 4, 16])
def test_any_scale_from_1_to_16_works(scale: float) -> None:
    enlarged = upscaler(bicubic()).upscale(Picture(noise(3, 7, 10), noise(1, 7, 10)), scale=scale)
    assert enlarged.pixels.shape == (3, round(7 * scale), round(10 * scale))
    assert enlarged.alpha.shape == (1, round(7 * scale), round(10 * scale))


@pytest.mark.parametrize("scale", [0, 0.99, 16.01, -2, float("nan"), float("inf")])
def test_a_scale_out_of_range_is_an_error(scale: float) -> None:
    with pytest.raises(UsageError, match="cannot enlarge"):
        upscaler(bicubic()).upscale(Picture(noise(3, 4, 4)), scale=scale)
    with pytest.raises(UsageError, match="cannot enlarge"):
        check_scale(scale)


def test_a_scale_that_is_text_is_an_error() -> None:
    with pytest.raises(UsageError, match="expected a number"):
        upscaler(bicubic()).upscale(Picture(noise(3, 4, 4)), scale="4")


@pytest.mark.parametrize(("ranges", "notes"), [((0.1, 0.3), 0), ((200.0, 6000.0), 1)])
def test_weights_of_measurements_say_when_values_are_strange_to_them(ranges: tuple[float, float], notes: int) -> None:
    measured = Upscaler(SRResNet(bands=1, channels=4, blocks=1), CPU, value_range=(0, 0.4))
    picture = Picture(torch.rand(1, 9, 9), depth=32, value_ranges=(ranges,))
    prepared = measured.prepare(ImageStream.from_picture(picture)).header
    assert (prepared.value_ranges, len(prepared.notes)) == (((0, 0.4),), notes)


def test_the_default_scale_is_the_generators() -> None:
    check_scale(None)
    assert upscaler(bicubic(3)).upscale(Picture(noise(3, 4, 5))).pixels.shape == (3, 12, 15)


@pytest.mark.parametrize(("alpha", "total"), [(None, 13 * 17), (torch.ones(1, 13, 17), 2 * 13 * 17)])
def test_progress_grows_to_its_total(alpha: Tensor | None, total: int) -> None:
    seen: list[tuple[int, int]] = []
    upscaler(bicubic(2), 6).upscale(Picture(noise(3, 13, 17), alpha), progress=lambda *now: seen.append(now))
    done = [now for now, _ in seen]
    assert done == sorted(set(done))
    assert len(done) > 4
    assert done[-1] == total
    assert {total for _, total in seen} == {total}


@pytest.mark.parametrize("generator", [bicubic(), random_weights(2)])
def test_values_stay_in_range_and_the_input_is_unchanged(generator: SRResNet) -> None:
    checks = (noise(3, 10, 10) > 0.5).float()
    picture = Picture(checks.clone(), checks[:1].clone())
    enlarged = upscaler(generator).upscale(picture)
    assert 0 <= enlarged.pixels.min() <= enlarged.pixels.max() <= 1
    assert torch.equal(picture.pixels, checks)
    assert torch.equal(picture.alpha, checks[:1])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_single_pixel_is_enlarged(channels: int) -> None:
    picture = Picture(torch.full((channels, 1, 1), 0.6), torch.full((1, 1, 1), 0.3))
    enlarged = upscaler(bicubic()).upscale(picture)
    assert enlarged.pixels.numpy() == pytest.approx(torch.full((channels, 4, 4), 0.6).numpy(), abs=1e-5)
    assert enlarged.alpha.numpy() == pytest.approx(torch.full((1, 4, 4), 0.3).numpy(), abs=1e-5)


def test_the_generator_reads_at_most_a_tile_with_its_halo() -> None:
    generator = SRResNet(2, channels=4, blocks=1)
    seen: list[torch.Size] = []
    generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape) if inputs[0].any() else None)
    upscaler(generator, 16).upscale(Picture(noise(3, 70, 90), noise(1, 70, 90)))
    largest = 16 + 2 * generator.receptive_radius
    assert len(seen) == 2 * 5 * 6
    assert all(shape[0] == 1 and max(shape[2:]) <= largest for shape in seen)


def test_the_generator_is_in_evaluation_mode() -> None:
    assert not upscaler(SRResNet(2, channels=4, blocks=1, batch_norm=True).train()).generator.training


def test_a_seed_selects_the_noise() -> None:
    generator = SRResNet(2, channels=4, blocks=1, noise=2)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.2, generator=torch.Generator().manual_seed(0))
    picture = Picture(noise(3, 30, 30))
    calm, first, again, tiled, other = (
        Upscaler(generator, CPU, policy=TilePolicy(size), seed=seed).upscale(picture).pixels
        for size, seed in ((0, None), (0, 1), (0, 1), (12, 1), (0, 2))
    )
    assert torch.equal(first, again)
    assert (first - tiled).abs().max() < 1e-4
    assert len({result.numpy().tobytes() for result in (calm, first, other)}) == 3
    with pytest.raises(UsageError, match="takes no noise"):
        Upscaler(bicubic(), CPU, seed=1)


@pytest.mark.parametrize(
    ("size", "height", "width", "expected"),
    [
        ("3840x2160", 540, 960, (2160, 3840)),
        ("100 X 30", 10, 20, (30, 60)),
        ("30x100", 10, 20, (15, 30)),
        ("30x", 10, 20, (15, 30)),
        ("×15", 10, 20, (15, 30)),
    ],
)
def test_a_size_is_filled_as_far_as_the_aspect_ratio_allows(
    size: str, height: int, width: int, expected: tuple[int, int]
) -> None:
    assert upscaler(bicubic()).target(height, width, Size.parse(size)) == expected


def test_a_picture_is_enlarged_to_fit_a_size() -> None:
    assert upscaler(bicubic()).upscale(Picture(noise(3, 7, 10)), scale=Size(35, 100)).pixels.shape == (3, 24, 35)


@pytest.mark.parametrize("text", ["", "3840", "x", "0x10", "-1x4", "axb", "3840x2160x3"])
def test_other_texts_are_not_sizes(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the size"):
        Size.parse(text)


@pytest.mark.parametrize("size", [Size(9, 100), Size(1000, 1000), Size.parse("9x")])
def test_a_size_out_of_range_is_an_error(size: Size) -> None:
    with pytest.raises(UsageError, match="times to fit"):
        upscaler(bicubic()).target(10, 10, size)


def in_bands(picture: Picture, rows: int = BAND_GRID) -> ImageStream:
    """A picture in bands, as files yield it."""

    def bands() -> Iterator[Picture]:
        for top in range(0, picture.height, rows):
            part = slice(top, top + rows)
            alpha = None if picture.alpha is None else picture.alpha[:, part]
            yield replace(picture, pixels=picture.pixels[:, part], alpha=alpha)

    return replace(ImageStream.from_picture(picture), bands=bands)


def enlarged_stream(upscaler: Upscaler, stream: ImageStream, scale: Scale = None) -> ImageStream:
    layers = Layers.of(stream.header)
    return upscaler.upscale_stream(stream, upscaler.plan(stream.height, stream.width, scale=scale, layers=layers))


@given(st.integers(1, 150), st.integers(1, 40), st.sampled_from([None, 1, 1.3, 2.5]), st.booleans(), st.integers(1, 3))
@settings(max_examples=25)
def test_a_picture_in_bands_is_enlarged_like_the_whole(
    height: int, width: int, scale: float | None, transparent: bool, size: int
) -> None:
    alpha = (noise(1, height, width) * 2 - 0.5).clamp(0, 1) if transparent else None
    picture = Picture(noise(3, height, width), alpha)
    whole = upscaler(random_weights(2)).upscale(picture, scale=scale)
    stream = enlarged_stream(upscaler(random_weights(2), max(height, width) // size), in_bands(picture), scale)
    assert (stream.height, stream.width) == (whole.height, whole.width)
    banded = stream.to_picture()
    assert (banded.pixels - whole.pixels).abs().max() < 1e-4
    if transparent:
        assert (banded.alpha - whole.alpha).abs().max() < 2e-4


def test_bands_are_rows_of_tiles_and_are_computed_when_they_are_read() -> None:
    progress: list[tuple[int, int]] = []
    stream, tiled = ImageStream.from_picture(Picture(noise(3, 50, 30))), upscaler(bicubic(2), 20)
    enlarged = tiled.upscale_stream(stream, tiled.plan(50, 30), progress=lambda *now: progress.append(now))
    assert progress == []
    bands = enlarged.bands()
    assert next(bands).height == 34
    assert progress[-1] == (17 * 30, 50 * 30)
    assert [band.height for band in bands] == [34, 32]


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(("scale", "factor"), [(None, 4), (1.5, 1.5), (2, 2)])
def test_kernels_are_models(name: str, scale: float | None, factor: float) -> None:
    pixels = noise(3, 40, 30)
    kernel = Upscaler.load(name, device="cpu", policy=TilePolicy(13))
    resampled = kernel.upscale(in_bands(Picture(pixels)), scale=scale)
    expected = resize(pixels, round(40 * factor), round(30 * factor), KERNELS[name]).clamp(0, 1)
    assert torch.equal(resampled.pixels, expected)


def test_kernels_reject_options_of_networks() -> None:
    options: list[tuple[dict[str, Any], str]] = [
        ({"strength": 0.5}, "--strength"),
        ({"self_ensemble": True}, "--self-ensemble"),
        ({"precision": "fp16"}, "--precision"),
        ({"compile": True}, "--compile"),
    ]
    for option, named in options:
        with pytest.raises(UsageError, match="bicubic is not a network") as raised:
            Upscaler.load("bicubic", device="cpu", **option)
        assert raised.value.hint == f"leave {named} out"
    with pytest.raises(UsageError, match="takes no noise"):
        Upscaler.load("lanczos", seed=1)


def test_the_tiling_error_is_measured_on_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = in_bands(Picture(noise(3, 150, 120), noise(1, 150, 120)))

    def max_error(scale: Scale = None) -> float:
        tiled = upscaler(random_weights(2), 40)
        return tiled.max_tiling_error(stream, tiled.plan(150, 120, scale=scale, layers=Layers.of(stream.header)))

    assert max_error() < 1e-4
    assert max_error(1.5) < 1e-4
    assert max_error(Size(180, 999)) < 1e-4
    monkeypatch.setattr(SRResNet, "receptive_radius", 2)
    assert max_error() > 1e-3


def test_memory_promised_to_results_is_not_available_to_tiles() -> None:
    limited = Upscaler(random_weights(2), CPU, policy=TilePolicy(40, 2**40))
    assert limited.plan(64, 64).tile_sides == (32, 32)
    with pytest.raises(SrganError, match="cannot be enlarged within"):
        limited.plan(64, 64, reserved=ReservedMemory(promised=2**40))


@pytest.mark.parametrize("name", EXACT)
def test_tiled_equals_whole_for_every_generator(name: str) -> None:
    """Within a tenth of a level of 255; tiles start on the grid of attention windows."""
    generator = small_generator(name)
    picture = Picture(noise(3, 75, 83))
    whole, tiled = (Upscaler(generator, CPU, policy=TilePolicy(size)).upscale(picture).pixels for size in (0, 30))
    assert whole.std() > 0.01
    assert (whole - tiled).abs().max() * 255 < 0.1
