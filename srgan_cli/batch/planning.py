"""Planning which files are read and written, before any work."""

import os
import shlex
import unicodedata
from collections.abc import Collection, Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from srgan_cli.batch.naming import DEFAULT_NAME, Naming
from srgan_cli.batch.resume import own_outputs
from srgan_cli.batch.task import OverwritePolicy, Task
from srgan_cli.errors import OutputExists, SrganError, UsageError
from srgan_cli.image.codec.capabilities import FORMATS, format_of
from srgan_cli.system import remote_storage
from srgan_cli.system.files import check_writable, ignores_case, make_folder
from srgan_cli.system.remote_storage import Location, absolute, as_pure_path, exists, is_dir, is_remote, parse_location
from srgan_cli.upscaling.video.options import CONTAINERS, is_video_input, is_video_name

_SHOWN = 3
_ANIMATIONS = (".gif", ".webp", ".apng", ".avif")  # names of pictures that ffmpeg writes a whole video to
_FOLDER_HINT = "name a folder for the outputs at the end, such as out/"
_OTHER_FILE_HINT = "name another file, or none: without OUT, a.png goes to a_x4.png"
_OTHER_NAME_HINT = "choose another folder, or other names: --name '{stem}_x{scale}{suffix}'"
_Entry = tuple[Location, Location | None]  # an input, and the folder that its pictures' paths are relative to


@dataclass(frozen=True)
class BatchPlan:
    """The tasks of a batch."""

    tasks: list[Task]
    errors: list[tuple[Location, SrganError]] = field(default_factory=list)
    """Inputs that cannot be read, such as a folder without pictures, and why."""
    folder: Location | None = None
    """The output folder; None for a single output file."""


def plan_batch(
    places: Sequence[str],
    out: str,
    naming: Naming,
    *,
    listed: Sequence[str] | None = None,
    overwrite: OverwritePolicy = "update",
) -> BatchPlan:
    """Plan the output of each picture in `places`, which are files and folders, and in `listed`, which are files.

    `out` is a file for a single picture, else a folder.  The tree below an input folder is kept there, and the whole
    path of a listed file.  Outputs of srgan are not inputs; of other outputs in a folder, and of a single one, `update`
    replaces none.
    Raises UsageError where two outputs are the same file, where an output is an input, lies outside `out` or would
    replace a file that it must not, and for an unknown format; SrganError where `out` cannot be written.
    """
    sources, target = [parse_location(place) for place in places], parse_location(out)
    if listed is None and len(sources) == 1 and not is_dir(sources[0]) and not is_folder(out):
        return _plan_single(Task(sources[0], target), naming, overwrite)
    if not is_folder(out) and (exists(target) or target.suffix.lower() in {*FORMATS, *CONTAINERS}):
        message = "{out} is one file, expected a folder for many pictures"
        swapped = len(sources) == 1 and exists(target) and listed is None
        hint = f"did you mean: srgan upscale {out} {places[0].rstrip('/')}/" if swapped else _FOLDER_HINT
        if exists(parse_location(name := " ".join((*places, out)))):
            hint = f"a name with blanks needs quotes: '{name}'"
        if is_video_name(as_pure_path(target)) and not all(is_video_name(as_pure_path(place)) for place in sources):
            hint = f"enlarge them into a folder, then: ffmpeg -framerate 25 -i FOLDER/%05d.png {shlex.quote(out)}"
        raise UsageError(message, hint, out=out)
    entries: list[_Entry] = [(place, place if is_dir(place) else place.parent) for place in sources]
    entries += [
        (parse_location(place if remote_storage.is_url(place) else os.path.normpath(place)), None)
        for place in listed or ()
    ]
    plan = _plan_folder(entries, target, naming)
    if overwrite == "update" and not is_remote(target):
        _check_existing(plan.tasks, target)
    return plan


