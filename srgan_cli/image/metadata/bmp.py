"""Colour in the headers of BMP.  Source: Microsoft, BITMAPV4HEADER and BITMAPV5HEADER."""

import struct

from srgan_cli.image.metadata.icc import Colour, from_calibration

_FILE_HEADER_BYTES = 14
_V4_BYTES, _V5_BYTES = 108, 124
_GAMMAS = 96  # of red, green and blue, in 16.16 bits
_CALIBRATED, _SRGB, _WINDOWS, _LINKED, _EMBEDDED = 0, 0x73524742, 0x57696E20, 0x4C494E4B, 0x4D424544
_D65 = (0.3127, 0.329, 0.3583)
_TOLERANCE = 0.01
_WHOLE = 2**30  # 1 as an endpoint, in 2.30 bits


def read_colour(data: bytes) -> tuple[Colour, bytes | None, list[str]]:
    """The colour that a file declares, its profile, and a note on what of it is not read."""
    header = data[_FILE_HEADER_BYTES:]
    if len(header) < _V4_BYTES or int.from_bytes(header[:4], "little") < _V4_BYTES:
        return Colour(), None, []
    (kind,) = struct.unpack_from("<L", header, 56)
    if kind == _CALIBRATED:
        gammas = {*struct.unpack_from("<3L", header, _GAMMAS)}
        return _calibration(header), None, ["its gamma is that of green alone"] if len(gammas) > 1 else []
    if kind in (_LINKED, _EMBEDDED) and int.from_bytes(header[:4], "little") >= _V5_BYTES:
        start, size = struct.unpack_from("<LL", header, 112)
        profile = header[start : start + size] if kind == _EMBEDDED else b""
        complete = len(profile) == size > 0
        return Colour(), profile if complete else None, [] if complete else ["its colour profile is not in the file"]
    return Colour(intent=0) if kind == _SRGB else Colour(), None, []


def add_profile(data: bytes, profile: bytes) -> bytes:
    """A BMP with the smallest header as one of version 5 with a profile."""
    length = int.from_bytes(data[_FILE_HEADER_BYTES : _FILE_HEADER_BYTES + 4], "little")
    old, rest = data[_FILE_HEADER_BYTES : _FILE_HEADER_BYTES + length], data[_FILE_HEADER_BYTES + length :]
    added, start = _V5_BYTES - length, _V5_BYTES + len(rest)
    header = struct.pack("<L", _V5_BYTES) + old[4:] + bytes(56 - length) + struct.pack("<L", _EMBEDDED) + bytes(48)
    header += struct.pack("<LLLL", 4, start, len(profile), 0)
    size, reserved, pixels = struct.unpack_from("<LLL", data, 2)
    head = data[:2] + struct.pack("<LLL", size + added + len(profile), reserved, pixels + added)
    return head + header + rest + profile


def _calibration(header: bytes) -> Colour:
    """The colour of the endpoints and of the gamma of green; white is their sum."""
    numbers = struct.unpack_from("<9L", header, 60)
    gamma = struct.unpack_from("<3L", header, _GAMMAS)[1] / 65536
    endpoints = [tuple(number / _WHOLE for number in numbers[start : start + 3]) for start in (0, 3, 6)]
    if not any(numbers) or not all(sum(point) for point in endpoints):
        return Colour(gamma=1 / gamma if gamma else None)
    are_chromaticities = all(abs(sum(point) - 1) < _TOLERANCE for point in endpoints)  # as in many files
    white = _D65 if are_chromaticities else tuple(sum(column) for column in zip(*endpoints, strict=True))
    pairs = [(x / (x + y + z), y / (x + y + z)) for x, y, z in (white, *endpoints)]
    return from_calibration(tuple(number for pair in pairs for number in pair), 1 / gamma if gamma else None)
