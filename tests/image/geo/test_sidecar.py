"""Files beside a picture that say where it lies, compared with what rasterio reads."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from srgan_cli import Upscaler
from srgan_cli.errors import SrganError
from srgan_cli.image.decoders.tiff_reader import files_beside
from srgan_cli.image.geo import xml
from srgan_cli.image.geo.export import kept_files
from srgan_cli.image.geo.sidecar import find_xmp
from srgan_cli.image.io import picture_losses, read_picture
from srgan_cli.image.ops import resize
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import open_pictures, write_picture, write_pictures

rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed")
WORLD = "10.0\n1.0\n2.0\n-20.0\n500005.0\n4599990.0\n"
PIXELS = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
GEOREFERENCE = {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 5e5, 0, -20, 46e5)}
RPC_TEXT = "LINE_OFF: +000011.00 pixels\nSAMP_OFF: +000016.00 pixels\nLAT_OFF: +10.00 degrees\n"
RPC_TEXT += "LINE_SCALE: +000012.00 pixels\nSAMP_SCALE: +000016.00 pixels\n"
RPB_TEXT = "\tlineOffset = 11;\n\tsampOffset = 16;\n\tlatOffset = 10;\n\tlineScale = 12;\n\tsampScale = 16;\n"


def enlarge(path: Path, out: str, height: int = 60, width: int = 48) -> tuple[Path, Picture]:
    """The picture of a file enlarged to this size, in a file beside it, and as it was read."""
    picture = read_picture(path)
    write_picture(replace(picture, pixels=resize(picture.pixels, height, width)), path.with_name(out))
    return path.with_name(out), picture


def write_geotiff(path: Path, **more: Any) -> Path:
    """A GeoTIFF of 24 x 32 pixels."""
    profile = {"driver": "GTiff", "width": 32, "height": 24, "count": 3, "dtype": "uint8", **GEOREFERENCE, **more}
    with rasterio.open(path, "w", **profile) as file:
        file.write(PIXELS.transpose(2, 0, 1))
    return path


def write_picture_file(path: Path, **options: Any) -> Path:
    """A picture of 24 x 32 pixels without a georeference."""
    Image.fromarray(PIXELS).save(path, **options)
    return path


def assert_same_corners(one: Path, other: Path) -> None:
    """Two files cover the same ground."""
    with rasterio.open(one) as source, rasterio.open(other) as target:
        for corner in ((0, 0), (1, 0), (0, 1)):
            ends = [file.transform @ (corner[0] * file.width, corner[1] * file.height) for file in (source, target)]
            assert ends[0] == pytest.approx(ends[1], rel=1e-12)


def test_a_web_page_is_no_projection(tmp_path: Path) -> None:
    path = write_picture_file(tmp_path / "in.jpg")
    path.with_suffix(".jgw").write_text(WORLD)
    path.with_suffix(".prj").write_text("<html>not found</html>")
    _, picture = enlarge(path, "out.jpg")
    assert picture.notes == ("in.prj beside it is dropped: it is damaged",)
    assert not (tmp_path / "out.prj").exists()


@pytest.mark.parametrize("suffix", [".jgw", ".jpgw", ".wld", ".JGW"])
@pytest.mark.parametrize(("out", "beside"), [("out.jpg", "out.jgw"), ("out.tif", "out.tfw"), ("out.png", "out.pgw")])
def test_world_files_are_scaled(tmp_path: Path, suffix: str, out: str, beside: str) -> None:
    path = write_picture_file(tmp_path / "in.jpg")
    path.with_suffix(suffix).write_text(WORLD)
    path.with_suffix(".prj").write_text("GEOGCS[…]")
    target, picture = enlarge(path, out)
    assert not picture.notes
    numbers = list(map(float, (tmp_path / beside).read_text().split()))
    assert numbers == pytest.approx([10 / 1.5, 1 / 1.5, 0.8, -8, 5e5 + 10 / 3 + 0.4 - 1, 4599990 + 9.5 + 1 / 3 - 4])
    assert (tmp_path / "out.prj").read_text() == "GEOGCS[…]"
    if suffix in (".jgw", ".wld"):
        assert_same_corners(path, target)


def pam(*bands: str) -> str:
    """An .aux.xml with this content of each band."""
    listed = (f"<PAMRasterBand band='{number}'>{content}</PAMRasterBand>" for number, content in enumerate(bands, 1))
    return f"<PAMDataset><GeoTransform>500, 1, 0, 900, 0, -1</GeoTransform>{''.join(listed)}</PAMDataset>"


@pytest.mark.parametrize("name", ["in.tif", "in.png"])
def test_no_data_of_an_auxiliary_file_is_not_blended(tmp_path: Path, name: str) -> None:
    values = np.full((24, 32), 1000, np.uint16)
    values[8:16, 8:16] = 65_535
    Image.fromarray(values).save(tmp_path / name)
    (tmp_path / f"{name}.aux.xml").write_text(pam("<NoDataValue>65535</NoDataValue>"))
    picture = Upscaler.load("bicubic", scale=2).upscale(read_picture(tmp_path / name))
    assert not picture_losses(tmp_path / f"out-{name}", picture)
    write_picture(picture, tmp_path / f"out-{name}")
    with rasterio.open(tmp_path / f"out-{name}") as file:
        assert file.nodata == 65_535
        assert sorted(np.unique(file.read())) == [1000, 65_535]


@pytest.mark.parametrize("has_place", [True, False])
def test_full_or_no_alpha_is_a_mask_where_there_is_a_place(tmp_path: Path, has_place: bool) -> None:
    opacity = np.where(PIXELS[..., :1] * 0 + np.arange(24)[:, None, None] < 9, 0, 255).astype(np.uint8)
    Image.fromarray(np.concatenate([PIXELS, opacity], 2)).save(tmp_path / "in.png")
    if has_place:
        (tmp_path / "in.pgw").write_text(WORLD)
    picture = Upscaler.load("bicubic", scale=2).upscale(read_picture(tmp_path / "in.png"))
    assert picture.alpha is not None
    assert (len(picture.alpha.unique()) == 2) == has_place


@pytest.mark.parametrize(
    ("stated", "nodata", "each"),
    [("001", "", "001"), ("0", "", ("0", "", "")), (("0", "0.0", "0"), "0", ()), ("", "", ())],
)
def test_bands_have_no_data_of_their_own(
    tmp_path: Path, stated: Sequence[str], nodata: str, each: Sequence[str]
) -> None:
    path = write_picture_file(tmp_path / "in.tif")
    path.with_name("in.tif.aux.xml").write_text(pam(*(f"<NoDataValue>{value}</NoDataValue>" for value in stated)))
    picture = read_picture(path)
    assert (picture.nodata, picture.bands.nodata, picture.notes) == (nodata, tuple(each), ())


@pytest.mark.parametrize("out", ["out.tif", "out.png"])
def test_no_data_of_single_bands_is_not_blended(tmp_path: Path, out: str) -> None:
    values = np.full((24, 32, 3), 100, np.uint8)
    values[8:16, 8:16] = 0, 255, 200
    Image.fromarray(values).save(tmp_path / "in.tif")
    (tmp_path / "in.tif.aux.xml").write_text(pam("<NoDataValue>0</NoDataValue>", "<NoDataValue>255</NoDataValue>"))
    picture = Upscaler.load("bicubic", scale=2).upscale(read_picture(tmp_path / "in.tif"))
    assert not picture_losses(tmp_path / out, picture)
    write_picture(picture, tmp_path / out)
    with rasterio.open(tmp_path / out) as file:
        assert file.nodatavals == (0, 255, None)
        assert [len(np.unique(band)) for band in file.read((1, 2))] == [2, 2]


CLASSES = "<GDALRasterAttributeTable><FieldDefn><Name>{}</Name><Usage>{}</Usage></FieldDefn><Row><F>9</F></Row>"
CLASSES += "</GDALRasterAttributeTable>"


@pytest.mark.parametrize(
    ("suffix", "content", "has_classes"),
    [
        (".aux.xml", pam("<CategoryNames><Category>water</Category></CategoryNames>"), True),
        (".aux.xml", pam("<ColorTable><Entry c1='1' c2='2' c3='3' c4='255'/></ColorTable>"), True),
        (".aux.xml", pam(CLASSES.format("class", 2)), True),
        (".aux.xml", pam(CLASSES.format("count", 1)), False),
        (".vat.dbf", "table", True),
    ],
)
def test_named_values_are_not_blended(tmp_path: Path, suffix: str, content: str, has_classes: bool) -> None:
    Image.fromarray(np.eye(24, dtype=np.uint8) * 7).save(tmp_path / "in.tif")
    (tmp_path / f"in.tif{suffix}").write_text(content)
    picture = read_picture(tmp_path / "in.tif")
    write_picture(Upscaler.load("bicubic", scale=2).upscale(picture), tmp_path / "out.tif")
    with Image.open(tmp_path / "out.tif") as file:
        assert (set(np.unique(file)) == {0, 7}) == has_classes
    beside = tmp_path / "out.tif.aux.xml"
    assert "count" not in (beside.read_text() if beside.exists() else "")


@pytest.mark.parametrize("has_place", [True, False])
def test_a_raster_with_a_place_needs_no_world_file(tmp_path: Path, has_place: bool) -> None:
    path = (write_geotiff if has_place else write_picture_file)(tmp_path / "in.tif")
    names = files_beside(path)
    assert ("in.tfw" in names) == ("in.prj" in names) == (not has_place)
    assert names["in.tif.aux.xml"]
    assert names["in_RPC.TXT"]
    assert names["in.tif.msk"]
    assert not names["in.tif.ovr"]


@pytest.mark.parametrize("out", ["out.png", "out.jpg", "out.webp"])
def test_other_formats_than_tiff_get_files_beside_them(tmp_path: Path, out: str) -> None:
    target, picture = enlarge(write_geotiff(tmp_path / "in.tif"), out)
    assert_same_corners(tmp_path / "in.tif", target)
    with rasterio.open(target) as file:
        assert file.crs.to_epsg() == 32632
    assert not picture_losses(target, picture)


def test_what_files_beside_a_picture_cannot_say_is_reported(tmp_path: Path) -> None:
    own = rasterio.crs.CRS.from_proj4("+proj=laea +lat_0=47.3 +lon_0=8.1 +ellps=bessel")
    path = write_geotiff(tmp_path / "in.tif", crs=own)
    with rasterio.open(path, "r+") as file:
        file.update_tags(ACQUIRED="today")
    assert picture_losses(tmp_path / "out.png", read_picture(path)) == [
        "PNG cannot store this picture's GDAL metadata",
        "PNG cannot store this picture's coordinate system, which has no EPSG code",
    ]
    assert not picture_losses(tmp_path / "out.tif", read_picture(path))


@pytest.mark.parametrize("code", [7415, 4979, 4326])
def test_heights_stay_in_the_coordinate_system_beside_a_png(tmp_path: Path, code: int) -> None:
    target, _ = enlarge(write_geotiff(tmp_path / "in.tif", crs=f"EPSG:{code}"), "out.png")
    with rasterio.open(target) as file:
        assert file.crs == rasterio.crs.CRS.from_epsg(code)


def test_control_points_and_rpcs_of_a_geotiff_go_beside_a_png(tmp_path: Path) -> None:
    corners = ((0, 0, 5, 50), (24, 0, 5, 26), (9, 8, 13, 41))
    points = [rasterio.control.GroundControlPoint(*corner) for corner in corners]
    numbers = {"line_off": 11.0, "samp_off": 16.0, "line_scale": 12.0, "samp_scale": 16.0}
    others = dict.fromkeys(("height_off", "height_scale", "lat_off", "lat_scale", "long_off", "long_scale"), 1.0)
    groups = {f"{axis}_{part}_coeff": [1.0] * 20 for axis in ("line", "samp") for part in ("num", "den")}
    rpcs = rasterio.rpc.RPC(**numbers, **others, **groups, err_bias=None, err_rand=None)
    path = write_geotiff(
        tmp_path / "in.tif",
        transform=None,
        gcps=points,
        rpcs=rpcs,
    )
    target, _ = enlarge(path, "out.png")
    with rasterio.open(target) as file:
        found, system = file.gcps
        assert [(point.row, point.col) for point in found] == [(0, 0), (60, 0), (22.5, 12)]
        assert system.to_epsg() == 32632
        assert (file.rpcs.line_off, file.rpcs.samp_scale) == (28.25, 24)


def test_auxiliary_files_are_scaled_and_lose_statistics(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    write_picture_file(path)
    Path(f"{path}.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:3857</SRS><GeoTransform>1, 2, 0, 9, 0, -3</GeoTransform>"
        '<Metadata domain="RPC"><MDI key="SAMP_OFF">16 pixels</MDI></Metadata><Metadata><MDI key="A">b</MDI></Metadata>'
        '<PAMRasterBand band="1"><Description>red</Description><Histograms><HistItem/></Histograms>'
        '<Metadata><MDI key="STATISTICS_MEAN">5</MDI></Metadata></PAMRasterBand></PAMDataset>'
    )
    target, picture = enlarge(path, "out.tif")
    assert picture.notes == ("its statistics in GDAL's metadata are dropped: they describe the input",)
    assert_same_corners(path, target)
    with rasterio.open(target) as file:
        assert file.descriptions[0] == "red"
        assert file.tags()["A"] == "b"
        assert file.tags(ns="RPC") == {"SAMP_OFF": "24.25"}
        assert not file.tags(1)


def test_auxiliary_files_of_statistics_alone_are_not_written(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "in.tif")
    with rasterio.open(path) as file:
        file.stats() if hasattr(file, "stats") else file.statistics(1)
    Path(f"{path}.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><Metadata><MDI key="STATISTICS_MEAN">5</MDI></Metadata></PAMRasterBand>'
        "</PAMDataset>"
    )
    enlarge(path, "out.tif")
    assert not (tmp_path / "out.tif.aux.xml").exists()


@pytest.mark.parametrize(
    ("ending", "text", "expected"),
    [
        (
            "_RPC.TXT",
            RPC_TEXT,
            {"LINE_OFF": 28.25, "SAMP_OFF": 24.25, "LINE_SCALE": 30, "SAMP_SCALE": 24, "LAT_OFF": 10},
        ),
        ("_rpc.txt", RPC_TEXT, {"LINE_OFF": 28.25, "SAMP_OFF": 24.25, "LINE_SCALE": 30, "SAMP_SCALE": 24}),
        (
            ".RPB",
            RPB_TEXT,
            {"lineOffset": 28.25, "sampOffset": 24.25, "lineScale": 30, "sampScale": 24, "latOffset": 10},
        ),
    ],
)
def test_rpc_files_are_scaled(tmp_path: Path, ending: str, text: str, expected: dict[str, float]) -> None:
    path = write_picture_file(tmp_path / "in.tif")
    path.with_name(f"in{ending}").write_text(text)
    enlarge(path, "out.tif")
    written = path.with_name(f"out{'.RPB' if ending == '.RPB' else '_RPC.TXT'}").read_text()
    found = {name: float(number) for name, number in re.findall(r"(\w+)\s*[:=]\s*([-+\d.]+)", written)}
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("name", "text", "note"),
    [
        ("in.pgw", "1\n2\n", "the world file beside it is dropped: it is damaged"),
        ("in.pgw", "1\n0\n0\n-1\nx\n5\n", "the world file beside it is dropped: it is damaged"),
        ("in.pgw", "1\n0\n0\nnan\n5\n5\n", "the world file beside it is dropped: it is damaged"),
        ("in.png.aux.xml", "<PAMDataset", "in.png.aux.xml beside it is dropped: it is damaged"),
        ("in.png.aux.xml", "<Other/>", "in.png.aux.xml beside it is dropped: it is damaged"),
        ("in_RPC.TXT", "LINE_OFF: 1", "the RPC file beside it is dropped: it is damaged"),
        ("in.png.ovr", "", "in.png.ovr beside it, overviews, is dropped"),
        ("in.pgwx", "1\n0\n0\n-1\n5\n5\n", "in.pgwx beside it, an approximate world file of ArcGIS, is dropped"),
        ("in.png.msk", "", "in.png.msk beside it, a mask, is dropped"),
        ("in.png.xmp", "<x>", "in.png.xmp beside it is dropped: it is damaged"),
        ("in.png.pp3", "[Crop]", "in.png.pp3 beside it, edits of RawTherapee, is dropped"),
        ("in.AAE", "<plist/>", "in.AAE beside it, edits of Apple Photos, is dropped"),
        ("in.tab", "!table", "in.tab beside it, a georeference of MapInfo, is dropped"),
        ("in.TAB", "!table", "in.TAB beside it, a georeference of MapInfo, is dropped"),
        ("in.png.xml", "<metadata/>", "in.png.xml beside it, metadata of ArcGIS, is dropped"),
    ],
)
def test_files_that_cannot_follow_are_dropped_with_a_note(tmp_path: Path, name: str, text: str, note: str) -> None:
    path = write_picture_file(tmp_path / "in.png")
    (tmp_path / name).write_text(text)
    _, picture = enlarge(path, "out.png")
    assert picture.notes == (note,)
    assert not list(tmp_path.glob("out*.*w"))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_world_file_follows_a_picture_that_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write_picture_file(tmp_path / "in.png", exif=exif)
    path.with_suffix(".pgw").write_text(WORLD)
    picture = read_picture(path)
    write_picture(picture, tmp_path / "out.png")
    upright = np.asarray(Image.open(tmp_path / "out.png"))
    with rasterio.open(path) as source, rasterio.open(tmp_path / "out.png") as target:
        for row, column in ((0, 0), (5, 3), (23, 31)):
            ((down, across),) = np.argwhere((upright == PIXELS[row, column]).all(axis=2))
            assert target.xy(down, across) == pytest.approx(source.xy(row, column), rel=1e-12)


def test_files_of_the_input_are_never_overwritten(tmp_path: Path) -> None:
    path = write_picture_file(tmp_path / "in.tif")
    path.with_suffix(".tfw").write_text(WORLD)
    path.with_suffix(".prj").write_text("GEOGCS[…]")
    picture = read_picture(path)
    assert kept_files(picture.metadata.place, (60, 48), tmp_path / "in.tiff", "TIFF", overwrite=True) == [
        "in.tfw exists and is kept, but does not fit it"
    ]
    enlarge(path, "in.tiff")
    assert path.with_suffix(".tfw").read_text() == WORLD


def test_a_picture_whose_files_beside_it_cannot_be_written_does_not_appear(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "in.tif")
    (tmp_path / "out.pgw").mkdir()
    for write in (enlarge, lambda path, out: write_pictures(open_pictures(path), path.with_name(out))):
        with pytest.raises(SrganError, match=r"out\.pgw is a folder"):
            write(path, "out.png")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.tif", "out.pgw"]


def test_files_of_another_picture_are_reported(tmp_path: Path) -> None:
    picture = read_picture(write_picture_file(tmp_path / "in.png"))
    (tmp_path / "out.tif.aux.xml").write_text("<PAMDataset/>")
    assert kept_files(picture.metadata.place, (60, 48), tmp_path / "out.tif", "TIFF", overwrite=True) == [
        "out.tif.aux.xml exists and is kept, but does not fit it"
    ]


@pytest.mark.parametrize("damage", [bytes, lambda box: box[:40]])
def test_the_georeference_of_jpeg_2000(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    write_picture_file(tmp_path / "in.jp2")
    box = write_geotiff(tmp_path / "box.tif").read_bytes()
    content = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03") + damage(box)
    data = (tmp_path / "in.jp2").read_bytes()
    start = data.index(b"jp2c") - 4
    uuid = (len(content) + 8).to_bytes(4, "big") + b"uuid" + content
    (tmp_path / "in.jp2").write_bytes(data[:start] + uuid + data[start:])
    target, picture = enlarge(tmp_path / "in.jp2", "out.tif")
    if content.endswith(box):
        assert_same_corners(tmp_path / "box.tif", target)
    assert len(picture.notes) == (not content.endswith(box))


PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:xmp="x" xmlns:tiff="t" xmlns:photoshop="p" xmp:Rating="4" tiff:ImageWidth="32" {}/>'
    "</rdf:RDF></x:xmpmeta>"
)


@pytest.mark.parametrize("name", ["in.jpg", "in.png", "in.tif", "in.webp", "in.gif", "in.pam"])
@pytest.mark.parametrize(("beside", "encoding"), [("{}.xmp", "utf-8"), ("{}.XMP", "utf-16"), ("in.xmp", "utf-16-le")])
def test_an_xmp_file_is_written_for_the_new_size(tmp_path: Path, name: str, beside: str, encoding: str) -> None:
    path = tmp_path / name
    if name == "in.pam":
        header = b"P7\nWIDTH 32\nHEIGHT 24\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"
        path.write_bytes(header + PIXELS.tobytes())
    else:
        write_picture_file(path)
    declared = f'<?xml version="1.0" encoding="{encoding[:6].upper()}"?>{PACKET.format("")}'
    (tmp_path / beside.format(name)).write_text(declared, encoding=encoding)
    out, picture = enlarge(path, "out.png")
    found = (tmp_path / "out.png.xmp").read_text()
    xml.parse(found)
    assert 'tiff:ImageWidth="48"' in found
    assert 'xmp:Rating="4"' in found
    assert not any("xmp" in note for note in picture.notes)
    assert picture.valid is None
    assert read_picture(out).valid is None


@pytest.mark.parametrize(
    ("stated", "stored", "left"), [(6, 6, 1), (6, 1, 1), (1, 6, 6)], ids=["both", "the picture", "the file beside it"]
)
def test_the_orientation_in_an_xmp_file_is_reset_with_that_of_the_picture(
    tmp_path: Path, stated: int, stored: int, left: int
) -> None:
    exif = Image.Exif()
    exif[274] = stated
    path = write_picture_file(tmp_path / "in.jpg", exif=exif)
    path.with_name("in.jpg.xmp").write_text(PACKET.format(f'tiff:Orientation="{stored}"'))
    enlarge(path, "out.png")
    assert f'tiff:Orientation="{left}"' in (tmp_path / "out.png.xmp").read_text()


@pytest.mark.parametrize("mode", ["P", "LA"])
def test_an_xmp_file_says_nothing_of_a_place(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "in.png"
    Image.fromarray(PIXELS).convert("L").convert(mode).save(path)
    before = read_picture(path, keep_classes=True)
    path.with_name("in.png.xmp").write_text(PACKET.format(""))
    path.with_suffix(".prj").write_text("PROJCS[]")
    after = read_picture(path, keep_classes=True)
    assert (before.bands, before.valid) == (after.bands, after.valid)
    write_picture(after, tmp_path / "out.png")
    assert not (tmp_path / "out.prj").exists()


def test_an_xmp_file_that_exists_stays(tmp_path: Path) -> None:
    path = write_picture_file(tmp_path / "in.jpg")
    path.with_name("in.jpg.xmp").write_text(PACKET.format(""))
    (tmp_path / "out.png.xmp").write_text("edited")
    out, picture = enlarge(path, "out.png")
    assert (tmp_path / "out.png.xmp").read_text() == "edited"
    kept = kept_files(picture.metadata.place, (60, 48), out, "PNG", overwrite=True)
    assert kept == ["out.png.xmp exists and is kept: that of the input is not written"]
    assert not kept_files(None, (60, 48), out, "PNG", overwrite=True)


@pytest.mark.parametrize(
    "head",
    ['<?xml version="1.0" encoding = "UTF-16"?>', f'<?xml version="1.0"{" " * 200_000}?>'],
    ids=["UTF-16", "long"],
)
def test_an_xmp_file_is_read_whatever_its_head_says(tmp_path: Path, head: str) -> None:
    path = write_picture_file(tmp_path / "in.jpg")
    path.with_name("in.jpg.xmp").write_text(head + PACKET.format(""))
    packet, notes = find_xmp(path)
    assert (packet.endswith(b"</x:xmpmeta>"), b"UTF-16" in packet, notes) == (True, False, [])


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("equals", ["=", " = "])
def test_the_xmp_file_of_a_raw_picture_is_not_that_of_its_jpeg(tmp_path: Path, quote: str, equals: str) -> None:
    path = write_picture_file(tmp_path / "in.jpg")
    path.with_suffix(".xmp").write_text(PACKET.format(f"photoshop:SidecarForExtension{equals}{quote}CR3{quote}"))
    out, picture = enlarge(path, "out.jpg")
    assert not picture.notes
    assert not out.with_name("out.jpg.xmp").exists()
