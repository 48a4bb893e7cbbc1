"""Image descriptions of TIFF files in which microscopy software states sizes: OME-XML, ImageJ's and tifffile's.

Sources: OME-TIFF specification, https://ome-model.readthedocs.io; ImageJ's class TiffEncoder; tifffile.
"""

import json
import re
import struct
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any
from xml.dom.minidom import Document, Element

import numpy as np

from srgan_cli.image.geo import xml

DESCRIPTION = 270  # the TIFF tag
PRIVATE_TAGS = {
    33560: "Olympus SIS", **dict.fromkeys(range(33628, 33632), "MetaMorph"), 34118: "Zeiss SEM",
    **dict.fromkeys((34361, 34362), "FluoView"), 34412: "Zeiss LSM", **dict.fromkeys((34680, 34682), "FEI SEM"),
    37706: "TVIPS", 43314: "NIH Image", 51023: "Fibics", 51123: "Micro-Manager", 65027: "JEOL",
    **dict.fromkeys(range(33445, 33453), "Molecular Dynamics"), **dict.fromkeys((51159, 51160), "ZIF"),
    **dict.fromkeys(range(55000, 55005), "Aperio"), **dict.fromkeys(range(50288, 50297), "Media Cybernetics"),
    **dict.fromkeys(range(65420, 65459), "Hamamatsu"),
}  # fmt: skip
"""Tags with pixel sizes and positions in forms of their own, by whose they are."""
_SOFTWARE = {
    "OME-XML": r"<(?:\w+:)?OME\b",
    "ImageJ": r"\AImageJ=",
    "tifffile": r'\A\{"shape":',
    "microscope": r"\AAperio|<scn\b|<indica\b|Pixel_size|spatial-calibration|<FluoView|PixelSize(?:Microns|Um)|<iScan"
    r"|PIXEL_SPACING|hRoiManager|scanimage|\[Calibration\]|VoxelSize",
}
"""What descriptions with sizes contain, by the software that writes them; the last states sizes in further forms."""
_SHAPE_ALONE = re.compile(r'\{"shape": \[[\d, ]*\]\}$')
"""tifffile's description without anything that the pages do not say, too."""
BLOCK_SIZES, BLOCKS = 50838, 50839  # the tags of ImageJ's blocks: labels, ranges shown, colour tables, regions
FILE_TAGS = {DESCRIPTION, BLOCK_SIZES, BLOCKS}  # what the first page says of all
_REGIONS = {b"roi ", b"over"}
_BLOCK_ITEMS = {b"rang": 8} | dict.fromkeys((b"info", b"labl", b"prop"), 2)
"""Bytes of the items of blocks, which change with the byte order; 1 for others."""
_OME_TYPES = {"float32": "float", "float64": "double"}
_PYRAMID = "openmicroscopy.org/PyramidResolution"
Size = tuple[int, int]
"""Height and width."""
StoredPage = tuple[Size, str]
"""What a page becomes: its size and the name of its NumPy type, "" if pages differ in it, which then keep theirs."""


def software_of(text: object) -> str:
    """The software that wrote a description with sizes; empty for other texts."""
    known = _SOFTWARE.items() if isinstance(text, str) else ()
    return next((name for name, pattern in known if re.search(pattern, str(text))), "")


def clean(text: str, sizes: Sequence[Size], numbers: Sequence[int]) -> tuple[str, list[str]]:
    """A description without what is not true of other pixels, and a note on that; empty if nothing remains.

    `sizes` are those of all pages, `numbers` those of their directories in the file.
    """
    software, unchanged = software_of(text), {size: (size, "uint8") for size in sizes}
    try:
        cleaned, notes = _clean_ome(text, numbers) if software == "OME-XML" else (text, [])
    except xml.PARSE_ERRORS:
        cleaned, notes = "", []
    if fit(cleaned, unchanged, len(sizes)):
        return cleaned, notes
    note = f"its {software} description is dropped: it does not fit this file or states sizes in an unknown form"
    return "", [] if _SHAPE_ALONE.match(text) else [note]


def clean_blocks(tags: Mapping[int, Any]) -> tuple[dict[int, Any], list[str]]:
    """ImageJ's blocks for a little-endian file, without regions, and a note on these.

    Raises struct.error, ValueError or StopIteration for damaged ones.
    """
    data, sizes = bytes(tags[BLOCKS]), iter(tags[BLOCK_SIZES])
    order, start = ">" if data.startswith(b"IJIJ") else "<", next(sizes)
    kept, kinds = list[tuple[bytes, list[bytes]]](), set()
    for name, count in struct.iter_unpack(f"{order}4sI", data[4:start]):
        kind, blocks = name if order == ">" else name[::-1], list[bytes]()
        item = f"u{_BLOCK_ITEMS.get(kind, 1)}"
        for size in (next(sizes) for _ in range(count)):
            blocks.append(np.frombuffer(data[start : start + size], order + item).astype(f"<{item}").tobytes())
            start += size
        kinds.add(kind)
        kept += [(kind, blocks)] if kind not in _REGIONS else []
    head = b"JIJI" + b"".join(struct.pack("<4sI", kind[::-1], len(blocks)) for kind, blocks in kept)
    parts = [head, *(block for _, blocks in kept for block in blocks)]
    cleaned = {BLOCK_SIZES: tuple(map(len, parts)), BLOCKS: b"".join(parts)} if kept else {}
    return cleaned, ["its regions of interest are dropped"] if kinds & _REGIONS else []


