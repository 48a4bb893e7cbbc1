"""Place: where the pixels of a picture lie and how large they are."""

import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from srgan_cli.image.geo import gdal, microscopy, xml
from srgan_cli.image.geo.geotiff import GEOREFERENCE, RPC, geotransform_of, map_georeference, map_rpc, system_of
from srgan_cli.image.geo.grid import GridMap, is_scaling, scaling, turning
from srgan_cli.image.geo.sidecar import Sidecar, find_sidecars, find_xmp
from srgan_cli.image.metadata import xmp
from srgan_cli.system.arguments import checked
from srgan_cli.system.files import is_file

_PRIVATE = dict.fromkeys((33918, 33919, 33920), "Intergraph georeference")
_PRIVATE |= {tag: f"private {name} data" for tag, name in microscopy.PRIVATE_TAGS.items()}
_X_RESOLUTION, _Y_RESOLUTION, _UNIT = 282, 283, 296
_RESOLUTION = {_X_RESOLUTION, _Y_RESOLUTION, _UNIT}
_BLOCKS = {microscopy.BLOCK_SIZES, microscopy.BLOCKS}
_KEPT = {*GEOREFERENCE, RPC, gdal.METADATA}
TAGS = {*_KEPT, *_PRIVATE, *_BLOCKS}  # the TIFF tags that belong to the place alone
_ERRORS = (*xml.PARSE_ERRORS, np.linalg.LinAlgError)


@checked
@dataclass(frozen=True)
class Place:
    """Where the pixels of a picture lie and how large they are, for a grid of this size."""

    height: int
    width: int
    tags: Mapping[int, Any] = field(default_factory=dict)
    """TIFF tags; texts are decoded."""
    description: str = ""
    """What the software of a microscope says about all pages of the file."""
    sidecars: tuple[Sidecar, ...] = ()
    nodata: Mapping[str, str] = field(default_factory=dict)
    """The values of no data that files beside it state, by the number of the band, from 1."""
    has_classes: bool = False
    """Whether files beside it name classes."""
    xmp: bytes = b""
    """The packet in an XMP file beside it, which says nothing of a place."""

    @classmethod
    def from_tags(
        cls, tags: Mapping[int, Any], height: int, width: int, *, orientation: int = 1, is_calibrated: bool = False
    ) -> tuple["Place | None", list[str]]:
        """The place of a page that is stored with this size and orientation, upright, and a note on what is dropped.

        In a calibrated file the resolution is that of the object, which grows with the picture; in others it is that of
        a print.
        """
        kept = _KEPT | (_RESOLUTION if is_calibrated else set())
        own = {tag: decode(value) for tag, value in tags.items() if tag in kept}
        notes = [f"its {name} is dropped" for name in sorted({_PRIVATE[tag] for tag in set(tags) & set(_PRIVATE)})]
        if set(tags) >= _BLOCKS:
            blocks, stale = _clean_blocks(tags)
            own, notes = own | blocks, notes + stale
        if not own:
            return None, notes
        if gdal.METADATA in own:
            own[gdal.METADATA], stale = _clean(own[gdal.METADATA])
            notes += stale
        place, damaged = cls(height, width, own)._mapped(turning(orientation, height, width))
        return place, notes + damaged

    @property
    def is_known(self) -> bool:
        """Whether anything says where the picture lies or what its values are."""
        return bool(self.tags or self.description or self.sidecars or self.nodata or self.has_classes)

    @property
    def calibration(self) -> dict[tuple[int, str], float | str]:
        """The scale, offset and unit of its bands' values, by band and name, as far as they are stated."""
        beside = (found.text for found in self.sidecars if found.kind == "auxiliary file")
        found = dict[tuple[int, str], float | str]()
        for text in filter(None, (self.tags.get(gdal.METADATA), *beside)):
            with suppress(*_ERRORS):
                found |= gdal.calibration_of(text)
        return found

    @property
    def _geotransform(self) -> tuple[float, ...] | None:
        """The geotransform in its tags or in a file beside it, in GDAL's order, of the corners of pixels."""
        found = [geotransform_of(self.tags), *(sidecar.geotransform for sidecar in self.sidecars)]
        return next(filter(None, found), None)

    def is_elsewhere(self, other: "Place") -> bool:
        """Whether both state where they lie, and a corner is not within half a pixel, or the system is another one."""
        systems = {system_of(place.tags) for place in (self, other)} - {""}
        transforms = [place._geotransform or () for place in (self, other)]
        if not all(transforms):
            return False
        own, others = (np.reshape(transform, (2, 3)) for transform in transforms)
        moved = (own - others) @ [[1, 1, 1], [0, self.width, 0], [0, 0, self.height]]
        return len(systems) > 1 or bool(np.abs(moved).max() > np.abs(own[:, 1:]).max() / 2)

    def with_size(self, height: int, width: int) -> "Place":
        """The place on a grid of this size; the corners coincide."""
        place, _ = self._mapped(scaling((self.height, self.width), (height, width)))
        return replace(place, height=height, width=width, xmp=xmp.with_size(self.xmp, height, width))

    def _mapped(self, change: GridMap) -> tuple["Place", list[str]]:
        """The place after a change of the grid, and a note on everything that cannot follow."""
        mapped, notes = dict[int, Any](), []
        reason = "it is damaged" if is_scaling(change) else "it cannot be turned upright"
        for part, name, function in _PARTS:
            own = {tag: value for tag, value in self.tags.items() if tag in part}
            try:
                mapped |= function(own, change) if own else {}
            except _ERRORS:
                notes.append(f"its {name} is dropped: {reason}")
        sidecars = []
        for sidecar in self.sidecars:
            try:
                sidecars.append(sidecar.mapped(change))
            except _ERRORS:
                notes.append(f"the {sidecar.kind} beside it is dropped: {reason}")
        height, width = (self.height, self.width) if change[0, 0] else (self.width, self.height)
        return replace(self, height=height, width=width, tags=mapped, sidecars=tuple(sidecars)), notes


