"""What libvips, loaded when a file needs it, does: bands, and colour of 16 bits and floats, which Pillow lacks."""

import errno
import os
import re
import struct
import tempfile
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from srgan_cli.errors import PictureError, SrganError, errors_as
from srgan_cli.image.codec.raster import EXIF_TURNS, Rows, Values, band_rows, from_coded_bits
from srgan_cli.image.metadata import png
from srgan_cli.system.files import check_space, check_unchanged, file_stamp

if TYPE_CHECKING:
    import pyvips

_KINDS = {
    "uint8": "uchar", "int8": "char", "uint16": "ushort", "int16": "short", "uint32": "uint", "int32": "int",
    "float32": "float", "float64": "double",
}  # fmt: skip
"""libvips' names of the types of samples."""
_DTYPES = {kind: np.dtype(name) for name, kind in _KINDS.items()}
LOADERS = {kind: f"{kind.lower()}load" for kind in ("PNG", "TIFF", "JPEG", "GIF", "WEBP")} | {"AVIF": "heifload"}
_KEEP = {"exif-data": 1, "xmp-data": 2, "icc-profile-data": 8}  # the flags of what libvips writes
_ERROR_BUFFER = threading.Lock()  # libvips has one buffer for the errors of all threads
_MAX_CACHED_BYTES = 100 * 2**20
_LEAST_QUALITY = 1  # libvips takes its default for 0
_CONVERTED = {"cmyk": 4, "lab": 3, "labs": 3}  # the channels of colours that are converted
_TO_SRGB = {"intent": "relative", "black_point_compensation": True}
CMYK_NOTE = "its CMYK is converted to sRGB"
XYZ_NOTE = "its LogLuv is converted to sRGB of 16 bits, where what is brighter than white is clipped"
LAB_NOTE = "its Lab is converted to sRGB"


def read(path: Path, kind: str, *, page: int = 0, orientation: int = 1) -> tuple[Rows, list[str]]:
    """The values of a file of a `kind` in LOADERS, upright, and a note if its colours were converted to sRGB.

    Colour that is multiplied by alpha in the file is divided by it.  A rotated picture is decoded to a temporary file
    first if it is larger than libvips keeps in memory.
    Raises PictureError when libvips cannot read the header of the file; damage further down is raised by the bands.
    """
    stamp = file_stamp(path)
    image, notes = _open(path, kind, page, orientation)
    unread = [image]
    shape, dtype = (image.height, image.width, image.bands), _DTYPES[image.format]
    size = prod(shape) * dtype.itemsize
    if orientation > 1 and size > _MAX_CACHED_BYTES:
        check_space(Path(tempfile.gettempdir()), size)

    def bands() -> Iterator[Values]:
        import pyvips

        check_unchanged(path, stamp)
        with _damage_as_errors(path):
            region = pyvips.Region.new(unread.pop() if unread else _open(path, kind, page, orientation)[0])
            step = band_rows(*shape[1:])
            for top in range(0, shape[0], step):
                count = min(step, shape[0] - top)
                data = region.fetch(0, top, shape[1], count)
                check_unchanged(path, stamp)
                yield np.frombuffer(data, dtype).reshape(count, *shape[1:])

    return Rows(shape, dtype, bands), notes


def read_deep_avif(data: bytes, bits: int) -> Values:
    """The values of an AVIF with more than 8 bits, scaled to 16, upright; grey comes as RGB."""
    return from_coded_bits(_import_vips().Image.heifload_buffer(data, unlimited=True).numpy(), bits)


def write_avif(values: Values, file: IO[bytes], bits: int, metadata: dict[str, bytes], *, quality: int | None) -> None:
    """Write a picture of the highest 8, 10 or 12 bits as AVIF, without a quality without loss."""
    pyvips = _import_vips()
    interpretation = _interpretation(_KINDS[values.dtype.name], values.shape[2])
    image = pyvips.Image.new_from_array(values).copy(interpretation=interpretation)
    for name, content in metadata.items():
        image.set_type(pyvips.GValue.blob_type, name, content)
    options: dict[str, object] = {"lossless": True} if quality is None else {"Q": max(_LEAST_QUALITY, quality)}
    options |= {"compression": "av1", "bitdepth": bits, "effort": 1, "subsample_mode": "off"}
    try:
        file.write(image.heifsave_buffer(**options, keep=sum(_KEEP[name] for name in metadata)))
    except pyvips.Error as error:
        raise _failure(_reason(error)) from error


