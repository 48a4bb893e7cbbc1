"""Downloading weights from a server on this machine: pinned, checked, resumed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import huggingface_hub
import platformdirs
import pytest
from huggingface_hub import constants
from PIL import Image
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows
from typer.testing import CliRunner

from srgan_cli.cli import app
from srgan_cli.errors import UsageError, WeightsError
from srgan_cli.weights import download
from srgan_cli.weights.formats import list_weights
from srgan_cli.weights.hub import CACHE_VARIABLE, cache_folder, fetch, list_cached
from srgan_cli.weights.huggingface import ENDPOINT_VARIABLE
from srgan_cli.weights.registry import find_weights

CONTENT = bytes(range(256)) * 40
COMMIT = "c" * 40
NET = "hf://ann/nets/x4/net.pth"


class Site(ThreadingHTTPServer):
    """Answers every path with its page."""

    pages: dict[str, Any]
    """Bytes, or a status and headers."""
    asked: list[str]
    """The paths of the requests, without queries."""
    tokens: list[str]
    """The authorization of the requests."""
    promise: int
    """Bytes that Content-Length states more than are sent."""
    version: str
    """The ETag of pages, of which ranges can then be requested; "" for neither."""
    cut: list[int]
    """The lengths after which the next answers end."""
    ranges: list[str]
    """The ranges of the requests for pages with a version."""
    states_length: bool
    """Whether a range states the length of the whole page."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = {}
        self.asked = []
        self.tokens = []
        self.promise = 0
        self.version = ""
        self.cut = []
        self.ranges = []
        self.states_length = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        self.server.tokens.append(self.headers.get("Authorization", ""))
        page = self.server.pages.get(path, (404, {}))
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
        """Status, headers and body of the requested range."""
        wanted, total = self.headers.get("Range", ""), len(body)
        headers = {"ETag": self.server.version}
        self.server.ranges.append(wanted)
        if not wanted or self.headers["If-Range"] != self.server.version:
            return 200, headers, body
        first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if first >= total:
            return 416, {**headers, "Content-Range": f"bytes */{total}"}, b""
        length = total if self.server.states_length else "*"
        return 206, {**headers, "Content-Range": f"bytes {first}-{total - 1}/{length}"}, body[first:]

    def log_message(self, *_: object) -> None:
        """Nothing."""


def serve() -> Site:
    server = Site()
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server


