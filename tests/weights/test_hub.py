"""Fetching weights from a server on this machine: pinned, checked, never half-trusted."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from srgan_cli.cli import app
from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.weights import download
from srgan_cli.weights import hub as cache
from srgan_cli.weights.hub import cache_folder, fetch, list_cached
from srgan_cli.weights.registry import find_weights, list_weights

CONTENT = bytes(range(256)) * 40


class Site(ThreadingHTTPServer):
    """Answers with what `pages` holds: bytes, or a status and headers.

    version: the ETag of what is sent, and whether a range of it can be had; "" for neither.  cut: a length for every
    answer to come, after which it breaks off.  ranges: what was asked for.  told: whether a range says how long all is.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, Any] = {}
        self.asked: list[str] = []
        self.promise = 0
        self.version = ""
        self.cut: list[int] = []
        self.ranges: list[str] = []
        self.told = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        page = self.server.pages.get(self.path, (404, {}))
        status, headers = (200, {}) if isinstance(page, bytes) else page
        body = page if isinstance(page, bytes) else b""
        if self.server.version:
            status, headers, body = self.part(body)
        self.send_response(status)
        for name, value in {"Content-Length": len(body) + self.server.promise, **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body[: self.server.cut.pop(0) if self.server.cut else None])

    def part(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """What is asked for of it."""
        wanted, total = self.headers.get("Range", ""), len(body)
        headers = {"ETag": self.server.version}
        self.server.ranges.append(wanted)
        if not wanted or self.headers["If-Range"] != self.server.version:
            return 200, headers, body
        first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if first >= total:
            return 416, {**headers, "Content-Range": f"bytes */{total}"}, b""
        length = total if self.server.told else "*"
        return 206, {**headers, "Content-Range": f"bytes {first}-{total - 1}/{length}"}, body[first:]

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Site]:
    """A server, and an empty cache."""
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    server = Site()
    monkeypatch.setenv(cache.ENDPOINT_VARIABLE, server.url)
    server.pages["/some/net.pth"] = CONTENT
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_file_is_fetched_once_and_then_taken_from_the_cache(site: Site) -> None:
    seen: list[tuple[int, int]] = []
    first = fetch(f"{site.url}/some/net.pth", progress=lambda *now: seen.append(now))
    assert first.path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert fetch(f"{site.url}/some/net.pth", offline=True) == first == list_cached()[0]
    assert find_weights(f"{site.url}/some/net.pth") == first.path
    assert site.asked == ["/some/net.pth"]


def test_hugging_face_tells_the_licence(site: Site) -> None:
    site.pages["/ann/nets/resolve/main/x4/net.safetensors"] = CONTENT
    site.pages["/api/models/ann/nets/revision/main"] = json.dumps({"cardData": {"license": "mit"}}).encode()
    site.pages["/ann/nets/resolve/v2/net.pth"] = CONTENT
    told, untold = fetch("hf://ann/nets/x4/net.safetensors"), fetch("hf://ann/nets@v2/net.pth")
    assert (told.licence, told.name, untold.licence) == ("mit", "net.safetensors", "")
    assert [entry.source for entry in list_cached()] == ["hf://ann/nets@v2/net.pth", "hf://ann/nets/x4/net.safetensors"]


def test_offline_nothing_is_fetched(site: Site) -> None:
    with pytest.raises(UsageError, match="is not in the cache"):
        fetch(f"{site.url}/some/net.pth", offline=True)
    assert site.asked == []


def test_a_file_that_changed_in_the_cache_is_refused(site: Site) -> None:
    entry = fetch(f"{site.url}/some/net.pth")
    entry.path.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="has changed since it was fetched"):
        fetch(f"{site.url}/some/net.pth")


def test_a_file_that_changed_at_its_source_is_refused(site: Site) -> None:
    entry = fetch(f"{site.url}/some/net.pth")
    entry.path.unlink()
    site.pages["/some/net.pth"] = CONTENT[::-1]
    with pytest.raises(WeightsError, match="is no longer what it was") as caught:
        fetch(f"{site.url}/some/net.pth")
    assert entry.sha256 in caught.value.message
    assert not entry.path.exists()
    site.pages["/some/net.pth"] = CONTENT
    assert fetch(f"{site.url}/some/net.pth") == entry


def test_an_answer_cut_short_leaves_nothing(site: Site) -> None:
    site.promise = 7
    with pytest.raises(WeightsError, match=rf"ended after {len(CONTENT)} of {len(CONTENT) + 7} bytes"):
        fetch(f"{site.url}/some/net.pth")
    assert list_cached() == []
    assert [path for path in cache_folder().rglob("*") if path.is_file()] == []


