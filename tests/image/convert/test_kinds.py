"""Pictures of every kind go in, and come back in kind."""

import io
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support import REPOSITORY

from srgan_cli import (
    Encoding,
    ImageStream,
    Picture,
    Protocol,
    Size,
    SrganError,
    TilePolicy,
    Upscaler,
    back_project,
    read_picture,
    score,
    write_picture,
)

CAT = REPOSITORY / "examples/cat.png"
MODES = {
    **{mode: mode for mode in ("L", "LA", "RGB", "RGBA", "I;16", "F")},
    **{"1": "L", "La": "LA", "P": "RGB", "PA": "RGBA", "RGBX": "RGB", "RGBa": "RGBA"},
    **{"CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB", "I;16B": "I;16"},
}
"""The modes of PIL images, and those that they come back in."""


class Rows(list[float]):
    """Values of another library, which are iterated by their rows."""

    __array__ = np.zeros


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler.load("lanczos", device="cpu")


def values(*shape: int, dtype: str = "float64") -> np.ndarray[Any, Any]:
    """Random values of a dtype, from black to white."""
    unit, wanted = np.random.default_rng(0).random(shape), np.dtype(dtype)
    return (unit if wanted.kind == "f" else unit * np.iinfo(wanted).max).astype(wanted)


def image(mode: str) -> Image.Image:
    """A random image of a mode."""
    if mode.startswith("I;16"):
        return Image.frombytes(mode, (9, 7), values(7, 9, dtype=">u2" if mode == "I;16B" else "<u2").tobytes())
    if mode == "F":
        return Image.fromarray(values(7, 9, dtype="float32"))
    colour = Image.fromarray(values(7, 9, 3, dtype="uint8"))
    steps = {"La": ("LA", "La"), "RGBa": ("RGBA", "RGBa"), "PA": ("P", "PA")}.get(mode, (mode,))
    for step in steps:
        colour = colour.convert(step)
    return colour


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)], ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2", "float16", "float32", "float64"])
def test_an_array_comes_back_with_its_dtype_and_channels(
    upscaler: Upscaler, dtype: str, channels: tuple[int, ...]
) -> None:
    array = values(7, 9, *channels, dtype=dtype)
    kept = array.copy()
    larger = upscaler.upscale(array, scale=2)
    assert (larger.dtype, larger.shape) == (array.dtype, (14, 18, *channels))
    assert np.array_equal(array, kept)
    again = Picture.from_array(array).to_array(dtype)
    assert np.array_equal(again.reshape(array.shape), array.astype("float32") if dtype == "float64" else array)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "bfloat16", "float32", "float64"])
def test_a_tensor_comes_back_on_its_device_with_its_dtype(upscaler: Upscaler, dtype: str) -> None:
    tensor = torch.from_numpy(values(4, 7, 9, dtype=dtype if "uint" in dtype else "float32")).to(getattr(torch, dtype))
    larger = upscaler.upscale(tensor, scale=2)
    assert (larger.dtype, larger.shape, larger.device) == (tensor.dtype, (4, 14, 18), tensor.device)
    batch = upscaler.upscale(torch.stack([tensor, tensor]), scale=2)
    assert torch.equal(batch, torch.stack([larger, larger]))


def test_a_tensor_may_require_a_gradient_and_be_laid_out_in_any_way(upscaler: Upscaler) -> None:
    tensor = torch.rand(7, 9, 3).permute(2, 0, 1).requires_grad_()
    assert torch.equal(upscaler.upscale(tensor), upscaler.upscale(tensor.detach().contiguous()))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_tensor_on_a_gpu_stays_there() -> None:
    larger = Upscaler.load("lanczos", device="cuda").upscale(torch.rand(3, 7, 9, device="cuda"))
    assert larger.device.type == "cuda"


