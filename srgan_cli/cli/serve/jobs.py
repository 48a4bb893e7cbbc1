"""What the page does with pictures: enlarging them as `srgan upscale` does, previews, and a ZIP archive."""

import secrets
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import chain, count
from pathlib import Path, PurePath
from threading import Event

import numpy as np
import pyvips

from srgan_cli.batch.naming import Naming
from srgan_cli.batch.processor import ImageProcessor
from srgan_cli.batch.task import Task, TaskResult, UpscaleOptions
from srgan_cli.batch.weights_choice import WeightsChoice, weights_for
from srgan_cli.errors import SrganError
from srgan_cli.image.codec.capabilities import DEFAULT_ENCODING, FORMATS, Encoding
from srgan_cli.image.codec.samples import to_image
from srgan_cli.image.io import read_picture
from srgan_cli.system.progress import Progress
from srgan_cli.upscaling.upscaler import Upscaler

PREVIEW_SIDE = 4096  # the longest side of a preview in pixels
_NAME = "{stem}_x{scale}{suffix}"


@dataclass(frozen=True)
class Choice:
    """What a visitor chose."""

    model: str
    """Weights, or a purpose for a choice by each file, as that of `srgan upscale`."""
    scale: float | None = None
    """None for the model's own."""
    strength: float | None = None
    """None for the default of the model, also where it has none."""
    suffix: str = ""
    """The format of the results; "" for that of each input."""
    encoding: Encoding = DEFAULT_ENCODING


@dataclass
class Job:
    """The pictures of one visitor, and the event that ends the work on them."""

    folder: Path
    """Nobody else knows its name."""
    cancelled: Event = field(default_factory=Event)


class Visits:
    """The jobs of each visitor, by session."""

    def __init__(self, root: Path) -> None:
        """`root` receives the folders of the jobs."""
        self.root = root
        self.jobs: dict[str, list[Job]] = {}

    def start(self, session: str) -> Job:
        """A new job, in a folder that cannot be guessed."""
        folder = self.root / secrets.token_hex(16)
        folder.mkdir(parents=True, mode=0o700)
        self.jobs.setdefault(session, []).append(Job(folder))
        return self.jobs[session][-1]

    def cancel(self, session: str) -> None:
        """End the work on a visitor's jobs."""
        for job in self.jobs.get(session, []):
            job.cancelled.set()

    def forget(self, session: str) -> None:
        """End a visitor's jobs and delete their files."""
        self.cancel(session)
        for job in self.jobs.pop(session, []):
            shutil.rmtree(job.folder, ignore_errors=True)


class Studio:
    """Enlarges the pictures of visitors on one device."""

    def __init__(self, *, device: str = "auto", max_pixels: int | None = None) -> None:
        """`max_pixels` limits each picture; see `open_pictures` for None."""
        self.max_pixels = max_pixels
        self.load = lru_cache(maxsize=3)(partial(Upscaler.load, device=device))

    def enlarge(self, sources: Sequence[Path], choice: Choice, job: Job, progress: Progress) -> list[TaskResult]:
        """A result for each picture.  Raises SrganError for a choice that does not fit, and when it is cancelled."""
        model, compressed = weights_for(choice.model)
        load = partial(self.load, scale=choice.scale, strength=choice.strength)
        upscaler = load(model)
        naming = Naming(_NAME, choice.suffix, choice.scale or upscaler.scale, upscaler.name)
        options = UpscaleOptions(
            scale=choice.scale, max_pixels=self.max_pixels, overwrite="overwrite", encoding=choice.encoding
        )
        processor = ImageProcessor(upscaler, options, choice=WeightsChoice(upscaler, compressed, load))
        results, tasks = [], _tasks(sources, job.folder, naming)
        choice.encoding.check(name for task in tasks if (name := FORMATS.get(task.target.suffix.lower())))
        for number, task in enumerate(tasks):

            def advance(done: int, total: int, number: int = number) -> None:
                if job.cancelled.is_set():
                    processor.stop()
                progress(number * total + done, total * len(sources))

            results.append(processor.process(task, advance))
            if job.cancelled.is_set():
                raise SrganError("cancelled", "press Enlarge to start again")
        return results


def _tasks(sources: Sequence[Path], folder: Path, naming: Naming) -> list[Task]:
    """A task for each picture; a number keeps pictures of the same name apart."""
    names: list[str] = []
    for source in sources:
        name = PurePath(naming.of(PurePath(source.name)))
        numbered = (name.with_stem(f"{name.stem}-{number}") for number in count(2))
        names.append(next(other.name for other in chain([name], numbered) if other.name not in names))
    return [Task(source, folder / name) for source, name in zip(sources, names, strict=True)]


def archive(files: Sequence[Path], path: Path) -> Path:
    """A ZIP of these files, stored as they are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
        for file in files:
            target.write(file, file.name)
    return path


def previews(source: Path, target: Path) -> tuple[Path, Path]:
    """Original and result as pictures of one size that every browser shows, beside the result."""
    after = _thumbnail(target, PREVIEW_SIDE, PREVIEW_SIDE)
    before = _thumbnail(source, after.width, after.height, force=True)
    paths = tuple(target.with_suffix(f".{name}.webp") for name in ("before", "after"))
    for image, path in zip((before, after), paths, strict=True):
        image.write_to_file(str(path), Q=90)
    return paths[0], paths[1]


def _thumbnail(path: Path, width: int, height: int, *, force: bool = False) -> pyvips.Image:
    """A picture as sRGB with 8 bits, within this size or, by force, of this size."""
    size = "force" if force else "down"
    try:
        return _as_srgb(pyvips.Image.thumbnail(str(path), width, height=height, size=size))
    except pyvips.Error:  # a format that only Pillow reads
        rgb = to_image(read_picture(path).flatten_on_white().pixels)
        return _as_srgb(pyvips.Image.new_from_array(np.asarray(rgb)).thumbnail_image(width, height=height, size=size))


def _as_srgb(image: pyvips.Image) -> pyvips.Image:
    """The decoded picture on white.  Raises pyvips.Error if it cannot be decoded."""
    image = image.flatten(background=[255, 255, 255]) if image.hasalpha() else image
    return image.colourspace("srgb").cast("uchar").copy_memory()
