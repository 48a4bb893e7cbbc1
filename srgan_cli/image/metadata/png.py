"""The chunks of PNG files that hold metadata.  Source: Portable Network Graphics (third edition), W3C 2025."""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any

from srgan_cli.image.metadata import photoshop
from srgan_cli.image.metadata.exif import EXIF_PREFIX
from srgan_cli.image.metadata.gain_map import XMP_PREFIX
from srgan_cli.image.metadata.icc import Colour, from_calibration, from_cicp
from srgan_cli.image.metadata.record import METRES_PER_INCH, Metadata, Text, dropped_notes, unpack

Chunk = tuple[bytes, bytes]  # name and content
SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER_END = len(SIGNATURE) + 25  # where the chunk IHDR ends
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_PIXEL_CHUNKS = (b"IDAT", b"fdAT")
_KNOWN = (
    *(*TEXT_CHUNKS, *_PIXEL_CHUNKS, b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"IEND", b"hIST", b"iDOT", b"iCCP"),
    *(b"eXIf", b"zxIf", b"pHYs", b"cICP", b"cHRM", b"gAMA", b"sRGB", b"sBIT", b"mDCV", b"cLLI", b"bKGD", b"tIME"),
)
_C2PA = b"caBX"
_XMP_KEYWORDS = ("XML:com.adobe.xmp", "Raw profile type xmp")
_EXIF_KEYWORDS = ("Raw profile type exif", "Raw profile type APP1", "Raw profile type app1")
_PHOTOSHOP_KEYWORDS = ("Raw profile type 8bim", "Raw profile type iptc")
_ICC_KEYWORDS = ("Raw profile type icc", "Raw profile type icm")
_COMMENT = "Comment"
_MAX_TEXT_BYTES = 2**26
_MOST = 2**31 - 1
_LENGTHS = {b"cICP": 4, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"mDCV": 24, b"cLLI": 8, b"tIME": 7}
"""The bytes of chunks of numbers; others are damaged."""
_PALETTE, CHANNELS = 3, {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # by PNG colour type
HEADER = struct.Struct(">LLBBBBB")  # width, height, bits, colour type, compression, filter, interlacing


def chunk(name: bytes, content: bytes) -> bytes:
    """The bytes of a chunk."""
    return struct.pack(">L", len(content)) + name + content + struct.pack(">L", zlib.crc32(name + content))


def read_chunks(file: IO[bytes]) -> list[Chunk]:
    """The chunks of a file, none if it is no PNG; those with pixels have no content, and IEND has what follows it."""
    file.seek(0)
    found: list[Chunk] = []
    if file.read(len(SIGNATURE)) != SIGNATURE:
        return found
    while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        content = b"" if name in _PIXEL_CHUNKS else file.read(length)
        file.seek(4 + (0 if content else length), os.SEEK_CUR)
        found.append((name, content))
    return [*found, (b"IEND", file.read()[4:])]


def is_plain(chunks: list[Chunk]) -> bool:
    """Whether a file is a still picture without a palette, and is not damaged before its pixels."""
    names = [name for name, _ in chunks]
    if names[:1] != [b"IHDR"] or len(chunks[0][1]) != HEADER.size:
        return False
    return chunks[0][1][9] in CHANNELS.keys() - {_PALETTE} and b"acTL" not in names and b"IDAT" in names


def read_metadata(chunks: list[Chunk]) -> tuple[Metadata, list[str]]:
    """What the chunks say of a picture, and a note on everything that is dropped; EXIF is not checked."""
    first = dict(reversed(chunks))
    texts, notes = list[Text](), dropped_notes({*first} - {*_KNOWN}, _C2PA, first.get(b"IEND", b""))
    colour = _read_colour(first)
    if damaged := [
        name for name in (*_LENGTHS, b"sBIT", b"bKGD") if name in first and _is_damaged(name, first, colour)
    ]:
        notes.append(f"its damaged parts are dropped: {b', '.join(damaged).decode()}")
        first = {name: content for name, content in first.items() if name not in damaged}
    for name, content in chunks:
        if name in TEXT_CHUNKS:
            try:
                texts.append(_read_text(name, content))
            except (ValueError, IndexError, zlib.error):
                notes.append("a text that is damaged is dropped")
    if b"iCCP" in first and read_profile(chunks) is None:
        notes.append("its colour profile is damaged and dropped")
    metadata = replace(_from_texts(texts, notes), colour=colour, **_read_numbers(first))
    return replace(metadata, exif=first.get(b"eXIf", metadata.exif)), notes


def _is_damaged(name: bytes, first: dict[bytes, bytes], colour: Colour) -> bool:
    """Whether a chunk of numbers has another length than it should, or impossible numbers."""
    bits, kind = first[b"IHDR"][8:10]
    lengths, most = _LENGTHS | {b"sBIT": CHANNELS.get(kind, 0)}, 8 if kind == _PALETTE else bits
    unread = {
        b"sRGB": colour.intent is None,
        b"cHRM": colour.chromaticities is None,
        b"sBIT": any(not 0 < number <= most for number in first[name]),
        b"bKGD": _read_background(first) is None,
    }
    return len(first[name]) != lengths.get(name, len(first[name])) or unread.get(name, False)


def read_profile(chunks: list[Chunk]) -> bytes | None:
    """The ICC profile, also one that ImageMagick stores as text, or None."""
    content = dict(reversed(chunks)).get(b"iCCP")
    try:
        if content:
            return _inflate(content.split(b"\0", 1)[1][1:])
        texts = [_read_text(*found) for found in chunks if found[0] in TEXT_CHUNKS]
    except (ValueError, IndexError, zlib.error):
        return None
    return next((_decode_raw_profile(text.text) for text in texts if text.keyword in _ICC_KEYWORDS), None)


def write_chunks(metadata: Metadata, icc_profile: bytes | None, depth: int, channels: int) -> bytes:
    """The chunks for this metadata of a picture with these bits a channel, which belong behind the header."""
    chunks = [*_colour_chunks(metadata.colour, icc_profile), *_number_chunks(metadata, depth, channels)]
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append((b"iTXt", _XMP_KEYWORDS[0].encode() + bytes(5) + metadata.xmp))
    if metadata.photoshop:
        chunks.append(_photoshop_chunk(metadata.photoshop))
    chunks += [_text_chunk(text) for text in (*metadata.texts, *(Text(_COMMENT, line) for line in metadata.comments))]
    return b"".join(chunk(name, content) for name, content in chunks)


def _read_text(name: bytes, content: bytes) -> Text:
    keyword, rest = content.split(b"\0", 1)
    if name == b"tEXt":
        return Text(keyword.decode("latin-1"), rest.decode("latin-1"))
    if name == b"zTXt":
        return Text(keyword.decode("latin-1"), _inflate(rest[1:]).decode("latin-1"))
    language, translated, text = rest[2:].split(b"\0", 2)
    text = _inflate(text) if rest[0] else text
    return Text(keyword.decode("latin-1"), text.decode(), language.decode("latin-1"), translated.decode())


def _inflate(data: bytes) -> bytes:
    """Raises ValueError for more than _MAX_TEXT_BYTES, and zlib.error."""
    inflater = zlib.decompressobj()
    text = inflater.decompress(data, _MAX_TEXT_BYTES)
    if inflater.unconsumed_tail:
        raise ValueError("a text is longer than it may be")
    return text


def _from_texts(texts: list[Text], notes: list[str]) -> Metadata:
    """The metadata that are stored as texts; other texts are kept as they are."""
    found, rest = Metadata(), list[Text]()
    for text in texts:
        if text.keyword == _COMMENT and not text.language:
            found = replace(found, comments=(*found.comments, text.text))
        elif text.keyword == _XMP_KEYWORDS[0]:
            found = replace(found, xmp=text.text.encode())
        elif text.keyword.startswith("Raw profile type "):
            found = _with_raw_profile(found, text, notes)
        else:
            rest.append(text)
    return replace(found, texts=tuple(rest))


def _with_raw_profile(found: Metadata, text: Text, notes: list[str]) -> Metadata:
    """The metadata with a block that ImageMagick stores as hexadecimal digits."""
    if (block := _decode_raw_profile(text.text)) is None:
        notes.append(f"its text {text.keyword} is damaged and dropped")
    elif text.keyword in _EXIF_KEYWORDS and XMP_PREFIX in block and not block.startswith(EXIF_PREFIX):
        return replace(found, xmp=block.partition(b"\0")[2])
    elif text.keyword in _EXIF_KEYWORDS:
        return replace(found, exif=block.removeprefix(EXIF_PREFIX))
    elif text.keyword in _XMP_KEYWORDS:
        return replace(found, xmp=block)
    elif text.keyword in _PHOTOSHOP_KEYWORDS:
        return replace(found, photoshop=found.photoshop or photoshop.from_profile(block))
    elif text.keyword not in _ICC_KEYWORDS:
        notes.append(f"its text {text.keyword} is dropped")
    return found


def _decode_raw_profile(text: str) -> bytes | None:
    """The bytes of a heading, a length, and hexadecimal digits; None if they are damaged."""
    try:
        lines = text.strip().split("\n")
        block = bytes.fromhex("".join(lines[2:]))
        return block if len(block) >= int(lines[1]) else None
    except (ValueError, IndexError):
        return None


def _photoshop_chunk(block: bytes) -> Chunk:
    digits = block.hex()
    lines = "\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
    text = f"\n8bim\n{len(block):8}\n{lines}\n"
    return b"zTXt", b"Raw profile type 8bim\0\0" + zlib.compress(text.encode())


def _text_chunk(text: Text) -> Chunk:
    keyword, content = text.keyword.encode("latin-1", "replace")[:79], text.text.replace("\0", " ")
    if not text.language and not text.translated:
        with suppress(UnicodeEncodeError):
            return b"tEXt", keyword + b"\0" + content.encode("latin-1")
    parts = [keyword, b"", b"", text.language.encode(), text.translated.encode(), content.encode()]
    return b"iTXt", b"\0".join(parts)


def _read_colour(first: dict[bytes, bytes]) -> Colour:
    """The colour of cICP; without one, that of sRGB, or of cHRM and gAMA."""
    cicp = first.get(b"cICP", b"")
    colour = from_cicp(*cicp[:2], full_range=bool(cicp[3])) if len(cicp) == 4 else Colour()
    intent = first.get(b"sRGB", b"")
    stated = intent[0] if len(intent) == 1 and intent[0] < 4 else None
    gamma, numbers = unpack(">L", first.get(b"gAMA")), unpack(">8L", first.get(b"cHRM"))
    chromaticities = tuple(number / 100_000 for number in numbers) if numbers else None
    measured = from_calibration(chromaticities, gamma[0] / 100_000 if gamma else None)
    return replace(measured, cicp=colour.cicp, full_range=colour.full_range, intent=stated)


def _colour_chunks(colour: Colour, icc_profile: bytes | None) -> Iterator[Chunk]:
    """The chunks of the colour; sRGB and a profile exclude each other."""
    if colour.cicp or not colour.full_range:
        yield b"cICP", bytes([*(colour.cicp or (2, 2)), 0, colour.full_range])
    if icc_profile:
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(icc_profile)
    elif colour.intent is not None:
        yield b"sRGB", bytes([colour.intent])
    if colour.gamma:
        yield b"gAMA", struct.pack(">L", min(round(colour.gamma * 100_000), _MOST))
    if colour.chromaticities:
        yield b"cHRM", struct.pack(">8L", *(round(number * 100_000) for number in colour.chromaticities))


def _read_numbers(first: dict[bytes, bytes]) -> dict[str, Any]:
    return {
        **_read_resolution(unpack(">2LB", first.get(b"pHYs"))),
        "significant_bits": tuple(first.get(b"sBIT", b"")) or None,
        "mastering_display": first.get(b"mDCV"),
        "light_levels": unpack(">2L", first.get(b"cLLI")),
        "background": _read_background(first),
        "time": first.get(b"tIME"),
    }


def _read_resolution(pixels: tuple[int, ...] | None) -> dict[str, Any]:
    if not pixels or not all(pixels[:2]):
        return {}
    across, down, unit = pixels
    if unit == 1:
        return {"dpi": (across * METRES_PER_INCH, down * METRES_PER_INCH)}
    return {"pixel_ratio": (across, down)} if across != down else {}


def _read_background(first: dict[bytes, bytes]) -> tuple[float, ...] | None:
    """The levels of bKGD, 0…1; of a palette, those of its entry."""
    content, (bits, colour_type) = first.get(b"bKGD", b""), struct.unpack(">BB", first[b"IHDR"][8:10])
    if len(content) == 1:
        entry = first.get(b"PLTE", b"")[3 * content[0] : 3 * content[0] + 3]
        return tuple(level / 255 for level in entry) if len(entry) == 3 else None
    found = unpack(">3H" if colour_type & 2 else ">H", content)
    return tuple(min(level / (2**bits - 1), 1.0) for level in found) if found else None


def _number_chunks(metadata: Metadata, depth: int, channels: int) -> Iterator[Chunk]:
    if metadata.mastering_display:
        yield b"mDCV", metadata.mastering_display
    if metadata.light_levels:
        yield b"cLLI", struct.pack(">2L", *metadata.light_levels)
    coded = (metadata.coded_bits,) if metadata.coded_bits and depth == 16 else None
    if significant := metadata.significant_bits or coded:
        yield b"sBIT", bytes(_bits_of_channels(significant, depth, channels))
    if metadata.background:
        colours = _of_colours(metadata.background, channels)
        yield b"bKGD", b"".join(struct.pack(">H", round(level * (2**depth - 1))) for level in colours)
    if metadata.dpi or metadata.pixel_ratio:
        numbers = [n / METRES_PER_INCH for n in metadata.dpi] if metadata.dpi else metadata.pixel_ratio or ()
        yield b"pHYs", struct.pack(">LLB", *(min(round(n), _MOST) for n in numbers), bool(metadata.dpi))
    if metadata.time:
        yield b"tIME", metadata.time


def _bits_of_channels(bits: tuple[int, ...], depth: int, channels: int) -> list[int]:
    """The significant bits of every channel of a picture; those of alpha are all of them, if they are not known."""
    colours, alpha = (bits[:-1], bits[-1]) if len(bits) in (2, 4) else (bits, depth)
    found = [*_of_colours(colours, channels), *([alpha] if channels in (2, 4) else [])]
    return [min(max(number, 1), depth) for number in found]


def _of_colours(numbers: tuple[Any, ...], channels: int) -> tuple[Any, ...]:
    """One number for a picture in grey, and three for one in RGB."""
    wanted = 1 if channels < 3 else 3
    return numbers if len(numbers) == wanted else (numbers[0],) * wanted
