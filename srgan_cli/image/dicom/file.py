"""Reading the frames of DICOM files, and writing enlarged ones with everything else from the source."""

import math
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from srgan_cli.errors import PictureError, errors_as
from srgan_cli.image.codec.raster import BandLayout, Raster, Rows, ValueRange, Values
from srgan_cli.image.codec.samples import parse_nodata
from srgan_cli.image.decoders.base import ImageReader
from srgan_cli.image.dicom.dataset import drop_unfit, enlarge, rescaling_of, secondary_capture
from srgan_cli.image.metadata.record import Metadata

if TYPE_CHECKING:
    from pydicom import Dataset

SUFFIXES = (".dcm", ".dicom")
_PREAMBLE, _MAGIC = 128, b"DICM"
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")  # how files without a preamble start
_MOST_BITS = 16
_MOST_BYTES = 2**28  # of a data set that is deflated as a whole
_COPIES = 4  # memory of a frame while it is decoded, as a multiple of its bytes
_RANGE_FRAMES = 16
_RANGE_VALUES = 2**22  # the most values that are looked at for the range
_RANGE_PERCENTILES = (0.1, 99.9)
_DEFAULTS = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "PixelRepresentation": 0}
"""What files that lack these elements are taken for, as by other programs."""
_COLOURS = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB")
"""The photometric interpretations that are read, beside those of YBR."""
_TABLES = ["{}PaletteColorLookupTableDescriptor", "{}PaletteColorLookupTableData"]
_TABLES += ["Segmented{}PaletteColorLookupTableData", "PaletteColorLookupTableUID"]
_PALETTE = tuple(name.format(colour) for colour in ("Red", "Green", "Blue", "Alpha") for name in _TABLES)


def is_dicom(path: Path, file: IO[bytes]) -> bool:
    """Whether a file says after a preamble, or an old one without preamble by its name, that it is DICOM."""
    file.seek(0)
    head = file.read(_PREAMBLE + len(_MAGIC))
    return head.endswith(_MAGIC) or (path.suffix.lower() in SUFFIXES and head[:2] in _FIRST_GROUPS)


class DicomReader(ImageReader):
    """The frames of a DICOM file, with the values that it stores, so that its rescaling to units still holds."""

    format = "DICOM"

    def __init__(self, path: Path) -> None:
        self.path = path
        with _quietly(path), path.open("rb") as file:
            self.dataset = _parse(file)
            self.notes = _complete(self.dataset)
            _check(path, self.dataset)
            self.count = int(self.dataset.get("NumberOfFrames") or 1)
            self.shape = int(self.dataset.Rows), int(self.dataset.Columns)
        self.redecodes = self.count > 1
        self.decoded: dict[int, Values] = {}  # the frame that is being read, from which the range may be taken, too

    def decode_bytes(self, _: int) -> int:
        """The memory that decoding a frame takes, the file included."""
        frame = math.prod(self.shape) * int(self.dataset.SamplesPerPixel) * int(self.dataset.BitsAllocated) // 8
        return self.path.stat().st_size + _COPIES * frame

    def read(self, index: int) -> Raster:
        """A frame."""
        values = self._values(index)
        rows = Rows.lazy(values, lambda: self._values(index)) if self.redecodes else Rows.from_array(values)
        header, notes = self._header
        self.decoded = {index: values}
        declared = self._range
        self.decoded = {}
        return Raster(
            rows,
            metadata=Metadata(dicom=header),
            notes=notes,
            layout=BandLayout(white_is_zero=True) if self.dataset.PhotometricInterpretation == "MONOCHROME1" else None,
            nodata=self._padding,
            declared_range=declared,
            is_measured=self._is_grey,
            bits=self._bits,
        )

    def _values(self, index: int) -> Values:
        if index in self.decoded:
            return self.decoded[index]
        from pydicom.pixels.processing import apply_color_lut
        from pydicom.pixels.utils import pixel_array

        data = self.dataset
        with _quietly(self.path, f" ({data.file_meta.TransferSyntaxUID.name})"):
            if _is_jpeg_12(data):
                return self._decode_jpeg(index)
            values = pixel_array(data, index=index)
            if self._padding and not self._fits(int(self._padding)):  # then pydicom has cut it to the stored bits
                whole = pixel_array(data, index=index, bits_stored=data.BitsAllocated)
                values = np.where(whole == int(self._padding), whole, values)
            values = _join_padding(values, data)
            if data.PhotometricInterpretation == "PALETTE COLOR":
                values = apply_color_lut(values, data)
        return np.atleast_3d(values)

    def _decode_jpeg(self, index: int) -> Values:
        """A grey frame of 12 bits, which pydicom's decoders do not read."""
        import imagecodecs
        from pydicom.encaps import get_frame

        frame = get_frame(self.dataset.PixelData, index, number_of_frames=self.count)
        return _join_padding(np.reshape(imagecodecs.jpeg_decode(frame), (*self.shape, 1)), self.dataset)

    @cached_property
    def _header(self) -> tuple[bytes, tuple[str, ...]]:
        """The data set without pixels as a file, and a note on what is dropped."""
        with _quietly(self.path), self.path.open("rb") as file:
            header = _parse(file, stop_before_pixels=True)
            _complete(header)
            notes = (*self.notes, *drop_unfit(header))
            if header.PhotometricInterpretation == "PALETTE COLOR":
                notes = (*notes, "its palette becomes RGB")
            return _to_bytes(header), notes

    @property
    def _is_grey(self) -> bool:
        return bool(self.dataset.SamplesPerPixel == 1 and self.dataset.PhotometricInterpretation != "PALETTE COLOR")

    @property
    def _bits(self) -> int:
        """The stored bits, up to 16 without sign, if they hold the padding; else 0."""
        bits, is_signed = int(self.dataset.BitsStored), bool(self.dataset.PixelRepresentation)
        fits = bits <= _MOST_BITS and not is_signed and self._fits(int(self._padding or 0))
        return bits if fits and self._is_grey else 0

    def _fits(self, value: int) -> bool:
        """Whether the stored bits hold a value."""
        half: int = 2 ** (int(self.dataset.BitsStored) - 1)
        low, high = (-half, half) if self.dataset.PixelRepresentation else (0, 2 * half)
        return low <= value < high

    @property
    def _padding(self) -> str:
        padding = self.dataset.get("PixelPaddingValue")
        return "" if padding is None or not self._is_grey else str(int(padding))

    @cached_property
    def _range(self) -> ValueRange | None:
        """The range of grey values deeper than 8 bits: percentiles over frames across the file, without padding."""
        if not self._is_grey or self.dataset.BitsStored <= 8:
            return None
        chosen = np.linspace(0, self.count - 1, min(self.count, _RANGE_FRAMES)).round().astype(int)
        step = math.ceil(math.sqrt(len(chosen) * math.prod(self.shape) / _RANGE_VALUES))
        values = np.concatenate([self._values(int(index))[::step, ::step].ravel() for index in chosen])
        kept = values[values != int(self._padding)] if self._padding else values
        if not kept.size:
            return None
        low, high = (float(number) for number in np.percentile(kept, _RANGE_PERCENTILES))
        return (low, high) if low < high else None


