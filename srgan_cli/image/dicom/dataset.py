"""The data set of an enlarged DICOM file: everything of the source but what describes its pixels or its grid.

Source: DICOM PS3.3 2024e, C.7.6.2 (image plane), C.7.6.3 (pixels), C.7.6.16 (functional groups) and C.12.4 (source).
"""

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from srgan_cli import __version__
from srgan_cli.image.codec.raster import Raster
from srgan_cli.image.codec.samples import parse_nodata

if TYPE_CHECKING:
    from pydicom import Dataset

_SPACINGS = [f"{kind}Spacing" for kind in ("Pixel", "ImagerPixel", "NominalScannedPixel", "ImagePlanePixel")]
_SPACINGS += ["ObjectPixelSpacingInCenterOfBeam"]
_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "DetectorInformationSequence")
"""What holds for some frames: functional groups, and the detectors of nuclear medicine."""
_GRIDS = (
    ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    ("ImagePositionVolume", "ImageOrientationVolume", "PixelSpacing"),
    ("RTImagePosition", "RTImageOrientation", "ImagePlanePixelSpacing"),
)
_RESCALING = {"RescaleSlope": 1.0, "RescaleIntercept": 0.0, "RescaleType": "US", "Units": ""}
"""From stored values to units, and what says nothing: US is unspecified."""
_DEFAULT_PORTAL = [1.0, 0.0, 0.0, 0.0, -1.0, 0.0]
"""The RTImageOrientation of a file that states none: that of a receptor normal to the beam."""
_FRAME_PARTS = ("PlanePosition{}Sequence", "PlaneOrientation{}Sequence", "PixelMeasuresSequence")
_MARKS = {
    "{}LeftVerticalEdge": (1,), "{}RightVerticalEdge": (1,), "RadiusOfCircular{}": (1,),
    "{}UpperHorizontalEdge": (0,), "{}LowerHorizontalEdge": (0,),
    "CenterOfCircular{}": (0, 1), "VerticesOfThePolygonal{}": (0, 1),
}  # fmt: skip
_MARKS = {name.format(kind): axes for name, axes in _MARKS.items() for kind in ("Shutter", "Collimator")}
"""Columns (1) and rows (0), from 1, of the edges of shutters and collimators."""
_DROPPED = {
    "IconImageSequence": "icon",
    "SequenceOfUltrasoundRegions": "ultrasound regions",
    **dict.fromkeys(("DigitalSignaturesSequence", "MACParametersSequence"), "digital signatures"),
    **dict.fromkeys(("PixelPaddingRangeLimit", "SmallestPixelValueInSeries", "LargestPixelValueInSeries"), ""),
    **dict.fromkeys(("ExtendedOffsetTable", "ExtendedOffsetTableLengths"), ""),
}
"""Elements that do not fit enlarged pixels, and their names in a note; "" if nothing that people see is lost."""
_UNKNOWN = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"),
    *("AccessionNumber", "ReferringPhysicianName", "SeriesNumber", "InstanceNumber", "Laterality"),
)
"""Elements that every file has, and that may be empty."""
_OVERLAY_GROUPS = range(0x6000, 0x6020)
_LONGEST_DESCRIPTION = 1024  # characters of a value of type ST


def drop_unfit(dataset: "Dataset") -> tuple[str, ...]:
    """Remove the elements that do not fit enlarged pixels, returns a note on what is lost."""
    overlays = [tag for tag in list(dataset.keys()) if tag.group in _OVERLAY_GROUPS]
    found = [name for name in _DROPPED if name in dataset]
    for tag in overlays:
        del dataset[tag]
    for name in found:
        delattr(dataset, name)
    lost = sorted({_DROPPED[name] for name in found if _DROPPED[name]} | ({"overlays"} if overlays else set()))
    return (f"dropped, since it fits only the original pixels: {', '.join(lost)}",) if lost else ()


def rescaling_of(dataset: "Dataset") -> dict[tuple[int, str], float | str]:
    """What the file, or each group of frames that does, says of the units of its stored values."""
    stated = ({name: part.get(name) for name in _RESCALING if part.get(name)} for part in _parts(dataset))
    groups = enumerate(filter(None, stated))
    return {(n, name): value for n, group in groups for name, value in group.items() if value != _RESCALING[name]}


