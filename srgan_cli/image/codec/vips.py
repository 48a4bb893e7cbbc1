"""What libvips does: files read and written band by band, and 16 bits of colour and floats, which Pillow cannot.

libvips is loaded when a file needs it, and not before.
"""

import errno
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from srgan_cli.errors import PictureError, SrganError
from srgan_cli.image.codec.headers import PNG_HEADER_END, PNG_SIGNATURE, png_chunk
from srgan_cli.image.codec.raster import EXIF_TURNS, Rows, Values, band_rows
from srgan_cli.system.files import check_space, check_unchanged, file_stamp

if TYPE_CHECKING:
    import pyvips

_KINDS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
_DTYPES = {kind: np.dtype(name) for name, kind in _KINDS.items()}
_PIPE_BYTES = 2**16
_MAX_CACHED_BYTES = 100 * 2**20
_TO_SRGB = {"intent": "relative", "black_point_compensation": True}
CMYK_NOTE = "its CMYK is converted to sRGB"
LAB_NOTE = "its Lab is converted to sRGB"


def read(path: Path, kind: str, page: int = 0, orientation: int = 1) -> tuple[Rows, list[str]]:
    """The values of a PNG or TIFF, upright, and a sentence if its colours had to be converted to sRGB.

    Whole numbers come as uint8 or uint16, others as float32; associated alpha is taken out of the colour.  A picture
    that lies on its side is decoded to the disk first, where it is larger than libvips keeps in memory.
    Raises PictureError when libvips cannot read the file; what is damaged further down shows in its bands.
    """
    before = file_stamp(path)
    image, notes = _opened(path, kind, page, orientation)
    unread = [image]
    shape, dtype = (image.height, image.width, image.bands), _DTYPES[image.format]
    size = prod(shape) * dtype.itemsize
    if orientation > 1 and size > _MAX_CACHED_BYTES:
        check_space(Path(tempfile.gettempdir()), size)

    def bands() -> Iterator[Values]:
        import pyvips

        check_unchanged(path, before)
        with _translate_vips_errors(path):
            region = pyvips.Region.new(unread.pop() if unread else _opened(path, kind, page, orientation)[0])
            step = band_rows(*shape[1:])
            for top in range(0, shape[0], step):
                count = min(step, shape[0] - top)
                data = region.fetch(0, top, shape[1], count)
                check_unchanged(path, before)
                yield np.frombuffer(data, dtype).reshape(count, *shape[1:])

    return Rows(shape, dtype, bands), notes


def write_png(rows: Rows, file: IO[bytes], chunks: bytes) -> None:
    """A PNG of these values; `chunks` stand in it before the pixels, and nothing else does."""
    options = {"keep": "none", "compression": 2, "filter": "avg"}
    with _splice(file, b"IDAT", lambda head: head[:PNG_HEADER_END] + chunks + head[-4:]) as target:
        _encode(rows, lambda image: image.pngsave_target(target, **options))


def write_jpeg(rows: Rows, file: IO[bytes], head: bytes) -> None:
    """A JPEG of these values that begins with `head`, which is all that stands before its tables."""
    options = {"keep": "none", "Q": 95, "subsample_mode": "off"}
    with _splice(file, b"\xff\xdb", lambda _: head) as target:
        _encode(rows, lambda image: image.jpegsave_target(target, **options))


def write_tiff(rows: Rows, path: Path, big: bool = False) -> None:
    """A TIFF of these values and nothing else; `big` for one that counts beyond 4 gigabytes."""
    predictor = "float" if rows.dtype == np.float32 else "horizontal"
    options = {"keep": "none", "compression": "deflate", "predictor": predictor, "bigtiff": big}
    _encode(rows, lambda image: image.tiffsave(os.fsencode(path), **options))


@contextmanager
def _splice(file: IO[bytes], mark: bytes, change: Callable[[bytes], bytes]) -> Iterator["pyvips.TargetCustom"]:
    """For libvips to write to: what it writes before the mark is changed on its way into the file."""
    import pyvips

    head, failures = [b""], list[OSError]()

    def write(data: Any) -> int:
        try:
            if not head:
                file.write(data)
            else:
                head[0] += bytes(data)
                before, found, rest = head[0].partition(mark)
                if found:
                    head.clear()
                    file.write(change(before) + mark + rest)
        except OSError as error:
            failures.append(error)
            return -1
        return len(data)

    target = pyvips.TargetCustom()
    target.on_write(write)
    try:
        yield target
    except PictureError:
        if failures:
            raise failures[0] from None
        raise


def _encode(rows: Rows, save: Callable[["pyvips.Image"], None]) -> None:
    """Let libvips encode in a thread of its own what comes through a pipe, while further bands are computed.

    Of what libvips reads from a pipe, a PNG of grey bytes that is not compressed takes the least.
    """
    pyvips = _import_vips()
    outlet, inlet = os.pipe()
    failures: list[str] = []

    def encode() -> None:
        try:
            source = pyvips.Source.new_from_descriptor(outlet)
            image = pyvips.Image.pngload_source(source, access="sequential", fail_on="error", unlimited=True)
            save(_as_array(image, rows))
        except pyvips.Error as error:
            failures.append(_reason(error))
            while os.read(outlet, _PIPE_BYTES):  # else whoever writes to the pipe would wait for ever
                pass
        finally:
            os.close(outlet)

    with ThreadPoolExecutor(1) as threads:
        encoding = threads.submit(encode)
        with os.fdopen(inlet, "wb") as pipe:
            _write_bytes_as_png(rows, pipe, failures)
        encoding.result()
    if failures:
        raise _failure(failures[0])


