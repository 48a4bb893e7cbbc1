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
    def area(self) -> int:
        """The number of pixels."""
        return (self.bottom - self.top) * (self.right - self.left)

    def scaled(self, factor: int) -> "Window":
        """The same rectangle in a picture enlarged by `factor`."""
        return Window(self.top * factor, self.left * factor, self.bottom * factor, self.right * factor)

    def within(self, outer: "Window") -> "Window":
        """The same rectangle, counted from the corner of `outer`."""
        return Window(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)


@dataclass(frozen=True)
class Tile:
    """`read` is the window with its halo, `keep` the part this tile answers for."""

    read: Window
    keep: Window


@dataclass(frozen=True)
class TilePolicy:
    """The longest side of a tile's kept part, in input pixels; 0 takes the picture whole.

    Memory grows with (size + 2 x halo) squared and not with the picture.
    """

    size: int = 384

    def __post_init__(self) -> None:
        """Raises UsageError for a negative size."""
        if self.size < 0:
            raise UsageError(f"the tile size is {self.size}", "give a number of pixels, or 0 for the picture whole")

    def sides(self, height: int, width: int) -> tuple[int, int]:
        """The tile's height and width for this picture: as few tiles as the policy allows, about equal."""
        if self.size == 0:
            return height, width
        return _even(height, self.size), _even(width, self.size)


def tiles(height: int, width: int, halo: int, policy: TilePolicy, grid: int = 1) -> Iterator[Tile]:
    """Tiles of a picture of height x width pixels, row by row; their keeps partition it.

    What they read reaches `halo` pixels further and from there to the next multiple of `grid`, or ends at the edge.
    """
    tile_height, tile_width = policy.sides(height, width)
    for top in range(0, height, tile_height):
        for left in range(0, width, tile_width):
            keep = Window(top, left, min(top + tile_height, height), min(left + tile_width, width))
            read = Window(
                max(keep.top - halo, 0) // grid * grid,
                max(keep.left - halo, 0) // grid * grid,
                min(-(-(keep.bottom + halo) // grid) * grid, height),
                min(-(-(keep.right + halo) // grid) * grid, width),
            )
            yield Tile(read, keep)


def _even(length: int, limit: int) -> int:
    return ceil(length / ceil(length / limit))
