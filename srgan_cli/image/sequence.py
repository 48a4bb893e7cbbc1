"""ImageSequence: the frames of an animation, the pages of a document, or a single picture; read and written."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import prod
from pathlib import Path

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import tiff, writer
from srgan_cli.image.codec.capabilities import DEFAULT_ENCODING, FORMAT_CAPABILITIES, Encoding, check_size, format_of
from srgan_cli.image.codec.errors import translate_errors
from srgan_cli.image.codec.limits import check_max_pixels, check_streamed_pixels
from srgan_cli.image.codec.raster import Raster
from srgan_cli.image.codec.reader import open_reader
from srgan_cli.image.convert.values import stream_raster
from srgan_cli.image.decoders.base import ImageReader
from srgan_cli.image.geo import gdal
from srgan_cli.image.geo.cog import KEPT_TAGS, make_cloud_optimised
from srgan_cli.image.geo.export import write_place
from srgan_cli.image.io import check_samples, to_raster
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.system.arguments import Count, checked
from srgan_cli.system.files import atomic_write, check_space

_ANIMATION_DEPTH = 8
_LOSSLESS = ("PNG", "TIFF", "BMP", "DICOM")
_FLOAT_BYTES = 16  # bytes of a pixel of four float channels
_DECODE_PER_RESIDENT = 5
"""Decoding a picture whole takes this many times the memory that its values take afterwards."""
_BACK_PROJECTION_COPIES = 5
"""Copies of a result in memory during back-projection: itself, the previous one, and three intermediate ones."""


@checked
@dataclass(frozen=True)
class ImageSequence:
    """The pictures of one file."""

    frames: Iterable[Picture | ImageStream]
    """The pictures, each decoded when it is requested; those beyond the number of `sizes` are left out."""
    sizes: Sequence[tuple[int, int]]
    """Height and width of each; (0, 0) for a page that is too damaged to have one."""
    animated: bool = False
    """Whether they are frames in time, each shown for its `duration`."""
    loop: Count = 0
    """How often the animation is played; 0 for endlessly."""
    decode_bytes: Sequence[int] = ()
    """The memory that decoding each of them takes; 0 for pictures that are read in bands."""
    redecodes: bool = False
    """Whether every pass through the bands of a picture decodes it again."""

    @property
    def count(self) -> int:
        """The number of pictures."""
        return len(self.sizes)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the first picture."""
        return self.sizes[0]

    @property
    def peak_decode_bytes(self) -> int:
        """The memory that the largest picture takes while its tiles are computed."""
        most = max(self.decode_bytes, default=0)
        return most if self.redecodes else most // _DECODE_PER_RESIDENT

    @property
    def first(self) -> "ImageSequence":
        """The first picture alone."""
        return replace(self, sizes=self.sizes[:1], animated=False, decode_bytes=self.decode_bytes[:1])

    def map(self, change: Callable[[ImageStream], Picture | ImageStream]) -> "ImageSequence":
        """The sequence with `change` applied to every picture when it is requested."""
        return replace(self, frames=map(change, self.streams()))

    def streams(self) -> Iterator[ImageStream]:
        """The pictures as streams; one in memory is a single band."""
        frames = islice(self.frames, self.count)
        return (ImageStream.from_picture(frame) if isinstance(frame, Picture) else frame for frame in frames)


@dataclass(frozen=True)
class _Frames:
    """The pictures of a file, which every pass decodes again."""

    path: Path
    max_pixels: int | None = None

    def __iter__(self) -> Iterator[ImageStream]:
        with open_reader(self.path, max_pixels=self.max_pixels) as reader:
            for index in range(reader.count):
                _check_pixels(self.path, reader, index, self.max_pixels)
                yield stream_raster(reader.read(index), keep_classes=True)


@checked
def open_pictures(path: Path | str, *, max_pixels: int | None = None) -> ImageSequence:
    """All pictures of a file; none is decoded yet.  Raises PictureError as read_picture does, now or while decoding.

    Without `max_pixels`, pictures that are read in bands may be larger than DEFAULT_MAX_PIXELS, if their file has at
    least one byte for every 50 pixels.
    """
    path = Path(path)
    with open_reader(path, max_pixels=max_pixels) as reader:
        _check_pixels(path, reader, 0, max_pixels)
        if reader.animated or reader.count == 1:
            entries = [(reader.size(0), reader.decode_bytes(0))] * reader.count
        else:
            entries = list(_page_sizes(path, reader))
        sizes, decode_bytes = zip(*entries, strict=True)
        if not all(sizes[0]):
            message = "{path} has no pixels according to its header"
            raise PictureError(message, "the file is damaged: copy or download it again", path=path)
        frames = _Frames(path, max_pixels)
        return ImageSequence(frames, sizes, reader.animated, reader.loop, decode_bytes, reader.redecodes)


def _check_pixels(path: Path, reader: ImageReader, index: int, max_pixels: int | None) -> None:
    check = check_streamed_pixels if reader.is_streamed(index) else check_max_pixels
    check(path, *reader.size(index), max_pixels=max_pixels)


def _page_sizes(path: Path, reader: ImageReader) -> Iterator[tuple[tuple[int, int], int]]:
    """The size of every page and the memory for decoding it.  A damaged page is an error once it is decoded."""
    yield reader.size(0), reader.decode_bytes(0)
    for index in range(1, reader.count):
        try:
            with translate_errors(path):
                entry = reader.size(index), reader.decode_bytes(index)
        except PictureError:
            entry = (0, 0), 0
        yield entry


