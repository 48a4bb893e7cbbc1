"""Download a file over HTTPS: safe redirects only, a limit on size, and resuming, also in the next call.

Written by hand, because hf_hub_download of huggingface_hub 2 deletes what an interrupted call has received, has no
limit on size and follows redirects to http://.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage, HTTPResponse
from ipaddress import ip_address
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.system.progress import Progress

LARGEST_FILE = 4 * 2**30  # bytes
TIMEOUT = 30.0  # seconds that a server may send nothing
ATTEMPTS = 5
_PARTIAL, _NOT_SATISFIABLE = 206, 416


class IncompleteDownload(WeightsError):  # noqa: N818 (says what happened)
    """The connection ended before the whole file was received."""


@dataclass(frozen=True)
class RemoteFile:
    """A file to download."""

    url: str
    """An https:// address, or an http:// address of this machine."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the request.  `authorization` is not sent to another host after a redirect."""
    licence: str = ""
    """The licence that its repository states."""
    sha256: str = ""
    """The SHA-256 that its repository states."""
    local_copy: Path | None = None
    """The same file in another cache of this machine."""


def download(remote: RemoteFile, part: Path, progress: Progress | None = None) -> None:
    """Download a file to `part`, which may hold the beginning from an earlier attempt.

    If the server names the version (ETag or Last-Modified), the rest of that version is requested, as long as every
    attempt receives more, and by the next call if all fail.  Another version is downloaded from its beginning.  Without
    a version a failure leaves no file.  `progress` is called with the bytes received and in total.  Raises UsageError
    for an address that is not safe, and WeightsError if the file cannot be downloaded or is too large.
    """
    for attempt in range(1, ATTEMPTS + 1):
        before = _size(part)
        try:
            _receive_rest(remote, part, progress)
        except IncompleteDownload as error:
            if attempt < ATTEMPTS and _size(part) > before:
                continue
            if not _known_version(part):
                discard(part)
            elif _size(part):
                error.hint = "try again: the download will continue"
            raise
        _version_file(part).unlink(missing_ok=True)
        return


def discard(part: Path) -> None:
    """Delete an incomplete download."""
    for path in (part, _version_file(part)):
        path.unlink(missing_ok=True)


def check_safe(url: str) -> None:
    """Raises UsageError unless the content cannot be changed on its way: https, or http to this machine."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise UsageError(f"{_display(url)} is not https, so its content could be changed on its way", "use https://")


def _receive_rest(remote: RemoteFile, part: Path, progress: Progress | None) -> None:
    """Request what is missing, and append it to `part`."""
    version = _known_version(part)
    done = _size(part) if version else 0
    try:
        response = _open(remote, {"Range": f"bytes={done}-", "If-Range": version} if done else {})
    except HTTPError:  # `part` is at least as long as the file
        discard(part)
        response = _open(remote, {})
    with response:
        first, total = _extent(response)
        if total > LARGEST_FILE:
            raise _too_large(remote.url)
        if first not in (0, done):
            discard(part)
            raise WeightsError(f"{_cannot(remote.url)}: the server sent another range than requested", "try again")
        with part.open("r+b" if first else "wb") as file:
            # only now, when `part` holds nothing of another version
            _version_file(part).write_text(_version(response), encoding="utf8")
            file.seek(first)
            _write_body(remote.url, response, file, total, progress)


def _write_body(url: str, response: HTTPResponse, file: IO[bytes], total: int, progress: Progress | None) -> None:
    """Append the body.  Raises IncompleteDownload unless the file then has `total` bytes; 0 is any length."""
    for piece in _pieces(url, response):
        file.write(piece)
        if file.tell() > LARGEST_FILE:
            file.truncate(0)
            raise _too_large(url)
        if progress:
            progress(file.tell(), max(file.tell(), total))
    if file.tell() < total:
        raise IncompleteDownload(f"{_cannot(url)}: it ended after {file.tell()} of {total} bytes", "try again")


def _open(remote: RemoteFile, headers: dict[str, str]) -> HTTPResponse:
    """Send the request.  Raises HTTPError where the requested range is empty."""
    check_safe(remote.url)
    try:
        request = Request(remote.url, headers={"user-agent": "srgan", **remote.headers, **headers})
        response: HTTPResponse = build_opener(_SafeRedirects).open(request, timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == _NOT_SATISFIABLE and headers:
            raise
        hint = "a private or gated file needs a token in HF_TOKEN" if error.code in (401, 403) else "check the address"
        raise WeightsError(f"{_cannot(remote.url)}: {error.code} {error.reason}", hint) from error
    except (OSError, HTTPException, ValueError) as error:
        raise _interrupted(remote.url, error) from error
    return response


def _pieces(url: str, response: HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := response.read(2**20):
            yield piece
    except (OSError, HTTPException, ValueError) as error:
        raise _interrupted(url, error) from error


def _extent(response: HTTPResponse) -> tuple[int, int]:
    """The position of the body in the file, -1 if unknown, and the length of the whole file, 0 if unknown."""
    if response.status != _PARTIAL:
        return 0, response.length or 0
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    return (int(found[1]), int(found[2])) if found else (-1, 0)


def _version(response: HTTPResponse) -> str:
    """The server's name for this version, byte for byte; "" if it has none.  Weak ETags do not count."""
    tag = response.headers.get("ETag", "")
    return (tag if tag.startswith('"') else response.headers.get("Last-Modified", "")).strip()


def _known_version(part: Path) -> str:
    path = _version_file(part)
    return path.read_text(encoding="utf8") if path.is_file() else ""


def _version_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _interrupted(url: str, error: Exception) -> IncompleteDownload:
    return IncompleteDownload(f"{_cannot(url)}: {error}", "try again, or download it by hand and name the file")


def _too_large(url: str) -> WeightsError:
    return WeightsError(f"{_display(url)} is larger than {LARGEST_FILE / 2**30:g} GiB", "download it by hand")


def _cannot(url: str) -> str:
    return f"cannot download {_display(url)}"


def _display(url: str) -> str:
    """The address without what may be secret: user, password and the query, where signed addresses have a key."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class _SafeRedirects(HTTPRedirectHandler):
    """Follows a redirect if it is as safe as the address before; sends no token to another host."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        try:
            check_safe(newurl)
            if urlsplit(req.full_url).scheme == "https" != urlsplit(newurl).scheme:
                message = f"{_display(req.full_url)} redirects to {_display(newurl)}, which is not https"
                raise UsageError(message, "use another address")
        except UsageError:
            fp.close()
            raise
        redirected = super().redirect_request(req, fp, code, msg, headers, newurl)
        if redirected and urlsplit(req.full_url).netloc != urlsplit(newurl).netloc:
            redirected.remove_header("Authorization")
        return redirected