def test_an_answer_that_breaks_off_goes_on_from_there(site: Site) -> None:
    site.version, site.cut = '"one"', [4000, 3000]
    seen: list[tuple[int, int]] = []
    entry = fetch(f"{site.url}/some/net.pth", progress=lambda *now: seen.append(now))
    assert entry.path.read_bytes() == CONTENT
    assert site.ranges == ["", "bytes=4000-", "bytes=7000-"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(path.name for path in entry.path.parent.iterdir()) == ["about.json", "net.pth"]


def test_the_next_call_goes_on_where_all_attempts_failed(site: Site) -> None:
    site.version, site.cut = '"one"', [4000, 0]
    with pytest.raises(WeightsError, match=rf"ended after 4000 of {len(CONTENT)} bytes") as caught:
        fetch(f"{site.url}/some/net.pth")
    assert caught.value.hint == "try again: it will go on from there"
    assert list_cached() == []
    assert fetch(f"{site.url}/some/net.pth").path.read_bytes() == CONTENT
    assert site.ranges[-1] == "bytes=4000-"


def test_a_range_of_unknown_length_is_never_taken_for_the_whole(site: Site) -> None:
    site.version, site.cut, site.told = '"one"', [4000], False
    with pytest.raises(WeightsError, match="other bytes than were asked for"):
        fetch(f"{site.url}/some/net.pth")
    assert fetch(f"{site.url}/some/net.pth").path.read_bytes() == CONTENT
    assert site.ranges == ["", "bytes=4000-", ""]


def test_another_version_is_fetched_from_its_beginning(site: Site) -> None:
    site.version, site.cut = '"one"', [4000, 0]
    with pytest.raises(WeightsError, match="ended after"):
        fetch(f"{site.url}/some/net.pth")
    site.version, site.pages["/some/net.pth"] = '"two"', CONTENT[::-1]
    assert fetch(f"{site.url}/some/net.pth").path.read_bytes() == CONTENT[::-1]


def test_what_was_killed_before_it_was_pinned_is_fetched_anew(site: Site) -> None:
    site.version = '"one"'
    entry = fetch(f"{site.url}/some/net.pth")
    (entry.path.parent / "about.json").unlink()
    entry.path.rename(entry.path.with_name("net.pth.part"))
    entry.path.with_name("net.pth.part.version").write_text(site.version)
    assert fetch(f"{site.url}/some/net.pth") == entry
    assert site.ranges == ["", f"bytes={len(CONTENT)}-", ""]


def test_a_weak_version_is_none(site: Site) -> None:
    site.version, site.cut = 'W/"one"', [4000, 4000]
    with pytest.raises(WeightsError, match="ended after 4000"):
        fetch(f"{site.url}/some/net.pth")
    assert site.ranges == ["", ""]
    assert [path for path in cache_folder().rglob("*") if path.is_file()] == []


def test_a_beginning_that_does_not_fit_its_pin_is_fetched_from_its_beginning(site: Site) -> None:
    site.version, site.cut = '"one"', []
    entry = fetch(f"{site.url}/some/net.pth")
    entry.path.unlink()
    entry.path.with_name("net.pth.part").write_bytes(bytes(100))
    entry.path.with_name("net.pth.part.version").write_text(site.version)
    with pytest.raises(WeightsError, match="is no longer what it was"):
        fetch(f"{site.url}/some/net.pth")
    assert fetch(f"{site.url}/some/net.pth") == entry


def test_a_file_that_is_too_large_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "LARGEST_FILE", len(CONTENT) - 1)
    with pytest.raises(WeightsError, match="is larger than"):
        fetch(f"{site.url}/some/net.pth")
    assert list_cached() == []


def test_what_is_not_there_is_said(site: Site) -> None:
    with pytest.raises(WeightsError, match="404"):
        fetch(f"{site.url}/other.pth")
    site.shutdown()
    site.server_close()
    with pytest.raises(WeightsError, match="cannot fetch"):
        fetch(f"{site.url}/some/net.pth")


def test_a_redirect_is_followed_where_it_is_safe(site: Site) -> None:
    site.pages["/near.pth"] = (302, {"Location": f"{site.url}/some/net.pth"})
    site.pages["/far.pth"] = (302, {"Location": "http://example.org/net.pth"})
    assert fetch(f"{site.url}/near.pth").path.read_bytes() == CONTENT
    with pytest.raises(UsageError, match="can be changed on its way"):
        fetch(f"{site.url}/far.pth")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("http://example.org/net.pth", "can be changed on its way"),
        ("https://example.org/net.exe", "is not a weights file"),
        ("https://example.org/", "is not a weights file"),
        ("hf://ann/net.pth", "cannot read hf://ann/net.pth"),
    ],
)
@pytest.mark.usefixtures("site")
def test_other_addresses_are_refused_before_anything_is_asked(source: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        fetch(source)


def test_a_note_that_cannot_be_read_is_told(site: Site) -> None:
    entry = fetch(f"{site.url}/some/net.pth")
    (entry.path.parent / "about.json").write_text("{")
    with pytest.raises(WeightsError, match=r"cannot read .*about.json"):
        fetch(f"{site.url}/some/net.pth")


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, ".cache/srgan"),
        ("linux", {"XDG_CACHE_HOME": "/var/mine"}, "/var/mine/srgan"),
        ("darwin", {}, "Library/Caches/srgan"),
        ("win32", {}, "AppData/Local/srgan/Cache"),
        ("linux", {"SRGAN_CACHE": "/elsewhere"}, "/elsewhere"),
    ],
)
def test_the_cache_lies_where_the_platform_wants_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, variables: dict[str, str], folder: str
) -> None:
    for name in (cache.CACHE_VARIABLE, "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert cache_folder() == tmp_path / folder


def test_a_model_is_fetched_told_and_used(site: Site, tmp_path: Path) -> None:
    site.pages["/ann/nets/resolve/main/small.safetensors"] = list_weights()["fidelity-x4"].read_bytes()
    site.pages["/api/models/ann/nets/revision/main"] = json.dumps({"cardData": {"license": "mit"}}).encode()
    Image.new("RGB", (8, 6), "teal").save(tmp_path / "in.png")
    words = ["upscale", "--device", "cpu", "-m", "hf://ann/nets/small.safetensors", str(tmp_path / "in.png")]
    first = CliRunner().invoke(app, [*words, str(tmp_path / "first.png")])
    second = CliRunner().invoke(app, [*words, str(tmp_path / "second.png"), "--offline"])
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert f"licence mit; sha256 {list_cached()[0].sha256}" in first.stderr
    assert "licence" not in second.stderr
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