def test_kinds_agree_with_the_file(upscaler: Upscaler) -> None:
    """uint8 of every kind gives exactly what the path of the file gives."""
    from_path = upscaler.upscale(CAT, scale=2)
    with Image.open(CAT) as opened:
        array = np.array(opened)
        from_image = upscaler.upscale(opened, scale=2)
    assert isinstance(from_path, Picture)
    expected = from_path.to_array()
    assert expected.dtype == np.uint8
    assert np.array_equal(upscaler.upscale(array, scale=2), expected)
    assert np.array_equal(upscaler.upscale(np.flip(np.flip(array).copy()), scale=2), expected)
    assert np.array_equal(
        upscaler.upscale(torch.from_numpy(array).permute(2, 0, 1), scale=2).permute(1, 2, 0), expected
    )
    assert np.array_equal(np.asarray(from_image), expected)
    assert np.array_equal(upscaler.upscale(str(CAT), scale=2).to_array(), expected)
    assert np.array_equal(upscaler.upscale(read_picture(CAT), scale=2).to_array(), expected)
    stream = ImageStream.from_picture(read_picture(CAT))
    assert np.array_equal(upscaler.upscale(stream, scale=2).to_array(), expected)


@pytest.mark.parametrize("mode", MODES)
def test_an_image_comes_back_in_its_mode_or_the_one_that_holds_its_colours(upscaler: Upscaler, mode: str) -> None:
    larger = upscaler.upscale(image(mode), scale=2)
    assert (larger.mode, larger.size) == (MODES[mode], (18, 14))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16", "F"])
def test_an_image_survives_the_way_through_a_picture(mode: str) -> None:
    original = image(mode)
    assert np.array_equal(np.asarray(Picture.from_pil(original).to_pil()), np.asarray(original))


def test_an_image_keeps_its_profile_and_is_turned_upright(tmp_path: Path) -> None:
    turned = Image.new("RGB", (4, 2), "teal")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "in.png", exif=exif, icc_profile=b"a profile", dpi=(72, 72))
    with Image.open(tmp_path / "in.png") as opened:
        result = Picture.from_pil(opened).to_pil()
    assert result.size == (2, 4)
    assert result.info["icc_profile"] == b"a profile"
    assert result.info["dpi"] == pytest.approx((72, 72), abs=0.1)
    assert result.getexif()[0x0112] == 1


def test_a_value_range_says_what_floats_mean(upscaler: Upscaler) -> None:
    array = values(7, 9, 3) * 255
    larger = upscaler.upscale(array, scale=2, value_range=(0, 255))
    assert np.allclose(larger / 255, upscaler.upscale(array / 255, scale=2), atol=1e-6)
    signed = torch.rand(3, 7, 9) * 2 - 1
    assert torch.allclose(upscaler.upscale(signed, scale=1, value_range=(-1, 1)), signed, atol=1e-6)
    picture = Picture.from_array(array, value_range=(0, 255))
    assert np.allclose(picture.to_array(), array, atol=1e-4)
    assert np.array_equal(picture.to_array("uint8"), np.rint(array).astype("uint8"))


def test_a_list_gives_a_list_of_the_same_kinds(upscaler: Upscaler) -> None:
    given = [CAT, values(7, 9), image("L"), torch.rand(1, 7, 9)]
    results = upscaler.upscale(given, scale=1)
    assert [type(result) for result in results] == [Picture, np.ndarray, Image.Image, torch.Tensor]
    assert type(upscaler.upscale((values(7, 9),))) is list


def test_an_iterator_is_lazy(upscaler: Upscaler) -> None:
    taken: list[int] = []

    def frames() -> Iterator[Any]:
        for number in range(3):
            taken.append(number)
            yield values(4, 4)

    results = upscaler.upscale(frames(), scale=2)
    assert taken == []
    assert next(results).shape == (8, 8)
    assert taken == [0]


def test_threads_share_an_upscaler() -> None:
    upscaler = Upscaler.load("srcnn-x4", device="cpu")
    given = [np.full((20, 30), level) for level in np.linspace(0, 1, 8)]
    calls: list[int] = []
    with ThreadPoolExecutor(4) as pool:
        results = pool.map(lambda array: upscaler.upscale(array, progress=lambda *_: calls.append(get_ident())), given)
        assert all(np.array_equal(*pair) for pair in zip(results, map(upscaler.upscale, given), strict=True))
    assert len(calls) >= len(given)