def stop(server: Site) -> None:
    server.shutdown()
    server.server_close()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Site]:
    """A server with one file, which is Hugging Face too; the caches are empty, and there is no token."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    server = serve()
    monkeypatch.setenv(ENDPOINT_VARIABLE, server.url)
    server.pages["/some/net.pth"] = CONTENT
    yield server
    huggingface_hub.close_session()
    stop(server)


def publish(site: Site, content: bytes = CONTENT, stated: str = "", commit: str = COMMIT, **card: str) -> None:
    """Make `content` the file x4/net.pth of ann/nets, as Hugging Face does."""
    lfs = {"sha256": stated or sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    files = [{"rfilename": "x4/net.pth", "size": len(content), "blobId": "0", "lfs": lfs}, {"rfilename": "README.md"}]
    info = {"id": "ann/nets", "sha": commit, "siblings": files, "cardData": card}
    site.pages["/api/models/ann/nets/revision/main"] = json.dumps(info).encode()
    site.pages[f"/ann/nets/resolve/{commit}/x4/net.pth"] = content


def files_in_cache() -> list[str]:
    """The names of all files but locks."""
    return sorted(path.name for path in cache_folder().rglob("*") if path.is_file() and path.suffix != ".lock")


def test_a_file_is_downloaded_once_and_then_read_from_the_cache(site: Site) -> None:
    seen: list[tuple[int, int]] = []
    first = fetch(f"{site.url}/some/net.pth", progress=lambda *now: seen.append(now))
    assert first.path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert fetch(f"{site.url}/some/net.pth", offline=True) == first == list_cached()[0]
    assert find_weights(f"{site.url}/some/net.pth") == first.path
    assert site.asked == ["/some/net.pth"]


def test_hugging_face_states_licence_and_commit(site: Site) -> None:
    publish(site, license="mit")
    entry = fetch(NET)
    assert (entry.licence, entry.name, entry.path.read_bytes()) == ("mit", "net.pth", CONTENT)
    assert fetch(NET, offline=True) == entry == list_cached()[0]
    assert site.asked == ["/api/models/ann/nets/revision/main", f"/ann/nets/resolve/{COMMIT}/x4/net.pth"]


def test_a_mirror_needs_no_more_than_the_file(site: Site) -> None:
    site.pages["/ann/nets/resolve/v2/net.pth"] = CONTENT
    assert fetch("hf://ann/nets@v2/net.pth").licence == ""


def test_the_token_is_sent_to_hugging_face_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Hugging Face redirects large files to other hosts, whose addresses are signed."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    store = serve()
    try:
        publish(site)
        store.pages["/stored"] = CONTENT
        site.pages[f"/ann/nets/resolve/{COMMIT}/x4/net.pth"] = (302, {"Location": f"{store.url}/stored?signature=key"})
        assert fetch(NET).path.read_bytes() == CONTENT
        assert (site.tokens, store.tokens) == (["Bearer hf_secret"] * 2, [""])
        fetch(f"{site.url}/some/net.pth")
        assert site.tokens[-1] == ""
        site.pages[f"/ann/nets/resolve/{COMMIT}/x4/net.pth"] = (302, {"Location": f"{store.url}/gone?signature=key"})
        (fetch(NET)).path.unlink()
        with pytest.raises(WeightsError, match="404") as caught:
            fetch(NET)
    finally:
        stop(store)
    written = [path.read_text() for path in (tmp_path / "cache").rglob("about.json")]
    for text in (caught.value.message, caught.value.hint, *written, *capfd.readouterr()):
        assert "secret" not in text
        assert "signature" not in text


@pytest.mark.parametrize("code", ["RepoNotFound", "GatedRepo"])
def test_a_repository_without_access_is_an_error_with_a_hint(site: Site, code: str) -> None:
    site.pages["/api/models/ann/nets/revision/main"] = (403, {"X-Error-Code": code})
    with pytest.raises(WeightsError, match="no access to a repository ann/nets") as caught:
        fetch(NET)
    assert "HF_TOKEN" in caught.value.hint


def test_a_gated_file_is_an_error_with_a_hint(site: Site) -> None:
    publish(site)
    site.pages[f"/ann/nets/resolve/{COMMIT}/x4/net.pth"] = (403, {})
    with pytest.raises(WeightsError, match="403") as caught:
        fetch(NET)
    assert "HF_TOKEN" in caught.value.hint


def test_a_revision_that_does_not_exist_is_an_error(site: Site) -> None:
    site.pages["/api/models/ann/nets/revision/v9"] = (404, {"X-Error-Code": "RevisionNotFound"})
    with pytest.raises(WeightsError, match="ann/nets has no revision v9"):
        fetch("hf://ann/nets@v9/net.pth")


def test_a_file_that_differs_from_what_its_repository_states_is_refused(site: Site) -> None:
    publish(site, stated="0" * 64)
    with pytest.raises(WeightsError, match="its repository states 0000"):
        fetch(NET)
    assert files_in_cache() == []


def test_a_download_from_hugging_face_is_resumed_by_the_next_call(site: Site) -> None:
    publish(site)
    site.version, site.cut = '"one"', [10_000, 4000, 0]
    with pytest.raises(WeightsError, match="ended after 4000"):
        fetch(NET)
    assert fetch(NET).path.read_bytes() == CONTENT
    assert site.ranges[-1] == "bytes=4000-"


@pytest.mark.parametrize("variable", [False, True])
def test_the_cache_of_other_programs_is_used_also_offline(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: bool
) -> None:
    repository = tmp_path / "hub/models--ann--nets"
    snapshot = repository / "snapshots" / COMMIT / "x4"
    snapshot.mkdir(parents=True)
    (snapshot / "net.pth").write_bytes(CONTENT)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", variable)
    entry = fetch(NET, offline=not variable)
    assert entry.path.read_bytes() == CONTENT
    assert site.asked == []
    assert files_in_cache() == ["about.json", "net.pth"]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    publish(site)
    entry.path.unlink()
    fetch(NET)
    assert site.asked == ["/api/models/ann/nets/revision/main"]
    publish(site, CONTENT[::-1], commit="d" * 40)
    entry.path.unlink()
    with pytest.raises(WeightsError, match="has changed"):
        fetch(NET)


def test_the_offline_mode_of_hugging_face_counts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError, match="is not in the cache") as caught:
        fetch(NET)
    assert "HF_HUB_OFFLINE" in caught.value.hint
    assert site.asked == []


def test_a_mirror_that_is_not_safe_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, "http://example.org")
    with pytest.raises(UsageError, match=r"http://example\.org is not https"):
        fetch(NET)
    assert site.asked == []


def test_processes_that_need_the_same_file_download_it_once(site: Site) -> None:
    program = (
        "import sys; from srgan_cli.weights.hub import fetch\n"
        "print('ready', flush=True); sys.stdin.readline(); print(fetch(sys.argv[1]).sha256)"
    )
    site.version = '"one"'
    command = [sys.executable, "-c", program, f"{site.url}/some/net.pth"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    results = [process.communicate("go\n") for process in processes]
    assert [output for output, _ in results] == [f"{sha256(CONTENT).hexdigest()}\n"] * 2
    assert site.asked == ["/some/net.pth"]


def test_offline_nothing_is_downloaded(site: Site) -> None:
    with pytest.raises(UsageError, match="is not in the cache"):
        fetch(f"{site.url}/some/net.pth", offline=True)
    assert site.asked == []


def test_a_file_that_changed_in_the_cache_is_refused(site: Site) -> None:
    entry = fetch(f"{site.url}/some/net.pth")
    entry.path.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="has changed since the download"):
        fetch(f"{site.url}/some/net.pth")


def test_a_file_that_changed_at_its_source_is_refused(site: Site) -> None:
    entry = fetch(f"{site.url}/some/net.pth")
    entry.path.unlink()
    site.pages["/some/net.pth"] = CONTENT[::-1]
    with pytest.raises(WeightsError, match="has changed: sha256") as caught:
        fetch(f"{site.url}/some/net.pth")
    assert entry.sha256 in caught.value.message
    assert not entry.path.exists()
    site.pages["/some/net.pth"] = CONTENT
    assert fetch(f"{site.url}/some/net.pth") == entry


def test_an_incomplete_answer_leaves_nothing(site: Site) -> None:
    site.promise = 7
    with pytest.raises(WeightsError, match=rf"ended after {len(CONTENT)} of {len(CONTENT) + 7} bytes"):
        fetch(f"{site.url}/some/net.pth")
    assert list_cached() == []
    assert files_in_cache() == []


def test_an_interrupted_download_continues(site: Site) -> None:
    site.version, site.cut = '"one"', [4000, 3000]
    seen: list[tuple[int, int]] = []
    entry = fetch(f"{site.url}/some/net.pth", progress=lambda *now: seen.append(now))
    assert entry.path.read_bytes() == CONTENT
    assert site.ranges == ["", "bytes=4000-", "bytes=7000-"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(path.name for path in entry.path.parent.iterdir()) == ["about.json", "net.pth"]


def test_the_next_call_continues_where_all_attempts_failed(site: Site) -> None:
    site.version, site.cut = '"one"', [4000, 0]
    with pytest.raises(WeightsError, match=rf"ended after 4000 of {len(CONTENT)} bytes") as caught:
        fetch(f"{site.url}/some/net.pth")
    assert caught.value.hint == "try again: the download will continue"
    assert list_cached() == []
    assert fetch(f"{site.url}/some/net.pth").path.read_bytes() == CONTENT
    assert site.ranges[-1] == "bytes=4000-"


def test_a_range_of_unknown_length_is_never_taken_for_the_whole(site: Site) -> None:
    site.version, site.cut, site.states_length = '"one"', [4000], False
    with pytest.raises(WeightsError, match="another range than requested"):
        fetch(f"{site.url}/some/net.pth")
    assert fetch(f"{site.url}/some/net.pth").path.read_bytes() == CONTENT
    assert site.ranges == ["", "bytes=4000-", ""]


def test_another_version_is_downloaded_from_its_beginning(site: Site) -> None:
    site.version, site.cut = '"one"', [4000, 0]
    with pytest.raises(WeightsError, match="ended after"):
        fetch(f"{site.url}/some/net.pth")
    site.version, site.pages["/some/net.pth"] = '"two"', CONTENT[::-1]
    assert fetch(f"{site.url}/some/net.pth").path.read_bytes() == CONTENT[::-1]


def test_a_download_that_was_killed_before_it_was_pinned_starts_again(site: Site) -> None:
    site.version = '"one"'
    entry = fetch(f"{site.url}/some/net.pth")
    (entry.path.parent / "about.json").unlink()
    entry.path.rename(entry.path.with_name("net.pth.part"))
    entry.path.with_name("net.pth.part.version").write_text(site.version)
    assert fetch(f"{site.url}/some/net.pth") == entry
    assert site.ranges == ["", f"bytes={len(CONTENT)}-", ""]


def test_a_weak_etag_does_not_name_a_version(site: Site) -> None:
    site.version, site.cut = 'W/"one"', [4000, 4000]
    with pytest.raises(WeightsError, match="ended after 4000"):
        fetch(f"{site.url}/some/net.pth")
    assert site.ranges == ["", ""]
    assert files_in_cache() == []


def test_a_partial_file_that_does_not_fit_the_pin_is_deleted(site: Site) -> None:
    site.version, site.cut = '"one"', []
    entry = fetch(f"{site.url}/some/net.pth")
    entry.path.unlink()
    entry.path.with_name("net.pth.part").write_bytes(bytes(100))
    entry.path.with_name("net.pth.part.version").write_text(site.version)
    with pytest.raises(WeightsError, match="has changed: sha256"):
        fetch(f"{site.url}/some/net.pth")
    assert fetch(f"{site.url}/some/net.pth") == entry


def test_a_file_that_is_too_large_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "LARGEST_FILE", len(CONTENT) - 1)
    with pytest.raises(WeightsError, match="is larger than"):
        fetch(f"{site.url}/some/net.pth")
    assert list_cached() == []


def test_a_missing_file_and_a_missing_server_are_errors(site: Site) -> None:
    with pytest.raises(WeightsError, match="404"):
        fetch(f"{site.url}/other.pth")
    stop(site)
    with pytest.raises(WeightsError, match="cannot download"):
        fetch(f"{site.url}/some/net.pth")


def test_only_safe_redirects_are_followed(site: Site) -> None:
    site.pages["/near.pth"] = (302, {"Location": f"{site.url}/some/net.pth"})
    site.pages["/far.pth"] = (302, {"Location": "http://example.org/net.pth"})
    assert fetch(f"{site.url}/near.pth").path.read_bytes() == CONTENT
    with pytest.raises(UsageError, match="is not https"):
        fetch(f"{site.url}/far.pth")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("http://example.org/net.pth", "is not https"),
        ("https://example.org/net.exe", "is not a weights file"),
        ("https://example.org/", "is not a weights file"),
        ("hf://ann/net.pth", "cannot read hf://ann/net.pth"),
        ("hf://ann/the nets/net.pth", "cannot read hf://ann/the nets/net.pth: Repo id must"),
    ],
)
@pytest.mark.usefixtures("site")
def test_other_addresses_are_refused_before_a_request(source: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        fetch(source)


def test_a_record_that_cannot_be_read_is_an_error(site: Site) -> None:
    entry = fetch(f"{site.url}/some/net.pth")
    (entry.path.parent / "about.json").write_text("{")
    with pytest.raises(WeightsError, match=r"cannot read .*about.json"):
        fetch(f"{site.url}/some/net.pth")


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        (Unix, {}, ".cache/srgan"),
        (Unix, {"XDG_CACHE_HOME": "/var/mine"}, "/var/mine/srgan"),
        (MacOS, {}, "Library/Caches/srgan"),
        (Windows, {"LOCALAPPDATA": "/local"}, "/local/srgan/Cache"),
        (Unix, {"SRGAN_CACHE": "/elsewhere"}, "/elsewhere"),
    ],
)
def test_the_cache_is_where_the_platform_has_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: type, variables: dict[str, str], folder: str
) -> None:
    """The folders of earlier versions, so that files stay in the cache."""
    for name in (CACHE_VARIABLE, "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path), **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(platformdirs, "PlatformDirs", platform)
    monkeypatch.setattr("platformdirs.windows.get_win_folder", lambda _: os.environ["LOCALAPPDATA"])
    assert Path(str(cache_folder()).replace("\\", "/")) == tmp_path / folder


def test_the_command_downloads_a_model_and_states_its_licence(site: Site, tmp_path: Path) -> None:
    site.pages["/ann/nets/resolve/main/small.safetensors"] = list_weights()["fidelity-x4"].read_bytes()
    site.pages["/api/models/ann/nets/revision/main"] = json.dumps(
        {"id": "ann/nets", "cardData": {"license": "mit"}}
    ).encode()
    Image.new("RGB", (8, 6), "teal").save(tmp_path / "in.png")
    words = ["upscale", "--device", "cpu", "-m", "hf://ann/nets/small.safetensors", str(tmp_path / "in.png")]
    first = CliRunner().invoke(app, [*words, str(tmp_path / "first.png")])
    second = CliRunner().invoke(app, [*words, str(tmp_path / "second.png"), "--offline"])
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert f"licence mit; sha256 {list_cached()[0].sha256}" in first.stderr
    assert "licence" not in second.stderr
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
