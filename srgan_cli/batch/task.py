"""Tasks of a batch, their options and their results."""

from dataclasses import dataclass
from typing import Literal

from srgan_cli.errors import SrganError
from srgan_cli.system.storage import Location
from srgan_cli.upscaling.back_projection import Consistency
from srgan_cli.upscaling.scale import Scale

OverwritePolicy = Literal["update", "overwrite", "keep"]


@dataclass(frozen=True)
class Task:
    """A picture to read and the file to write."""

    source: Location
    target: Location


@dataclass(frozen=True)
class UpscaleOptions:
    """How pictures are to be enlarged.

    scale: None for the upscaler's own.  strict: nothing may be dropped.  overwrite: outputs that are there already are
    made anew unless the manifest holds them (at a URL: never), always, or never.  consistent: made small again, they
    are their inputs.  verify_tiles: tiles are compared with the whole first.
    max_pixels: of a picture; None for what Pillow allows, and for more where they are read in bands from a long file.
    """

    scale: Scale = None
    strict: bool = False
    overwrite: OverwritePolicy = "update"
    consistent: bool = False
    verify_tiles: bool = False
    max_pixels: int | None = None


@dataclass(frozen=True)
class TaskResult:
    """What became of one task; `kept` is an output that was there already.

    size and output_size: height and width before and after.  count: the pictures in the file.  seconds: of work on it,
    without waiting for others.  warnings: a sentence for everything that was lost.  error: why it failed, and
    traceback: where, for programmers.  tiling_error: how far tiles were from the whole, 0…1, where that was asked for.
    device: where it was enlarged.  peak_memory: the most bytes that the process there has held so far, where known.
    consistency: how the output agrees with its input, the worst of its pictures, where that was wished for.
    """

    task: Task
    status: Literal["enlarged", "kept", "failed"]
    input_size: tuple[int, int] = (0, 0)
    output_size: tuple[int, int] = (0, 0)
    count: int = 0
    seconds: float = 0
    warnings: tuple[str, ...] = ()
    error: SrganError | None = None
    traceback: str = ""
    tiling_error: float | None = None
    device: str = ""
    peak_memory: int | None = None
    consistency: Consistency | None = None