def _plan_single(task: Task, naming: Naming, overwrite: OverwritePolicy) -> BatchPlan:
    if naming.template != DEFAULT_NAME:
        hint = "--name is for folders; end OUT with a slash"
        raise UsageError("{path} has a name already", hint, option="name", path=task.target)
    if not task.target.suffix:
        hint = f"{task.target}/ is a folder, {task.target}.png is a file"
        raise UsageError("{path} has no suffix, which chooses the format", hint, path=task.target)
    _check([task], None)
    asked, form = _format_of(task.target), _format_of(PurePath(f"name{naming.suffix or task.target.suffix}"))
    if asked != form:
        raise UsageError(f"{task.target} asks for {asked}, --format for {form}", "leave --format out", option="format")
    if not exists(task.source):
        return BatchPlan([task])  # reading it says what is wrong
    if not is_remote(task.target):
        check_writable(task.target)
    if overwrite == "update" and _holds_anything(task.target):
        own = task.target.name.startswith(f"{task.source.stem}_")  # rather an output than a second picture
        hint = "" if own else "; to enlarge it too, name a folder after it, such as out/"
        raise OutputExists("{path} exists already", f"--overwrite replaces it{hint}", path=task.target)
    return BatchPlan([task])


def _plan_folder(entries: Iterable[_Entry], folder: Location, naming: Naming) -> BatchPlan:
    tasks: dict[Task, None] = {}
    errors: list[tuple[Location, SrganError]] = []
    for place, root in entries:
        try:
            found = _find_inputs(place, folder, errors) if is_dir(place) else [place]
        except UsageError:
            raise
        except SrganError as error:
            errors.append((place, error))
            continue
        for path in found:
            name = _relative_name(root, path)
            tasks[Task(path, folder / (name.parent / naming.of(name)).as_posix())] = None
    _check(tasks, folder)
    if any(exists(task.source) for task in tasks) and not is_remote(folder):
        make_folder(folder)
    return BatchPlan(list(tasks), errors, folder)


def _find_inputs(location: Location, folder: Location, errors: list[tuple[Location, SrganError]]) -> list[Location]:
    """The pictures in a folder but earlier outputs; `errors` gets unreadable folders.  Raises SrganError for none."""
    if is_remote(folder) and absolute(folder) == absolute(location):
        message = f"{folder} holds the inputs"
        raise UsageError(message, "outputs there could not be distinguished from inputs: choose another folder")
    found = [
        path
        for path in remote_storage.list_pictures(location, report=lambda *found: errors.append(found))
        if not _is_below_output(path, folder, location)
    ]
    own = set() if is_remote(folder) else own_outputs(folder, [path for path in found if not is_remote(path)])
    return [path for path in found if path not in own]


def count_videos(places: Iterable[str]) -> int:
    """How many videos lie in the local folders among `places`, where they are not looked for; not hidden ones."""
    folders = [Path(place) for place in places if not remote_storage.is_url(place) and Path(place).is_dir()]
    found = (path.relative_to(folder) for folder in folders for path in folder.rglob("*") if is_video_input(path))
    return sum(not any(part.startswith(".") for part in path.parts) for path in found)


def _relative_name(root: Location | None, path: Location) -> PurePath:
    """Without a root, the path as it was listed; relative to / if it leads out of the current folder."""
    if root is not None:
        return as_pure_path(path).relative_to(as_pure_path(root))
    if is_remote(path):
        return PurePath(*as_pure_path(path).parts[1:])
    path = path.resolve() if ".." in path.parts else path
    return path.relative_to(path.anchor)


def is_folder(out: str) -> bool:
    """Whether this is an existing folder, or ends with a slash."""
    return out.endswith(("/", os.sep)) or is_dir(parse_location(out))


def _is_below_output(path: Location, folder: Location, root: Location) -> bool:
    """Whether a picture lies in the output folder, where that is below the input folder `root`."""
    inner, outer = absolute(folder), absolute(root)
    return inner != outer and inner.is_relative_to(outer) and absolute(path).is_relative_to(inner)


