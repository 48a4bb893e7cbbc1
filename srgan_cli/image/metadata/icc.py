"""Colour that a file declares by numbers, beside an ICC profile, and the ICC profile that says the same.

Sources: ITU-T H.273 (07/2024), tables 2 and 3; ICC.1:2022 (version 4.4); PNG (third edition), W3C 2025, 11.3.2.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srgan_cli.system.arguments import checked

Chromaticities = tuple[float, ...]  # x and y of white, red, green and blue
_Matrix = NDArray[np.float64]
_D65, _C, _DCI, _E = (0.3127, 0.329), (0.31, 0.316), (0.314, 0.351), (1 / 3, 1 / 3)
_D50 = np.array([0.9642, 1.0, 0.8249])
PRIMARIES: dict[int, Chromaticities] = {
    1: (*_D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    **dict.fromkeys((6, 7), (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07)),
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    10: (*_E, 1, 0, 0, 1, 0, 0),
    11: (*_DCI, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    22: (*_D65, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),
}
"""By the code of H.273."""
SRGB_PRIMARIES, SRGB_TRANSFER, PQ, HLG = 1, 13, 16, 18
_BT709 = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_PARAMETRIC: dict[int, tuple[float, ...]] = {
    **dict.fromkeys((1, 6, 11, 12, 14, 15), _BT709),
    4: (2.2,),
    5: (2.8,),
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912),
    8: (1.0,),
    13: (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
    17: (2.6,),
}
"""By the code of H.273, the parameters of an ICC curve of type 0 or 3, from stored values to light."""
_NAMES = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3", PQ: "PQ", HLG: "HLG", 1: "BT.709", 8: "linear"}
SPACE = slice(16, 20)  # where a profile names its colours
_SRGB_GAMMA = 1 / 2.2
_GAMMA_TOLERANCE = 0.005
_CHROMATICITY_TOLERANCE = 0.002
_TABLE_SIZE = 4096
_UNSPECIFIED = 2
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@checked
@dataclass(frozen=True)
class Colour:
    """Colour that a file declares by numbers.  The first field that is set counts, as in PNG."""

    cicp: tuple[int, int] | None = None
    """The codes of H.273 for primaries and transfer, neither of them unspecified."""
    full_range: bool = True
    """False for limited range, as in video."""
    intent: int | None = None
    """sRGB with this rendering intent."""
    gamma: float | None = None
    """The power of light that is stored: 1/2.2 for most files."""
    chromaticities: Chromaticities | None = None
    """Measured primaries and white."""

    @property
    def is_srgb(self) -> bool:
        """Whether it is what readers assume where a file declares nothing."""
        if self.cicp or not self.full_range:
            return self.full_range and self.cicp == (SRGB_PRIMARIES, SRGB_TRANSFER)
        if self.intent is not None:
            return True
        usual = self.gamma is None or abs(self.gamma - _SRGB_GAMMA) < _GAMMA_TOLERANCE
        return usual and np.allclose(self._primaries, PRIMARIES[SRGB_PRIMARIES], atol=_CHROMATICITY_TOLERANCE)

    @property
    def codes(self) -> tuple[int, int] | None:
        """The codes of H.273 for primaries and transfer, if they describe the colour exactly; else None."""
        if self.cicp:
            return self.cicp
        return (SRGB_PRIMARIES, SRGB_TRANSFER) if self.intent is not None else None

    def __str__(self) -> str:
        if self.cicp:
            primaries, transfer = self.cicp
            names = _NAMES.get(primaries, f"primaries {primaries}"), _NAMES.get(transfer, f"transfer {transfer}")
            return f"{', '.join(names)}{'' if self.full_range else ', narrow range'}"
        parts = [f"gamma {self.gamma:g}"] if self.gamma else []
        return " and ".join([*parts, *(["chromaticities"] if self.chromaticities else [])]) or "sRGB"

    def profile(self, *, grey: bool) -> bytes | None:
        """The equivalent ICC profile for grey or RGB; None if nothing is declared or a profile cannot express it."""
        if self == NO_COLOUR or not self.full_range:
            return None
        curve, intent = self._curve, self.intent or 0
        return None if curve is None else _profile(self._primaries, curve, grey, intent, str(self), self.cicp)

    @property
    def _primaries(self) -> Chromaticities:
        if self.cicp:
            return PRIMARIES.get(self.cicp[0], PRIMARIES[SRGB_PRIMARIES])
        return (self.chromaticities if self.intent is None else None) or PRIMARIES[SRGB_PRIMARIES]

    @property
    def _curve(self) -> bytes | None:
        """The ICC element of the curve from stored values to light, or None."""
        if self.cicp is None and self.intent is None and self.gamma:
            return _parametric((1 / self.gamma,))
        transfer = self.cicp[1] if self.cicp else SRGB_TRANSFER
        if transfer in (PQ, HLG):
            return _sampled(_pq_to_light if transfer == PQ else _hlg_to_light)
        return _parametric(_PARAMETRIC[transfer]) if transfer in _PARAMETRIC else None


NO_COLOUR = Colour()


def from_cicp(primaries: int, transfer: int, *, full_range: bool = True) -> Colour:
    """The colour of the codes of H.273; if one of them is unspecified, that of sRGB takes its place."""
    if primaries == transfer == _UNSPECIFIED:
        return Colour(full_range=full_range)
    codes = [default if code == _UNSPECIFIED else code for code, default in ((primaries, 1), (transfer, SRGB_TRANSFER))]
    return Colour((codes[0], codes[1]), full_range)


def from_calibration(chromaticities: Chromaticities | None, gamma: float | None) -> Colour:
    """The colour of measured primaries and a gamma, None where they are impossible."""
    possible = chromaticities and all(chromaticities[1::2]) and abs(np.linalg.det(_xyz(chromaticities[2:]))) > 1e-6
    return Colour(gamma=gamma or None, chromaticities=chromaticities if possible else None)


def fit_profile(profile: bytes, *, grey: bool) -> bytes | None:
    """The profile, in grey if the picture is: an RGB profile becomes a grey one with its curve, if it has one."""
    if not grey or profile[SPACE] != b"RGB ":
        return profile
    count = int.from_bytes(profile[128:132], "big")
    starts = range(132, 132 + 12 * min(count, len(profile) // 12), 12)
    entries = (struct.unpack_from(">4sLL", profile, start) for start in starts)
    tags = {name: _padded(profile[start : start + size]) for name, start, size in entries}
    kept = {b"desc": b"desc", b"cprt": b"cprt", b"wtpt": b"wtpt", b"gTRC": b"kTRC"}
    found = {kept[name]: element for name, element in tags.items() if name in kept}
    fitted = _assemble(found, b"GRAY", 0) if len(found) == len(kept) else None
    return fitted and fitted[:8] + profile[8:12] + fitted[12:]  # the version says which types its elements have


def _pq_to_light(stored: _Matrix) -> _Matrix:
    """Light of 0…1 (1 is 10 000 cd/m²).  Source: SMPTE ST 2084."""
    power = stored ** (32 / 2523)
    return np.asarray((np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)) ** (16384 / 2610))


def _hlg_to_light(stored: _Matrix) -> _Matrix:
    """Scene light of 0…1.  Source: ITU-R BT.2100-2, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(stored <= 0.5, stored**2 / 3, (np.exp((stored - c) / a) + b) / 12)


