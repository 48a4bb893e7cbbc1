"""A report as one self-contained page: tables to sort, a plot of every metric, a slider for every picture."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from srgan_cli.image.codec.samples import to_image
from srgan_cli.image.luma import Array
from srgan_cli.metrics import metric_of
from srgan_cli.scoring.report.report import Report
from srgan_cli.scoring.report.text import to_json
from srgan_cli.system.files import atomic_write

TEMPLATE = Path(__file__).with_name("page.html")
PLACEHOLDER = "@DATA@"
REFERENCE = "reference"
LARGEST = 256 * 2**20
"""Of all pictures together, in bytes: what browsers still open."""


@dataclass(frozen=True)
class PageImage:
    """A picture that the page shows: its reference and what each method made of it, (1 or 3, H, W)."""

    name: str
    reference: Array
    pictures: dict[str, Array]


def write_page(report: Report, images: Iterable[PageImage], total: int, path: Path) -> None:
    """Write the page, whole or not at all; it needs no net and no other file.  `total` is how many pictures there are.

    Pictures are kept without loss, in 8 bits; those that come once they have LARGEST bytes are left out.
    """
    content = _content(report, list(_pictures(images)), total)
    text = json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")  # or a name could end the script
    page = TEMPLATE.read_text(encoding="utf-8").replace(PLACEHOLDER, text)
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")  # names need not be Unicode


def _content(report: Report, pictures: list[dict[str, Any]], total: int) -> dict[str, Any]:
    told = json.loads(to_json(report))
    of_method = [score for score in report.scores if not score.error]
    rows = zip(of_method, told["pictures"], strict=True)
    return {
        "protocol": str(report.protocol),
        "problems": report.errors,
        "metrics": [_metric(name) for name in report.protocol.metrics],
        "best": {name: sorted(methods) for name, methods in report.best.items()},
        "methods": told["methods"],
        "differences": told["differences"],
        "scores": [{"name": score.name, "method": score.method, "values": row} for score, row in rows],
        "pictures": pictures,
        "shown": f"{len(pictures)} of {total} pictures are shown.",
    }


def _metric(name: str) -> dict[str, Any]:
    metric = metric_of(name)
    return {
        "key": name,
        "label": metric.label,
        "unit": metric.unit,
        "higher": metric.higher_is_better,
        "decimals": metric.decimals,
    }


def _pictures(images: Iterable[PageImage]) -> Iterator[dict[str, Any]]:
    size = 0
    for entry in images:
        yield (picture := _picture(entry))
        size += sum(map(len, picture["images"].values()))
        if size >= LARGEST:
            return


def _picture(image: PageImage) -> dict[str, Any]:
    height, width = image.reference.shape[-2:]
    images = {REFERENCE: image.reference, **image.pictures}
    return {
        "name": image.name,
        "width": width,
        "height": height,
        "images": {name: _address(pixels) for name, pixels in images.items()},
    }


def _address(pixels: Array) -> str:
    """The picture itself as an address."""
    encoded = BytesIO()
    to_image(pixels).save(encoded, "WEBP", lossless=True, method=2)
    return f"data:image/webp;base64,{b64encode(encoded.getvalue()).decode()}"
