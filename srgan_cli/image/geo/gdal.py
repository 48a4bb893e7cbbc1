"""GDAL's metadata for another grid, in a TIFF and beside it.  Source: GDAL, Persistent Auxiliary Metadata."""

import math
from collections.abc import Iterator, Mapping, Sequence
from xml.dom.minidom import Document, Element

from srgan_cli.image.geo import grid, rpc, xml
from srgan_cli.image.geo.grid import GridMap

METADATA = 42112  # the TIFF tag
_STALE_DOMAINS = {"geolocation": "geolocation arrays", "image_structure": "", "xml:esri": "ESRI's own transformation"}
_STATISTICS = "statistics"
_STALE_ELEMENTS = {"Histograms": _STATISTICS, "GeodataXform": _STALE_DOMAINS["xml:esri"]}
_ROLE = "COLORINTERP"
_UNCALIBRATED = {"SCALE": 1.0, "OFFSET": 0.0, "UNITTYPE": ""}
_PAM_NAMES = {"Scale": "SCALE", "Offset": "OFFSET", "UnitType": "UNITTYPE"}
_PIXEL_COUNT, _NAME = "1", "2"  # what a column of a table of values is for, GDALRATFieldUsage


def clean(text: str) -> tuple[str, list[str]]:
    """The XML without what holds for the original pixels only, and a note on it.  Raises one of xml.PARSE_ERRORS."""
    document, dropped = xml.parse(text), set()
    for name, kind in _STALE_ELEMENTS.items():
        for element in xml.elements(document, name):
            xml.remove(element)
            dropped.add(kind)
    for domain, name, element in list(_items(document)):
        if domain in _STALE_DOMAINS or name.startswith("STATISTICS_"):
            xml.remove(element)
            dropped.add(_STALE_DOMAINS.get(domain, _STATISTICS))
    for table in xml.elements(document, "GDALRasterAttributeTable"):
        dropped |= {_STATISTICS} if _drop_counts(table) else set()
    note = "its {} in GDAL's metadata are dropped: they describe the input"
    return _written(document, text), [note.format(kind) for kind in sorted(dropped - {""})]


def nodata_of(text: str) -> dict[str, str]:
    """The nodata values that an .aux.xml states, by the number of the band, from 1; equal ones are spelled alike."""
    spelled, found = dict[float | str, str](), dict[str, str]()
    for band in xml.elements(xml.parse(text), "PAMRasterBand"):
        for value in filter(None, (xml.text_of(element).strip() for element in xml.elements(band, "NoDataValue"))):
            found[band.getAttribute("band")] = spelled.setdefault(_number(value), value)
    return found


def _number(text: str) -> float | str:
    try:
        return text if math.isnan(number := float(text)) else number
    except ValueError:
        return text


def roles_of(text: str) -> dict[int, str]:
    """What GDAL says of bands, by their number from 0, where the tags of a TIFF cannot, such as Alpha or Undefined."""
    items = _items(xml.parse(text))
    return {int(element.getAttribute("sample")): xml.text_of(element) for _, name, element in items if name == _ROLE}


def domains_of(text: str) -> set[str]:
    """The domains of metadata in a TIFF, apart from the default one."""
    return {domain for domain, _, _ in _items(xml.parse(text))} - {"", "rpc"}


def calibration_of(text: str) -> dict[tuple[int, str], float | str]:
    """What scale, offset and unit the values of bands have, by their number from 0; not 1, 0 and no unit."""
    document, found = xml.parse(text), dict[tuple[int, str], float | str]()
    for _, name, element in _items(document):
        if name in _UNCALIBRATED:
            found[int(element.getAttribute("sample") or 0), name] = _number(xml.text_of(element))
    for band in xml.elements(document, "PAMRasterBand"):
        for stated, name in _PAM_NAMES.items():
            for element in xml.elements(band, stated):
                found[int(band.getAttribute("band")) - 1, name] = _number(xml.text_of(element))
    return {key: value for key, value in found.items() if value != _UNCALIBRATED[key[1]]}


