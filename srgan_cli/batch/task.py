"""Tasks of a batch, their options and their results."""

from dataclasses import KW_ONLY, dataclass
from typing import Literal

from srgan_cli.errors import SrganError
from srgan_cli.image.codec.capabilities import DEFAULT_ENCODING, Encoding
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.system.remote_storage import Location
from srgan_cli.upscaling.back_projection import Consistency
from srgan_cli.upscaling.scale import Scale

OverwritePolicy = Literal["update", "overwrite", "keep"]


def cancelled_error() -> SrganError:
    """The error of tasks that were cancelled."""
    return SrganError("stopped", "run the command again to go on")


@dataclass(frozen=True)
class Task:
    """A file to read and a file to write."""

    source: Location
    target: Location


@dataclass(frozen=True, kw_only=True)
class UpscaleOptions:
    """How files are enlarged."""

    scale: Scale = None
    """None for the upscaler's own scale."""
    strict: bool = False
    """Fail where the output format would lose anything of a picture."""
    overwrite: OverwritePolicy = "update"
    """`update` keeps an existing output if the manifest records it as current, and any output at a URL, and replaces
    other outputs of srgan; `overwrite` replaces every file; `keep` replaces none."""
    consistent: bool = False
    """Project the result back, so that downscaling it gives the input again."""
    cog: bool = False
    """Write TIFFs cloud-optimised."""
    rgb_bands: tuple[int, ...] = ()
    """The numbers of the bands that a network sees as red, green and blue; () for those of the file."""
    verify_tiles: bool = False
    """Compare tiled and untiled results of the first picture."""
    encoding: Encoding = DEFAULT_ENCODING
    """How lossy formats compress."""
    max_pixels: int | None = None
    """The most pixels of a picture; see `open_pictures` for None."""
    optional: tuple[str, ...] = ()
    """Options, spelled as in errors, that are left out with a warning for files that they do not fit."""


@dataclass(frozen=True)
class TaskResult:
    """The result of a task."""

    task: Task
    status: Literal["enlarged", "kept", "failed"]
    """`kept` is an output that existed before."""
    _: KW_ONLY
    input_size: tuple[int, int] = (0, 0)
    """Height and width of the input's first picture; 0 if it was not read."""
    output_size: tuple[int, int] = (0, 0)
    """Height and width of the output's first picture."""
    count: int = 0
    """How many pictures the file holds."""
    seconds: float = 0
    """Time spent on the file, without waiting for other files."""
    sidecars: tuple[str, ...] = ()
    """The names of the files written beside the output."""
    warnings: tuple[str, ...] = ()
    """A sentence for each loss."""
    error: SrganError | None = None
    """Why it failed."""
    traceback: str = ""
    """The traceback of the error, as text."""
    tiling_error: float | None = None
    """The largest difference between tiled and untiled results, 0…1, where `verify_tiles` asked for it."""
    model: str = ""
    """The name of the weights; "" where nothing was enlarged."""
    sha256: str = ""
    """The digest of the weights."""
    reason: str = ""
    """Why these weights, where they were chosen for the file."""
    network_scale: float | None = None
    """The factor of their network; None for a video, and where nothing was enlarged."""
    device: str = ""
    peak_memory: int | None = None
    """The most bytes that the working process has held so far; None if unknown."""
    is_video: bool = False
    value_ranges: tuple[tuple[ValueRange, ...], ...] = ()
    """For each picture, and each of its bands, the values that the network saw as 0 and 1; () for 0 and full scale."""
    consistency: Consistency | None = None
    """How the output agrees with its input, where `consistent` asked for it; the worst of the file's pictures."""