def fit(text: str, pages: Mapping[Size, StoredPage], count: int) -> str:
    """The description of a file of `count` pages, by the sizes that they had; empty if it describes other pages."""
    fit_text = _FITS.get(software_of(text))
    try:
        return fit_text(text, pages, count) if fit_text else ""
    except xml.PARSE_ERRORS:
        return ""


def _fit_imagej(text: str, _: Mapping[Size, StoredPage], count: int) -> str:
    """ImageJ's description, whose size is the resolution's."""
    images = re.search(r"^images=(\d+)", text, re.MULTILINE)
    return text if int(images[1] if images else 1) == count else ""


def _fit_shape(text: str, pages: Mapping[Size, StoredPage], count: int) -> str:
    """tifffile's JSON with the new shape: pages, height and width, and then samples."""
    content = json.loads(text)
    shape = content["shape"]
    for end in (len(shape), len(shape) - 1):
        page = pages.get((shape[end - 2], shape[end - 1])) if end > 1 else None
        if page and prod(shape[: end - 2]) == count:
            whole = {key: value for key, value in content.items() if key != "truncated"}
            return json.dumps(whole | {"shape": [*shape[: end - 2], *page[0], *shape[end:]]})
    return ""


def _fit_ome(text: str, pages: Mapping[Size, StoredPage], count: int) -> str:
    document = xml.parse(text)
    described = list(xml.elements(document, "Pixels"))
    if sum(map(_planes, described)) != count:
        return ""
    for pixels in described:
        old = int(pixels.getAttribute("SizeY")), int(pixels.getAttribute("SizeX"))
        _fit_pixels(pixels, old, pages[old])
    return document.toxml(encoding="UTF-8").decode()


def _fit_pixels(pixels: Element, old: Size, page: StoredPage) -> None:
    size, dtype = page
    for axis, before, after in zip("YX", old, size, strict=True):
        pixels.setAttribute(f"Size{axis}", str(after))
        if name := pixels.getAttribute(f"PhysicalSize{axis}"):
            pixels.setAttribute(f"PhysicalSize{axis}", f"{float(name) * before / after:.12g}")
    channels = [channel.getAttribute("SamplesPerPixel") or "1" for channel in xml.elements(pixels, "Channel")]
    stored = {"BigEndian": "false"} | ({"Interleaved": "true"} if set(channels) - {"1"} else {})
    for name in filter(pixels.hasAttribute, stored):
        pixels.setAttribute(name, stored[name])
    if dtype:
        pixels.setAttribute("Type", _OME_TYPES.get(dtype, dtype))


def _planes(pixels: Element) -> int:
    """The number of pages: a channel of several samples, as colour is, lies in one."""
    depth, times, channels = (int(pixels.getAttribute(f"Size{axis}")) for axis in "ZTC")
    return depth * times * (len(list(xml.elements(pixels, "Channel"))) or channels)


def _clean_ome(text: str, numbers: Sequence[int]) -> tuple[str, list[str]]:
    """OME-XML for the pages that are kept, in one file.  Raises ValueError if its pages lie in several files."""
    document = xml.parse(text)
    names = [identifier for data in xml.elements(document, "TiffData") for identifier in xml.elements(data, "UUID")]
    if len({name.getAttribute("FileName") for name in names}) > 1:
        raise ValueError
    for identifier in names:
        xml.remove(identifier)
    for tag, attribute in (("OME", "UUID"), ("Pixels", "SignificantBits")):
        for element in xml.elements(document, tag):
            if element.hasAttribute(attribute):
                element.removeAttribute(attribute)
    for data in xml.elements(document, "TiffData"):
        if data.hasAttribute("IFD"):
            data.setAttribute("IFD", str(list(numbers).index(int(data.getAttribute("IFD")))))
    _remove_pyramid(document)
    regions = [*xml.elements(document, "ROI"), *xml.elements(document, "ROIRef")]
    for region in regions:
        xml.remove(region)
    return document.toxml(encoding="UTF-8").decode(), ["its regions of interest are dropped"] if regions else []


def _remove_pyramid(document: Document) -> None:
    """Take out the sizes of reduced copies, which are not written."""
    found = [item for item in xml.elements(document, "MapAnnotation") if item.getAttribute("Namespace") == _PYRAMID]
    names = {item.getAttribute("ID") for item in found}
    references = [item for item in xml.elements(document, "AnnotationRef") if item.getAttribute("ID") in names]
    for item in (*found, *references):
        xml.remove(item)


_FITS = {"OME-XML": _fit_ome, "tifffile": _fit_shape, "ImageJ": _fit_imagej}
