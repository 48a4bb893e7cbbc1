"""The data set of an enlarged DICOM file: everything of the source but what describes its pixels or its grid.

Source: DICOM PS3.3 2024e, C.7.6.2 (image plane), C.7.6.3 (pixels), C.7.6.16 (functional groups) and C.12.4 (source).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from srgan_cli.image.codec.raster import Raster
from srgan_cli.image.codec.samples import parse_nodata
from srgan_cli.version import __version__

if TYPE_CHECKING:
    from pydicom import Dataset

_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "ObjectPixelSpacingInDetailPlane")
_DROPPED = {
    "IconImageSequence": "icon",
    "SequenceOfUltrasoundRegions": "ultrasound regions",
    "DigitalSignaturesSequence": "digital signatures",
    "MACParametersSequence": "digital signatures",
    "PixelPaddingRangeLimit": "",
    "SmallestPixelValueInSeries": "",
    "LargestPixelValueInSeries": "",
    "ExtendedOffsetTable": "",
    "ExtendedOffsetTableLengths": "",
}
"""Elements that do not fit enlarged pixels, and their names in a note; "" if nothing that people see is lost."""
_UNKNOWN = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"),
    *("AccessionNumber", "ReferringPhysicianName", "SeriesNumber", "InstanceNumber", "Laterality"),
)
"""Elements that every file has, and that may be empty."""
_OVERLAY_GROUPS = range(0x6000, 0x6020)
_LONGEST_DESCRIPTION = 1024
"""Characters of a value of type ST."""


def drop_unfit(dataset: "Dataset") -> tuple[str, ...]:
    """Remove the elements that do not fit enlarged pixels, returns a note on what is lost."""
    tags = list(dataset.keys())
    overlays = [tag for tag in tags if tag.group in _OVERLAY_GROUPS]
    found = [name for name in _DROPPED if name in dataset]
    for tag in overlays:
        del dataset[tag]
    for name in found:
        delattr(dataset, name)
    lost = sorted({_DROPPED[name] for name in found if _DROPPED[name]} | ({"overlays"} if overlays else set()))
    return (f"dropped, since it fits only the original pixels: {', '.join(lost)}",) if lost else ()


def enlarge(dataset: "Dataset", height: int, width: int) -> None:
    """Adapt a data set to its picture enlarged to this size.

    Spacings shrink by the factor of their axis.  Positions are those of the centre of the first pixel, which moves by
    half the difference of the pixels' sizes, so that the outer edges stay.
    """
    from pydicom.uid import generate_uid

    factors = height / dataset.Rows, width / dataset.Columns
    planes = list(_planes(dataset))
    for position, orientation, measures in {id(plane[0]): plane for plane in planes}.values():  # frames may share parts
        _shift(position, orientation, measures, factors)
    for measures in {id(measures): measures for *_, measures in planes}.values():
        _divide_spacings(measures, factors)
    _scale_aspect(dataset, factors)
    for keyword, factor in zip(("TotalPixelMatrixRows", "TotalPixelMatrixColumns"), factors, strict=True):
        if keyword in dataset:
            setattr(dataset, keyword, round(dataset[keyword].value * factor))
    _add_source(dataset)
    dataset.ImageType = ["DERIVED", "SECONDARY", *list(dataset.get("ImageType") or [])[2:]]
    dataset.DerivationDescription = _description(dataset.get("DerivationDescription"), factors[1])
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()


def secondary_capture(raster: Raster) -> "Dataset":
    """The data set of a picture that does not come from DICOM.  Source: DICOM PS3.3, A.8.1 and PS3.4, B.5."""
    from pydicom import Dataset, uid
    from pydicom.dataset import FileMetaDataset

    dataset, meta = Dataset(), FileMetaDataset()
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID = uid.SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = uid.generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid.generate_uid(), uid.generate_uid()
    for name in _UNKNOWN:
        setattr(dataset, name, "")
    dataset.Modality, dataset.ConversionType = "OT", "WSD"
    dtype, nodata = raster.rows.dtype, parse_nodata(raster.nodata, raster.rows.dtype)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8 * dtype.itemsize, raster.depth, raster.depth - 1
    dataset.PixelRepresentation = int(dtype.kind == "i")
    grey = "MONOCHROME1" if raster.bands.white_is_zero else "MONOCHROME2"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = (3, "RGB") if raster.has_colour else (1, grey)
    if nodata is not None and not raster.has_colour and dtype.itemsize <= 2:
        dataset.add_new("PixelPaddingValue", "SS" if dtype.kind == "i" else "US", int(nodata))
    dataset.file_meta = meta
    return dataset


def _planes(dataset: "Dataset") -> Iterator[tuple[Any, Any, Any]]:
    """The parts of a data set with position, orientation and spacings, for the file and for each of its frames."""
    yield dataset, dataset, dataset
    shared = dataset.get("SharedFunctionalGroupsSequence") or [{}]
    for frame in dataset.get("PerFrameFunctionalGroupsSequence") or [{}]:
        names = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
        position, orientation, measures = ((frame.get(name) or shared[0].get(name) or [{}])[0] for name in names)
        yield position, orientation, measures


def _shift(position: Any, orientation: Any, measures: Any, factors: tuple[float, float]) -> None:
    """Move the position of the first pixel's centre to that of the first enlarged pixel."""
    parts = {"ImagePositionPatient": position, "ImageOrientationPatient": orientation, "PixelSpacing": measures}
    origin, cosines, spacing = ([float(number) for number in part.get(name) or ()] for name, part in parts.items())
    if len(origin) != 3 or len(cosines) != 6 or len(spacing) != 2:
        return
    down, across = ((1 / factor - 1) / 2 * side for factor, side in zip(factors, spacing, strict=True))
    moved = [
        place + across * row + down * column for place, row, column in zip(origin, cosines, cosines[3:], strict=False)
    ]
    position.ImagePositionPatient = [_decimal(number) for number in moved]


def _divide_spacings(measures: Any, factors: tuple[float, float]) -> None:
    for name in _SPACINGS:
        spacing = measures.get(name)
        if spacing:
            sides = zip(spacing, factors, strict=False)
            setattr(measures, name, [_decimal(float(side) / factor) for side, factor in sides])


def _scale_aspect(dataset: "Dataset", factors: tuple[float, float]) -> None:
    """Correct the ratio of the pixels' sides, if the axes were enlarged by different factors."""
    ratio = dataset.get("PixelAspectRatio")
    if ratio and factors[0] != factors[1]:
        down, across = (round(10_000 * float(part) / factor) for part, factor in zip(ratio, factors, strict=True))
        dataset.PixelAspectRatio = [down, across]


def _add_source(dataset: "Dataset") -> None:
    from pydicom import Dataset, Sequence

    source = Dataset()
    source.ReferencedSOPClassUID = dataset.get("SOPClassUID")
    source.ReferencedSOPInstanceUID = dataset.get("SOPInstanceUID")
    if source.ReferencedSOPClassUID and source.ReferencedSOPInstanceUID:
        dataset.SourceImageSequence = Sequence([source])


def _description(former: str | None, factor: float) -> str:
    text = f"Enlarged {factor:g} times by srgan {__version__}, not for diagnosis"
    return (f"{former}; {text}" if former else text)[:_LONGEST_DESCRIPTION]


def _decimal(number: float) -> Any:
    """A decimal string of at most 16 characters."""
    from pydicom.valuerep import DSfloat

    return DSfloat(number, auto_format=True)