@pytest.mark.parametrize(
    "wrong",
    [
        *(None, 3, b"bytes", bytearray(3), memoryview(np.zeros((4, 4))), {"a": 1}, {CAT}, [1, 2]),
        Rows(),
        *(np.zeros(shape) for shape in ((), (4,), (0, 4), (3, 40, 40), (2, 8, 8, 3), (0, 0, 3))),
        *(np.zeros((4, 4), dtype) for dtype in (int, bool, complex, object, "M8[s]", "U3")),
        *(np.full((4, 4), value) for value in (2.0, -1.0, np.nan, np.inf)),
        *(torch.zeros(shape) for shape in ((4, 4), (9, 9, 3), (0, 3, 4, 4), (1, 1, 3, 4, 4))),
        *(torch.zeros(3, 4, 4, dtype=dtype) for dtype in (torch.int64, torch.bool, torch.complex64)),
        *(torch.zeros(3, 4, 4).to_sparse(), torch.zeros(3, 4, 4, device="meta")),
        *(image("L").convert("I"), io.BytesIO(), np.ma.zeros((4, 4))),
    ],
    ids=lambda wrong: f"{type(wrong).__name__} {getattr(wrong, 'dtype', '')} {getattr(wrong, 'shape', '')}",
)
def test_what_is_not_taken_raises_an_error_that_says_what_is(upscaler: Upscaler, wrong: Any) -> None:
    with pytest.raises(SrganError) as raised:
        upscaler.upscale(wrong)
    assert raised.value.hint
    assert re.search("expected|NaN|masked", raised.value.message)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.ones((4, 4), bool), "numpy.float32"),
        (torch.ones(3, 4, 4, dtype=torch.bool), "torch.float32"),
        (torch.zeros(0, 3, 4, 4), "the picture is empty"),
    ],
)
def test_masks_and_empty_batches_have_hints_of_their_own(upscaler: Upscaler, wrong: Any, message: str) -> None:
    with pytest.raises(SrganError) as raised:
        upscaler.upscale(wrong)
    assert message in f"{raised.value.message} {raised.value.hint}"


@pytest.mark.parametrize(
    "call",
    [
        *(partial(Picture.from_array, wrong) for wrong in ([[1, 2]], torch.zeros(3, 4, 4))),
        *(partial(Picture.from_pil, wrong) for wrong in (np.zeros((4, 4)), CAT)),
        *(partial(write_picture, wrong, "out.png") for wrong in (None, np.zeros((4, 4)))),
        *(partial(back_project, *wrong) for wrong in [(np.zeros((8, 8)), read_picture(CAT)), (read_picture(CAT), CAT)]),
        *(partial(Upscaler.load, wrong) for wrong in (None, 3, "", "auto")),
        *(partial(Protocol, border=-1), partial(Protocol, scale=0), partial(Protocol, metrics="psnr")),
        *(partial(score, CAT, CAT, "psnr"), partial(read_picture, 3), partial(Upscaler.load("bicubic").plan, 0, 3)),
        *(partial(read_picture(CAT).to_array, wrong) for wrong in ("bogus", 3, np.zeros(3))),
        *(partial(Picture, wrong) for wrong in (torch.zeros(3, 4), torch.zeros(3, 4, 4, dtype=torch.uint8))),
        *(partial(Size, 0, 3), partial(Encoding, quality=101), partial(ImageStream.from_picture, CAT)),
    ],
)
def test_functions_say_which_type_they_take(call: Callable[[], object]) -> None:
    with pytest.raises(SrganError) as raised:
        call()
    assert raised.value.hint


def test_a_device_may_be_one_of_torch() -> None:
    assert Upscaler.load("bicubic", device=torch.device("cpu")).device.type == "cpu"