def read_any(path: Path, kind: str) -> tuple[Rows, list[str], dict[str, bytes | None]]:
    """The values of a still picture and notes, as by `read`, and its EXIF, XMP and profile by the names of libvips."""
    image = _load(path, kind, 0, "sequential")
    exists = image.get_typeof("orientation") and kind != "AVIF"  # heifload turns pictures itself
    fields = {name: image.get(name) if image.get_typeof(name) else None for name in _KEEP}
    return *read(path, kind, orientation=(exists and image.get("orientation")) or 1), fields


def gif_frames(path: Path) -> tuple[tuple[int, int], int]:
    """Height and width of the frames of a GIF, and their number."""
    image = _load(path, "GIF", 0, "sequential")
    return (image.height, image.width), image.get("n-pages") if image.get_typeof("n-pages") else 1


def read_gif(path: Path, height: int, width: int) -> Iterator[Values]:
    """The frames of a GIF of this size, each laid over those before it."""
    frames = _load(path, "GIF", 0, "sequential", n=-1)
    with _damage_as_errors(path):
        region = _import_vips().Region.new(frames)
        for top in range(0, frames.height, height):
            yield np.frombuffer(region.fetch(0, top, width, height), np.uint8).reshape(height, width, -1)


def write_png(rows: Rows, file: IO[bytes], chunks: bytes) -> None:
    """Write a PNG; its only metadata are `chunks`."""
    with _splice(file, b"IDAT", lambda head: head[: png.HEADER_END] + chunks + head[-4:]) as target:
        _encode(rows, lambda image: image.pngsave_target(target, keep="none", compression=2, filter="avg"))


def write_jpeg(rows: Rows, file: IO[bytes], head: bytes, *, quality: int) -> None:
    """Write a JPEG that starts with `head`, which replaces everything before the quantisation tables."""
    options = {"keep": "none", "Q": max(_LEAST_QUALITY, quality), "subsample_mode": "off"}
    with _splice(file, b"\xff\xdb", lambda _: head) as target:
        _encode(rows, lambda image: image.jpegsave_target(target, **options))


def encode_strips(strips: Iterator[Values], *, predictor: str) -> Iterator[bytes]:
    """A TIFF of a single strip for each of these arrays (H, W, C), compressed while further ones are computed."""
    _import_vips()
    threads = min(os.cpu_count() or 1, 4)
    with ThreadPoolExecutor(threads) as pool:
        pending = deque[Future[bytes]]()
        for strip in strips:
            pending.append(pool.submit(_encode_strip, np.ascontiguousarray(strip), predictor))
            while len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _encode_strip(values: Values, predictor: str) -> bytes:
    import pyvips

    height, width, channels = values.shape
    kind = _KINDS[values.dtype.name]
    image = pyvips.Image.new_from_memory(values.data, width, height, channels, kind)
    options = {"keep": "none", "compression": "deflate", "predictor": predictor, "tile_height": height}
    try:
        encoded: bytes = image.copy(interpretation=_interpretation(kind, channels)).tiffsave_buffer(**options)
    except pyvips.Error as error:
        raise _failure(_reason(error)) from error
    return encoded


@contextmanager
def _splice(file: IO[bytes], mark: bytes, change: Callable[[bytes], bytes]) -> Iterator["pyvips.TargetCustom"]:
    """A target for libvips that applies `change` to everything before the mark and writes the rest unchanged."""
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
    """Encode in a thread while bands are computed; a pipe brings them to libvips as grey PNG, which costs least."""
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
            while os.read(outlet, 2**16):  # otherwise the writer would wait forever
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
    """OSError for a full disk or quota, which libvips reports as text; else PictureError."""
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        if os.strerror(number) in reason:
            return OSError(number, os.strerror(number))
    return PictureError(f"cannot encode the picture: {reason}", "try another format")


def _as_array(image: "pyvips.Image", rows: Rows) -> "pyvips.Image":
    """Reinterpret a grey image of bytes as the values that it carries."""
    channels, kind = rows.shape[2], _KINDS[rows.dtype.name]
    folded = image.bandfold(factor=channels * rows.dtype.itemsize)
    return folded.copy(bands=channels, format=kind, interpretation=_interpretation(kind, channels))


def _interpretation(kind: str, channels: int) -> str:
    names = ("grey16", "rgb16") if kind == "ushort" else ("b-w", "srgb")
    return "multiband" if channels > 4 else names[channels > 2]


