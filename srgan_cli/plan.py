"""Which pictures are read and where each goes, settled before any work."""

import os
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from string import Formatter
from tempfile import NamedTemporaryFile

from srgan_cli.codec.formats import FORMATS, output_format
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.files import check_writable, find_pictures, make_folder

DEFAULT_NAME = "{stem}{suffix}"
FIELDS = ("stem", "suffix", "scale", "model")
_UNWRITABLE_BECOMES = ".png"
_SHOWN = 3
_ELSEWHERE = "name another place, or other names: --name '{stem}_x{scale}{suffix}'"


@dataclass(frozen=True)
class Task:
    """A picture to read and the file to write."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Plan:
    """The tasks, and what was asked for and cannot be had, such as a folder without pictures."""

    tasks: list[Task]
    problems: list[SrganError] = field(default_factory=list)


@dataclass(frozen=True)
class Naming:
    """How files in a folder are named.

    template: may use FIELDS in braces.  suffix: that of all outputs; without it each keeps its input's, where that can
    be written.  scale and model: what the template may tell.  Raises UsageError for a template that makes no sense.
    """

    template: str = DEFAULT_NAME
    suffix: str = ""
    scale: float = 1
    model: str = ""

    def __post_init__(self) -> None:
        """Raises UsageError."""
        try:
            unknown = sorted({name for _, name, _, _ in Formatter().parse(self.template) if name} - set(FIELDS))
            sample = "" if unknown else self.of(PurePath("a.png"))
        except (ValueError, IndexError) as error:
            raise UsageError(f"cannot read the name {self.template!r}: {error}", _known_fields()) from error
        if unknown:
            raise UsageError(f"the name {self.template!r} has {{{unknown[0]}}}", _known_fields())
        if PurePath(sample).is_absolute() or ".." in PurePath(sample).parts or not PurePath(sample).name:
            raise UsageError(f"the name {self.template!r} leaves the output's folder", _known_fields())

    def of(self, name: PurePath) -> str:
        """The name for what is made of a file of this name."""
        own = name.suffix if name.suffix.lower() in FORMATS else _UNWRITABLE_BECOMES
        return self.template.format(
            stem=name.stem, suffix=self.suffix or own, scale=f"{self.scale:g}", model=self.model
        )


def plan(places: Sequence[str], out: str, naming: Naming) -> Plan:
    """What becomes of pictures and folders of them: `out` is the file for a single picture, or a folder for many.

    Below `out` the tree of a folder is kept.  Raises UsageError where two outputs are one file, an output is an input,
    or a format is unknown, and SrganError where nothing can be written.
    """
    if len(places) == 1 and not Path(places[0]).is_dir() and not _is_folder(out):
        alone = Task(Path(places[0]), Path(out))
        _check([alone], ignore_case=False)
        check_writable(alone.target)
        return Plan([alone])
    if not _is_folder(out) and (Path(out).exists() or Path(out).suffix.lower() in FORMATS):
        raise UsageError(f"{out} is one file, there may be many pictures", "name a folder: end it with a slash")
    return _into_folder(places, Path(out), naming)


def _into_folder(places: Iterable[str], folder: Path, naming: Naming) -> Plan:
    tasks: dict[Task, None] = {}
    problems = []
    for place in map(Path, places):
        try:
            found = find_pictures(place) if place.is_dir() else [place]
        except SrganError as error:
            problems.append(error)
            continue
        root = place if place.is_dir() else place.parent
        inputs = [path for path in found if not _below(path, folder, root)]
        tasks |= dict.fromkeys(_named(path, path.relative_to(root), folder, naming) for path in inputs)
    _check(tasks, _ignores_case(folder))
    make_folder(folder)
    return Plan(list(tasks), problems)


def _named(source: Path, name: PurePath, folder: Path, naming: Naming) -> Task:
    return Task(source, folder / name.parent / naming.of(name))


def _is_folder(out: str) -> bool:
    return out.endswith(("/", os.sep)) or Path(out).is_dir()


def _below(path: Path, folder: Path, root: Path) -> bool:
    """Whether a picture of a folder lies where the outputs go, in a folder of their own below it."""
    inner, outer = folder.resolve(), root.resolve()
    return inner != outer and inner.is_relative_to(outer) and path.resolve().is_relative_to(inner)


def _check(tasks: Collection[Task], ignore_case: bool) -> None:
    """Raises UsageError."""
    sources = {task.source.resolve() for task in tasks}
    taken: dict[str, Task] = {}
    clashes = []
    for task in tasks:
        output_format(task.target)
        if task.target.resolve() in sources:
            itself = task.target.resolve() == task.source.resolve()
            raise UsageError(f"{task.target} is {'the input itself' if itself else 'an input too'}", _ELSEWHERE)
        earlier = taken.setdefault(_folded(task.target, ignore_case), task)
        if earlier is not task:
            clashes.append(f"{earlier.source} and {task.source} would both become {task.target}")
    if clashes:
        more = f"; and {len(clashes) - _SHOWN} more" if len(clashes) > _SHOWN else ""
        raise UsageError("; ".join(clashes[:_SHOWN]) + more, "give one folder at a time, or another --name")


def _folded(path: Path, ignore_case: bool) -> str:
    return unicodedata.normalize("NFC", str(path)).casefold() if ignore_case else str(path)


def _ignores_case(folder: Path) -> bool:
    """Whether this folder, made or not, is on a file system to which A and a are one name."""
    place = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    try:
        with NamedTemporaryFile(prefix=".srgan-case-", dir=place) as file:
            return Path(file.name).with_name(Path(file.name).name.upper()).exists()
    except OSError:
        return False


def _known_fields() -> str:
    return f"it may use {' '.join(f'{{{name}}}' for name in FIELDS)}"
