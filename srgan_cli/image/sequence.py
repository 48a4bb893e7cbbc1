"""Pictures: the frames of an animation, the pages of a document, or just one picture, from file to file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import prod
from pathlib import Path

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import writer as encode
from srgan_cli.image.codec.capabilities import FORMAT_CAPABILITIES
from srgan_cli.image.codec.errors import translate_errors
from srgan_cli.image.codec.limits import check_max_pixels, check_streamed_pixels
from srgan_cli.image.codec.raster import Raster
from srgan_cli.image.codec.reader import ImageReader, open_reader
from srgan_cli.image.io import check_size, output_format, stream_raster, to_raster
from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.system.files import atomic_write, check_space

_ANIMATION_DEPTH = 8
_LOSSLESS = ("PNG", "TIFF", "BMP")
_FLOATS = 16
"""Bytes that a pixel of a result takes as floats."""
_DECODE_PER_RESIDENT = 5
"""Times what of a picture stays that is decoded whole, decoding takes."""
_BACK_PROJECTION_COPIES = 5
"""How often a result is held while it is projected back: itself, as it was, and three on their way to the next."""


@dataclass(frozen=True)
class ImageSequence:
    """The pictures of one file.

    frames: pictures, or scans that are decoded band by band; each when it is asked for.
    sizes: height and width of each; 0 and 0 of a page that is too damaged to tell.
    animated: they follow in time, each as long as its `duration`.  loop: how often they are played, 0 for ever.
    decode_bytes: bytes that it takes to decode each of them, 0 for what is read in bands.
    redecodes: what is decoded whole is so whenever its bands are gone through.
    """

    frames: Iterable[Picture | ImageStream]
    sizes: Sequence[tuple[int, int]]
    animated: bool = False
    loop: int = 0
    decode_bytes: Sequence[int] = ()
    redecodes: bool = False

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.sizes)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the first."""
        return self.sizes[0]

    @property
    def peak_decode_bytes(self) -> int:
        """Bytes that the largest takes beside the tiles that are planned for it: while it is decoded, or ever since."""
        most = max(self.decode_bytes, default=0)
        return most if self.redecodes else most // _DECODE_PER_RESIDENT

    @property
    def first(self) -> "ImageSequence":
        """The first of them alone."""
        frames, sizes, held = _First(self.frames), self.sizes[:1], self.decode_bytes[:1]
        return replace(self, frames=frames, sizes=sizes, animated=False, decode_bytes=held)

    def map(self, change: Callable[[ImageStream], Picture | ImageStream]) -> "ImageSequence":
        """The same with every picture changed, when it is asked for."""
        return replace(self, frames=map(change, self.streams()))

    def streams(self) -> Iterator[ImageStream]:
        """The frames, those in memory as a single band."""
        return (ImageStream.from_picture(frame) if isinstance(frame, Picture) else frame for frame in self.frames)


@dataclass(frozen=True)
class _Frames:
    """The pictures of a file, decoded anew each time that they are gone through."""

    path: Path
    max_pixels: int | None = None

    def __iter__(self) -> Iterator[ImageStream]:
        with open_reader(self.path) as source:
            for index in range(source.count):
                _check_pixels(self.path, source, index, self.max_pixels)
                yield stream_raster(source.read(index))


@dataclass(frozen=True)
class _First:
    """The first of some pictures, each time that they are gone through."""

    frames: Iterable[Picture | ImageStream]

    def __iter__(self) -> Iterator[Picture | ImageStream]:
        return islice(self.frames, 1)


def open_pictures(path: Path | str, *, max_pixels: int | None = None) -> ImageSequence:
    """All pictures of a file; none is decoded yet.  Raises PictureError as read_picture does, now or later.

    Without `max_pixels`, pictures that are read in bands may be larger than DEFAULT_MAX_PIXELS, if their file has at
    least one byte for every 50 pixels.
    """
    path = Path(path)
    with open_reader(path) as source:
        _check_pixels(path, source, 0, max_pixels)
        if source.animated or source.count == 1:
            entries = [(source.size(0), source.decode_bytes(0))] * source.count
        else:
            entries = list(_page_sizes(path, source))
        sizes, held = zip(*entries, strict=True)
        if not all(sizes[0]):
            raise PictureError("{path} says that it has no pixels", "the file is damaged: fetch it again", path=path)
        return ImageSequence(_Frames(path, max_pixels), sizes, source.animated, source.loop, held, source.redecodes)


