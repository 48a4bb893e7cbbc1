"""DICOM: values, geometry and identity of enlarged files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

pydicom = pytest.importorskip("pydicom", reason="needs srgan-cli[dicom]")

from pydicom import Dataset, Sequence, uid  # noqa: E402
from pydicom.dataset import FileMetaDataset  # noqa: E402

from srgan_cli import Upscaler, read_picture, write_picture  # noqa: E402
from srgan_cli.errors import PictureError  # noqa: E402
from srgan_cli.image.codec.raster import Raster, Rows  # noqa: E402
from srgan_cli.image.convert.values import stream_raster  # noqa: E402
from srgan_cli.image.io import picture_losses  # noqa: E402
from srgan_cli.image.sequence import open_pictures, write_pictures  # noqa: E402

PATIENT = "Doe^Jane"


def dataset(values: np.ndarray, **changes: Any) -> Dataset:
    """A CT slice or a multi-frame picture with these values."""
    made, meta = Dataset(), FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = uid.ExplicitVRLittleEndian, uid.CTImageStorage
    meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = "1.2.3.4"
    made.SOPClassUID, made.file_meta, made.PatientName = uid.CTImageStorage, meta, PATIENT
    made.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    made.Rows, made.Columns = values.shape[-2:]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored = 8 * values.itemsize, 8 * values.itemsize
    made.HighBit, made.PixelRepresentation = made.BitsStored - 1, int(values.dtype.kind == "i")
    if values.ndim == 3:
        made.NumberOfFrames = len(values)
    made.PixelData = values.tobytes() + bytes(values.nbytes % 2)
    made["PixelData"].VR = "OW"
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def save(made: Dataset, path: Path) -> Path:
    made.save_as(path, enforce_file_format=True)
    return path


def enlarge(source: Path, target: Path, *, scale: float = 2) -> Dataset:
    """The file enlarged by bicubic."""
    pictures, upscaler = open_pictures(source), Upscaler.load("bicubic", scale=scale)
    write_pictures(pictures.map(lambda picture: upscaler.upscale(picture, scale=scale)), target)
    return pydicom.dcmread(target)


def ramp(dtype: str, low: float, high: float, shape: tuple[int, ...] = (20, 24)) -> np.ndarray:
    return np.linspace(low, high, int(np.prod(shape))).reshape(shape).round().astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "low", "high"), [("uint8", 10, 240), ("uint16", 100, 60_000), ("int16", -1000, 3000), ("int8", -100, 90)]
)
def test_values_stay_in_their_units(tmp_path: Path, dtype: str, low: float, high: float) -> None:
    values = ramp(dtype, low, high)
    done = enlarge(
        save(dataset(values, RescaleSlope="2", RescaleIntercept="-1024"), tmp_path / "a.dcm"), tmp_path / "b.dcm"
    )
    result = done.pixel_array
    assert result.shape == (40, 48)
    assert result.dtype == values.dtype
    coarse = result.astype(float).reshape(20, 2, 24, 2).mean((1, 3))
    assert np.abs(coarse - values)[2:-2, 2:-2].max() <= 0.01 * (high - low)
    assert (done.RescaleSlope, done.RescaleIntercept) == (2, -1024)


def test_values_stay_within_the_stored_bits(tmp_path: Path) -> None:
    values = np.zeros((16, 16), np.uint16)
    values[:, 8:] = 4095
    done = enlarge(save(dataset(values, BitsStored=12, HighBit=11), tmp_path / "a.dcm"), tmp_path / "b.dcm")
    assert done.pixel_array.max() == 4095


def test_monochrome1_keeps_its_values_where_files_can_say_so(tmp_path: Path) -> None:
    values = ramp("uint16", 0, 4095)
    source = save(
        dataset(values, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11), tmp_path / "a.dcm"
    )
    done = enlarge(source, tmp_path / "b.dcm")
    assert done.PhotometricInterpretation == "MONOCHROME1"
    assert done.pixel_array[2, 2] < done.pixel_array[-3, -3]
    write_picture(read_picture(source), tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].photometric.name == "MINISWHITE"
    assert (read_picture(tmp_path / "a.tif").pixels + read_picture(source).pixels - 1).abs().max() < 1e-6
    write_picture(read_picture(source), tmp_path / "a.png")
    first, last = read_picture(tmp_path / "a.png").pixels.flatten()[[0, -1]].tolist()
    assert (first, last) == (1, 0)


def test_the_grid_of_a_slice_keeps_its_outer_edges(tmp_path: Path) -> None:
    """The expected position is computed from the corner, which is half a pixel before the first centre."""
    made = dataset(ramp("int16", 0, 100), PixelSpacing=["0.5", "0.25"], ImagerPixelSpacing=["1", "2"])
    made.ImagePositionPatient, made.ImageOrientationPatient = ["-10", "20", "30"], ["0", "1", "0", "0", "0", "-1"]
    done = enlarge(save(made, tmp_path / "a.dcm"), tmp_path / "b.dcm", scale=4)
    assert [float(side) for side in done.PixelSpacing] == [0.125, 0.0625]
    assert [float(side) for side in done.ImagerPixelSpacing] == [0.25, 0.5]
    row, column = np.array([0, 1, 0]), np.array([0, 0, -1])
    corner = np.array([-10, 20, 30]) - row * 0.25 / 2 - column * 0.5 / 2
    expected = corner + row * 0.0625 / 2 + column * 0.125 / 2
    assert np.allclose([float(number) for number in done.ImagePositionPatient], expected)


def item(**elements: Any) -> Dataset:
    """An item of a sequence."""
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize("shared", [True, False])
def test_frames_keep_their_grids_units_and_edges(tmp_path: Path, shared: bool) -> None:
    """Enhanced CT and MR: parts of the grid are the same for all frames, or differ between them."""
    made = dataset(ramp("uint16", 0, 60_000, (3, 16, 16)))
    frames, common = [], Dataset()
    for depth in range(3):
        spacing, slope = (1, 1) if shared else (1 + depth, depth + 0.5)
        parts = {
            "PixelMeasuresSequence": [item(PixelSpacing=[str(spacing), "2"])],
            "PlaneOrientationSequence": [item(ImageOrientationPatient=["0", "1", "0", "0", "0", "-1"])],
            "PixelValueTransformationSequence": [item(RescaleSlope=str(slope), RescaleIntercept=str(-depth))],
        }
        position = [item(ImagePositionPatient=["0", "-10", str(5 * depth)])]
        kind, shutter = (
            [item(FrameType=["ORIGINAL", "PRIMARY"])],
            [item(ShutterLeftVerticalEdge=5, ShutterRightVerticalEdge=16)],
        )
        frames.append(
            item(PlanePositionSequence=position, MRImageFrameTypeSequence=kind, FrameDisplayShutterSequence=shutter)
        )
        for name, value in parts.items():
            setattr(common if shared else frames[-1], name, value)
    made.SharedFunctionalGroupsSequence, made.PerFrameFunctionalGroupsSequence = [common], frames
    done = enlarge(save(made, tmp_path / "a.dcm"), tmp_path / "b.dcm")
    assert done.pixel_array.shape == (3, 32, 32)
    for depth, frame in enumerate(done.PerFrameFunctionalGroupsSequence):
        parts = done.SharedFunctionalGroupsSequence[0] if shared else frame
        spacing, slope = (1, 1) if shared else (1 + depth, depth + 0.5)
        assert list(parts.PixelMeasuresSequence[0].PixelSpacing) == [spacing / 2, 1]
        place = list(frame.PlanePositionSequence[0].ImagePositionPatient)
        assert place == [0, -10.5, 5 * depth + spacing / 4]
        assert parts.PixelValueTransformationSequence[0].RescaleSlope == slope
        assert list(frame.MRImageFrameTypeSequence[0].FrameType) == ["DERIVED", "SECONDARY"]
        shutter = frame.FrameDisplayShutterSequence[0]
        assert shutter.ShutterLeftVerticalEdge in (9, 10)
        assert shutter.ShutterRightVerticalEdge in (31, 32)


def test_detectors_volumes_and_portal_images_keep_their_outer_edges(tmp_path: Path) -> None:
    made = dataset(ramp("uint16", 0, 100), PixelSpacing=["4", "2"], ImagePlanePixelSpacing=["4", "2"])
    made.RTImagePosition, made.RTImageOrientation = ["-9", "9"], ["1", "0", "0", "0", "-1", "0"]
    made.CenterOfCircularShutter, made.RadiusOfCircularShutter = [10, 12], 9
    axes = ["1", "0", "0", "0", "1", "0"]
    made.DetectorInformationSequence = [item(ImagePositionPatient=["0", "0", "7"], ImageOrientationPatient=axes)]
    volume = {
        "PlanePositionVolumeSequence": [item(ImagePositionVolume=[0.0, 0.0, 3.0])],
        "PlaneOrientationVolumeSequence": [item(ImageOrientationVolume=[1.0, 0, 0, 0, 1, 0])],
        "PixelMeasuresSequence": [item(PixelSpacing=["4", "2"])],
    }
    made.PerFrameFunctionalGroupsSequence = [item(**volume)]
    done = enlarge(save(made, tmp_path / "a.dcm"), tmp_path / "b.dcm")
    assert list(done.RTImagePosition) == [-9.5, 10]
    assert list(done.DetectorInformationSequence[0].ImagePositionPatient) == [-0.5, -1, 7]
    (frame,) = done.PerFrameFunctionalGroupsSequence
    assert list(frame.PlanePositionVolumeSequence[0].ImagePositionVolume) == [-0.5, -1, 3]
    assert (list(done.CenterOfCircularShutter), done.RadiusOfCircularShutter) == ([20, 24], 18)


def test_a_portal_image_without_orientation_is_normal_to_the_beam(tmp_path: Path) -> None:
    made = dataset(ramp("uint16", 0, 100), ImagePlanePixelSpacing=["4", "2"], RTImagePosition=["-9", "9"])
    assert list(enlarge(save(made, tmp_path / "a.dcm"), tmp_path / "b.dcm").RTImagePosition) == [-9.5, 10]


def test_empty_and_single_elements_are_read(tmp_path: Path) -> None:
    made = dataset(ramp("uint16", 0, 100), ImageType="ORIGINAL", HighBit=None, DimensionOrganizationType=None)
    assert list(enlarge(save(made, tmp_path / "a.dcm"), tmp_path / "b.dcm").ImageType) == ["DERIVED", "SECONDARY"]


def test_a_result_is_derived_and_the_rest_is_kept(tmp_path: Path) -> None:
    made = dataset(ramp("int16", -50, 100), SmallestImagePixelValue=-50, LargestImagePixelValue=100)
    made.add_new(0x00091001, "LO", "private")
    made.add_new(0x00090010, "LO", "MAKER")
    done = enlarge(save(made, tmp_path / "a.dcm"), tmp_path / "b.dcm")
    assert list(done.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
    assert done.SOPInstanceUID == done.file_meta.MediaStorageSOPInstanceUID != "1.2.3.4"
    assert done.SourceImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"
    assert "not for diagnosis" in done.DerivationDescription
    assert (done.PatientName, done[0x00091001].value) == (PATIENT, "private")
    assert (done.SmallestImagePixelValue, done.LargestImagePixelValue) == (
        done.pixel_array.min(),
        done.pixel_array.max(),
    )


def test_a_palette_becomes_rgb_and_what_fits_only_the_original_is_reported(tmp_path: Path) -> None:
    made = dataset(ramp("uint8", 0, 255), PhotometricInterpretation="PALETTE COLOR")
    for colour, values in (("Red", range(256)), ("Green", range(255, -1, -1)), ("Blue", [7] * 256)):
        setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 8])
        setattr(made, f"{colour}PaletteColorLookupTableData", bytes(values))
    made.IconImageSequence = Sequence([Dataset()])
    source = save(made, tmp_path / "a.dcm")
    assert read_picture(source).notes == (
        "dropped, since it fits only the original pixels: icon",
        "its palette becomes RGB",
    )
    done = enlarge(source, tmp_path / "b.dcm")
    assert (done.PhotometricInterpretation, done.pixel_array.shape) == ("RGB", (40, 48, 3))
    assert "RedPaletteColorLookupTableData" not in done
    assert np.abs(done.pixel_array[..., 2].astype(int) - 7).max() <= 1


def test_a_palette_of_16_bits_becomes_rgb_of_16_bits(tmp_path: Path) -> None:
    made = dataset(ramp("uint8", 0, 255), PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(made, f"{colour}PaletteColorLookupTableData", np.arange(0, 2**16, 256, np.uint16).tobytes())
    source = save(made, tmp_path / "a.dcm")
    write_picture(read_picture(source), tmp_path / "b.dcm")
    done = pydicom.dcmread(tmp_path / "b.dcm")
    assert done.BitsStored == 16
    assert np.array_equal(done.pixel_array[..., 0], pydicom.dcmread(source).pixel_array.astype(int) * 256)


def test_a_palette_in_segments_becomes_rgb(tmp_path: Path) -> None:
    made = dataset(ramp("uint8", 0, 255), PhotometricInterpretation="PALETTE COLOR", PaletteColorLookupTableUID="1.2")
    segment = np.concatenate([[0, 256], np.arange(0, 2**16, 256)]).astype(np.uint16).tobytes()  # 0: 256 values follow
    for colour in ("Red", "Green", "Blue"):
        setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(made, f"Segmented{colour}PaletteColorLookupTableData", segment)
    source = save(made, tmp_path / "a.dcm")
    write_picture(read_picture(source), tmp_path / "b.dcm")
    done = pydicom.dcmread(tmp_path / "b.dcm")
    assert np.array_equal(done.pixel_array[..., 0], pydicom.dcmread(source).pixel_array.astype(int) * 256)
    assert not [element.keyword for element in done if "Palette" in element.keyword]


def test_probabilities_of_segments_stay_below_their_maximum(tmp_path: Path) -> None:
    values = np.kron(np.eye(4, dtype=np.uint8), np.full((5, 6), 200, np.uint8))
    source = save(dataset(values, MaximumFractionalValue=200), tmp_path / "a.dcm")
    assert enlarge(source, tmp_path / "b.dcm").pixel_array.max() == 200


def test_other_pictures_become_a_secondary_capture(tmp_path: Path) -> None:
    picture = read_picture(Path(__file__).parents[3] / "examples/cat.png")
    write_picture(picture, tmp_path / "a.dcm")
    done = pydicom.dcmread(tmp_path / "a.dcm")
    assert done.SOPClassUID == uid.SecondaryCaptureImageStorage
    assert np.array_equal(read_picture(tmp_path / "a.dcm").pixels, picture.pixels)


@pytest.mark.parametrize(
    "kind", ["no pixels", "one bit", "too many bits", "too many frames", "truncated", "high", "segments"]
)
def test_what_cannot_be_read_is_one_error_that_names_no_patient(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    made = dataset(ramp("uint8", 0, 255))
    if kind == "no pixels":
        del made.PixelData
    elif kind == "one bit":
        made.BitsAllocated = made.BitsStored = 1
    elif kind == "too many bits":
        made.BitsStored = 65_516
    elif kind == "too many frames":
        made.NumberOfFrames = 2**31 - 1
    elif kind == "truncated":
        made.PixelData = made.PixelData[:100]
    elif kind == "high":
        made.BitsAllocated, made.BitsStored, made.HighBit, made.Columns = 16, 12, 15, 12
    else:
        made.SegmentationType = "LABELMAP"
    with pytest.raises(PictureError) as raised:
        read_picture(save(made, tmp_path / "a.dcm"))
    assert raised.value.hint
    assert PATIENT not in str(raised.value) + "".join(capfd.readouterr())


def test_old_files_without_a_preamble_are_read_by_name(tmp_path: Path) -> None:
    made = dataset(ramp("uint8", 0, 255))
    del made.file_meta
    made.save_as(tmp_path / "a.dcm", implicit_vr=True, little_endian=True, enforce_file_format=False)
    assert read_picture(tmp_path / "a.dcm").width == 24


def test_a_deflated_data_set_is_read_unless_it_is_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = dataset(ramp("uint8", 0, 200))
    made.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    assert np.array_equal(
        enlarge(save(made, tmp_path / "a.dcm"), tmp_path / "b.dcm", scale=1).pixel_array, ramp("uint8", 0, 200)
    )
    monkeypatch.setattr("srgan_cli.image.dicom.file._MOST_BYTES", 400)
    with pytest.raises(PictureError, match="inflates to more than"):
        open_pictures(tmp_path / "a.dcm")


@pytest.mark.parametrize(("dtype", "bits", "nodata"), [("int16", 16, "-9999"), ("uint16", 12, "0"), ("uint8", 8, "")])
def test_other_pictures_become_secondary_captures_with_their_own_samples(
    tmp_path: Path, dtype: str, bits: int, nodata: str
) -> None:
    values = ramp(dtype, 5, 200)
    if nodata:
        values[:4] = int(nodata)
    raster = Raster(Rows.from_array(values[..., None]), nodata=nodata, bits=bits)
    write_picture(stream_raster(raster), tmp_path / "a.dcm")
    written = pydicom.dcmread(tmp_path / "a.dcm")
    np.testing.assert_array_equal(written.pixel_array, values)
    assert (written.BitsStored, written.PixelRepresentation) == (bits, int(dtype == "int16"))
    assert written.get("PixelPaddingValue") == (int(nodata) if nodata else None)


def test_all_of_the_padding_range_is_no_data(tmp_path: Path) -> None:
    values = ramp("int16", 100, 900)
    values[:4], values[4:6] = -2000, -1900
    made = dataset(values)
    made.add_new("PixelPaddingValue", "SS", -2000)
    made.add_new("PixelPaddingRangeLimit", "SS", -1500)
    large = enlarge(save(made, tmp_path / "a.dcm"), tmp_path / "b.dcm").pixel_array
    assert (large[:12] == -2000).all()
    assert large[12:].min() > 0


def test_padding_beyond_the_stored_bits_is_no_data(tmp_path: Path) -> None:
    values = ramp("int16", 100, 900)
    values[:4] = -32_768
    made = dataset(values, BitsStored=12, HighBit=11)
    made.add_new("PixelPaddingValue", "SS", -32_768)
    large = np.frombuffer(enlarge(save(made, tmp_path / "a.dcm"), tmp_path / "b.dcm").PixelData, np.int16)
    assert (large[: 8 * 48] == -32_768).all()
    assert large[8 * 48 :].min() >= 100


@pytest.mark.parametrize("bits", [7, 9, 12, 13])
def test_a_picture_of_fewer_bits_is_as_bright_in_other_formats(tmp_path: Path, bits: int) -> None:
    values = ramp("uint16", 0, 2**bits - 1)
    source = save(dataset(values, BitsStored=bits, HighBit=bits - 1), tmp_path / "a.dcm")
    write_picture(read_picture(source), tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").pixels.max() == 1
    assert any("as black to white" in loss for loss in picture_losses(tmp_path / "a.png", read_picture(source)))
    write_picture(read_picture(source), tmp_path / "a.tif")
    assert (tifffile.imread(tmp_path / "a.tif") == values).all()


def test_percentiles_are_not_written_as_a_declared_range(tmp_path: Path) -> None:
    source = save(dataset(ramp("int16", -1000, 3000)), tmp_path / "a.dcm")
    write_picture(read_picture(source), tmp_path / "a.tif")
    assert read_picture(tmp_path / "a.tif").declared_range is None


def test_jpeg_of_12_bits_is_read(tmp_path: Path) -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason="needs srgan-cli[tiff]")
    frames = [ramp("uint16", 0, top, (24, 32)) for top in (4000, 3000)]
    made = dataset(np.stack(frames), BitsStored=12, HighBit=11)
    made.PixelData = pydicom.encaps.encapsulate(
        [imagecodecs.jpeg8_encode(part, 98, bitspersample=12) for part in frames]
    )
    made.file_meta.TransferSyntaxUID = uid.JPEGExtended12Bit
    made["PixelData"].is_undefined_length = True
    done = enlarge(save(made, tmp_path / "a.dcm"), tmp_path / "b.dcm")
    assert np.abs(done.pixel_array[:, ::2, ::2].astype(float) - np.stack(frames))[:, 2:-2, 2:-2].max() < 100


@pytest.mark.parametrize("name", ["SamplesPerPixel", "PhotometricInterpretation", "PixelRepresentation", "BitsStored"])
def test_what_a_file_does_not_state_of_its_pixels_is_assumed_with_a_line(tmp_path: Path, name: str) -> None:
    values = ramp("uint16", 0, 900)
    made = dataset(values)
    delattr(made, name)
    picture = read_picture(save(made, tmp_path / "a.dcm"))
    assert picture.notes[0].startswith(f"it does not state {name}")
    assert np.allclose(picture.pixels[0] * picture.full_scale, values, atol=0.01)


@pytest.mark.parametrize("name", ["SamplesPerPixel", "PhotometricInterpretation"])
def test_colours_that_a_file_states_in_half_are_colours(tmp_path: Path, name: str) -> None:
    values = np.random.default_rng(0).integers(0, 255, (24, 32, 3)).astype(np.uint8)
    stated = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    made = dataset(values[..., 0], **stated, PixelData=values.tobytes())
    delattr(made, name)
    picture = read_picture(save(made, tmp_path / "a.dcm"))
    assert picture.notes == (f"it does not state {name}, which is taken for {stated[name]}",)
    assert np.allclose(picture.pixels.numpy() * 255, np.moveaxis(values, 2, 0), atol=0.01)


def test_retired_colours_are_refused(tmp_path: Path) -> None:
    made = dataset(ramp("uint8", 0, 90), PhotometricInterpretation="HSV")
    with pytest.raises(PictureError, match="colours of the kind HSV"):
        read_picture(save(made, tmp_path / "a.dcm"))


def test_the_shift_of_a_mask_is_scaled(tmp_path: Path) -> None:
    mask = Dataset()
    mask.MaskSubPixelShift = [1.5, -2.0]
    made = dataset(ramp("uint8", 0, 90), MaskSubtractionSequence=Sequence([mask]))
    done = enlarge(save(made, tmp_path / "a.dcm"), tmp_path / "b.dcm")
    assert list(done.MaskSubtractionSequence[0].MaskSubPixelShift) == [3.0, -4.0]
