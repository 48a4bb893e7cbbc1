"""Weights from addresses: downloaded once, pinned by their SHA-256, and checked against it at every use."""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filelock import FileLock
from platformdirs import user_cache_path

from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.system.files import atomic_write, commit, digest, make_folder, translate_write_errors
from srgan_cli.system.progress import Progress
from srgan_cli.weights import huggingface
from srgan_cli.weights.download import RemoteFile, check_safe, discard, download
from srgan_cli.weights.formats import WEIGHTS_SUFFIXES

CACHE_VARIABLE = "SRGAN_CACHE"  # the environment variable that names the cache folder
_RECORD = "about.json"


@dataclass(frozen=True)
class CachedFile:
    """A downloaded file, as its record in the cache describes it."""

    source: str
    """The reference that it was downloaded by."""
    name: str
    sha256: str
    """The SHA-256 at the first download, in hexadecimal digits."""
    licence: str
    """The licence that its repository states; "" if unknown."""

    @property
    def path(self) -> Path:
        """The path of the file."""
        return _entry_folder(self.source) / self.name


def is_reference(name: str) -> bool:
    """Whether this is a reference for `fetch`, rather than a name or a path."""
    return name.startswith((huggingface.PREFIX, "https://", "http://"))


def is_cached(source: str) -> bool:
    """Whether the file of this reference is in the cache."""
    known = _read_record(_entry_folder(source))
    return known is not None and known.path.is_file()


def fetch(source: str, *, offline: bool = False, progress: Progress | None = None) -> CachedFile:
    """The file that hf://owner/repository/file, owner/repository@revision or an https:// address names.

    A file in the cache is not downloaded again, and is refused if its SHA-256 is not that of the first download.
    `progress` is called with the bytes received and in total.  Raises UsageError for an unsafe address, for a file that
    is not weights, and when offline and not in the cache; WeightsError if the download fails.
    """
    name = _file_name(source)
    folder = _entry_folder(source)
    if (known := _read_record(folder)) and known.path.is_file():
        return _verify(known)
    remote = _locate(source, offline)
    make_folder(folder)
    with translate_write_errors(folder), FileLock(folder.with_suffix(".lock")):
        known = _read_record(folder)  # another process may have downloaded it in the meantime
        return _verify(known) if known and known.path.is_file() else _add(source, name, remote, known, progress)


def list_cached() -> list[CachedFile]:
    """The files in the cache, by name."""
    found = [entry for entry in _read_records().values() if isinstance(entry, CachedFile)]
    return sorted((entry for entry in found if entry.path.is_file()), key=lambda entry: entry.name)


def list_corrupt() -> dict[Path, str]:
    """The records in the cache that cannot be read, and why."""
    return {path: entry.message for path, entry in _read_records().items() if isinstance(entry, WeightsError)}


def cache_folder() -> Path:
    """$SRGAN_CACHE, else the cache folder of the platform."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else user_cache_path("srgan", appauthor=False)


def _entry_folder(source: str) -> Path:
    return cache_folder() / hashlib.sha256(source.encode()).hexdigest()[:16]


def _file_name(source: str) -> str:
    """The name of the file that a reference names.  Raises UsageError for an unsafe address and for other files."""
    if source.startswith(huggingface.PREFIX):
        path = huggingface.parse_reference(source)[2]
    else:
        check_safe(source)
        path = unquote(urlsplit(source).path)
    name = Path(path).name
    if Path(name).suffix.lower() not in WEIGHTS_SUFFIXES:
        raise UsageError(f"{source} is not a weights file", f"its name must end in one of {' '.join(WEIGHTS_SUFFIXES)}")
    return name


def _locate(source: str, offline: bool) -> RemoteFile:
    if source.startswith(huggingface.PREFIX):
        return huggingface.locate(source, offline=offline)
    if offline:
        raise UsageError(f"{source} is not in the cache", "to download it, omit --offline")
    return RemoteFile(source)


def _add(source: str, name: str, remote: RemoteFile, known: CachedFile | None, progress: Progress | None) -> CachedFile:
    """Bring a file into the cache, and pin it or compare it with its pin."""
    part = _entry_folder(source) / f"{name}.part"
    if remote.local_copy:
        discard(part)
        shutil.copyfile(remote.local_copy, part)
    else:
        download(remote, part, progress)
    entry = CachedFile(source, name, digest(part), known.licence if known else remote.licence)
    try:
        _check_pin(entry, known, remote)
    except WeightsError:
        discard(part)
        raise
    with atomic_write(_entry_folder(source) / _RECORD) as temporary:  # first: a file without a pin is never used
        temporary.write_text(json.dumps(asdict(entry), indent=2) + "\n", encoding="utf8")
    commit(part, entry.path)
    return entry


def _check_pin(entry: CachedFile, known: CachedFile | None, remote: RemoteFile) -> None:
    if known and known.sha256 != entry.sha256:
        message = f"{entry.source} has changed: sha256 {entry.sha256}, at the first download {known.sha256}"
        raise WeightsError(message, f"to accept the new version, delete {entry.path.parent}")
    if remote.sha256 not in ("", entry.sha256):
        message = f"{entry.source} has sha256 {entry.sha256}, its repository states {remote.sha256}"
        raise WeightsError(message, "try again")


def _read_record(folder: Path) -> CachedFile | None:
    try:
        return CachedFile(**json.loads((folder / _RECORD).read_text(encoding="utf8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        message = f"cannot read {folder / _RECORD}: {error}"
        raise WeightsError(message, f"delete {folder} to download the file again") from error


def _read_records() -> dict[Path, CachedFile | WeightsError | None]:
    records: dict[Path, CachedFile | WeightsError | None] = {}
    for path in sorted(cache_folder().glob(f"*/{_RECORD}")):
        try:
            records[path] = _read_record(path.parent)
        except WeightsError as error:
            records[path] = error
    return records


def _verify(entry: CachedFile) -> CachedFile:
    if (found := digest(entry.path)) != entry.sha256:
        message = f"{entry.path} has changed since the download: sha256 {found}, expected {entry.sha256}"
        raise WeightsError(message, "delete it to download it again")
    return entry
