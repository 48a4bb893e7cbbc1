"""How a picture is cut into tiles: geometry only, without networks and pixels.

A generator whose receptive radius is r gives the same result on a window as on the whole picture, except within r
pixels of a cut.  Every tile therefore reads r pixels more than it outputs, and tiled equals whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, inf

from srgan_cli.errors import UsageError


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels; `bottom` and `right` are excluded."""

    top: int
    """First row."""
    left: int
    """First column."""
    bottom: int
    """Row after the last one."""
    right: int
    """Column after the last one."""

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index a picture of shape (..., H, W)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    def pad(self, halo: int, height: int, width: int, grid: int = 1) -> "Window":
        """Extend each side by `halo` and then to the next multiple of `grid`, or to the edge of the picture."""
        return Window(
            max(self.top - halo, 0) // grid * grid,
            max(self.left - halo, 0) // grid * grid,
            min(-(-(self.bottom + halo) // grid) * grid, height),
            min(-(-(self.right + halo) // grid) * grid, width),
        )

    def pad_to(self, height: int, width: int, outer: "Window") -> "Window":
        """Extend to at least this height and width: down and right, or up and left where `outer` ends."""
        top, left = min(self.top, outer.bottom - height), min(self.left, outer.right - width)
        return Window(top, left, max(self.bottom, top + height), max(self.right, left + width))

    def split(self, height: int, width: int) -> "Iterator[Window]":
        """Partition into windows of at most this height and width, row by row."""
        for top in range(self.top, self.bottom, height):
            for left in range(self.left, self.right, width):
                yield Window(top, left, min(top + height, self.bottom), min(left + width, self.right))

    def scaled(self, factor: int) -> "Window":
        """Return the same rectangle in a picture enlarged `factor` times."""
        return Window(self.top * factor, self.left * factor, self.bottom * factor, self.right * factor)

    def relative_to(self, outer: "Window") -> "Window":
        """Return the same rectangle in coordinates relative to the corner of `outer`."""
        return Window(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)


@dataclass(frozen=True)
class Tile:
    """A part of a picture that is enlarged at once."""

    input: Window
    """The window that is read: the output with its halo."""
    output: Window
    """The window that this tile computes; the outputs of all tiles partition the picture."""


@dataclass(frozen=True)
class TilePolicy:
    """Limits on the size of tiles."""

    size: int = 1024
    """Longest side of a tile's output in input pixels; 0 processes the picture whole."""
    max_memory: int | None = None
    """Limit on the memory of the whole process, in bytes.

    With None, tiles and rows of tiles may take an eighth of the machine's memory, at least 768 MiB and at most 2 GiB;
    on a GPU, or when the machine is shared, 768 MiB.
    """
    shared_machine: bool = False
    """Whether other workers share this machine's memory."""
    working_memory: float = inf
    """Limit on the memory of a tile and its row, in bytes, as far as the smallest tiles keep it."""

    def __post_init__(self) -> None:
        """Raise UsageError for a negative size."""
        if self.size < 0:
            raise UsageError(f"the tile size is {self.size}", "give a number of pixels, or 0 for the picture whole")

    def sides(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of a tile's output: as few tiles as allowed, of about equal size."""
        if self.size == 0:
            return height, width
        return even_length(height, self.size), even_length(width, self.size)


def tiles(height: int, width: int, halo: int, sides: tuple[int, int], grid: int = 1) -> Iterator[Tile]:
    """Yield the tiles of a picture row by row; their outputs have at most these sides and partition the picture.

    Inputs extend `halo` pixels further and from there to the next multiple of `grid`, or to the edge of the picture.
    """
    for output in Window(0, 0, height, width).split(*sides):
        yield Tile(output.pad(halo, height, width, grid), output)


def even_length(length: int, limit: int) -> int:
    """Return the length of equal pieces of `length`, as few as `limit` allows."""
    return ceil(length / ceil(length / limit))
