"""Generators compiled by torch.compile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from srgan_cli.errors import SrganError, is_out_of_memory
from srgan_cli.networks import Generator
from srgan_cli.networks.generators.base import WrappedGenerator, pad_to_grid

_MAX_SHAPES = 4


class CompiledGenerator(WrappedGenerator):
    """A generator that is compiled for the expected input shapes; other shapes run uncompiled.

    Compiling takes seconds to minutes, when the first tile of a shape arrives.  Tiles of large pictures share one
    shape, but smaller pictures have their own, so at most four of those are compiled.  Inputs are padded to the
    generator's grid, so pictures that differ by less than the grid share a shape.
    """

    def __init__(self, generator: Generator, backend: str | Callable[..., Any] = "inductor") -> None:
        """`backend` is passed to torch.compile."""
        super().__init__(generator)
        self.compiled_forward: Callable[..., Tensor] = torch.compile(generator.forward, dynamic=False, backend=backend)
        self.shapes: set[tuple[int, ...]] = set()

    def expect_shape(self, height: int, width: int, *, whole: bool) -> None:
        """Compile for inputs of this size, also turned.  `whole` marks the shape of large pictures, beyond the four."""
        if whole or len(self.shapes) < _MAX_SHAPES:
            self.shapes.add(self._key(height, width))

    def forward(self, x: Tensor) -> Tensor:
        """Return the enlarged pictures.  Raises SrganError when compilation fails."""
        if x.is_meta or self._key(*x.shape[-2:]) not in self.shapes:
            enlarged: Tensor = self.generator(x)
            return enlarged
        height, width = (self.scale * length for length in x.shape[-2:])
        with translate_compiler_errors():
            return self.compiled_forward(pad_to_grid(x, self.grid).contiguous())[..., :height, :width]

    def _key(self, height: int, width: int) -> tuple[int, ...]:
        return tuple(sorted(-(-length // self.grid) * self.grid for length in (height, width)))


def check_compiler(device: torch.device) -> None:
    """Raise SrganError unless torch.compile works: it needs a C++ compiler for a CPU and Triton for a GPU."""
    with translate_compiler_errors():
        torch.compile(torch.neg, dynamic=False)(torch.ones(1, device=device))


@contextmanager
def translate_compiler_errors() -> Iterator[None]:
    """Turn errors of torch's compiler into SrganError; errors that report a lack of memory pass unchanged."""
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        cause = getattr(error, "inner_exception", error)
        line = (str(cause).splitlines() or [type(cause).__name__])[0]
        hint = "install a C++ compiler such as g++, for a GPU Triton, or leave --compile out"
        raise SrganError(f"torch cannot compile this network here: {line}", hint) from error
