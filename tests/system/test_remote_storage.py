"""Pictures in remote storage, named by URLs."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from os import PathLike
from pathlib import Path, PurePath, PurePosixPath
from threading import Thread

import fsspec
import pytest
from support import Outcome

from srgan_cli.batch.naming import Naming
from srgan_cli.batch.planning import plan_batch
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.image.io import read_picture
from srgan_cli.system.remote_storage import (
    Location,
    absolute,
    as_pure_path,
    exists,
    is_remote,
    list_pictures,
    local_copy,
    parse_location,
    upload_on_success,
)

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.fixture
def store(picture: Path) -> Iterator[fsspec.AbstractFileSystem]:
    """A storage in memory with two pictures, a hidden one and a text."""
    files = fsspec.filesystem("memory")
    for name in ("a.png", "deep/b.png", "deep/.hidden.png", "notes.txt"):
        files.pipe(f"/bucket/in/{name}", picture.read_bytes())
    yield files
    files.rm("/bucket", recursive=True)


def test_files_are_named_by_paths_and_by_urls(tmp_path: Path) -> None:
    assert parse_location(f"file://{tmp_path}/a.png") == parse_location(str(tmp_path / "a.png")) == tmp_path / "a.png"
    assert not is_remote(parse_location("a.png"))
    assert parse_location("C:\\pictures") == Path("C:\\pictures")


def test_an_unknown_storage_is_an_error() -> None:
    with pytest.raises(UsageError, match="cannot reach foo://bucket") as caught:
        parse_location("foo://bucket/a.png")
    assert "pip install" in caught.value.hint


@pytest.mark.usefixtures("store")
def test_remote_pictures_are_listed() -> None:
    found = list_pictures(parse_location("memory://bucket/in/"))
    assert [str(location) for location in found] == ["memory://bucket/in/a.png", "memory://bucket/in/deep/b.png"]
    with pytest.raises(SrganError, match="no pictures in memory://bucket/out"):
        list_pictures(parse_location("memory://bucket/out"))


def test_locations_are_compared_as_paths(tmp_path: Path) -> None:
    names: list[tuple[Location, PurePath]] = [
        (parse_location("memory://bucket/in/a.png"), PurePosixPath("memory:/bucket/in/a.png")),
        (tmp_path / "a.png", tmp_path / "a.png"),
    ]
    for location, name in names:
        assert as_pure_path(location) == absolute(location) == name


def test_a_local_copy_is_deleted_and_errors_name_the_location(store: fsspec.AbstractFileSystem) -> None:
    with local_copy(parse_location("memory://bucket/in/a.png")) as copy:
        assert copy.name == "a.png"
        assert copy.read_bytes() == store.cat("/bucket/in/a.png")
    assert not copy.exists()
    assert refused(local_copy(parse_location("memory://bucket/in/c.png"))) == "no such file: memory://bucket/in/c.png"
    assert refused(local_copy(parse_location("memory://bucket/in/a.png"))) == "bad: memory://bucket/in/a.png"


def test_files_beside_a_remote_picture_are_fetched(store: fsspec.AbstractFileSystem) -> None:
    store.pipe({"/bucket/in/a.pgw": b"10", "/bucket/in/a.msk": b"large"})
    names = {"a.pgw": True, "a.wld": True, "a.msk": False}
    with local_copy(parse_location("memory://bucket/in/a.png"), lambda _: names) as copy:
        assert copy.with_suffix(".pgw").read_bytes() == b"10"
        assert copy.with_suffix(".msk").read_bytes() == b""
        assert not copy.with_suffix(".wld").exists()


@pytest.mark.parametrize(
    ("lists", "requests"), [(True, {"in.aux.xml"}), (False, {"in.aux.xml", "in.ovr", "in_rpc.txt"})]
)
def test_a_web_server_is_asked_for_few_files_beside_a_raster(tmp_path: Path, lists: bool, requests: set[str]) -> None:
    pytest.importorskip("aiohttp", reason="aiohttp is not installed")
    asked = list[str]()

    class Site(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path[1:])

        def list_directory(self, path: str | PathLike[str]) -> BytesIO | None:
            if lists:
                return super().list_directory(path)
            self.send_error(403)
            return None

    for name in ("in.tif", "in.aux.xml", "in.ovr"):
        (tmp_path / name).write_text("large")
    names = {"in.aux.xml": True, "in_RPC.TXT": True, "in_rpc.txt": True, "in.imd": False, "in.ovr": False}
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=str(tmp_path))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with local_copy(parse_location(f"http://127.0.0.1:{server.server_port}/in.tif"), lambda _: names) as copy:
            assert {path.name for path in copy.parent.iterdir()} == {"in.tif", "in.aux.xml", "in.ovr"}
            assert copy.with_suffix(".ovr").stat().st_size == 0
        server.shutdown()
    assert {name.lower() for name in asked} - {"", "in.tif"} == requests


def refused(ending: AbstractContextManager[Path]) -> str:
    """The message of an error that names the local file."""

    def use() -> None:
        with ending as file:
            file.write_text("half")
            raise SrganError("bad: {path}", path=file)

    with pytest.raises(SrganError) as caught:
        use()
    return caught.value.message


def test_a_file_is_uploaded_if_nothing_failed(store: fsspec.AbstractFileSystem) -> None:
    location = parse_location("memory://bucket/out/a.png")
    assert refused(upload_on_success(location)) == "bad: memory://bucket/out/a.png"
    with upload_on_success(location):
        pass
    assert not exists(location)
    with upload_on_success(location) as file:
        file.write_text("whole")
    assert store.cat("/bucket/out/a.png") == b"whole"


def test_files_beside_a_remote_output_stay_where_they_are_kept(store: fsspec.AbstractFileSystem) -> None:
    store.pipe("/bucket/out/a.png.xmp", b"edited")
    names = ["a.png.xmp", "missing"]
    with upload_on_success(parse_location("memory://bucket/out/a.png"), kept=names) as file:
        file.write_text("whole")
        assert file.with_name("a.png.xmp").read_bytes() == b"edited"
        store.pipe("/bucket/out/a.png.xmp", b"edited again")
    assert store.find("/bucket/out") == ["/bucket/out/a.png", "/bucket/out/a.png.xmp"]
    assert store.cat("/bucket/out/a.png.xmp") == b"edited again"


def test_a_storage_that_does_not_answer_is_an_error_in_one_line(
    store: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no credentials\nat all")

    for name in ("get_file", "put_file", "find", "info"):
        monkeypatch.setattr(type(store), name, fail)
    location = parse_location("memory://bucket/in/a.png")
    for use in (exists, list_pictures, upload):
        with pytest.raises(SrganError) as caught:
            use(location)
        assert caught.value.message == "cannot reach memory://bucket/in/a.png: no credentials"


def upload(location: Location) -> None:
    with upload_on_success(location) as file:
        file.write_text("whole")


@pytest.mark.usefixtures("store")
def test_batches_are_planned_from_storage_to_storage_and_to_a_folder(tmp_path: Path) -> None:
    for out in ("memory://bucket/out", str(tmp_path / "out")):
        planned = plan_batch(["memory://bucket/in"], f"{out}/", Naming(), listed=["memory://bucket/in/a.png"])
        assert [str(task.target) for task in planned.tasks] == [
            *(f"{out}/a.png", f"{out}/deep/b.png", f"{out}/bucket/in/a.png"),
        ]
    inside = plan_batch(["memory://bucket/in"], "memory://bucket/in/deep/", Naming())
    assert [str(task.source) for task in inside.tasks] == ["memory://bucket/in/a.png"]
    with pytest.raises(UsageError, match="holds the inputs"):
        plan_batch(["memory://bucket/in"], "memory://bucket/in", Naming("{stem}_x4{suffix}"))
    with pytest.raises(UsageError, match="is the input itself"):
        plan_batch(["memory://bucket/in/a.png"], "memory://bucket/in/a.png", Naming())


@pytest.mark.usefixtures("store")
def test_the_error_for_a_url_without_a_format_names_it() -> None:
    with pytest.raises(UsageError, match=r"memory://bucket/out has no suffix"):
        plan_batch(["memory://bucket/in/a.png"], "memory://bucket/out", Naming())


def test_remote_pictures_are_upscaled_and_existing_outputs_are_kept(
    srgan: Callable[..., Outcome], store: fsspec.AbstractFileSystem, weights: Path, tmp_path: Path
) -> None:
    store.pipe("/bucket/in/bad.jpg", b"no picture")
    arguments = ("upscale", "--json", "memory://bucket/in", "memory://bucket/out/", "-m", weights)
    first = [json.loads(line) for line in srgan(*arguments).out.splitlines()]
    assert [(line["out"], line["status"]) for line in first] == [
        ("memory://bucket/out/a.png", "enlarged"),
        ("memory://bucket/out/bad.jpg", "failed"),
        ("memory://bucket/out/deep/b.png", "enlarged"),
    ]
    assert first[1]["error"] == "not a picture: memory://bucket/in/bad.jpg"
    assert store.find("/bucket/out") == ["/bucket/out/a.png", "/bucket/out/deep/b.png"]
    store.pipe("/bucket/out/a.png", b"edited")
    again = [json.loads(line)["status"] for line in srgan(*arguments).out.splitlines()]
    assert again == ["kept", "failed", "kept"]
    overwritten = [json.loads(line)["status"] for line in srgan(*arguments, "--overwrite").out.splitlines()]
    assert overwritten == ["enlarged", "failed", "enlarged"]
    (tmp_path / "a.png").write_bytes(store.cat("/bucket/out/a.png"))
    picture = read_picture(tmp_path / "a.png")
    assert (picture.height, picture.width) == (56, 80)


@pytest.mark.usefixtures("store")
def test_remote_pictures_are_upscaled_into_a_folder_with_a_manifest(
    srgan: Callable[..., Outcome], weights: Path, tmp_path: Path
) -> None:
    assert srgan("upscale", "memory://bucket/in/a.png", tmp_path / "one.webp", "-m", weights).code == 0
    for status in ("1 enlarged", "0 enlarged, 1 kept"):
        outcome = srgan("upscale", "memory://bucket/in/deep", "missing.png", f"{tmp_path}/out/", "-m", weights)
        assert f"{status}, 1 failed:" in outcome.err


@pytest.mark.usefixtures("store")
def test_files_beside_an_output_are_uploaded_with_it() -> None:
    target = parse_location("memory://bucket/out/a.png")
    with upload_on_success(target) as local:
        for suffix in (".png", ".pgw"):
            local.with_suffix(suffix).write_text(suffix)
    assert [target.with_suffix(suffix).read_text() for suffix in (".png", ".pgw")] == [".png", ".pgw"]