def calibration_of(header: bytes) -> dict[tuple[int, str], float | str]:
    """What the stored values of a file with this data set mean.  Raises PictureError."""
    with _quietly(Path()):
        return rescaling_of(_parse(BytesIO(header)))


def write(rasters: Sequence[Raster], path: Path) -> None:
    """Write uncompressed frames with the data set of their source, or as a secondary capture.  Raises PictureError."""
    header, kinds = rasters[0].metadata.dicom, {(raster.rows.shape, raster.rows.dtype) for raster in rasters}
    if len(kinds) > 1:
        raise PictureError("DICOM stores frames of one size and depth", "write a .tif")
    with _quietly(path):
        dataset = _parse(BytesIO(header)) if header else secondary_capture(rasters[0])
        height, width, _ = rasters[0].rows.shape
        if header:
            enlarge(dataset, height, width)
        dataset.Rows, dataset.Columns = height, width
        if rasters[0].has_colour:
            _describe_rgb(dataset, rasters[0].depth)
        frames = [_stored(raster, dataset) for raster in rasters]
        for name, extreme in {"SmallestImagePixelValue": np.min, "LargestImagePixelValue": np.max}.items():
            if name in dataset:
                setattr(dataset, name, int(extreme([extreme(frame) for frame in frames])))
        data = b"".join(frame.tobytes() for frame in frames)
        dataset.PixelData = data + bytes(len(data) % 2)
        dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"
        if len(frames) > 1:
            dataset.NumberOfFrames = len(frames)
        content = _to_bytes(dataset)
    path.write_bytes(content)


def _is_jpeg_12(dataset: "Dataset") -> bool:
    """Whether its pixels are compressed as grey JPEG of 12 bits, which imagecodecs reads if it is installed."""
    from pydicom import uid

    if dataset.file_meta.TransferSyntaxUID != uid.JPEGExtended12Bit or not find_spec("imagecodecs"):
        return False
    return bool(dataset.BitsStored > 8 and dataset.SamplesPerPixel == 1 and not dataset.PixelRepresentation)


def _join_padding(values: Values, dataset: "Dataset") -> Values:
    """Values with PixelPaddingValue for the whole padding range.  Source: DICOM PS3.3, C.7.5.1.1.2."""
    padding, limit = dataset.get("PixelPaddingValue"), dataset.get("PixelPaddingRangeLimit")
    if padding is None or limit is None:
        return values
    low, high = sorted((padding, limit))
    return np.asarray(np.where((values >= low) & (values <= high), padding, values), values.dtype)