@pytest.mark.parametrize("wrong", [(1, 0), (0, np.inf), (0, 0), (0,), (0, 1, 2), 255, "ab", (None, 1)])
def test_a_value_range_is_finite_and_rises(upscaler: Upscaler, wrong: Any) -> None:
    with pytest.raises(SrganError, match="value_range"):
        upscaler.upscale(values(4, 4), value_range=wrong)


@pytest.mark.parametrize(
    "integers", [values(4, 4, dtype="uint8"), CAT, read_picture(CAT)], ids=["array", "path", "picture"]
)
def test_a_value_range_is_for_floats(upscaler: Upscaler, integers: Any) -> None:
    with pytest.raises(SrganError, match="value_range"):
        upscaler.upscale(integers, value_range=(0, 255))


def test_score_takes_every_kind_and_agrees_with_the_files(tmp_path: Path) -> None:
    with Image.open(CAT) as opened:
        array = np.array(opened)
    other = np.clip(array.astype(int) + 9, 0, 255).astype(np.uint8)
    Image.fromarray(other).save(tmp_path / "other.png")
    expected = score(CAT, tmp_path / "other.png").mean
    for candidate in (other, other / 255, Image.fromarray(other), torch.from_numpy(other).permute(2, 0, 1)):
        assert score(CAT, candidate).mean == pytest.approx(expected, abs=1e-4)
        assert score([array, array], iter([candidate, candidate])).mean == pytest.approx(expected, abs=1e-4)
    assert score(other / 1.0, array / 1.0, value_range=(0, 255)).mean == pytest.approx(expected, abs=1e-4)


def test_score_pairs_lists_by_their_position() -> None:
    dark, light = np.zeros((32, 32)), np.ones((32, 32))
    report = score([dark, light], [light, light])
    assert [found.name for found in report.scores] == ["1", "2"]
    assert report.scores[1].values["psnr"] == np.inf
    with pytest.raises(SrganError, match="found 2 references and 1 candidates"):
        score([dark, light], [light])
    assert "32 x 32" in score(dark, np.zeros((8, 8))).errors[0]


def test_progress_is_reported_ten_times_without_layers() -> None:
    calls: list[int] = []
    Upscaler.load("bicubic").upscale(values(500, 450), scale=2, progress=lambda done, _: calls.append(done))
    assert len(calls) >= 10
    assert calls[-1] == 500 * 450


def test_progress_is_reported_within_a_tile() -> None:
    """A picture that takes two seconds is a single tile to many a network."""
    upscaler = Upscaler.load("srgan-x4", device="cpu")
    calls: list[tuple[int, int]] = []
    upscaler.upscale(values(40, 40, 3), progress=lambda done, total: calls.append((done, total)))
    assert upscaler.plan(40, 40).tile_sides == (40, 40)
    assert len(calls) >= 10
    assert calls == sorted(set(calls))
    assert calls[-1] == (1600, 1600)


@pytest.mark.parametrize("self_ensemble", [False, True])
def test_progress_rises_evenly_over_tiles_and_alpha(self_ensemble: bool) -> None:
    upscaler = Upscaler.load("srcnn-x4", device="cpu", policy=TilePolicy(16), self_ensemble=self_ensemble)
    calls: list[float] = []
    upscaler.upscale(values(32, 48, 4), progress=lambda done, total: calls.append(done / total))
    steps = np.diff([0, *calls])
    assert steps.min() >= 0
    assert steps.max() < 0.2
    assert calls[-1] == 1


def test_progress_can_end_the_work_within_a_tile() -> None:
    upscaler = Upscaler.load("srgan-x4", device="cpu")

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upscaler.upscale(values(20, 20), progress=stop)
    assert upscaler.upscale(values(20, 20)).shape == (80, 80)


def test_an_image_that_was_closed_unread_is_no_damaged_file(upscaler: Upscaler) -> None:
    with Image.open(CAT) as closed:
        pass
    with pytest.raises(SrganError, match="closed before it was read"):
        upscaler.upscale(closed)
