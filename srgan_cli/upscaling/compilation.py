"""Generators built by torch.compile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from srgan_cli.errors import SrganError, is_out_of_memory
from srgan_cli.networks import Generator
from srgan_cli.upscaling.ensemble import WrappedGenerator

_MAX_SHAPES = 4


class CompiledGenerator(WrappedGenerator):
    """A generator that torch's compiler builds for each shape that is expected of many tiles; others run as ever.

    Building takes seconds to minutes, when the first tile of a shape comes, so no more than four are expected beside
    that of large pictures: their tiles read windows of one shape, but pictures that are smaller have their own.
    """

    def __init__(self, generator: Generator, backend: str | Callable[..., Any] = "inductor") -> None:
        """`backend` is torch.compile's."""
        super().__init__(generator)
        self.compiled_forward: Callable[[Tensor], Tensor] = torch.compile(
            generator.forward, dynamic=False, backend=backend
        )
        self.shapes: set[tuple[int, ...]] = set()

    def expect_shape(self, height: int, width: int, whole: bool) -> None:
        """Pictures of this height and width, or turned by a quarter, will come; whole: the shape of all large ones."""
        if whole or len(self.shapes) < _MAX_SHAPES:
            self.shapes.add(tuple(sorted((height, width))))

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged pictures.  Raises SrganError where the compiler cannot do it."""
        if x.is_meta or tuple(sorted(x.shape[-2:])) not in self.shapes:
            enlarged: Tensor = self.generator(x)
            return enlarged
        with translate_compiler_errors():
            return self.compiled_forward(x.contiguous())


def check_compiler(device: torch.device) -> None:
    """Raises SrganError where torch's compiler does not work, which for a CPU takes one of C++ and for a GPU Triton."""
    with translate_compiler_errors():
        torch.compile(torch.neg, dynamic=False)(torch.ones(1, device=device))


@contextmanager
def translate_compiler_errors() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        cause = getattr(error, "inner_exception", error)
        line = (str(cause).splitlines() or [type(cause).__name__])[0]
        hint = "install a C++ compiler such as g++, for a GPU Triton, or leave --compile out"
        raise SrganError(f"torch cannot compile this network here: {line}", hint) from error