def _xyz(pairs: Chromaticities) -> _Matrix:
    """Columns X, Y, Z with Y = 1 of pairs of x and y."""
    points = zip(pairs[::2], pairs[1::2], strict=True)
    return np.array([[x / y, 1, (1 - x - y) / y] if y else [x, y, 1 - x - y] for x, y in points]).T


def _profile(
    chromaticities: Chromaticities, curve: bytes, grey: bool, intent: int, name: str, cicp: tuple[int, int] | None
) -> bytes:
    white, primaries = _xyz(chromaticities[:2])[:, 0], _xyz(chromaticities[2:])
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / (_BRADFORD @ white)) @ _BRADFORD  # to D50
    colorants = adaptation @ primaries * np.linalg.solve(primaries, white)
    tags = {b"desc": _text(name), b"cprt": _text("CC0"), b"wtpt": _numbers(b"XYZ ", _D50)}
    tags[b"chad"] = _numbers(b"sf32", adaptation.ravel())
    if grey:
        tags[b"kTRC"] = curve
    else:
        for index, channel in enumerate((b"r", b"g", b"b")):
            tags |= {channel + b"XYZ": _numbers(b"XYZ ", colorants[:, index]), channel + b"TRC": curve}
    if cicp and not grey:
        tags[b"cicp"] = b"cicp" + bytes([0, 0, 0, 0, *cicp, 0, 1])
    return _assemble(tags, b"GRAY" if grey else b"RGB ", intent)


def _assemble(tags: dict[bytes, bytes], space: bytes, intent: int) -> bytes:
    """The header, the table of tags, and each different element once."""
    elements = dict.fromkeys(tags.values(), 0)
    offset = 128 + 4 + 12 * len(tags)
    for element in elements:
        elements[element], offset = offset, offset + len(element)
    table = b"".join(struct.pack(">4sLL", tag, elements[element], len(element)) for tag, element in tags.items())
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    head = struct.pack(">L4xL4s4s4s12s4s", offset, 0x04400000, b"mntr", space, b"XYZ ", date, b"acsp")
    head += struct.pack(">24xL", intent) + _numbers(b"", _D50)[4:] + bytes(48)
    return head + struct.pack(">L", len(tags)) + table + b"".join(elements)


def _text(text: str) -> bytes:
    content = text.encode("utf-16-be")
    return _padded(struct.pack(">4s4xLL2s2sLL", b"mluc", 1, 12, b"en", b"US", len(content), 28) + content)


def _numbers(kind: bytes, numbers: _Matrix) -> bytes:
    """An element of numbers of 16.16 bits."""
    return kind + bytes(4) + b"".join(struct.pack(">l", round(number * 65536)) for number in numbers)


def _parametric(parameters: tuple[float, ...]) -> bytes:
    return struct.pack(">4s4xHH", b"para", {1: 0, 5: 3}[len(parameters)], 0) + _numbers(b"", np.array(parameters))[4:]


def _sampled(to_light: Callable[[_Matrix], _Matrix]) -> bytes:
    levels = np.rint(to_light(np.linspace(0, 1, _TABLE_SIZE)) * 65535).astype(">u2")
    return _padded(struct.pack(">4s4xL", b"curv", _TABLE_SIZE) + levels.tobytes())


def _padded(element: bytes) -> bytes:
    return element + bytes(-len(element) % 4)