def geotransform_of(text: str) -> tuple[float, ...] | None:
    """The geotransform of an .aux.xml; None without one."""
    stated = [xml.text_of(element).split(",") for element in xml.elements(xml.parse(text), "GeoTransform")]
    return tuple(map(float, stated[0])) if stated else None


def names_classes(text: str) -> bool:
    """Whether an .aux.xml gives single values names or colours, so that they must not be blended."""
    document = xml.parse(text)
    usages = [xml.text_of(element) for element in xml.elements(document, "Usage")]
    named = [*xml.elements(document, "ColorTable"), *xml.elements(document, "CategoryNames")]
    return _NAME in usages or any(element.hasChildNodes() for element in named)


def map_metadata(text: str, change: GridMap) -> str:
    """The XML for the new grid.  Raises one of xml.PARSE_ERRORS."""
    document = xml.parse(text)
    for domain, name, element in _items(document):
        if domain == "rpc":
            xml.set_text(element, rpc.map_value(name, xml.text_of(element), change))
    for element in xml.elements(document, "GeoTransform"):
        numbers = tuple(map(float, xml.text_of(element).split(",")))
        xml.set_text(element, ", ".join(map(repr, grid.geotransform(numbers, change))))
    for element in xml.elements(document, "GCP"):
        point = change @ [float(element.getAttribute("Pixel")), float(element.getAttribute("Line")), 1]
        element.setAttribute("Pixel", f"{point[0]:.15g}")
        element.setAttribute("Line", f"{point[1]:.15g}")
    return _written(document, text)


def extend(text: str, parts: Mapping[str, str], rpcs: Mapping[str, str], points: Sequence[tuple[float, ...]]) -> str:
    """An .aux.xml with these elements, RPCs and control points where it has none; empty if it says nothing at all.

    A control point is its column and row, and then x, y, z.  Raises one of xml.PARSE_ERRORS for anything else.
    """
    document = xml.parse(text)
    root, *_ = xml.elements(document, "PAMDataset")
    if points and not list(xml.elements(document, "GCPList")):
        listed = xml.append(root, "GCPList")
        listed.setAttribute("Projection", parts.get("SRS", ""))
        for point in points:
            element = xml.append(listed, "GCP")
            for name, number in zip(("Pixel", "Line", "X", "Y", "Z"), point, strict=True):
                element.setAttribute(name, repr(number))
    for name, content in parts.items():
        if not list(xml.elements(document, name)):
            xml.append(root, name, content)
    if rpcs and not any(domain == "rpc" for domain, _, _ in _items(document)):
        metadata = xml.append(root, "Metadata")
        metadata.setAttribute("domain", "RPC")
        for name, content in rpcs.items():
            xml.append(metadata, "MDI", content).setAttribute("key", name)
    containers = [*xml.elements(root, "Metadata"), *xml.elements(root, "PAMRasterBand")]
    return _written(document, text) if len(root.getElementsByTagName("*")) > len(containers) else ""


def _drop_counts(table: Element) -> bool:
    """Remove the columns of a table of values that count pixels, returns whether there were any."""
    columns = list(xml.elements(table, "FieldDefn"))
    usages = [[xml.text_of(usage) for usage in xml.elements(column, "Usage")] for column in columns]
    for cells in [columns, *(list(xml.elements(row, "F")) for row in xml.elements(table, "Row"))]:
        for cell, usage in zip(cells, usages, strict=True):
            if usage == [_PIXEL_COUNT]:
                xml.remove(cell)
    return [_PIXEL_COUNT] in usages


def _items(document: Document) -> Iterator[tuple[str, str, Element]]:
    for element in xml.elements(document, "Item"):
        yield element.getAttribute("domain").lower(), element.getAttribute("name"), element
    for parent in xml.elements(document, "Metadata"):
        for element in xml.elements(parent, "MDI"):
            yield parent.getAttribute("domain").lower(), element.getAttribute("key"), element


def _written(document: Document, text: str) -> str:
    """The document as text, with a declaration if `text` has one."""
    has_declaration = text.lstrip().startswith("<?xml")
    return document.toxml() if has_declaration else "".join(node.toxml() for node in document.childNodes)