def enlarge(dataset: "Dataset", height: int, width: int) -> None:
    """Adapt a data set to its picture enlarged to this size.

    Spacings shrink by the factor of their axis.  Positions are those of the centre of the first pixel, which moves by
    half the difference of the pixels' sizes, so that the outer edges stay.
    """
    from pydicom.uid import generate_uid

    factors = height / dataset.Rows, width / dataset.Columns
    for position, orientation, measures in {id(plane[0]): plane for plane in _planes(dataset)}.values():
        _shift(position, orientation, measures, factors)
    for part in _parts(dataset):
        for name in _SPACINGS:
            if spacing := part.get(name):
                _set_numbers(part, name, [float(side) / factor for side, factor in zip(spacing, factors, strict=False)])
        _move_marks(part, factors)
        if "FrameType" in part:
            part.FrameType = _derived(part.FrameType)
    for item in dataset.get("MaskSubtractionSequence") or []:
        if shift := item.get("MaskSubPixelShift"):
            item.MaskSubPixelShift = [float(number) * factor for number, factor in zip(shift, factors, strict=False)]
    _scale_aspect(dataset, factors)
    _add_source(dataset)
    dataset.ImageType = _derived(dataset.get("ImageType"))
    former = f"{described}; " if (described := dataset.get("DerivationDescription")) else ""
    text = f"{former}Enlarged {factors[1]:g} times by srgan {__version__}, not for diagnosis"
    dataset.DerivationDescription = text[:_LONGEST_DESCRIPTION]
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


def _parts(dataset: "Dataset") -> Iterator["Dataset"]:
    """The data set, and all items of its groups of frames; none in private elements."""
    yield dataset
    items = [item for name in _GROUPS for item in dataset.get(name) or []]
    while items:
        yield (part := items.pop())
        items += [item for element in part if element.VR == "SQ" and not element.tag.is_private for item in element]


def _planes(dataset: "Dataset") -> Iterator[tuple[Any, Any, Any]]:
    """The parts with position, orientation and spacings, for the file, its detectors and its frames."""
    yield dataset, dataset, dataset
    yield from ((detector, detector, dataset) for detector in dataset.get("DetectorInformationSequence") or [])
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [{}])[0]
    for frame in dataset.get("PerFrameFunctionalGroupsSequence") or []:
        for kind in ("", "Volume"):
            names = [name.format(kind) for name in _FRAME_PARTS]
            position, orientation, measures = ((frame.get(name) or shared.get(name) or [{}])[0] for name in names)
            yield position, orientation, measures


def _shift(position: Any, orientation: Any, measures: Any, factors: tuple[float, float]) -> None:
    """Move the position of the first pixel's centre to that of the first enlarged pixel."""
    for place, direction, spacing in _GRIDS:
        origin, cosines, sides = (
            [float(number) for number in part.get(name) or ()]
            for part, name in ((position, place), (orientation, direction), (measures, spacing))
        )
        if direction == "RTImageOrientation" and not cosines:
            cosines = _DEFAULT_PORTAL
        if origin and len(cosines) == 6 and len(sides) == 2:
            down, across = ((1 / factor - 1) / 2 * side for factor, side in zip(factors, sides, strict=True))
            axes = zip(origin, cosines, cosines[3:], strict=False)
            _set_numbers(position, place, [at + across * row + down * column for at, row, column in axes])


def _set_numbers(part: "Dataset", name: str, numbers: list[float]) -> None:
    """Set an element to numbers, which some elements store as text of at most 16 characters each."""
    from pydicom.valuerep import DSfloat

    part[name].value = [DSfloat(number, auto_format=True) for number in numbers] if part[name].VR == "DS" else numbers


def _move_marks(part: "Dataset", factors: tuple[float, float]) -> None:
    """Move what is stated in whole rows and columns, from 1, to the enlarged pixels."""
    for name, axes in _MARKS.items():
        if name in part and part[name].VM:
            shift = 0 if name.startswith("Radius") else 0.5
            numbers = zip(np.atleast_1d(part[name].value), cycle(axes), strict=False)
            moved = [round((float(number) - shift) * factors[axis] + shift) for number, axis in numbers]
            part[name].value = moved if len(moved) > 1 else moved[0]


def _scale_aspect(dataset: "Dataset", factors: tuple[float, float]) -> None:
    """Correct the ratio of the pixels' sides, if the axes were enlarged by different factors."""
    if (ratio := dataset.get("PixelAspectRatio")) and factors[0] != factors[1]:
        down, across = (round(10_000 * float(part) / factor) for part, factor in zip(ratio, factors, strict=True))
        dataset.PixelAspectRatio = [down, across]


def _add_source(dataset: "Dataset") -> None:
    from pydicom import Dataset

    source = Dataset()
    source.ReferencedSOPClassUID = dataset.get("SOPClassUID")
    source.ReferencedSOPInstanceUID = dataset.get("SOPInstanceUID")
    if source.ReferencedSOPClassUID and source.ReferencedSOPInstanceUID:
        dataset.SourceImageSequence = [source]


def _derived(former: Sequence[str] | None) -> list[str]:
    return ["DERIVED", "SECONDARY", *([] if isinstance(former, str) else former or [])[2:]]