def _write_bytes_as_png(rows: Rows, pipe: IO[bytes], failures: list[str]) -> None:
    height, width, channels = rows.shape
    length = width * channels * rows.dtype.itemsize
    pipe.write(png.SIGNATURE + png.chunk(b"IHDR", struct.pack(">LLBBBBB", length, height, 8, 0, 0, 0, 0)))
    stored = zlib.compressobj(0)
    for band in rows.bands():
        if failures:
            return
        lines = np.zeros((len(band), 1 + length), np.uint8)
        lines[:, 1:] = np.ascontiguousarray(band).view(np.uint8).reshape(len(band), length)
        pipe.write(png.chunk(b"IDAT", stored.compress(lines.data)))
        del band, lines  # before the next ones are made
    pipe.write(png.chunk(b"IDAT", stored.flush()) + png.chunk(b"IEND", b""))


@cache
def _tolerate_bytes(pyvips: Any) -> None:
    """Let libvips quote bytes that are no UTF-8: pyvips prints a traceback for its warnings and fails in its errors."""
    if pyvips.API_mode:
        pyvips.ffi.def_extern("_log_handler_callback")(lambda *_: None)
    pyvips.error._to_string = lambda text: pyvips.ffi.string(text).decode(errors="replace")


def _import_vips() -> Any:
    hint = "install it: pip install 'pyvips[binary]'"
    with errors_as(SrganError, "libvips cannot be loaded", hint, (ImportError, OSError)):
        import pyvips
    _tolerate_bytes(pyvips)
    pyvips.cache_set_max(0)  # the cache would keep files open and return old content of rewritten files
    return pyvips


def _open(path: Path, kind: str, page: int, orientation: int) -> tuple["pyvips.Image", list[str]]:
    _import_vips()
    with _translate_vips_errors(path):
        image, notes = _in_srgb(_load(path, kind, page, "sequential" if orientation == 1 else "random"))
        if image.format not in _DTYPES:
            message = "{path} stores {found} numbers, expected integers or floats"
            raise PictureError(message, "convert it first", path=path, found=image.format)
        return _orient(image, orientation), notes


def _load(path: Path, kind: str, page: int, access: str, **options: Any) -> "pyvips.Image":
    pyvips = _import_vips()
    options |= {"unlimited": True} if kind == "PNG" else {"page": page} if kind == "TIFF" else {}
    with _translate_vips_errors(path), _ERROR_BUFFER:
        return getattr(pyvips.Image, LOADERS[kind])(os.fsencode(path), fail_on="error", access=access, **options)


@contextmanager
def _translate_vips_errors(path: Path) -> Iterator[None]:
    import pyvips

    try:
        yield
    except pyvips.Error as error:
        found, hint = "cannot read {path}: {reason}", "it is damaged or of an unsupported kind"
        raise PictureError(found, hint, path=path, reason=_reason(error)) from error


def _damage_as_errors(path: Path) -> AbstractContextManager[None]:
    """Errors of the decoding, without libvips' words: those of a file that another thread decodes may be among them."""
    import pyvips

    found, hint = "cannot read {path}: it is damaged or incomplete", "copy or download it again"
    return errors_as(PictureError, found, hint, pyvips.Error, path=path)


def _reason(error: "pyvips.Error") -> str:
    """The last line of what libvips says, without the name of its part."""
    return re.sub(r"^\w+: ", "", (error.detail or "it is damaged").strip().splitlines()[-1])


def _orient(image: "pyvips.Image", orientation: int) -> "pyvips.Image":
    quarters, mirrored = EXIF_TURNS.get(orientation, (0, False))
    turn = (lambda: image, image.rot270, image.rot180, image.rot90)[quarters]
    return turn().fliphor() if mirrored else turn()


def _in_srgb(image: "pyvips.Image") -> tuple["pyvips.Image", list[str]]:
    """The picture in sRGB, without further channels if its colours are converted, and a note on that."""
    depth, channels = 8 if image.format == "uchar" else 16, _CONVERTED.get(image.interpretation)
    if channels and image.bands > channels:  # libvips takes any 16-bit alpha of theirs for opaque
        image = image[:channels]
    if image.interpretation == "cmyk":
        how = "through its profile" if image.get_typeof("icc-profile-data") else "through libvips' default CMYK profile"
        options: dict[str, Any] = {"embedded": True, "input_profile": "cmyk", "depth": depth, **_TO_SRGB}
        return image.icc_transform("srgb", **options), [f"{CMYK_NOTE} {how}"]
    if image.interpretation in ("lab", "labs"):
        return image.colourspace("lab").icc_export(output_profile="srgb", depth=depth, **_TO_SRGB), [LAB_NOTE]
    if image.interpretation == "xyz":
        return image.colourspace("rgb16"), [XYZ_NOTE]
    return image, []
