"""Place: where the pixels of a picture lie and how large they are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from srgan_cli.image.geo import gdal, xml
from srgan_cli.image.geo.geotiff import GEOREFERENCE, RPC, map_georeference, map_rpc
from srgan_cli.image.geo.grid import GridMap, is_scaling, scaling, turning

_INTERGRAPH = {33918, 33919, 33920}
TAGS = {*GEOREFERENCE, *_INTERGRAPH, RPC, gdal.METADATA}
"""The TIFF tags that belong to the place."""
_ERRORS = (*xml.PARSE_ERRORS, IndexError, TypeError, np.linalg.LinAlgError)


@dataclass(frozen=True)
class Place:
    """Where the pixels of a picture lie and how large they are, for a grid of this size."""

    height: int
    """Rows of the grid."""
    width: int
    """Columns of the grid."""
    tags: Mapping[int, Any] = field(default_factory=dict)
    """TIFF tags; texts are decoded."""

    @classmethod
    def from_tags(
        cls, tags: Mapping[int, Any], height: int, width: int, orientation: int = 1
    ) -> tuple["Place | None", list[str]]:
        """The place of a page that is stored with this size and orientation, upright, and a note on what is dropped."""
        own = {tag: decode(value) for tag, value in tags.items() if tag in TAGS - _INTERGRAPH}
        notes = ["its Intergraph georeference is dropped"] if _INTERGRAPH & set(tags) else []
        if not own:
            return None, notes
        if gdal.METADATA in own:
            own[gdal.METADATA], stale = _clean(own[gdal.METADATA])
            notes += stale
        place, damaged = cls(height, width, own)._mapped(turning(orientation, height, width))
        return place, notes + damaged

    def with_size(self, height: int, width: int) -> "Place":
        """The place on a grid of this size; the corners coincide."""
        place, _ = self._mapped(scaling((self.height, self.width), (height, width)))
        return replace(place, height=height, width=width)

    def _mapped(self, change: GridMap) -> tuple["Place", list[str]]:
        """The place after a change of the grid, and a note on everything that cannot follow."""
        mapped, notes = dict[int, Any](), []
        for part, name, function in _PARTS:
            own = {tag: value for tag, value in self.tags.items() if tag in part}
            try:
                mapped |= function(own, change) if own else {}
            except _ERRORS:
                reason = "it is damaged" if is_scaling(change) else "it cannot be turned upright"
                notes.append(f"its {name} is dropped: {reason}")
        height, width = (self.height, self.width) if change[0, 0] else (self.width, self.height)
        return replace(self, height=height, width=width, tags=mapped), notes


def decode(value: Any) -> Any:
    """A text as UTF-8, which Pillow reads as Latin-1; other values as they are."""
    try:
        return value.encode("latin-1").decode() if isinstance(value, str) else value
    except UnicodeError:
        return value


def _clean(text: Any) -> tuple[Any, list[str]]:
    """GDAL's metadata without what is stale.  Damaged ones stay, to be reported when they are mapped."""
    try:
        return gdal.clean(text)
    except (*_ERRORS, AttributeError):
        return text, []


def _map_gdal(tags: Mapping[int, Any], change: GridMap) -> dict[int, Any]:
    return {gdal.METADATA: gdal.map_metadata(tags[gdal.METADATA], change)}


_PARTS: tuple[tuple[set[int], str, Callable[[Mapping[int, Any], GridMap], dict[int, Any]]], ...] = (
    (GEOREFERENCE, "georeference", map_georeference),
    ({RPC}, "rational polynomial model (RPC)", map_rpc),
    ({gdal.METADATA}, "GDAL metadata", _map_gdal),
)
