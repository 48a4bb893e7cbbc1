"""Which pictures are read and where each goes, settled before any work."""

import os
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from string import Formatter
from tempfile import NamedTemporaryFile

from srgan_cli.codec.formats import FORMATS, UNWRITABLE_BECOMES, output_format
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.files import check_writable, find_pictures, make_folder

DEFAULT_NAME = "{stem}{suffix}"
FIELDS = ("stem", "suffix", "scale", "model")
_SHOWN = 3
_ELSEWHERE = "name another place, or other names: --name '{stem}_x{scale}{suffix}'"


@dataclass(frozen=True)
class Task:
    """A picture to read and the file to write."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Plan:
    """The tasks, and the places that cannot be had, such as a folder without pictures, with the reason.

    folder: where the outputs go, None for a single file that was named.
    """

    tasks: list[Task]
    problems: list[tuple[Path, SrganError]] = field(default_factory=list)
    folder: Path | None = None

    @property
    def is_single(self) -> bool:
        """Whether there is but one thing to do."""
        return len(self.tasks) + len(self.problems) == 1


@dataclass(frozen=True)
class Naming:
    """How files in a folder are named.

    template: may use FIELDS in braces.  suffix: that of all outputs; without it each keeps its input's, where that can
    be written.  scale and model: what the template may tell, stand-ins until they are known.  Raises UsageError for a
    template that makes no sense.
    """

    template: str = DEFAULT_NAME
    suffix: str = ""
    scale: float = 1
    model: str = "model"

    def __post_init__(self) -> None:
        """Raises UsageError."""
        try:
            unknown = sorted({name for _, name, _, _ in Formatter().parse(self.template) if name} - set(FIELDS))
            sample = "" if unknown else self.of(PurePath("a.png"))
        except KeyError as error:  # a field within a field
            raise UsageError(f"the name {self.template!r} has {{{error.args[0]}}}", _known_fields()) from error
        except (ValueError, IndexError) as error:
            raise UsageError(f"cannot read the name {self.template!r}: {error}", _known_fields()) from error
        if unknown:
            raise UsageError(f"the name {self.template!r} has {{{unknown[0]}}}", _known_fields())
        if PurePath(sample).is_absolute() or ".." in PurePath(sample).parts or not PurePath(sample).name:
            raise UsageError(f"the name {self.template!r} leaves the output's folder", _known_fields())

    def of(self, name: PurePath) -> str:
        """The name for what is made of a file of this name."""
        suffix = self.suffix or _writable(name.suffix)
        return self.template.format(stem=name.stem, suffix=suffix, scale=f"{self.scale:g}", model=self.model)


def suffix_of(form: str) -> str:
    """The suffix of a format that is named by one, with or without a dot; "" for none.  Raises UsageError."""
    suffix = f".{form.lower().removeprefix('.')}" if form else ""
    if suffix and suffix not in FORMATS:
        raise UsageError(f"no format {form!r}", f"use one of: {' '.join(known[1:] for known in FORMATS)}")
    return suffix


def plan(
    places: Sequence[str],
    out: str,
    naming: Naming,
    listed: Sequence[str] | None = None,
    made: Callable[[Path], bool] = lambda _: False,
) -> Plan:
    """What becomes of pictures and folders of them: `out` is the file for a single picture, or a folder for many.

    Below `out` the tree of a folder is kept, and of what is `listed` the whole path; what has been `made` is
    no input.  Raises UsageError where two outputs are one file, an output is an input, or a format is unknown, and
    SrganError where nothing can be written.
    """
    if listed is None and len(places) == 1 and not Path(places[0]).is_dir() and not is_folder(out):
        return _into_file(Task(Path(places[0]), Path(out)), naming)
    if not is_folder(out) and (Path(out).exists() or Path(out).suffix.lower() in FORMATS):
        raise UsageError(f"{out} is one file, there may be many pictures", "name a folder: end it with a slash")
    entries: list[tuple[Path, Path | None]] = [(Path(place), _root(Path(place))) for place in places]
    entries += [(Path(os.path.normpath(place)), None) for place in listed or ()]
    return _into_folder(entries, Path(out), naming, made)


def _into_file(task: Task, naming: Naming) -> Plan:
    if naming.template != DEFAULT_NAME:
        raise UsageError(f"{task.target} has a name already", "--name is for folders: end OUT with a slash")
    _check([task], ignore_case=False)
    if naming.suffix and output_format(task.target) != FORMATS[naming.suffix]:
        raise UsageError(
            f"{task.target} asks for {output_format(task.target)}, --format for {FORMATS[naming.suffix]}",
            "leave --format out",
        )
    check_writable(task.target)
    return Plan([task])


def _into_folder(
    entries: Iterable[tuple[Path, Path | None]], folder: Path, naming: Naming, made: Callable[[Path], bool]
) -> Plan:
    """Of each place, with the folder that its pictures' paths are counted from."""
    tasks: dict[Task, None] = {}
    problems = []
    for place, root in entries:
        try:
            found = find_pictures(place) if place.is_dir() else [place]
        except SrganError as error:
            problems.append((place, error))
            continue
        if place.is_dir():
            found = [path for path in found if not _below(path, folder, place) and not made(path)]
        tasks |= dict.fromkeys(_named(path, _counted_from(root, path), folder, naming) for path in found)
    _check(tasks, _ignores_case(folder))
    make_folder(folder)
    return Plan(list(tasks), problems, folder)


def _root(place: Path) -> Path:
    return place if place.is_dir() else place.parent


def _counted_from(root: Path | None, path: Path) -> PurePath:
    """Without a root the path as it is listed; what leads out of the current folder is counted from the top."""
    if root is not None:
        return path.relative_to(root)
    path = path.resolve() if ".." in path.parts else path
    return path.relative_to(path.anchor)


def _named(source: Path, name: PurePath, folder: Path, naming: Naming) -> Task:
    return Task(source, folder / name.parent / naming.of(name))


def is_folder(out: str) -> bool:
    """Whether this names a folder, be it there or be it said by a slash at the end."""
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


def _writable(suffix: str) -> str:
    """The suffix itself where its format can be written here, else that of one that can."""
    try:
        output_format(Path(f"name{suffix}"))
    except UsageError:
        return UNWRITABLE_BECOMES
    return suffix


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
