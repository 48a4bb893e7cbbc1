"""The head of a JPEG XL, which says what its plugin for Pillow does not: bits a channel, and whether it moves.

Source: ISO/IEC 18181-1:2024, annex D.
"""

from dataclasses import dataclass

from srgan_cli.codec.headers import boxes

_SIGNATURE = b"\xff\x0a"
_PARTIAL_BOX_COUNTER = 4


@dataclass(frozen=True)
class JxlHead:
    """bits: a channel.  moves: it is an animation."""

    bits: int = 8
    moves: bool = False


def jxl_head(data: bytes) -> JxlHead:
    """What the file's head says; 8 bits and still where it cannot be understood."""
    stream = data if data.startswith(_SIGNATURE) else _codestream(data)
    try:
        return _read(_Bits(stream[len(_SIGNATURE) :]))
    except IndexError:
        return JxlHead()


def _codestream(data: bytes) -> bytes:
    """The beginning of the code within its boxes."""
    found = boxes(data)
    return found.get(b"jxlc") or found.get(b"jxlp", b"")[_PARTIAL_BOX_COUNTER:]


class _Bits:
    """Bits from the least significant on.  Raises IndexError beyond the end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, count: int) -> int:
        value = 0
        for index in range(count):
            value |= (self.data[self.place >> 3] >> (self.place & 7) & 1) << index
            self.place += 1
        return value

    def choose(self, *choices: tuple[int, int]) -> int:
        """One of four numbers, each a base and how many bits are added to it."""
        base, count = choices[self.take(2)]
        return base + self.take(count)


def _read(bits: _Bits) -> JxlHead:
    _skip_size(bits)
    if bits.take(1):
        return JxlHead()
    moves = _moves(bits) if bits.take(1) else False
    if bits.take(1):
        return JxlHead(bits.choose((32, 0), (16, 0), (24, 0), (1, 6)), moves)
    return JxlHead(bits.choose((8, 0), (10, 0), (12, 0), (1, 6)), moves)


def _moves(bits: _Bits) -> bool:
    bits.take(3)  # orientation
    if bits.take(1):
        _skip_size(bits)
    if bits.take(1):
        _skip_preview(bits)
    if not bits.take(1):
        return False
    bits.choose((100, 0), (1000, 0), (1, 10), (1, 30))
    bits.choose((1, 0), (1001, 0), (1, 8), (1, 10))
    bits.choose((0, 0), (0, 3), (0, 16), (0, 32))
    bits.take(1)
    return True


def _skip_size(bits: _Bits) -> None:
    eighths = bits.take(1)
    for is_width in (False, True):
        if is_width and bits.take(3):
            return
        if eighths:
            bits.take(5)
        else:
            bits.choose((1, 9), (1, 13), (1, 18), (1, 30))


def _skip_preview(bits: _Bits) -> None:
    eighths = bits.take(1)
    for is_width in (False, True):
        if is_width and bits.take(3):
            return
        if eighths:
            bits.choose((16, 0), (32, 0), (1, 5), (33, 9))
        else:
            bits.choose((1, 6), (65, 8), (321, 10), (1345, 12))
