"""Prints the table of what each format keeps, in docs/formats.md: every kind is written in every format and read back.

python docs/formats.py [--tools]

With --tools, exiftool is asked whether it finds what is kept, and every kind that it does not find is listed.
"""

import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image, ImageCms

from srgan_cli.errors import UsageError
from srgan_cli.image.codec.capabilities import FORMAT_CAPABILITIES, format_of
from srgan_cli.image.io import picture_losses, read_picture
from srgan_cli.image.metadata import jpeg_segments, photoshop
from srgan_cli.image.metadata.exif import build_exif
from srgan_cli.image.metadata.gain_map import ISO_PREFIX, GainMap
from srgan_cli.image.metadata.icc import PRIMARIES, Colour, from_cicp
from srgan_cli.image.metadata.record import Metadata, Text
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="{}"/></rdf:RDF></x:xmpmeta>'
)
IPTC = b"\x1c\x02\x05\x00\x05A cat" + b"\x1c\x02\x19\x00\x03fur"
CLIPPING_PATH = b"8BIM\x07\xd0\0\0\0\0\0\x1a" + bytes(26) + b"8BIM\x0b\xb7\0\0\0\0\0\x04\3cat"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def gain_map() -> GainMap:
    """A gain map as ISO 21496-1 stores it."""
    file = io.BytesIO()
    Image.new("L", (8, 8), 99).save(file, "JPEG")
    mark = jpeg_segments.segment(jpeg_segments.APP2, ISO_PREFIX + bytes(60))
    return GainMap(file.getvalue()[:2] + mark + file.getvalue()[2:], 16, 16)


KINDS = {
    "ICC profile": (Metadata(), ""),
    "EXIF": (Metadata(exif=build_exif({271: "Camera"})), "Make"),
    "XMP": (Metadata(xmp=XMP.format("a").encode()), "Source"),
    "XMP of more than 64 KB": (Metadata(xmp=XMP.format("a" * 70_000).encode()), "Source"),
    "resolution": (Metadata(dpi=(300.0, 150.0)), "XResolution|PixelsPer"),
    "pixels that are not square": (Metadata(pixel_ratio=(2, 1)), "XResolution|PixelsPer|PixelAspectRatio"),
    "colour by codes (Display P3)": (Metadata(colour=from_cicp(12, 13)), "ColorPrimaries|ProfileDescription"),
    "colour by codes (BT.2020, PQ)": (Metadata(colour=from_cicp(9, 16)), "ColorPrimaries|ProfileDescription"),
    "gamma": (Metadata(colour=Colour(gamma=0.5)), "Gamma|ProfileDescription"),
    "gamma and chromaticities": (
        Metadata(colour=Colour(gamma=0.5, chromaticities=PRIMARIES[9])),
        "WhitePointX|ProfileDescription",
    ),
    "significant bits": (Metadata(significant_bits=(5, 5, 5)), "SignificantBits"),
    "mastering display": (Metadata(mastering_display=bytes(range(24))), ""),
    "light levels": (Metadata(light_levels=(10_000_000, 4_000_000)), ""),
    "background colour": (Metadata(background=(1.0, 0.0, 0.0)), "BackgroundColor"),
    "time of change": (Metadata(time=b"\x07\xe4\1\2\3\4\5"), "ModifyDate"),
    "comment": (Metadata(comments=("A cat",)), "Comment"),
    "texts by keyword": (Metadata(texts=(Text("Title", "A cat"),)), "Title"),
    "IPTC": (Metadata(photoshop=photoshop.from_iptc(IPTC)), "Keywords"),
    "clipping paths": (Metadata(photoshop=CLIPPING_PATH), "ClippingPathName"),
    "gain map": (Metadata(gain_map=gain_map()), "MPImage2|ImageUID"),
}
"""Metadata that have one kind alone, and the names by which exiftool finds it."""
TOLERANCE = 0.02


def formats() -> list[str]:
    """The formats whose plugin is installed, but for DICOM, which holds a data set of its own."""
    found = []
    for name, capabilities in FORMAT_CAPABILITIES.items():
        try:
            found += [] if name == "DICOM" else [format_of(Path(f"a{capabilities.suffixes[0]}"))]
        except UsageError:
            continue
    return found


def measure(kind: str, name: str, folder: Path) -> str:
    """What becomes of a kind in a format: "yes", "as ICC", "no" for what is reported as lost, else "LOST"."""
    path = folder / f"{list(KINDS).index(kind)}{FORMAT_CAPABILITIES[name].suffixes[0]}"
    profile = None if KINDS[kind][0] != Metadata() else PROFILE
    picture = Picture(torch.full((3, 16, 16), 0.5), icc_profile=profile, metadata=KINDS[kind][0])
    write_picture(picture, path)
    back = read_picture(path)
    if back.icc_profile and back.icc_profile in (profile, picture.metadata.colour.profile(grey=False)):
        return "yes" if profile else "as ICC"
    if profile is None and holds(back.metadata, picture.metadata):
        return "yes"
    return "no" if picture_losses(path, picture) else "LOST"


def holds(found: Metadata, wanted: Metadata) -> bool:
    """Whether all that is wanted was found."""
    if wanted.dpi or wanted.pixel_ratio:
        there, here = found.dpi or found.pixel_ratio, wanted.dpi or wanted.pixel_ratio
        same_kind = bool(found.dpi) == bool(wanted.dpi)
        return bool(same_kind and there and here and abs(there[0] / there[1] - here[0] / here[1]) < TOLERANCE)
    if wanted.exif:
        return b"Camera" in (found.exif or b"")
    if wanted.photoshop:
        return wanted.photoshop in (found.photoshop or b"")
    fields = [field for field in Metadata.__dataclass_fields__ if getattr(wanted, field) != getattr(Metadata(), field)]
    return all(getattr(found, field) == getattr(wanted, field) for field in fields)


def rows(folder: Path) -> Iterator[list[str]]:
    """A row for every kind, with what becomes of it in each format."""
    for kind in KINDS:
        yield [kind, *(measure(kind, name, folder) for name in formats())]


def table(folder: Path) -> str:
    """The table, as Markdown; files are written into the folder."""
    head = ["kind", *formats()]
    lines = [head, ["---"] * len(head), *rows(folder)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def unseen(folder: Path) -> Iterator[str]:
    """The files in which exiftool does not find what is kept."""
    for kind, (_, tags) in KINDS.items():
        for name in formats():
            path = folder / f"{list(KINDS).index(kind)}{FORMAT_CAPABILITIES[name].suffixes[0]}"
            if measure(kind, name, folder) in ("yes", "as ICC") and tags:
                found = subprocess.run(
                    ["exiftool", "-s", "-a", "-G1", path], capture_output=True, text=True, check=False
                )
                if not any(tag in found.stdout for tag in tags.split("|")):
                    yield f"{kind} in {name}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        print(table(Path(temporary)))
        if "--tools" in sys.argv:
            print(*(f"exiftool does not find: {line}" for line in unseen(Path(temporary))), sep="\n")
