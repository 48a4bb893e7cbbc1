"""World files, .aux.xml, .prj, RPCs and XMP beside a picture.  Source: https://gdal.org/en/stable/drivers/raster/"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from srgan_cli.image.geo import gdal, grid, rpc, xml
from srgan_cli.image.geo.grid import GridMap
from srgan_cli.image.metadata import xmp
from srgan_cli.system.files import is_file

Kind = Literal["world file", "auxiliary file", "projection file", "RPC file"]
_UNREAD = {"{name}.ovr": "overviews", "{name}.msk": "a mask", "{name}.vat.dbf": "an attribute table"}
_UNREAD |= {"{stem}.{world}x": "an approximate world file of ArcGIS", "{stem}.rrd": "overviews"}
_UNREAD |= dict.fromkeys(("{stem}.imd", "{stem}.IMD"), "metadata")
_UNREAD |= dict.fromkeys(("{stem}.tab", "{stem}.TAB"), "a georeference of MapInfo")
_UNREAD |= {"{name}.pp3": "edits of RawTherapee", "{name}.dop": "edits of DxO PhotoLab"}
_UNREAD |= {"{stem}.AAE": "edits of Apple Photos", "{name}.xml": "metadata of ArcGIS", "{stem}.qml": "a style of QGIS"}
_MAX_BYTES = 2**24
_OWNER = re.compile(r'SidecarForExtension(?:\s*=\s*["\']|>)(\w+)')
"""The suffix of the picture to which an XMP file of Adobe's belongs."""


@dataclass(frozen=True)
class Sidecar:
    """A file beside a picture."""

    kind: Kind
    text: str
    source: Path | None = None
    """The file that it was read from."""

    def mapped(self, change: GridMap) -> "Sidecar":
        """The file for the new grid.  Raises ValueError or ExpatError if it is damaged or cannot be adapted."""
        return replace(self, text=_MAPS[self.kind](self.text, change))

    @property
    def geotransform(self) -> tuple[float, ...] | None:
        """The geotransform in GDAL's order, of the corners of pixels, that a world file or an .aux.xml states."""
        if self.kind == "world file":
            return _read_world(self.text)
        return gdal.geotransform_of(self.text) if self.kind == "auxiliary file" else None

    def beside(self, picture: Path) -> Path:
        """Where it belongs for a picture: by the same name, with the suffix for the picture's format."""
        if self.kind == "world file":
            return picture.with_suffix(next(_world_suffixes(picture)))
        if self.kind == "auxiliary file":
            return picture.with_name(f"{picture.name}.aux.xml")
        is_rpb = self.source and self.source.suffix.lower() == ".rpb"
        ending = ".prj" if self.kind == "projection file" else ".RPB" if is_rpb else "_RPC.TXT"
        return picture.with_name(picture.stem + ending)


def find_sidecars(picture: Path, *, has_mask: bool = False) -> tuple[list[Sidecar], list[str]]:
    """The files beside a picture, and a note on each that cannot be interpreted, but a mask that is read."""
    unread = _unread(picture)
    read = {f"{picture.name}.msk"} if has_mask else set()
    beside = [name for name in unread if name not in read and is_file(picture.with_name(name))]
    found, notes = [], [f"{name} beside it, {unread[name]}, is dropped" for name in beside]
    for kind, path in sidecar_paths(picture):
        if (text := read_text(path)) is None:
            notes.append(f"{path.name} beside it is dropped: it cannot be read")
            continue
        try:
            stale: list[str] = []
            if kind == "projection file" and text.lstrip().startswith("<"):
                raise ValueError("a web page, which some servers send for missing files")
            if kind == "auxiliary file":
                text, stale = gdal.clean(text)
                text = gdal.extend(text, {}, {}, ())
            found += [Sidecar(kind, text, path)] if text else []
            notes += stale
        except xml.PARSE_ERRORS:
            notes.append(f"{path.name} beside it is dropped: it is damaged")
    return found, notes


