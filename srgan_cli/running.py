"""Ways to run a generator: eight times over, compiled, and in half precision where that is as good."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from srgan_cli.devices import computes_well_in
from srgan_cli.errors import SrganError, UsageError, is_exhaustion
from srgan_cli.networks import Generator

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_BLACK = 1 / 255
_SHAPES = 4


class _Wrapped(Generator):
    """A generator that runs another one, and is tiled like it."""

    def __init__(self, generator: Generator) -> None:
        super().__init__(scale=generator.scale, noise=generator.noise)
        self.generator = generator
        self.grid, self.exact_tiles = generator.grid, generator.exact_tiles
        self.half_formats, self.memory_format = generator.half_formats, generator.memory_format

    @property
    def receptive_radius(self) -> int:
        """The other's."""
        return self.generator.receptive_radius

    @property
    def blend(self) -> int:  # type: ignore[override]
        """The other's."""
        return self.generator.blend


class SelfEnsemble(_Wrapped):
    """The mean of what a generator makes of the eight flips and quarter turns of a picture, turned back.

    Source: R. Timofte, R. Rothe and L. Van Gool, Seven Ways to Improve Example-Based Single Image Super Resolution,
    CVPR 2016, section 3.6 (arXiv:1511.02228).
    """

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged pictures."""
        total = torch.zeros((), device=x.device)
        for turns in range(4):
            turned = x.rot90(turns, (-2, -1))
            mirrored = self.generator(turned.flip(-1)).flip(-1)
            total = total + (self.generator(turned) + mirrored).rot90(-turns, (-2, -1))
        return total / 8


class Compiled(_Wrapped):
    """A generator that torch's compiler builds for each shape that is expected of many tiles; others run as ever.

    Building takes seconds to minutes, when the first tile of a shape comes, so no more than four are expected beside
    that of large pictures: their tiles read windows of one shape, but pictures that are smaller have their own.
    """

    def __init__(self, generator: Generator, backend: str | Callable[..., Any] = "inductor") -> None:
        """`backend` is torch.compile's."""
        super().__init__(generator)
        self.built: Callable[[Tensor], Tensor] = torch.compile(generator.forward, dynamic=False, backend=backend)
        self.shapes: set[tuple[int, ...]] = set()

    def expect(self, height: int, width: int, whole: bool) -> None:
        """Pictures of this height and width, or turned by a quarter, will come; whole: the shape of all large ones."""
        if whole or len(self.shapes) < _SHAPES:
            self.shapes.add(tuple(sorted((height, width))))

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged pictures.  Raises SrganError where the compiler cannot do it."""
        if x.is_meta or tuple(sorted(x.shape[-2:])) not in self.shapes:
            enlarged: Tensor = self.generator(x)
            return enlarged
        with _said_of_compiler():
            return self.built(x.contiguous())


def check_compiler(device: torch.device) -> None:
    """Raises SrganError where torch's compiler does not work, which for a CPU takes one of C++ and for a GPU Triton."""
    with _said_of_compiler():
        torch.compile(torch.neg, dynamic=False)(torch.ones(1, device=device))


@contextmanager
def _said_of_compiler() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if is_exhaustion(error):
            raise
        cause = getattr(error, "inner_exception", error)
        line = (str(cause).splitlines() or [type(cause).__name__])[0]
        hint = "install a C++ compiler such as g++, for a GPU Triton, or leave --compile out"
        raise SrganError(f"torch cannot compile this network here: {line}", hint) from error


class Guarded(_Wrapped):
    """A generator whose convolutions compute in a format, and whose broken tiles are computed again in float32."""

    def __init__(self, generator: Generator, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(generator)
        self.dtype = dtype

    def forward(self, x: Tensor, checked: bool = True) -> Tensor:
        """The enlarged pictures; unless checked, whoever takes them looks at their signs.

        Raises SrganError where even float32 gives no numbers.
        """
        half = self.dtype != torch.float32
        with torch.autocast("cpu" if x.is_meta else x.device.type, self.dtype, enabled=half):
            enlarged: Tensor = self.generator(x).float()
        if not checked or enlarged.is_meta or not self.is_broken(self.signs(enlarged, x)):  # meta has no values
            return enlarged
        if half:
            enlarged = self.generator(x)
        if not enlarged.isfinite().all():
            raise SrganError("the network gives values that are no numbers", "its weights may be damaged: try others")
        return enlarged

    @staticmethod
    def signs(enlarged: Tensor, x: Tensor) -> Tensor:
        """What tells whether pictures are broken, on their device: least and most value, and how bright they were."""
        return torch.stack([enlarged.amin(), enlarged.amax(), x[:, :3].mean()])

    @staticmethod
    def is_broken(signs: Tensor) -> bool:
        """Whether there are values that are no numbers, or nothing but black of a picture that is not."""
        least, most, brightness = signs.tolist()
        return not (isfinite(least) and isfinite(most)) or most < _BLACK < brightness


def guarded(generator: Generator, device: torch.device, precision: str = "auto") -> Guarded:
    """The generator as it runs on a device: auto is a half precision that both do well, or else float32.

    Raises UsageError for an unknown precision, and for fp16 or bf16 where it is not done well.
    """
    done_well = [dtype for dtype in generator.half_formats if computes_well_in(dtype, device)]
    if precision == "auto":
        return Guarded(generator, *done_well[:1])
    if precision not in PRECISIONS:
        raise UsageError(f"the precision is {precision!r}, expected one of auto, {', '.join(PRECISIONS)}")
    dtype = PRECISIONS[precision]
    if dtype not in (torch.float32, *done_well):
        where = device.type if dtype in generator.half_formats else "this network"
        raise UsageError(f"{precision} is not done well by {where}", "leave --precision out")
    return Guarded(generator, dtype)
