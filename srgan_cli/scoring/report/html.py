"""Reports as a self-contained HTML page: sortable tables, a plot of every metric, and a slider for every picture."""

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
from srgan_cli.scoring.report.summary import Report
from srgan_cli.scoring.report.text import to_json
from srgan_cli.system.files import atomic_write

TEMPLATE = Path(__file__).with_name("page.html")
MAX_IMAGE_BYTES = 256 * 2**20  # the most bytes of all pictures, which browsers can still open


@dataclass(frozen=True)
class PageImage:
    """A picture of the page."""

    name: str
    reference: Array
    """(1 or 3, H, W) with values 0…1."""
    pictures: dict[str, Array]
    """The results by method, of the same size."""


def write_page(report: Report, images: Iterable[PageImage], *, total: int, path: Path) -> None:
    """Write the page, atomically. It works offline and needs no other file.

    Pictures are stored losslessly in 8 bits; after MAX_IMAGE_BYTES the others are left out. `total` is the number of
    pictures, for the note about those left out.
    """
    content = _content(report, list(_pictures(images)), total)
    text = json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")  # so that a name cannot end the script
    page = TEMPLATE.read_text(encoding="utf-8").replace("@DATA@", text)
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")  # file names may be invalid Unicode


def _content(report: Report, pictures: list[dict[str, Any]], total: int) -> dict[str, Any]:
    data = json.loads(to_json(report))
    rows = zip((score for score in report.scores if not score.error), data["pictures"], strict=True)
    return {
        "protocol": str(report.protocol),
        "problems": report.errors,
        "metrics": [_metric(name) for name in report.protocol.metrics],
        "best": {name: sorted(methods) for name, methods in report.best.items()},
        "methods": data["methods"],
        "differences": data["differences"],
        "scores": [{"name": score.name, "method": score.method, "values": row} for score, row in rows],
        "pictures": pictures,
        "shown": f"{len(pictures)} of {total} pictures are shown.",
    }


def _metric(name: str) -> dict[str, Any]:
    metric = metric_of(name)
    how = {"unit": metric.unit, "higher": metric.higher_is_better, "decimals": metric.decimals}
    return {"key": name, "label": metric.label, **how}


def _pictures(images: Iterable[PageImage]) -> Iterator[dict[str, Any]]:
    size = 0
    for entry in images:
        yield (picture := _picture(entry))
        size += sum(map(len, picture["images"].values()))
        if size >= MAX_IMAGE_BYTES:
            return


def _picture(image: PageImage) -> dict[str, Any]:
    height, width = image.reference.shape[-2:]
    urls = {name: _data_url(pixels) for name, pixels in {"reference": image.reference, **image.pictures}.items()}
    return {"name": image.name, "width": width, "height": height, "images": urls}


def _data_url(pixels: Array) -> str:
    encoded = BytesIO()
    to_image(pixels).save(encoded, "WEBP", lossless=True, method=2)
    return f"data:image/webp;base64,{b64encode(encoded.getvalue()).decode()}"
