"""Descriptions of microscopes' files agree with the pixels that are written."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srgan_cli.errors import PictureError
from srgan_cli.image.ops import resize
from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.image.sequence import open_pictures, write_pictures

tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed")
STACK = np.arange(6 * 24 * 32, dtype=np.uint16).reshape(2, 3, 24, 32)


def enlarge(path: Path, down: float = 2.0, across: float = 2.5) -> tuple[Path, list[str]]:
    """A file of the same pages, enlarged by these factors, and what reading them dropped."""
    notes: list[str] = []

    def enlarged(stream: ImageStream) -> Picture:
        picture = stream.to_picture()
        notes.extend(picture.notes)
        height, width = round(picture.height * down), round(picture.width * across)
        return replace(picture, pixels=resize(picture.pixels, height, width))

    out = path.with_name(f"out-{path.name}")
    write_pictures(open_pictures(path).map(enlarged), out)
    return out, notes


def description(path: Path) -> str:
    """The description of the first page; empty without one."""
    with tifffile.TiffFile(path) as file:
        return str(file.pages[0].tags.valueof(270, ""))


def test_ome_stacks_keep_their_axes_and_their_extent(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.25, "PhysicalSizeZ": 2.0}
    channels = {"Channel": {"Name": ["DAPI", "GFP", "Köhler"]}, "SignificantBits": 12}
    metadata = {"axes": "ZCYX", **sizes, **channels}
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, metadata=metadata, bigtiff=True, byteorder=">")
    out, notes = enlarge(tmp_path / "a.ome.tif")
    with tifffile.TiffFile(out) as file:
        assert (file.series[0].axes, file.series[0].shape) == ("ZCYX", (2, 3, 48, 80))
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["SizeX"], pixels["SizeY"], pixels["Type"]) == (80, 48, "uint16")
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeY"], pixels["PhysicalSizeZ"]) == (0.2, 0.125, 2.0)
    assert pixels["PhysicalSizeXUnit"] == "µm"
    assert [channel["Name"] for channel in pixels["Channel"]] == ["DAPI", "GFP", "Köhler"]
    assert "SignificantBits" not in pixels
    assert pixels.get("BigEndian") in (None, False)
    assert not notes


def test_each_ome_image_has_its_own_size_and_type(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(STACK[0], metadata={"axes": "ZYX", "PhysicalSizeX": 1.0})
        writer.write(STACK[0, 0, :10, :14], metadata={"axes": "YX", "PhysicalSizeX": 2.0})
        planes = {"photometric": "rgb", "planarconfig": "separate", "metadata": {"axes": "SYX"}}
        writer.write(STACK[0, :, :10, :14].astype(np.uint8), **planes)
    out, _ = enlarge(tmp_path / "a.ome.tif", 1.5, 1.3)
    with tifffile.TiffFile(out) as file:
        assert [series.shape for series in file.series] == [(3, 36, 42), (15, 18), (15, 18, 3)]
        first, second, third = (image["Pixels"] for image in tifffile.xml2dict(file.ome_metadata)["OME"]["Image"])
    assert [pixels["Type"] for pixels in (first, second, third)] == ["uint16", "uint16", "uint8"]
    assert third["Interleaved"] is True
    assert first["PhysicalSizeX"] == pytest.approx(32 / 42)
    assert second["PhysicalSizeX"] == pytest.approx(2 * 14 / 18)


@pytest.mark.parametrize("is_big", [True, False])
def test_levels_of_an_ome_pyramid_are_dropped_with_a_note(tmp_path: Path, is_big: bool) -> None:
    rgb = np.zeros((24, 32, 3), np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True, bigtiff=is_big) as writer:
        writer.write(rgb, subifds=1, photometric="rgb", metadata={"PhysicalSizeX": 0.5})
        writer.write(rgb[::2, ::2].copy(), subfiletype=1, photometric="rgb")
    out, notes = enlarge(tmp_path / "a.ome.tif")
    assert notes == ["its 1 reduced copies (overviews) are dropped"]
    with tifffile.TiffFile(out) as file:
        assert file.series[0].shape == (48, 80, 3)
        assert not file.series[0].is_pyramidal
    assert 'SizeX="80"' in description(out)


@pytest.mark.parametrize(
    ("old", "new", "kept", "note"),
    [
        ("<Image ", "<Image <", False, "its OME-XML description is dropped"),
        ("</OME>", "</OM", False, "its OME-XML description is dropped"),
        ('SizeX="32"', 'SizeX="33"', False, "its OME-XML description is dropped"),
        ('SizeZ="2"', 'SizeZ="3"', False, "its OME-XML description is dropped"),
        ("<OME ", "<!DOCTYPE x [<!ENTITY a 'b'>]><OME ", False, "its OME-XML description is dropped"),
        ('<TiffData IFD="0" PlaneCount="6"/>', "".join(
            f'<TiffData IFD="{page}"><UUID FileName="{page % 2}.tif">urn:uuid:1</UUID></TiffData>' for page in range(6)
        ), False, "its OME-XML description is dropped"),
        ('<TiffData IFD="0" PlaneCount="6"/>', "".join(
            f'<TiffData IFD="{page}"><UUID FileName="a.tif">urn:uuid:1</UUID></TiffData>' for page in range(6)
        ), True, ""),
        ("</Image>", '</Image><ROI ID="ROI:0"><Union><Point X="1" Y="2"/></Union></ROI>', True, "its regions of"),
    ],
)  # fmt: skip
def test_other_ome_xml(tmp_path: Path, old: str, new: str, kept: bool, note: str) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, metadata={"axes": "ZCYX"})
    text = description(tmp_path / "a.ome.tif")
    assert old in text
    tifffile.tiffcomment(tmp_path / "a.ome.tif", text.replace(old, new, 1).encode())
    out, notes = enlarge(tmp_path / "a.ome.tif")
    assert len(notes) == bool(note)
    assert all(found.startswith(note) for found in notes)
    assert not re.search("UUID|ROI", description(out))
    assert bool(description(out)) is kept
    with tifffile.TiffFile(out) as file:
        assert len(file.pages) == 6


def test_imagej_stacks_keep_their_extent(tmp_path: Path) -> None:
    metadata = {"axes": "ZCYX", "unit": "um", "spacing": 3.0, "min": 0.0, "max": 700.0}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, resolution=(2.0, 4.0), metadata=metadata)
    out, notes = enlarge(tmp_path / "a.tif")
    with tifffile.TiffFile(out) as file:
        assert (file.series[0].axes, file.series[0].shape) == ("ZCYX", (2, 3, 48, 80))
        assert file.imagej_metadata["spacing"] == 3.0
        assert file.pages[5].resolution == file.pages[0].resolution == (5.0, 8.0)
    assert not notes


def test_an_imagej_description_of_other_pages_is_dropped(tmp_path: Path) -> None:
    text = "ImageJ=1.11a\nimages=3\nslices=3\n"
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0], description=text, metadata=None)
    out, notes = enlarge(tmp_path / "a.tif")
    assert notes
    assert description(out) == ""


@pytest.mark.parametrize(
    ("values", "options", "shape"),
    [
        (STACK[0, 0], {}, [48, 80]),
        (STACK, {"photometric": "minisblack"}, [2, 3, 48, 80]),
        (np.zeros((24, 32, 3), np.uint8), {"photometric": "rgb"}, [48, 80, 3]),
        (np.zeros((3, 24, 32), np.uint8), {"photometric": "rgb", "planarconfig": "separate"}, None),
        (np.zeros((3, 24, 32), np.uint8), {"photometric": "rgb", "metadata": {"stain": "DAPI"}}, None),
    ],
)
def test_shapes_of_tifffile(tmp_path: Path, values: Any, options: dict[str, Any], shape: list[int] | None) -> None:
    tifffile.imwrite(tmp_path / "a.tif", values, **options)
    out, notes = enlarge(tmp_path / "a.tif")
    with tifffile.TiffFile(out) as file:
        assert file.shaped_metadata == (({"shape": shape},) if shape else None)
    assert bool(notes) is ("metadata" in options)


@pytest.mark.parametrize(
    ("tag", "note"),
    [
        ((270, "s", 0, "Aperio Image Library\r\n46000x32914|AppMag = 20|MPP = 0.4990"), "its microscope description"),
        ((270, "s", 0, "# Pixel_size 172e-6 m x 172e-6 m"), "its microscope description is dropped"),
        ((34682, "s", 0, "[Scan]\r\nPixelWidth=3e-09"), "its private FEI SEM data is dropped"),
        ((51023, "s", 0, "<Fibics/>"), "its private Fibics data is dropped"),
    ],
)
def test_sizes_in_unknown_forms_are_dropped_with_a_note(tmp_path: Path, tag: Any, note: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0], metadata=None, extratags=[(*tag, True)])
    out, notes = enlarge(tmp_path / "a.tif")
    assert [found.startswith(note) for found in notes] == [True]
    with tifffile.TiffFile(out) as file:
        assert tag[0] not in file.pages[0].tags


def test_a_photograph_keeps_its_description_and_print_resolution(tmp_path: Path) -> None:
    values = np.zeros((24, 32, 3), np.uint8)
    options = {"photometric": "rgb", "resolution": (300, 300), "resolutionunit": "inch", "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", values, description="a cat", **options)
    out, notes = enlarge(tmp_path / "a.tif")
    assert description(out) == "a cat"
    with tifffile.TiffFile(out) as file:
        assert file.pages[0].resolution == (300, 300)
    assert not notes


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_labels_and_colours_of_imagej_are_kept_and_regions_dropped(tmp_path: Path, byteorder: Any) -> None:
    tables = [np.arange(768, dtype=np.uint8).reshape(3, 256)] * 2
    told: dict[str, Any] = {"Labels": ["left", "höher"], "Ranges": (0.0, 9.5, 1.0, 99.0), "Info": "für", "LUTs": tables}
    values, options = np.zeros((2, 16, 20), np.uint16), {"axes": "CYX", "mode": "composite", "Overlays": [b"x"], **told}
    tifffile.imwrite(tmp_path / "a.tif", values, imagej=True, byteorder=byteorder, metadata=options)
    target, notes = enlarge(tmp_path / "a.tif")
    assert notes == ["its regions of interest are dropped"]
    with tifffile.TiffFile(target) as file:
        found = file.imagej_metadata or {}
    assert np.array_equal(found["LUTs"], told.pop("LUTs"))
    assert {key: found[key] for key in told} == told
    assert "Overlays" not in found


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("options", [{"imagej": True}, {"photometric": "minisblack"}], ids=["ImageJ", "tifffile"])
def test_pictures_without_a_page_of_their_own_are_read(tmp_path: Path, byteorder: Any, options: Any) -> None:
    values = STACK.reshape(6, 24, 32)
    tifffile.imwrite(tmp_path / "a.tif", values, truncate=True, byteorder=byteorder, **options)
    pictures = [stream.to_picture() for stream in open_pictures(tmp_path / "a.tif").streams()]
    assert np.allclose(np.concatenate([picture.pixels for picture in pictures]) * 65_535, values, atol=0.01)
    out, notes = enlarge(tmp_path / "a.tif", across=2)
    with tifffile.TiffFile(out) as file:
        assert (len(file.pages), file.series[0].shape) == (6, (6, 48, 64))
    assert not notes


@pytest.mark.parametrize(
    ("values", "options", "found"),
    [
        (STACK[0], {"volumetric": True, "tile": (3, 16, 16)}, "a volume of 3 planes"),
        (STACK[0].astype("complex64"), {"truncate": True}, "samples of the type complex64"),
        (STACK[0].astype("uint8"), {"truncate": True, "colormap": np.zeros((3, 256), "uint16")}, "3 pictures in one"),
    ],
)
def test_volumes_and_unusual_stacks_in_one_page_are_refused(
    tmp_path: Path, values: Any, options: Any, found: str
) -> None:
    photometric = "palette" if "colormap" in options else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", values, photometric=photometric, **options)
    with pytest.raises(PictureError, match=found):
        open_pictures(tmp_path / "a.tif")


@pytest.mark.parametrize(
    "text", ['{"shape": [200000000, 24, 32]}', '{"shape": [bad', '{"shape": [-1, 24, 32]}', "ImageJ=1\nimages=a\n"]
)
def test_descriptions_of_more_than_the_file_holds_do_not_count(tmp_path: Path, text: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0], description=text, metadata=None)
    assert len(list(open_pictures(tmp_path / "a.tif").streams())) == 1


@pytest.mark.parametrize(
    "text", ["<a><PixelSizeMicrons>0.5</PixelSizeMicrons></a>", '{"PixelSizeUm": 0.1}', "[0] VoxelSizeX 1"]
)
def test_sizes_in_descriptions_of_other_software_are_dropped(tmp_path: Path, text: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0], description=text, metadata=None)
    out, notes = enlarge(tmp_path / "a.tif")
    assert not description(out)
    assert "microscope description is dropped" in notes[0]


@pytest.mark.parametrize("text", ['{"shape": [3, 24, 32]}', "Aperio Image Library"])
def test_all_pages_are_measurements(tmp_path: Path, text: str) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in STACK[0]:
            file.write(page, description=text, metadata=None)
    assert all(stream.header.value_ranges for stream in open_pictures(tmp_path / "a.tif").streams())
