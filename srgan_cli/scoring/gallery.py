"""The pictures of a report: which of them its figure and its page show."""

from dataclasses import dataclass
from pathlib import Path

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.metrics import metric_of
from srgan_cli.scoring.evaluate import Scoring, load_pictures
from srgan_cli.scoring.report.crops import Crop, parse_crop
from srgan_cli.scoring.report.figure import SIDE, Panel, draw_figure, write_figure
from srgan_cli.scoring.report.html import PageImage, write_page
from srgan_cli.scoring.report.report import Report
from srgan_cli.system.files import check_writable, remove_stale_temporaries


@dataclass(frozen=True)
class Gallery:
    """Where to write a figure and a page, and the crop that the figure shows, if it was chosen."""

    figure: Path | None = None
    page: Path | None = None
    crop: Crop | None = None

    @property
    def side(self) -> int:
        """The side of the crops to seek while scoring; 0 for none."""
        return SIDE if self.figure else 0

    def write(self, scoring: Scoring, report: Report) -> None:
        """Write what was asked for.  Raises SrganError when no picture was scored."""
        if self.figure:
            _write_figure(scoring, report, self.figure, self.crop)
        if self.page:
            names = list(scoring.plan.references)
            shown = (PageImage(name, *load_pictures(scoring.plan, name)) for name in names)
            write_page(report, shown, len(names), self.page)


def plan_gallery(figure: Path | None, page: Path | None, crop: str) -> Gallery:
    """A gallery of these files.  Raises UsageError and SrganError when they could not be written."""
    for path, suffix in ((figure, ".png"), (page, ".html")):
        if path and path.suffix.lower() != suffix:
            raise UsageError(f"{path} does not end in {suffix}", f"name a {suffix} file")
        if path:
            check_writable(path)
            remove_stale_temporaries(path.parent)
    if crop and not figure:
        raise UsageError("a crop without a figure", "add --figure fig.png")
    return Gallery(figure, page, parse_crop(crop) if crop else None)


def _write_figure(scoring: Scoring, report: Report, path: Path, crop: Crop | None) -> None:
    """Of the picture in which the methods disagree most."""
    if not scoring.crops:
        raise SrganError("no picture to draw a figure of: none has a result of its size", "see the problems above")
    name = max(scoring.crops, key=lambda key: scoring.crops[key].value)
    reference, pictures = load_pictures(scoring.plan, name)
    panels = [Panel(reference, ["reference"])]
    panels += [Panel(pixels, _lines(report, method, name)) for method, pixels in pictures.items()]
    write_figure(draw_figure(reference, panels, crop or scoring.crops[name], name), path)


def _lines(report: Report, method: str, name: str) -> list[str]:
    """The method and this picture's numbers."""
    numbers = []
    for key, value in report.values(method).get(name, {}).items():
        metric = metric_of(key)
        numbers.append(f"{metric.label} {value:.{metric.decimals}f} {metric.unit}".rstrip())
    return [method, *numbers]
