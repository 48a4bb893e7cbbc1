"""The pictures of a report: its figure and its HTML page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.metrics import metric_of
from srgan_cli.scoring.pairs import load_pictures
from srgan_cli.scoring.plan import ScoringPlan
from srgan_cli.scoring.report.crops import Crop, parse_crop
from srgan_cli.scoring.report.figure import CROP_SIDE, Panel, draw_figure
from srgan_cli.scoring.report.html import PageImage, write_page
from srgan_cli.scoring.report.summary import Report
from srgan_cli.system.discovery import find_pictures
from srgan_cli.system.files import atomic_write, check_writable, remove_stale_temporaries


@dataclass(frozen=True)
class Gallery:
    """The files to write."""

    figure: Path | None = None
    page: Path | None = None
    crop: Crop | None = None
    """The crop of the figure; None to choose the one on which the methods differ most."""

    @property
    def crop_side(self) -> int:
        """Side of the crop to find while scoring; 0 for none."""
        return CROP_SIDE if self.figure else 0

    def write(self, plan: ScoringPlan, report: Report) -> None:
        """Write the files. Raises SrganError if a figure is wanted and no picture was scored."""
        if self.figure:
            _write_figure(plan, report, self.figure, self.crop)
        if self.page:
            names = list(plan.references)
            images = (PageImage(name, *load_pictures(plan, name)) for name in names)
            write_page(report, images, total=len(names), path=self.page)


def plan_gallery(
    figure: Path | None, page: Path | None, crop: str, *, overwrite: bool = False, inputs: Sequence[Path] = ()
) -> Gallery:
    """The gallery with these files. Raises UsageError and SrganError if they cannot be written or must not be.

    Pictures of `inputs`, which are files and folders, are not replaced.
    """
    for path, suffix in ((figure, ".png"), (page, ".html")):
        if path and path.suffix.lower() != suffix:
            raise UsageError(f"{path} does not end in {suffix}", f"name a {suffix} file")
        if path:
            _check_no_input(path, inputs)
            check_writable(path, overwrite=overwrite)
            remove_stale_temporaries(path.parent)
    if crop and not figure:
        raise UsageError("--crop needs --figure", "add --figure fig.png", option="crop")
    return Gallery(figure, page, parse_crop(crop) if crop else None)


def _check_no_input(path: Path, inputs: Sequence[Path]) -> None:
    """Raises UsageError for one of the inputs, a picture in one, and a link to them."""
    for place in inputs if path.exists() else ():
        pictures = find_pictures(place) if place.is_dir() else [place]
        if any(path.samefile(picture) for picture in pictures if picture.exists()):
            found = f"a picture of the input {place}" if place.is_dir() else "the input itself"
            raise UsageError(f"{path} is {found}", "name another file to write")


def _write_figure(plan: ScoringPlan, report: Report, path: Path, crop: Crop | None) -> None:
    """Draw the picture on which the methods differ most."""
    if not report.crops:
        raise SrganError("cannot draw the figure: no output has the size of its reference", "see the errors above")
    name = max(report.crops, key=lambda key: report.crops[key].difference)
    reference, pictures = load_pictures(plan, name)
    panels = [Panel(reference, ["reference"])]
    panels += [Panel(pixels, _caption(report, method, name)) for method, pixels in pictures.items()]
    figure = draw_figure(reference, panels, crop or report.crops[name], name)
    with atomic_write(path) as temporary:
        figure.save(temporary, "PNG")


def _caption(report: Report, method: str, name: str) -> list[str]:
    metrics = [(metric_of(key), value) for key, value in report.values(method).get(name, {}).items()]
    return [method, *(f"{metric.label} {metric.format(value)} {metric.unit}".rstrip() for metric, value in metrics)]
