"""How a picture is cut into tiles.  Geometry only: knows no network and no pixels.

A generator whose receptive radius is r gives the same result on a window as on the whole picture, except
within r pixels of a cut.  So every tile reads r pixels more than it keeps, and tiled equals whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from srgan_cli.errors import UsageError


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: rows top…bottom, columns left…right, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index a picture of shape (..., H, W) with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def area(self) -> int:
        """The number of pixels."""
        return self.height * self.width

    def pad(self, halo: int, height: int, width: int, grid: int = 1) -> "Window":
        """The rectangle that reaches `halo` further and from there to the grid, or ends at the edge of the picture."""
        return Window(
            max(self.top - halo, 0) // grid * grid,
            max(self.left - halo, 0) // grid * grid,
            min(-(-(self.bottom + halo) // grid) * grid, height),
            min(-(-(self.right + halo) // grid) * grid, width),
        )

    def pad_to(self, height: int, width: int, outer: "Window") -> "Window":
        """The rectangle grown down and right to at least this height and width, and up and left where `outer` ends."""
        top, left = min(self.top, outer.bottom - height), min(self.left, outer.right - width)
        return Window(top, left, max(self.bottom, top + height), max(self.right, left + width))

    def split(self, height: int, width: int) -> "Iterator[Window]":
        """Windows of at most this height and width that partition this one, row by row."""
        for top in range(self.top, self.bottom, height):
            for left in range(self.left, self.right, width):
                yield Window(top, left, min(top + height, self.bottom), min(left + width, self.right))

    def scaled(self, factor: int) -> "Window":
        """The same rectangle in a picture enlarged by `factor`."""
        return Window(self.top * factor, self.left * factor, self.bottom * factor, self.right * factor)

    def relative_to(self, outer: "Window") -> "Window":
        """The same rectangle, counted from the corner of `outer`."""
        return Window(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)


@dataclass(frozen=True)
class Tile:
    """`input` is the window with its halo, `output` the part this tile answers for."""

    input: Window
    output: Window


@dataclass(frozen=True)
class TilePolicy:
    """How large tiles may be.

    size: the longest side of a tile's kept part, in input pixels; 0 takes the picture whole.
    max_memory: what the whole process may take, in bytes; None leaves the tiles and rows of tiles an eighth of the
    machine's memory, from 768 MiB to 2 GiB; 768 MiB on a GPU, or if frugal.
    shared_machine: there are workers beside, or nothing is gained by more.
    """

    size: int = 1024
    max_memory: int | None = None
    shared_machine: bool = False

    def __post_init__(self) -> None:
        """Raises UsageError for a negative size."""
        if self.size < 0:
            raise UsageError(f"the tile size is {self.size}", "give a number of pixels, or 0 for the picture whole")

    def sides(self, height: int, width: int) -> tuple[int, int]:
        """The tile's height and width for this picture: as few tiles as the policy allows, about equal."""
        if self.size == 0:
            return height, width
        return even_length(height, self.size), even_length(width, self.size)


def tiles(height: int, width: int, halo: int, sides: tuple[int, int], grid: int = 1) -> Iterator[Tile]:
    """Tiles of these sides in a picture of height x width pixels, row by row; their keeps partition it.

    What they read reaches `halo` pixels further and from there to the next multiple of `grid`, or ends at the edge.
    """
    for keep in Window(0, 0, height, width).split(*sides):
        yield Tile(keep.pad(halo, height, width, grid), keep)


def even_length(length: int, limit: int) -> int:
    """The length of equal pieces, as few as the limit allows."""
    return ceil(length / ceil(length / limit))
