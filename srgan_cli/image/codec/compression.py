"""How strongly a file was compressed, according to its header."""

from pathlib import Path

from PIL import Image

CLEAN_QUALITY = 98  # the quality from which on a JPEG is enlarged as uncompressed pictures are
_LUMINANCE_SUM = 3693  # the sum of the luminance table that libjpeg scales, of ITU-T T.81 annex K: quality 50


def describe_compression(path: Path, *, below_quality: int) -> str:
    """What kind of lossy file this is, such as "a JPEG of quality 75"; "" from `below_quality` on and for others."""
    try:
        with Image.open(path, formats=("JPEG", "WEBP")) as image:
            if image.format == "WEBP":
                return "lossy WebP" if _is_lossy_webp(path) else ""
            quality = estimate_quality(image.quantization[0])  # type: ignore[attr-defined]
    except (OSError, ValueError, SyntaxError, KeyError, IndexError, Image.DecompressionBombError):
        return ""
    return f"a JPEG of quality {quality}" if quality < below_quality else ""


def estimate_quality(luminance: list[int]) -> int:
    """The quality, 1…100, at which libjpeg makes a luminance table of this sum, the closest for other encoders."""
    if max(luminance) == 1:
        return 100
    scale = 100 * sum(luminance) / _LUMINANCE_SUM
    return min(100, max(1, round((200 - scale) / 2 if scale <= 100 else 5000 / scale)))


def _is_lossy_webp(path: Path) -> bool:
    """Whether the first picture is of VP8, which has no lossless mode."""
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            if head[:4] in (b"VP8 ", b"VP8L"):
                return head[:4] == b"VP8 "
            size = int.from_bytes(head[4:], "little")
            file.seek(16 if head[:4] == b"ANMF" else size + size % 2, 1)
    return False