def find_xmp(picture: Path) -> tuple[bytes, list[str]]:
    """The packet in an XMP file beside a picture, empty without one of its own, and a note if it is damaged."""
    if (path := next(filter(is_file, _xmp_candidates(picture)), None)) is None:
        return b"", []
    text = (read_text(path) or "").strip()
    if not xmp.is_well_formed(text.encode()):
        return b"", [f"{path.name} beside it is dropped: it is damaged"]
    owner = _OWNER.search(text)
    return text.encode() if owner is None or owner[1].lower() == picture.suffix[1:].lower() else b"", []


def xmp_path(picture: Path) -> Path:
    """Where the XMP file of a picture belongs."""
    return picture.with_name(f"{picture.name}.xmp")


def sidecar_paths(picture: Path) -> list[tuple[Kind, Path]]:
    """The files beside a picture that say where it lies; a .prj only with others, since other files have one too."""
    found: dict[Kind, Path] = {}
    for kind, path in _candidates(picture):
        if kind not in found and is_file(path):
            found[kind] = path
    return [] if set(found) == {"projection file"} else list(found.items())


def names_beside(picture: Path, *, has_place: bool = False) -> dict[str, bool]:
    """The names of all files that may say more about a picture, and whether they are read.

    A picture that states its own place needs neither a world file nor a projection.
    """
    kinds = ("auxiliary file", "RPC file") if has_place else get_args(Kind)
    paths = [*(path for kind, path in _candidates(picture) if kind in kinds), *_xmp_candidates(picture)]
    read = {path.name: True for path in paths}
    return read | dict.fromkeys(_unread(picture), False) | {f"{picture.name}.msk": True}


def _unread(picture: Path) -> dict[str, str]:
    """The names of files beside a picture that are not read, and what they have."""
    world = next(_world_suffixes(picture)).removeprefix(".")
    return {name.format(name=picture.name, stem=picture.stem, world=world): what for name, what in _UNREAD.items()}


def _candidates(picture: Path) -> Iterator[tuple[Kind, Path]]:
    for suffix in (*_world_suffixes(picture), ".wld"):
        yield from (("world file", picture.with_suffix(spelled)) for spelled in (suffix, suffix.upper()))
    yield "auxiliary file", picture.with_name(f"{picture.name}.aux.xml")
    for ending in ("_RPC.TXT", "_rpc.txt", ".RPB", ".rpb"):
        yield "RPC file", picture.with_name(picture.stem + ending)
    for ending in (".prj", ".PRJ"):
        yield "projection file", picture.with_name(picture.stem + ending)


def _xmp_candidates(picture: Path) -> list[Path]:
    return [picture.with_name(name + ending) for name in (picture.name, picture.stem) for ending in (".xmp", ".XMP")]


def _world_suffixes(picture: Path) -> Iterator[str]:
    """The suffixes of a world file: of .tif, .tfw and .tifw."""
    suffix = picture.suffix.lower().removeprefix(".") or "w"
    yield f".{suffix[0]}{suffix[-1]}w"
    yield f".{suffix}w"


def read_text(path: Path) -> str | None:
    """The text of a file, of XML without naming another encoding than UTF-8; None if unreadable or too large."""
    with suppress(OSError):
        if path.stat().st_size <= _MAX_BYTES:
            return xmp.decode(path.read_bytes())
    return None


def world_file(geotransform: tuple[float, ...]) -> Sidecar:
    """The world file of a geotransform in GDAL's order, of the corners of pixels."""
    x, a, b, y, d, e = geotransform
    return Sidecar("world file", "".join(f"{number!r}\n" for number in (a, d, b, e, x + (a + b) / 2, y + (d + e) / 2)))


def _read_world(text: str) -> tuple[float, ...]:
    """The geotransform of six lines, of the centres of pixels.  Source: ESRI, World files for raster datasets."""
    a, d, b, e, x, y = (float(line.replace(",", ".")) for line in text.split()[:6])
    return x - (a + b) / 2, a, b, y - (d + e) / 2, d, e


_MAPS: dict[Kind, Callable[[str, GridMap], str]] = {
    "world file": lambda text, change: world_file(grid.geotransform(_read_world(text), change)).text,
    "auxiliary file": gdal.map_metadata,
    "projection file": lambda text, _: text,
    "RPC file": rpc.map_text,
}
