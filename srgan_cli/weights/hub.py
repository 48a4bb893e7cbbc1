"""Weights from elsewhere: fetched once, pinned by their hash at that, and checked against it ever after."""

import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.system.files import atomic_write, commit, digest, folder_lock, make_folder, translate_write_errors
from srgan_cli.system.progress import Progress
from srgan_cli.weights.download import check_safe, discard, download, read_text
from srgan_cli.weights.spandrel import TORCH_SUFFIXES

CACHE_VARIABLE = "SRGAN_CACHE"
"""The environment variable that names the cache folder."""
ENDPOINT_VARIABLE = "HF_ENDPOINT"
"""The environment variable that names a mirror of Hugging Face."""
HUGGING_FACE = "https://huggingface.co"
SUFFIXES = (".safetensors", *TORCH_SUFFIXES)
_ENTRY_FILE = "about.json"


@dataclass(frozen=True)
class CachedFile:
    """A file of the cache: the reference that it was fetched by, its name, sha256, and licence or ""."""

    source: str
    name: str
    sha256: str
    licence: str

    @property
    def path(self) -> Path:
        """Where it lies."""
        return _entry_folder(self.source) / self.name


def is_reference(name: str) -> bool:
    """Whether this is a reference to `fetch`, rather than a name or a path."""
    return name.startswith(("hf://", "https://", "http://"))


def is_cached(source: str) -> bool:
    """Whether `fetch` would find it in the cache."""
    known = _read_entry(_entry_folder(source))
    return known is not None and known.path.is_file()


def fetch(source: str, offline: bool = False, progress: Progress | None = None) -> CachedFile:
    """The file that hf://owner/repository/file (owner/repository@revision too) or an https:// address names.

    What is in the cache is not fetched again, and is refused when its sha256 is not that of the first time.
    `progress` is called with the bytes done and in all.  Raises UsageError for an address that is not safe to fetch
    from, a file that is not weights, and when it would have to be fetched `offline`; WeightsError when the fetch fails.
    """
    url, name = _locate(source)
    known = _read_entry(_entry_folder(source))
    if known and known.path.is_file():
        return _verify(known)
    if offline:
        raise UsageError(f"{source} is not in the cache", "leave --offline out to fetch it")
    place = _entry_folder(source)
    make_folder(place)
    with folder_lock(place):
        known = _read_entry(place)  # another process may have fetched it meanwhile
        return _verify(known) if known and known.path.is_file() else _fetch_file(source, url, name, known, progress)


def list_cached() -> list[CachedFile]:
    """What is in the cache, by name, but for what `list_damaged` tells of."""
    found = [entry for entry in _read_entries().values() if isinstance(entry, CachedFile)]
    return sorted((entry for entry in found if entry.path.is_file()), key=lambda entry: entry.name)


def list_corrupt() -> dict[Path, str]:
    """The notes in the cache that cannot be read, and why."""
    return {note: entry.message for note, entry in _read_entries().items() if isinstance(entry, WeightsError)}


def cache_folder() -> Path:
    """$SRGAN_CACHE, else the folder that the platform has for such files."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/srgan"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "srgan/Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "srgan"


def _entry_folder(source: str) -> Path:
    """A folder for every reference."""
    return cache_folder() / hashlib.sha256(source.encode()).hexdigest()[:16]


def _fetch_file(source: str, url: str, name: str, known: CachedFile | None, progress: Progress | None) -> CachedFile:
    """Fetch a file, and pin it or hold it against its pin."""
    part = _entry_folder(source) / f"{name}.part"
    with translate_write_errors(part):
        download(url, part, progress)
    fetched = CachedFile(source, name, digest(part), known.licence if known else _fetch_licence(source))
    if known and known.sha256 != fetched.sha256:
        discard(part)
        raise WeightsError(
            f"{source} is no longer what it was: sha256 {fetched.sha256}, at first {known.sha256}",
            f"if that is meant, delete {_entry_folder(source)}",
        )
    _write_entry(fetched)  # before the file appears: one without a pin is never used
    commit(part, fetched.path)
    return fetched


def _locate(source: str) -> tuple[str, str]:
    """The address to fetch from, and the name of the file there."""
    url = source
    if source.startswith("hf://"):
        repository, revision, file = _parse_hf_reference(source)
        url = f"{_endpoint()}/{quote(repository)}/resolve/{quote(revision, safe='')}/{quote(file)}"
    check_safe(url)
    name = Path(unquote(urlsplit(url).path)).name
    if Path(name).suffix.lower() not in SUFFIXES:
        raise UsageError(f"{source} is not a weights file", f"its name should end in one of {' '.join(SUFFIXES)}")
    return url, name


def _parse_hf_reference(source: str) -> tuple[str, str, str]:
    """Repository, revision and file of hf://owner/repository@revision/file."""
    owner, _, rest = source.removeprefix("hf://").partition("/")
    repository, _, file = rest.partition("/")
    if not (owner and repository and file):
        raise UsageError(f"cannot read {source}", "write it as hf://owner/repository/file")
    name, _, revision = repository.partition("@")
    return f"{owner}/{name}", revision or "main", file


def _endpoint() -> str:
    return os.environ.get(ENDPOINT_VARIABLE, HUGGING_FACE).rstrip("/")


def _fetch_licence(source: str) -> str:
    """What the repository on Hugging Face says of it; "" where that cannot be known."""
    if not source.startswith("hf://"):
        return ""
    repository, revision, _ = _parse_hf_reference(source)
    try:
        url = f"{_endpoint()}/api/models/{quote(repository)}/revision/{quote(revision, safe='')}"
        answer = json.loads(read_text(url))
        return str((answer.get("cardData") or {}).get("license") or "")
    except (WeightsError, ValueError, AttributeError):
        return ""


def _read_entry(place: Path) -> CachedFile | None:
    try:
        return CachedFile(**json.loads((place / _ENTRY_FILE).read_text(encoding="utf8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(f"cannot read {place / _ENTRY_FILE}: {error}", f"delete {place} to fetch anew") from error


def _read_entries() -> dict[Path, CachedFile | WeightsError | None]:
    """What every note in the cache tells, or why it cannot be read."""
    notes: dict[Path, CachedFile | WeightsError | None] = {}
    for note in sorted(cache_folder().glob(f"*/{_ENTRY_FILE}")):
        try:
            notes[note] = _read_entry(note.parent)
        except WeightsError as error:
            notes[note] = error
    return notes


def _write_entry(entry: CachedFile) -> None:
    with atomic_write(_entry_folder(entry.source) / _ENTRY_FILE) as temporary:
        temporary.write_text(json.dumps(asdict(entry), indent=2) + "\n", encoding="utf8")


def _verify(entry: CachedFile) -> CachedFile:
    found = digest(entry.path)
    if found != entry.sha256:
        raise WeightsError(
            f"{entry.path} has changed since it was fetched: sha256 {found}, expected {entry.sha256}",
            "delete it to fetch it again",
        )
    return entry