def _check_pixels(path: Path, source: ImageReader, index: int, max_pixels: int | None) -> None:
    check = check_streamed_pixels if source.is_streamed(index) else check_max_pixels
    check(path, *source.size(index), max_pixels=max_pixels)


def _page_sizes(path: Path, source: ImageReader) -> Iterator[tuple[tuple[int, int], int]]:
    """The size of each and what decoding it takes; damage is an error once that page is wanted."""
    yield source.size(0), source.decode_bytes(0)
    for index in range(1, source.count):
        try:
            with translate_errors(path):
                entry = source.size(index), source.decode_bytes(index)
        except PictureError:
            entry = (0, 0), 0
        yield entry


def fit_to_format(pictures: ImageSequence, path: Path) -> ImageSequence:
    """As many of the pictures as the format of `path` holds, the first ones."""
    sequence = FORMAT_CAPABILITIES[output_format(path)].sequence
    if pictures.count == 1 or sequence == "pages" or (sequence == "animation" and pictures.animated):
        return pictures
    return pictures.first


def sequence_losses(path: Path, pictures: ImageSequence) -> list[str]:
    """What of these pictures' number and timing the format of `path` drops, a sentence each."""
    name = output_format(path)
    form, words = FORMAT_CAPABILITIES[name], ("frames" if pictures.animated else "pages")
    if pictures.count > fit_to_format(pictures, path).count:
        return [f"{name} holds one picture here: {pictures.count - 1} of {pictures.count} {words} are dropped"]
    if not pictures.animated or pictures.count == 1:
        return []
    if form.sequence == "pages":
        return [f"{name} knows no time: the {pictures.count} frames become pages"]
    return [] if form.loop or not pictures.loop else [f"{name} cannot tell that it is played {pictures.loop} times"]


def write_pictures(pictures: ImageSequence, path: Path | str) -> None:
    """Write pictures in the format of the file's suffix, as many as it holds; the file appears whole or not at all.

    What the format cannot hold is dropped; `dropped_frames` and `dropped_by` say it beforehand.  Raises as
    write_picture does.
    """
    path = Path(path)
    name, kept = output_format(path), fit_to_format(pictures, path)
    rasters = []
    for scan in kept.streams():
        check_size(path, scan.height, scan.width)
        moving = kept.count > 1 and FORMAT_CAPABILITIES[name].sequence == "animation"
        rasters.append(to_raster(scan.map(_as_8_bit) if moving else scan, name))
    check_space(path.parent, _disk_bytes(rasters, name))
    with atomic_write(path) as temporary:
        encode.write(rasters, temporary, name, pictures.loop)


def is_streamed(path: Path, count: int) -> bool:
    """Whether so many pictures are encoded while their bands come, in the format of `path`."""
    return encode.can_stream(output_format(path), count)


def encode_bytes(sizes: Sequence[tuple[int, int]], path: Path, consistent: bool = False) -> int:
    """What of results of these sizes is in memory whole, in bytes; nothing where they are streamed.

    consistent: they are projected back, for which a result is held several times over.
    """
    areas = [height * width for height, width in sizes]
    encoding = (
        0 if is_streamed(path, len(sizes)) else FORMAT_CAPABILITIES[output_format(path)].encode_memory.total(areas)
    )
    return encoding + (_FLOATS * _BACK_PROJECTION_COPIES * max(areas) if consistent else 0)


def _disk_bytes(rasters: Iterable[Raster], name: str) -> int:
    """The most that the file may take; what is compressed with loss takes far less than the half."""
    whole = sum(prod(raster.rows.shape) * raster.rows.dtype.itemsize for raster in rasters)
    return whole if name in _LOSSLESS else whole // 2


def _as_8_bit(picture: Picture) -> Picture:
    return replace(picture, depth=_ANIMATION_DEPTH)


class LossReporter:
    """Tells what is lost on the way to a file, each thing once; if none is allowed, the first one is an error."""

    def __init__(self, path: Path, report: Callable[[str], None], strict: bool = False) -> None:
        self.path, self.report, self.strict = path, report, strict
        self.reported: set[str] = set()

    def __call__(self, losses: Iterable[str]) -> None:
        """Tell these.  Raises PictureError when none is allowed."""
        for loss in losses:
            line = f"{self.path.name}: {loss}"
            if self.strict:
                raise PictureError(line, "choose another format for the output, or leave out --strict")
            if line not in self.reported:
                self.reported.add(line)
                self.report(line)
