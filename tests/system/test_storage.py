"""Pictures in stores that are named by addresses."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path, PurePath, PurePosixPath

import fsspec
import pytest
from support import Outcome

from srgan_cli.batch.naming import Naming
from srgan_cli.batch.planning import plan_batch
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.image.io import read_picture
from srgan_cli.system.storage import (
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
    """A store in memory with two pictures and what is none."""
    files = fsspec.filesystem("memory")
    for name in ("a.png", "deep/b.png", "deep/.hidden.png", "notes.txt"):
        files.pipe(f"/bucket/in/{name}", picture.read_bytes())
    yield files
    files.rm("/bucket", recursive=True)


def test_files_are_named_by_paths_and_by_addresses(tmp_path: Path) -> None:
    assert parse_location(f"file://{tmp_path}/a.png") == parse_location(str(tmp_path / "a.png")) == tmp_path / "a.png"
    assert not is_remote(parse_location("a.png"))
    assert parse_location("C:\\pictures") == Path("C:\\pictures")


def test_a_store_that_nothing_here_knows_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot reach foo://bucket") as caught:
        parse_location("foo://bucket/a.png")
    assert "pip install" in caught.value.hint


@pytest.mark.usefixtures("store")
def test_pictures_of_a_store_are_found_below_it() -> None:
    found = list_pictures(parse_location("memory://bucket/in/"))
    assert [str(place) for place in found] == ["memory://bucket/in/a.png", "memory://bucket/in/deep/b.png"]
    with pytest.raises(SrganError, match="no pictures in memory://bucket/out"):
        list_pictures(parse_location("memory://bucket/out"))


def test_a_place_is_told_from_others_by_its_name(tmp_path: Path) -> None:
    names: list[tuple[Location, PurePath]] = [
        (parse_location("memory://bucket/in/a.png"), PurePosixPath("memory:/bucket/in/a.png")),
        (tmp_path / "a.png", tmp_path / "a.png"),
    ]
    for place, name in names:
        assert as_pure_path(place) == absolute(place) == name


def test_what_is_fetched_is_a_copy_and_errors_name_the_place(store: fsspec.AbstractFileSystem) -> None:
    with local_copy(parse_location("memory://bucket/in/a.png")) as copy:
        assert copy.name == "a.png"
        assert copy.read_bytes() == store.cat("/bucket/in/a.png")
    assert not copy.exists()
    assert refused(local_copy(parse_location("memory://bucket/in/c.png"))) == "no such file: memory://bucket/in/c.png"
    assert refused(local_copy(parse_location("memory://bucket/in/a.png"))) == "bad: memory://bucket/in/a.png"


def refused(ending: AbstractContextManager[Path]) -> str:
    """What is said of a file in the end that is bad."""

    def use() -> None:
        with ending as file:
            file.write_text("half")
            raise SrganError("bad: {path}", path=file)

    with pytest.raises(SrganError) as caught:
        use()
    return caught.value.message


def test_what_is_written_is_sent_when_all_is_well(store: fsspec.AbstractFileSystem) -> None:
    place = parse_location("memory://bucket/out/a.png")
    assert refused(upload_on_success(place)) == "bad: memory://bucket/out/a.png"
    with upload_on_success(place):
        pass
    assert not exists(place)
    with upload_on_success(place) as file:
        file.write_text("whole")
    assert store.cat("/bucket/out/a.png") == b"whole"


def test_a_store_that_does_not_answer_is_told_in_a_line(
    store: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no credentials\nat all")

    for name in ("get_file", "put_file", "find", "info"):
        monkeypatch.setattr(type(store), name, fail)
    place = parse_location("memory://bucket/in/a.png")
    for use in (exists, list_pictures, send):
        with pytest.raises(SrganError) as caught:
            use(place)
        assert caught.value.message == "cannot reach memory://bucket/in/a.png: no credentials"


def send(place: Location) -> None:
    with upload_on_success(place) as file:
        file.write_text("whole")


@pytest.mark.usefixtures("store")
def test_a_plan_goes_from_a_store_to_a_store_and_to_a_folder(tmp_path: Path) -> None:
    for out in ("memory://bucket/out", str(tmp_path / "out")):
        planned = plan_batch(["memory://bucket/in"], f"{out}/", Naming(), ["memory://bucket/in/a.png"])
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
def test_an_address_whose_format_cannot_be_told_is_named_as_it_is() -> None:
    with pytest.raises(UsageError, match=r"the format of memory://bucket/out: it has no suffix"):
        plan_batch(["memory://bucket/in/a.png"], "memory://bucket/out", Naming())


def test_a_store_is_enlarged_into_a_store_and_what_is_there_is_kept(
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
    anew = [json.loads(line)["status"] for line in srgan(*arguments, "--overwrite").out.splitlines()]
    assert anew == ["enlarged", "failed", "enlarged"]
    (tmp_path / "a.png").write_bytes(store.cat("/bucket/out/a.png"))
    picture = read_picture(tmp_path / "a.png")
    assert (picture.height, picture.width) == (56, 80)


@pytest.mark.usefixtures("store")
def test_a_picture_of_a_store_goes_to_a_file_and_the_manifest_knows_it(
    srgan: Callable[..., Outcome], weights: Path, tmp_path: Path
) -> None:
    assert srgan("upscale", "memory://bucket/in/a.png", tmp_path / "one.webp", "-m", weights).code == 0
    for status in ("1 enlarged", "0 enlarged, 1 kept"):
        outcome = srgan("upscale", "memory://bucket/in/deep", "missing.png", f"{tmp_path}/out/", "-m", weights)
        assert f"{status}, 1 failed:" in outcome.err
