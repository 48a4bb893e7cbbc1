"""Files fetched over HTTP: only by ways on which nobody can change them, and going on where an attempt broke off."""

import re
from collections.abc import Iterator
from http.client import HTTPException, HTTPMessage, HTTPResponse
from ipaddress import ip_address
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.system.progress import Progress

LARGEST_FILE = 4 * 2**30
TIMEOUT = 30.0
"""Seconds that a server may be silent."""
ATTEMPTS = 5
_CHUNK = 2**20
_PARTIAL, _NOT_SATISFIABLE = 206, 416


class IncompleteDownload(WeightsError):  # noqa: N818 (says what happened)
    """A server stopped before all was there."""


def download(url: str, part: Path, progress: Progress | None = None) -> None:
    """Bring what lies at an address into the file `part`; what an earlier attempt left there is its beginning.

    Where the server names the version (ETag or Last-Modified), the rest of that version is asked for, as long as every
    attempt brings more, and by the next call if all fail; another version is fetched from its beginning.  Without one a
    failure leaves nothing.  `progress` is called with the bytes done and in all.  Raises UsageError for an address that
    is not safe to fetch from, and WeightsError when the file cannot be had or is too large.
    """
    for attempt in range(1, ATTEMPTS + 1):
        before = _size(part)
        try:
            _attempt(url, part, progress)
        except IncompleteDownload as error:
            if attempt < ATTEMPTS and _size(part) > before:
                continue
            if not _known_version(part):
                discard(part)
            elif _size(part):
                error.hint = "try again: it will go on from there"
            raise
        _version_file(part).unlink(missing_ok=True)
        return


def read_text(url: str) -> str:
    """A text that lies at an address, a megabyte of it at most.  Raises as `download` does."""
    with _opened(url, {}) as response:
        return next(_pieces(url, response), b"").decode()


def discard(part: Path) -> None:
    """Take away what there is of a download."""
    for path in (part, _version_file(part)):
        path.unlink(missing_ok=True)


def check_safe(url: str) -> None:
    """Raises UsageError unless nobody on the way can change what comes: https, or this machine itself."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise UsageError(f"{url} can be changed on its way and is not fetched", "give an https:// address")


def _attempt(url: str, part: Path, progress: Progress | None) -> None:
    """Ask for what is missing, and add it."""
    version = _known_version(part)
    done = _size(part) if version else 0
    try:
        response = _opened(url, {"Range": f"bytes={done}-", "If-Range": version} if done else {})
    except HTTPError:  # nothing lies beyond what is there: all is, or too much
        discard(part)
        response = _opened(url, {})
    with response:
        first, total = _extent(response)
        if total > LARGEST_FILE:
            raise _too_large(url)
        if first not in (0, done):
            discard(part)
            raise WeightsError(f"cannot fetch {url}: it sent other bytes than were asked for", "try again")
        with part.open("r+b" if first else "wb") as file:
            # once nothing of another version is there
            _version_file(part).write_text(_version(response), encoding="utf8")
            file.seek(first)
            _receive(url, response, file, total, progress)


def _receive(url: str, response: HTTPResponse, file: IO[bytes], total: int, progress: Progress | None) -> None:
    """Write what comes.  Raises BrokenOff unless the file is `total` bytes long then; 0 is any length."""
    for piece in _pieces(url, response):
        file.write(piece)
        if file.tell() > LARGEST_FILE:
            file.truncate(0)
            raise _too_large(url)
        if progress:
            progress(file.tell(), max(file.tell(), total))
    if file.tell() < total:
        raise IncompleteDownload(f"cannot fetch {url}: it ended after {file.tell()} of {total} bytes", "try again")


def _opened(url: str, headers: dict[str, str]) -> HTTPResponse:
    """What a server answers.  Raises HTTPError where it has nothing in the range that was asked for."""
    check_safe(url)
    try:
        response: HTTPResponse = build_opener(_SafeRedirects).open(
            Request(url, headers={"User-Agent": "srgan", **headers}), timeout=TIMEOUT
        )
    except HTTPError as error:
        if error.code == _NOT_SATISFIABLE and headers:
            raise
        raise WeightsError(f"cannot fetch {url}: {error.code} {error.reason}", "check the address") from error
    except (OSError, HTTPException, ValueError) as error:
        raise _broken(url, error) from error
    return response


def _pieces(url: str, response: HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := response.read(_CHUNK):
            yield piece
    except (OSError, HTTPException, ValueError) as error:
        raise _broken(url, error) from error


def _extent(response: HTTPResponse) -> tuple[int, int]:
    """Where in the file the answer begins, or -1, and how long the whole file is, or 0, where that is not said."""
    if response.status != _PARTIAL:
        return 0, response.length or 0
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    return (int(found[1]), int(found[2])) if found else (-1, 0)


def _version(response: HTTPResponse) -> str:
    """What the server calls this version, byte for byte; "" where it has no word for that."""
    tag = response.headers.get("ETag", "")
    return (tag if tag.startswith('"') else response.headers.get("Last-Modified", "")).strip()


def _known_version(part: Path) -> str:
    path = _version_file(part)
    return path.read_text(encoding="utf8") if path.is_file() else ""


def _version_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _broken(url: str, error: Exception) -> IncompleteDownload:
    return IncompleteDownload(f"cannot fetch {url}: {error}", "try again, or fetch it by hand and name the file")


def _too_large(url: str) -> WeightsError:
    return WeightsError(f"{url} is larger than {LARGEST_FILE / 2**30:g} GiB", "fetch it by hand")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class _SafeRedirects(HTTPRedirectHandler):
    """Follows a redirect to where it is as safe as before."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        check_safe(newurl)
        if urlsplit(req.full_url).scheme == "https" != urlsplit(newurl).scheme:
            raise UsageError(f"{req.full_url} leads to {newurl}, which is not https", "give another address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
