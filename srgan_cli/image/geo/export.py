"""Writing the place of a picture into files beside it, for formats that have no tags for it."""

from collections.abc import Sequence
from pathlib import Path

from srgan_cli.image.geo import gdal, geotiff, microscopy, sidecar
from srgan_cli.image.geo.place import Place
from srgan_cli.image.geo.sidecar import Sidecar
from srgan_cli.system.files import atomic_write, is_file

_TAGGED = "TIFF"  # the format that stores a place itself
_XMP = ".xmp"
_UNFIT, _NOT_WRITTEN = ", but does not fit it", ": that of the input is not written"
_CALIBRATION = {282, 283, 296}


def place_losses(place: Place | None, name: str) -> list[str]:
    """What neither a file of this format nor the files beside it keep of a place."""
    if place is None or name == _TAGGED:
        return []
    losses = {
        "GDAL metadata": gdal.METADATA in place.tags,
        "coordinate system, which has no EPSG code": geotiff.KEYS in place.tags and not geotiff.system_of(place.tags),
        "microscope's description": microscopy.software_of(place.description) in ("OME-XML", "ImageJ"),
        "resolution of the object": bool(_CALIBRATION & set(place.tags)),
    }
    return [loss for loss, applies in losses.items() if applies]


def write_place(place: Place | None, size: tuple[int, int], path: Path, name: str, *, overwrite: bool) -> list[Path]:
    """Write the files that belong beside a picture of this size and format; returns those that were written.

    Each appears complete or not at all.  Files that exist stay unless `overwrite` is set; XMP files, and those that the
    place was read from, always.
    """
    files = dict(_files(place.with_size(*size), path, name)) if place else {}
    written = [found for found in files if place and not _is_kept(place, found, overwrite=overwrite)]
    for found in written:
        with atomic_write(found) as temporary:
            temporary.write_text(files[found], encoding="utf8")
    return written


def kept_files(place: Place | None, size: tuple[int, int], path: Path, name: str, *, overwrite: bool) -> list[str]:
    """A sentence for each existing file beside a picture that differs from what `write_place` would write."""
    files = dict(_files(place.with_size(*size), path, name)) if place else {}
    kept = [found for found in files if place and _is_kept(place, found, overwrite=overwrite)]
    kept = [found for found in kept if sidecar.read_text(found) != files[found]]
    beside = {found: Sidecar(kind, "").beside(path) for kind, found in sidecar.sidecar_paths(path)}
    others = [found for found, own in beside.items() if not {found, own} & files.keys()]
    return [
        f"{found.name} exists and is kept{_NOT_WRITTEN if found.suffix == _XMP else _UNFIT}"
        for found in (*kept, *others)
    ]


def _is_kept(place: Place, path: Path, *, overwrite: bool) -> bool:
    if not is_file(path):
        return False
    sources = [found.source for found in place.sidecars if found.source and found.source.exists()]
    is_own = path.suffix == _XMP or any(map(path.samefile, sources))  # people edit XMP files of results, too
    return is_own or not overwrite


def _files(place: Place, path: Path, name: str) -> Sequence[tuple[Path, str]]:
    """The paths and contents of the files beside a picture."""
    sidecars = {found.kind: found for found in place.sidecars}
    tags = {} if name == _TAGGED else place.tags
    parts, rpcs, transform = dict[str, str](), geotiff.rpcs_of(tags), geotiff.geotransform_of(tags)
    if system := geotiff.system_of(tags):
        parts["SRS"] = system
    if transform:
        parts["GeoTransform"] = ", ".join(map(repr, transform))
        sidecars.setdefault("world file", sidecar.world_file(transform))
    auxiliary = sidecars.pop("auxiliary file", None)
    points = [] if transform else geotiff.control_points_of(tags)
    text = gdal.extend(auxiliary.text if auxiliary else "<PAMDataset/>", parts, rpcs, points)
    files = [(found.beside(path), found.text) for found in sidecars.values()]
    files += [(sidecar.xmp_path(path), place.xmp.decode())] if place.xmp else []
    return [*files, (Sidecar("auxiliary file", text).beside(path), text)] if text else files