def _stored(raster: Raster, dataset: "Dataset") -> Values:
    """Values as the file stores them: integers within its bits, or its padding."""
    values, nodata = raster.values, parse_nodata(raster.nodata, raster.rows.dtype)
    bits, signed = int(dataset.BitsStored), bool(dataset.PixelRepresentation)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    high = dataset.get("MaximumFractionalValue") or high  # of a segmentation by probabilities
    clipped = values.clip(low, high) if nodata is None else np.where(values == nodata, values, values.clip(low, high))
    return clipped.astype(f"<{'i' if signed else 'u'}{dataset.BitsAllocated // 8}")


def _describe_rgb(dataset: "Dataset", bits: int) -> None:
    """Describe interleaved RGB, also where the source was YBR or had a palette, whose colours have other bits."""
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        dataset.BitsAllocated = dataset.BitsStored = bits
        dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
    for name in _PALETTE:
        dataset.pop(name, None)
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel, dataset.PlanarConfiguration = "RGB", 3, 0


def _parse(file: IO[bytes], *, stop_before_pixels: bool = False) -> "Dataset":
    from pydicom import dcmread, filereader, uid

    filereader.read_preamble(file, force=True)
    syntax = filereader._read_file_meta_info(file).get("TransferSyntaxUID")
    inflate = zlib.decompressobj(-zlib.MAX_WBITS).decompress
    if syntax == uid.DeflatedExplicitVRLittleEndian and len(inflate(file.read(), _MOST_BYTES + 1)) > _MOST_BYTES:
        raise PictureError("its data set inflates to more than 256 MiB", "decode it first, such as by dcmconv +te")
    file.seek(0)
    dataset = dcmread(file, force=True, stop_before_pixels=stop_before_pixels)
    if "TransferSyntaxUID" not in dataset.file_meta:  # old files
        explicit = uid.ExplicitVRLittleEndian if dataset.original_encoding[1] else uid.ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if dataset.original_encoding[0] else explicit
    return dataset


def _complete(dataset: "Dataset") -> tuple[str, ...]:
    """Add missing elements that decoding needs, and return a note on each."""
    defaults = _DEFAULTS | {"BitsStored": dataset.get("BitsAllocated")}
    if dataset.get("SamplesPerPixel") == 3 or str(dataset.get("PhotometricInterpretation")).startswith(("RGB", "YBR_")):
        defaults |= {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}
    missing = [name for name in defaults if dataset.get(name) in (None, "")]
    for name in missing:
        setattr(dataset, name, defaults[name])
    return tuple(f"it does not state {name}, which is taken for {defaults[name]}" for name in missing)


def _to_bytes(dataset: "Dataset") -> bytes:
    from pydicom import dcmwrite, uid

    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    for tag in list(dataset.keys()):
        if dataset.get_item(tag).VR is None:
            dataset[tag]  # finds the type in the dictionary of DICOM
    file = BytesIO()
    dcmwrite(file, dataset, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return file.getvalue()


def _check(path: Path, dataset: "Dataset") -> None:
    """Raises PictureError for a file without pixels, and for kinds of pixels that are not supported."""
    if not all(name in dataset for name in ("Rows", "Columns", "BitsAllocated", "PixelData")):
        raise PictureError("{path} is DICOM without integer pixels", "name a file that holds a picture", path=path)
    allocated, frames = int(dataset.BitsAllocated), int(dataset.get("NumberOfFrames") or 1)
    bits, high, colours = int(dataset.BitsStored), dataset.get("HighBit"), dataset.PhotometricInterpretation
    high = bits - 1 if high is None else int(high)
    tiles = (dataset.get("DimensionOrganizationType") or "").startswith("TILED")
    damaged = not (0 < bits <= allocated and 0 < frames <= len(dataset.PixelData))
    for applies, found, hint in (
        (damaged, f"states {bits} bits and {frames} frames, unlike its pixels", "it is damaged: copy it again"),
        (allocated not in (8, 16, 32), f"stores {allocated} bit a pixel, expected 8, 16 or 32", "convert it first"),
        (high != bits - 1, f"stores {bits} bits up to bit {high}, expected bit {bits - 1}", "convert it first"),
        (tiles or "TotalPixelMatrixRows" in dataset, "is a slide of tiles", "export the level as TIFF first"),
        (not colours.startswith((*_COLOURS, "YBR_")), f"has colours of the kind {colours}", "convert it to RGB first"),
        (dataset.get("SegmentationType") == "LABELMAP", "has numbers of segments", "export it as TIFF, add -m nearest"),
    ):  # fmt: skip
        if applies:
            raise PictureError(f"{{path}} {found}", hint, path=path)


@contextmanager
def _quietly(path: Path, kind: str = "") -> Iterator[None]:
    """Keep pydicom, which may name patients, from printing; translate what it raises.  `kind`: the compression."""
    from pydicom.config import disable_value_validation

    hint = "it is damaged, or compressed in a way that needs pip install 'srgan-cli[dicom]' or gdcmconv --raw"
    failure = errors_as(PictureError, "cannot read DICOM {path}{kind}", hint, path=path, kind=kind)
    with warnings.catch_warnings(), disable_value_validation(), failure:  # the reason would quote values
        warnings.simplefilter("ignore")
        yield
