"""The public API fits itself: whatever its functions take and return can be imported from the package."""

import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch
from PIL import Image
from support import Outcome

import srgan_cli
from srgan_cli import (
    ImageSequence,
    ImageStream,
    Picture,
    TilePolicy,
    Upscaler,
    UsageError,
    open_pictures,
    write_pictures,
)
from srgan_cli.image.convert.kinds import Pictures

FOREIGN = {"PIL", "builtins", "collections", "numpy", "pathlib", "torch", "types", "typing"}
BUILT_BY_THE_PACKAGE = {"Place", "TilePlan", "Report", "Summary", "Difference", "Score"}
"""Classes that users receive and do not construct."""


def functions(name: str) -> Iterator[Any]:
    """A public function, or the public methods and properties of a class."""
    public = getattr(srgan_cli, name)
    if not inspect.isclass(public):
        yield public
        return
    for attribute, value in vars(public).items():
        constructor = attribute == "__init__" and name not in BUILT_BY_THE_PACKAGE
        if attribute.startswith("_") and not constructor:
            continue
        function = getattr(value, "fget", None) or getattr(value, "func", None) or getattr(value, "__func__", value)
        if isinstance(function, FunctionType):
            yield function


def types_in(hint: Any) -> Iterator[type]:
    """The classes in a type hint, also those in its arguments."""
    if isinstance(hint, list | tuple):
        for part in hint:
            yield from types_in(part)
    elif get_args(hint):
        yield from types_in(get_args(hint))
    elif inspect.isclass(hint):
        yield hint


@pytest.mark.parametrize("name", sorted(set(srgan_cli.__all__) - {"__version__", "Generator"}))
def test_every_type_in_a_public_signature_is_public(name: str) -> None:
    """Generator is excluded: it is a torch.nn.Module with methods for those who write networks."""
    for function in functions(name):
        for argument, hint in get_type_hints(function, localns={"Tensor": torch.Tensor, "Pictures": Pictures}).items():
            for found in types_in(hint):
                is_public = getattr(srgan_cli, found.__name__, None) is found
                assert is_public or found.__module__.partition(".")[0] in FOREIGN, (
                    f"{function.__qualname__}: {argument} is {found}"
                )


@pytest.mark.parametrize("name", sorted(set(srgan_cli.__all__) - {"__version__", "Generator"}))
def test_every_public_function_says_which_type_it_takes(name: str) -> None:
    for function in functions(name):
        wrong = {argument: object() for argument in inspect.signature(function).parameters}
        if wrong.keys() - {"self", "cls"} and function.__name__ != "to_array" and "errors" not in function.__module__:
            with pytest.raises(UsageError, match=rf"^{function.__qualname__.removesuffix('.__init__')}: "):
                function(**wrong)


@pytest.mark.parametrize("name", sorted(set(srgan_cli.__all__) - {"__version__"}))
def test_names_are_those_of_their_modules(name: str) -> None:
    assert getattr(srgan_cli, name).__name__ == name


def test_what_open_pictures_yields_can_be_upscaled_and_written(tmp_path: Any) -> None:
    random = np.random.default_rng(0)
    frames = [Image.fromarray(random.integers(0, 256, (9, 7, 3), np.uint8)) for _ in range(3)]
    frames[0].save(tmp_path / "in.tif", save_all=True, append_images=frames[1:])
    upscaler, pictures = Upscaler.load("bicubic", device="cpu"), open_pictures(tmp_path / "in.tif")
    enlarged = [upscaler.upscale(frame, scale=2) for frame in pictures.frames]
    assert [(picture.height, picture.width) for picture in enlarged] == [(18, 14)] * 3
    write_pictures(pictures.map(lambda frame: upscaler.upscale(frame, scale=2)), tmp_path / "out.tif")
    written = open_pictures(tmp_path / "out.tif")
    assert isinstance(written, ImageSequence)
    assert written.sizes == ((18, 14),) * 3


def test_a_stream_is_upscaled_like_the_picture_it_holds() -> None:
    picture = Picture(torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0)))
    upscaler = Upscaler.load("lanczos", device="cpu", policy=TilePolicy(8))
    streamed = upscaler.upscale(ImageStream.from_picture(picture), scale=1.5)
    assert torch.equal(streamed.pixels, upscaler.upscale(picture, scale=1.5).pixels)


@pytest.mark.parametrize("function", [Upscaler.__init__, Upscaler.load, Upscaler.upscale, Upscaler.upscale_stream])
def test_options_are_keyword_only(function: Any) -> None:
    optional = [p for p in inspect.signature(function).parameters.values() if p.default is not p.empty]
    assert {p.name for p in optional if p.kind is not p.KEYWORD_ONLY} <= {"model"}


def test_the_library_changes_nothing_of_the_process() -> None:
    """Neither environment variables, nor the number of threads, nor Pillow's limit."""
    program = (
        "import os, torch, PIL.Image\n"
        "state = lambda: (dict(os.environ), torch.get_num_threads(), PIL.Image.MAX_IMAGE_PIXELS)\n"
        "before = state()\n"
        "from srgan_cli import Picture, Upscaler\n"
        "Upscaler.load('bicubic', device='cpu').upscale(Picture(torch.zeros(3, 5, 5)))\n"
        "assert state() == before"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_command_line_limits_the_caches_of_kernels_unless_the_environment_does(
    srgan: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "7")
    monkeypatch.setenv("LRU_CACHE_CAPACITY", "")
    monkeypatch.delenv("LRU_CACHE_CAPACITY")
    assert srgan("models").code == 0
    assert (os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"], os.environ["LRU_CACHE_CAPACITY"]) == ("7", "64")


def test_the_version_is_a_public_name() -> None:
    assert "__version__" in {*dir(srgan_cli)} & {*srgan_cli.__all__}
