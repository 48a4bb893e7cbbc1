"""Mutation of valid files and values at random; checksums of PNG are corrected afterwards."""

import zlib
from collections.abc import Sequence
from random import Random
from typing import Any

_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_CHANGES = 4
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 1000, 10**6, 2**31, 2**63, 10**30),
    *(0.5, -0.0, 1e-320, 1e308, float("inf"), float("nan")),
    *("", "\0", "x" * 5000, "../../odd", "/etc/passwd", "\ud800", "1e9", "\N{GRINNING FACE}", "a\nb", "{0.__class__}"),
    *([], {}, [[]], [1, 2, 3], ["a", 1], {"a": {"b": []}}, [0] * 1000),
)


def mutate(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """The file with one to four changes.  A PNG mostly keeps correct checksums."""
    changed = bytearray(data)
    for _ in range(random.randint(1, _MAX_CHANGES)):
        random.choice(_CHANGES)(changed, others, random)
    if changed.startswith(_PNG) and random.random() < 0.8:
        return _with_checksums(bytes(changed))
    return bytes(changed)


def mutate_value(value: Any, random: Random) -> Any:
    """A JSON or TOML value, of which one part is replaced by an odd value."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(list(value))
        changed = dict(value)
        if random.random() < 0.1:
            changed[random.choice(("", "odd", key.upper(), "__class__"))] = changed.pop(key)
            return changed
        return {**changed, key: mutate_value(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.7:
        index = random.randrange(len(value))
        return [*value[:index], mutate_value(value[index], random), *value[index + 1 :]]
    return random.choice(ODD_VALUES)


def _with_checksums(data: bytes) -> bytes:
    """A PNG with correct checksums, as far as its chunks have the lengths that they say."""
    parts, offset = [_PNG], len(_PNG)
    while offset + 12 <= len(data):
        length = int.from_bytes(data[offset : offset + 4], "big")
        body = data[offset + 4 : offset + 8 + length]
        parts += [data[offset : offset + 4], body, zlib.crc32(body).to_bytes(4, "big")]
        offset += 12 + length
    return b"".join(parts)


def _offset(data: bytearray, random: Random) -> int:
    """An offset into the data, often in the header."""
    return random.randrange(min(len(data), 64) if random.random() < 0.4 else len(data)) if data else 0


def _span(data: bytearray, random: Random) -> slice:
    start = _offset(data, random)
    return slice(start, start + int(random.paretovariate(0.7)))


def _flip(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    if data:
        data[_offset(data, random)] ^= 1 << random.randrange(8)


def _set_number(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    size, start = random.choice((1, 2, 4, 8)), _offset(data, random)
    number = random.choice(_EDGES) % 256**size
    data[start : start + size] = number.to_bytes(size, random.choice(("big", "little")))


def _cut(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    del data[_offset(data, random) :]


def _remove(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    del data[_span(data, random)]


def _repeat(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    span = _span(data, random)
    data[span.start : span.start] = data[span] * random.choice((1, 2, 50))


def _scatter(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    span = _span(data, random)
    data[span] = random.randbytes(len(data[span]))


def _blank(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    span = _span(data, random)
    data[span] = bytes(len(data[span]))


def _splice(data: bytearray, others: Sequence[bytes], random: Random) -> None:
    other = random.choice(others)
    start = random.randrange(len(other)) if other else 0
    data[_offset(data, random) :] = other[start:]


_CHANGES = (_flip, _flip, _set_number, _set_number, _cut, _remove, _repeat, _scatter, _blank, _splice)