def fit_to_format(pictures: ImageSequence, path: Path) -> ImageSequence:
    """The pictures that a file in the format of `path` can store: all, or the first."""
    sequence = FORMAT_CAPABILITIES[format_of(path)].sequence
    if pictures.count == 1 or sequence == "pages" or (sequence == "animation" and pictures.animated):
        return pictures
    return pictures.first


def sequence_losses(path: Path, pictures: ImageSequence) -> list[str]:
    """What the format of `path` drops of the number and the timing of pictures, a sentence each."""
    name = format_of(path)
    capabilities, kind = FORMAT_CAPABILITIES[name], ("frames" if pictures.animated else "pages")
    if pictures.count > fit_to_format(pictures, path).count:
        return [f"{name} cannot store several {kind}: {pictures.count - 1} of {pictures.count} are dropped"]
    if not pictures.animated or pictures.count == 1:
        return []
    if capabilities.sequence == "pages":
        return [f"{name} has no animations: the {pictures.count} frames become pages"]
    if pictures.loop and not capabilities.loop:
        return [f"{name} cannot store the number of repetitions ({pictures.loop}): it is played endlessly"]
    return []


@checked
def write_pictures(
    pictures: ImageSequence,
    path: Path | str,
    *,
    overwrite_sidecars: bool = True,
    cloud_optimised: bool = False,
    encoding: Encoding = DEFAULT_ENCODING,
    before_commit: Callable[[], None] = lambda: None,
) -> list[Path]:
    """Write as many pictures as the format of the suffix stores; the file appears complete or not at all.

    Returns the files that were written beside it, which say where the first picture lies.  What the format cannot store
    is dropped; `sequence_losses` and `picture_losses` list it.  `before_commit` is called when the file is complete.
    `cloud_optimised` writes a TIFF of one page so, which needs rasterio.  Raises as write_picture does.
    """
    path = Path(path)
    name, kept = format_of(path), fit_to_format(pictures, path)
    is_animation = kept.count > 1 and FORMAT_CAPABILITIES[name].sequence == "animation"
    rasters = []
    for stream in kept.streams():
        check_size(path, stream.height, stream.width)
        shown = stream.map(lambda part: replace(part, depth=_ANIMATION_DEPTH)) if is_animation else stream
        rasters.append(to_raster(shown, name))
    check_space(path.parent, _max_file_bytes(rasters, name))
    with atomic_write(path) as temporary:
        writer.write(rasters, temporary, name, loop=pictures.loop, encoding=encoding)
        if cloud_optimised:
            make_cloud_optimised(temporary, has_classes=rasters[0].bands.has_classes)
        before_commit()
        place, (height, width, _) = rasters[0].metadata.place, rasters[0].rows.shape
        return write_place(place, (height, width), path, name, overwrite=overwrite_sidecars)


@checked
def write_picture(picture: Picture | ImageStream, path: Path | str) -> None:
    """Write a picture in the format of the suffix; the file appears complete or not at all.

    Where it lies is written into files beside it as far as the format does not store it.  What the format cannot store
    is dropped; `picture_losses` lists it.  Raises UsageError for a suffix that is not in FORMATS, PictureError for a
    picture that is too large for the format, or whose samples it cannot store, and SrganError as atomic_write does.
    """
    check_samples(Path(path), picture)
    write_pictures(ImageSequence([picture], [(picture.height, picture.width)]), path)


def cog_losses(metadata: Metadata) -> list[str]:
    """What GDAL drops in a cloud-optimised TIFF, a sentence each."""
    stated = metadata.place.tags.get(gdal.METADATA) if metadata.place else None
    lost = [f"the metadata of GDAL's domain {domain}" for domain in sorted(gdal.domains_of(stated) if stated else ())]
    lost += ["all of this picture's EXIF"] if tiff.has_unwritable_tags(metadata.exif, KEPT_TAGS) else []
    return [f"a cloud-optimised TIFF cannot store {part}" for part in lost]


def is_streamed(path: Path, count: int) -> bool:
    """Whether `count` pictures are encoded while their bands arrive, in the format of `path`."""
    return writer.can_stream(format_of(path), count)


def encode_bytes(sizes: Sequence[tuple[int, int]], path: Path, *, back_projected: bool = False) -> int:
    """The bytes that results of these sizes, and their back-projection, take until they are written or streamed."""
    areas = [height * width for height, width in sizes]
    capabilities = FORMAT_CAPABILITIES[format_of(path)]
    encoding = 0 if is_streamed(path, len(sizes)) else capabilities.encode_memory.total(areas)
    return encoding + (_FLOAT_BYTES * _BACK_PROJECTION_COPIES * max(areas) if back_projected else 0)


def _max_file_bytes(rasters: Iterable[Raster], name: str) -> int:
    """An upper bound of the size of a file; lossy compression takes far less than half of the pixels' bytes."""
    pixel_bytes = sum(prod(raster.rows.shape) * raster.rows.dtype.itemsize for raster in rasters)
    return pixel_bytes if name in _LOSSLESS else pixel_bytes // 2


class LossReporter:
    """Reports what is lost on the way to a file, each loss once; in strict mode, the first loss is an error."""

    def __init__(self, path: Path, report: Callable[[str], None], *, strict: bool = False) -> None:
        self.path, self.report, self.strict = path, report, strict
        self.reported: set[str] = set()

    def __call__(self, losses: Iterable[str]) -> None:
        """Report these.  Raises PictureError in strict mode, if there are any."""
        for loss in losses:
            line = f"{self.path.name}: {loss}"
            if self.strict:
                raise PictureError(line, "leave out --strict, or choose a format that holds it")
            if line not in self.reported:
                self.reported.add(line)
                self.report(line)