def _check(tasks: Collection[Task], folder: Location | None) -> None:
    """Raises UsageError for colliding outputs, and for those outside `folder`."""
    ignore_case = folder is not None and not is_remote(folder) and ignores_case(folder)
    sources = {_identity(task.source) for task in tasks}
    taken: dict[str, Task] = {}
    clashes = []
    for task in tasks:
        _check_format(task)
        if _identity(task.target) in sources:
            itself = _identity(task.target) == _identity(task.source)
            message = "{path} is the input itself" if itself else "{path} is an input too"
            raise UsageError(message, _OTHER_NAME_HINT if folder else _OTHER_FILE_HINT, path=task.target)
        if folder is not None and _escapes(task.target, folder):
            hint = "remove the symbolic link, or choose another --name"
            raise UsageError(f"{task.target} leads out of {folder}", hint)
        place = str(absolute(task.target))
        place = unicodedata.normalize("NFC", place).casefold() if ignore_case else place
        if (earlier := taken.setdefault(place, task)) is not task:
            clashes.append((earlier.source, task.source, task.target))
    if clashes:
        raise _collision_error(clashes)


def _check_existing(tasks: Iterable[Task], folder: Path) -> None:
    """Raises UsageError for outputs that exist, unless they are empty or as srgan wrote them."""
    existing = [task.target for task in tasks if isinstance(task.target, Path) and _holds_anything(task.target)]
    own = own_outputs(folder, existing)
    if found := [path for path in existing if path not in own]:
        others = f" and {len(found) - 1} more exist" if len(found) > 1 else " exists"
        message = f"{{path}}{others} already, not as srgan wrote it"
        raise OutputExists(message, "--overwrite replaces, --no-clobber keeps such files", path=found[0])


def _check_format(task: Task) -> None:
    """Raises UsageError for an unknown format, and for a video that would become a picture."""
    if is_video_name(as_pure_path(task.target)):
        return
    if is_video_input(as_pure_path(task.source)):
        message = "{path} is a video, and {target} does not name one that can be written"
        hint = f"end OUT in one of: {' '.join(CONTAINERS)}"
        suffix = task.target.suffix
        if suffix.lower() in FORMATS:
            is_one_file = "%" in task.target.name or suffix.lower() in _ANIMATIONS
            made = task.target if is_one_file else task.target.with_name(f"{task.target.stem}-%05d{suffix}")
            hint += f"; pictures are made of it by ffmpeg -i out.mkv {shlex.quote(str(made))}"
        raise UsageError(message, hint, path=task.source, target=task.target)
    format_of(task.target)


def _format_of(path: Location | PurePath) -> str:
    return CONTAINERS.get(path.suffix.lower()) or format_of(Path(f"name{path.suffix}"))


def _holds_anything(location: Location) -> bool:
    return exists(location) and (is_remote(location) or location.stat().st_size > 0)


def _collision_error(clashes: Sequence[tuple[Location, Location, Location]]) -> UsageError:
    """The error for pairs of inputs with the same output.  Each path is a value, so that it can be renamed."""
    lines: list[str] = []
    paths: dict[str, Any] = {}
    for index, (one, other, target) in enumerate(clashes[:_SHOWN]):
        lines.append(f"{{one{index}}} and {{other{index}}} would both become {{target{index}}}")
        paths |= {f"one{index}": one, f"other{index}": other, f"target{index}": target}
    more = f"; and {len(clashes) - _SHOWN} more" if len(clashes) > _SHOWN else ""
    return UsageError("; ".join(lines) + more, "enlarge one folder at a time, or choose another --name", **paths)


def _escapes(target: Location, folder: Location) -> bool:
    """Whether an output would lie outside its folder, through symbolic links or a name such as `..`."""
    parts = as_pure_path(target).relative_to(as_pure_path(folder)).parts
    return ".." in parts or not absolute(target).is_relative_to(absolute(folder))


def _identity(location: Location) -> Hashable:
    """What is the same for all names of a file, hard links too: its device and inode, or its path if it is missing."""
    with suppress(OSError):
        if not is_remote(location) and (found := location.stat()).st_ino:
            return found.st_dev, found.st_ino
    return absolute(location)