def add_sidecars(
    place: Place | None, picture: Path, size: tuple[int, int], orientation: int, *, has_mask: bool = False
) -> tuple[Place | None, list[str]]:
    """The place with the files beside a picture of this size, upright, and of this orientation; and notes as above.

    `has_mask`: the mask beside it is read elsewhere.
    """
    (found, notes), (packet, unread) = find_sidecars(picture, has_mask=has_mask), find_xmp(picture)
    has_table = is_file(picture.with_name(f"{picture.name}.vat.dbf"))
    if not found and not packet and not has_table:
        return place, notes + unread
    auxiliary = next((sidecar.text for sidecar in found if sidecar.kind == "auxiliary file"), "<PAMDataset/>")
    nodata, has_classes = gdal.nodata_of(auxiliary), has_table or gdal.names_classes(auxiliary)
    turned = orientation if xmp.orientation(packet) == orientation else 1
    packet, lost = xmp.without_fixed(packet, turned)
    packet = xmp.upright(packet, turned) if turned > 1 else packet
    height, width = size[::-1] if orientation >= 5 else size
    here, damaged = Place(height, width, sidecars=tuple(found))._mapped(turning(orientation, height, width))
    place = replace(place or here, sidecars=here.sidecars, nodata=nodata, has_classes=has_classes, xmp=packet)
    return place, [*notes, *unread, *lost, *damaged]


def decode(value: Any) -> Any:
    """A text as UTF-8, which Pillow reads as Latin-1; other values as they are."""
    with suppress(UnicodeError):
        return value.encode("latin-1").decode() if isinstance(value, str) else value
    return value


def _clean(text: Any) -> tuple[Any, list[str]]:
    """GDAL's metadata without what is stale.  Damaged ones stay, to be reported when they are mapped."""
    with suppress(*_ERRORS, AttributeError):
        return gdal.clean(text)
    return text, []


def _clean_blocks(tags: Mapping[int, Any]) -> tuple[dict[int, Any], list[str]]:
    with suppress(*_ERRORS, struct.error, RuntimeError, StopIteration):
        return microscopy.clean_blocks(tags)
    return {}, ["its ImageJ labels and colours are dropped: they are damaged"]


def _map_resolution(tags: Mapping[int, Any], change: GridMap) -> dict[int, Any]:
    """Pixels a unit, which may swap their axes."""
    across, down = (np.abs(change[:2, :2]) @ [float(tags[_X_RESOLUTION]), float(tags[_Y_RESOLUTION])]).tolist()
    if not 0 < min(across, down) <= max(across, down) < np.inf:
        raise ValueError
    return {**tags, _X_RESOLUTION: across, _Y_RESOLUTION: down}


_PARTS: tuple[tuple[set[int], str, Callable[[Mapping[int, Any], GridMap], dict[int, Any]]], ...] = (
    (GEOREFERENCE, "georeference", map_georeference),
    ({RPC}, "rational polynomial model (RPC)", map_rpc),
    ({gdal.METADATA}, "GDAL metadata", lambda tags, grid: {tag: gdal.map_metadata(tags[tag], grid) for tag in tags}),
    (_RESOLUTION, "resolution", _map_resolution),
    (_BLOCKS, "ImageJ data", lambda tags, _: dict(tags)),
)
