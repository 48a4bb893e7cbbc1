"""TilePlan: how one picture is cut into tiles."""

from dataclasses import dataclass

from srgan_cli.upscaling.tiles.geometry import Geometry
from srgan_cli.upscaling.tiles.memory_limit import ReservedMemory


@dataclass(frozen=True)
class TilePlan:
    """How one picture is cut into tiles, made once by `Upscaler.plan`."""

    geometry: Geometry
    """Sizes of the picture and its result, and what a tile reads around its output."""
    tile_sides: tuple[int, int]
    """Height and width of a tile's output, in input pixels."""
    reserved: ReservedMemory
    """Memory that was not available to the tiles when the plan was made."""