def _failure(reason: str) -> Exception:
    """What libvips says of a disk as what the system says of it."""
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        if os.strerror(number) in reason:
            return OSError(number, os.strerror(number))
    return PictureError(f"cannot encode the picture: {reason}", "try another format")


def _as_array(image: "pyvips.Image", rows: Rows) -> "pyvips.Image":
    """Grey bytes as the values that they are the bytes of."""
    channels, kind = rows.shape[2], _KINDS[rows.dtype.name]
    names = {"uchar": ("b-w", "srgb"), "ushort": ("grey16", "rgb16"), "float": ("b-w", "srgb")}[kind]
    folded = image.bandfold(factor=channels * rows.dtype.itemsize)
    return folded.copy(bands=channels, format=kind, interpretation=names[channels > 2])


def _write_bytes_as_png(rows: Rows, pipe: IO[bytes], failures: list[str]) -> None:
    height, width, channels = rows.shape
    length = width * channels * rows.dtype.itemsize
    pipe.write(PNG_SIGNATURE + png_chunk(b"IHDR", struct.pack(">LLBBBBB", length, height, 8, 0, 0, 0, 0)))
    stored = zlib.compressobj(0)
    for band in rows.bands():
        if failures:
            return
        lines = np.zeros((len(band), 1 + length), np.uint8)
        lines[:, 1:] = np.ascontiguousarray(band).view(np.uint8).reshape(len(band), length)
        pipe.write(png_chunk(b"IDAT", stored.compress(lines.data)))
        del band, lines  # before the next ones are made
    pipe.write(png_chunk(b"IDAT", stored.flush()) + png_chunk(b"IEND", b""))


def _import_vips() -> Any:
    """The module.  Raises SrganError where the library behind it is missing."""
    try:
        import pyvips
    except (ImportError, OSError) as error:
        raise SrganError("libvips cannot be loaded", "install it: pip install 'pyvips[binary]'") from error
    pyvips.cache_set_max(0)  # it would keep files and pipes open, and give a file that was written anew as it was
    return pyvips


def _opened(path: Path, kind: str, page: int, orientation: int) -> tuple["pyvips.Image", list[str]]:
    pyvips = _import_vips()
    with _translate_vips_errors(path):
        options = {"fail_on": "error", "access": "sequential" if orientation == 1 else "random"}
        if kind == "PNG":
            image = pyvips.Image.pngload(os.fsencode(path), **options, unlimited=True)
        else:
            image = pyvips.Image.tiffload(os.fsencode(path), page=page, **options)
        image, notes = _in_srgb(image)
        return _orient(_checked(image, path), orientation), notes


@contextmanager
def _translate_vips_errors(path: Path) -> Iterator[None]:
    import pyvips

    try:
        yield
    except (pyvips.Error, UnicodeDecodeError) as error:  # the latter where it cannot say a name that is no UTF-8
        reason = _reason(error) if isinstance(error, pyvips.Error) else "it is damaged"
        raise PictureError(
            "cannot read {path}: {reason}",
            "the file is damaged, cut short or of a kind unheard of",
            path=path,
            reason=reason,
        ) from error


def _reason(error: "pyvips.Error") -> str:
    return str(error.detail or error).strip().splitlines()[-1]


def _orient(image: "pyvips.Image", orientation: int) -> "pyvips.Image":
    quarters, mirrored = EXIF_TURNS.get(orientation, (0, False))
    turn = (lambda: image, image.rot270, image.rot180, image.rot90)[quarters]
    return turn().fliphor() if mirrored else turn()


def _in_srgb(image: "pyvips.Image") -> tuple["pyvips.Image", list[str]]:
    depth = 8 if image.format == "uchar" else 16
    if image.interpretation == "cmyk":
        how = "through its profile" if image.get_typeof("icc-profile-data") else "through libvips' own profile for ink"
        options: dict[str, Any] = {"embedded": True, "input_profile": "cmyk", "depth": depth, **_TO_SRGB}
        return image.icc_transform("srgb", **options), [f"{CMYK_NOTE} {how}"]
    if image.interpretation in ("lab", "labs"):
        return image.colourspace("lab").icc_export(output_profile="srgb", depth=depth, **_TO_SRGB), [LAB_NOTE]
    return image, []


def _checked(image: "pyvips.Image", path: Path) -> "pyvips.Image":
    if image.format == "double":
        image = image.cast("float")
    if image.format not in _DTYPES:
        found = {"uint": "32-bit", "int": "32-bit", "short": "signed 16-bit", "char": "signed 8-bit"}
        raise PictureError(
            "{path} holds {found} whole numbers, expected 8 or 16 bits or floats",
            "convert it to 16 bit first",
            path=path,
            found=found.get(image.format, image.format),
        )
    if image.bands > 4:
        raise PictureError(
            "{path} has {bands} channels, expected 1 to 4",
            "split it into pictures first",
            path=path,
            bands=image.bands,
        )
    return image
