"""Which files are read and written."""

import sys
from collections.abc import Callable
from pathlib import Path, PurePath

import pytest

from srgan_cli.batch import planning
from srgan_cli.batch.naming import Naming, default_output
from srgan_cli.batch.planning import BatchPlan, plan_batch
from srgan_cli.batch.resume import Manifest
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.system.files import ignores_case


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Creates empty files below the current folder."""
    monkeypatch.chdir(tmp_path)

    def make(*names: str) -> None:
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()

    return make


def targets(planned: BatchPlan) -> dict[str, str]:
    assert not planned.errors
    return {task.source.as_posix(): task.target.as_posix() for task in planned.tasks}


def test_one_picture_is_written_to_the_named_file(tree: Callable[..., None]) -> None:
    tree("a.png")
    assert targets(plan_batch(["a.png"], "large.webp", Naming())) == {"a.png": "large.webp"}


@pytest.mark.parametrize("out", ["out/", "there", "there/"])
def test_one_picture_is_written_into_a_folder(tree: Callable[..., None], out: str) -> None:
    tree("below/a.png", "there/b.png")
    assert targets(plan_batch(["below/a.png"], out, Naming())) == {"below/a.png": f"{out.rstrip('/')}/a.png"}
    assert Path(out).is_dir()


def test_the_tree_of_a_folder_is_kept_and_other_files_are_ignored(tree: Callable[..., None]) -> None:
    tree("in/a.png", "in/deep/er/b.JPG", "in/notes.txt", "in/.hidden.png", "c.tif")
    assert targets(plan_batch(["in", "c.tif"], "out", Naming())) == {
        "in/a.png": "out/a.png",
        "in/deep/er/b.JPG": "out/deep/er/b.JPG",
        "c.tif": "out/c.tif",
    }


def test_formats_that_cannot_be_written_become_png(tree: Callable[..., None]) -> None:
    tree("in/a.ppm", "in/b")
    assert targets(plan_batch(["in/a.ppm", "in/b"], "out", Naming())) == {"in/a.ppm": "out/a.png", "in/b": "out/b.png"}


def test_a_format_without_its_plugin_becomes_png(tree: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    tree("in/a.heic", "in/b.jpg")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert targets(plan_batch(["in"], "out", Naming())) == {"in/a.heic": "out/a.png", "in/b.jpg": "out/b.jpg"}


@pytest.mark.parametrize(
    ("naming", "name"),
    [
        (Naming("{stem}_x{scale}{suffix}", scale=4), "a.v2_x4.png"),
        (Naming("{stem}_x{scale}{suffix}", ".webp", scale=2.5), "a.v2_x2.5.webp"),
        (Naming("{model}/{stem}.jpg", model="srgan-x4"), "srgan-x4/a.v2.jpg"),
        (Naming("{{{stem}}}.png"), "{a.v2}.png"),
    ],
)
def test_names_follow_the_template(naming: Naming, name: str) -> None:
    assert naming.of(PurePath("deep/a.v2.png")) == name


@pytest.mark.parametrize(
    "template",
    [
        "{stem",
        "{}",
        "{0}",
        "{width}",
        "{stem.__class__}",
        "../{stem}.png",
        "/tmp/a.png",
        "",
        "{stem!x}.png",
        "{stem:{foo}}",
    ],
)
def test_invalid_templates_are_errors(template: str) -> None:
    with pytest.raises(UsageError, match="the name") as caught:
        Naming(template)
    assert "{stem}" in caught.value.hint


@pytest.mark.parametrize(
    ("places", "naming", "message"),
    [
        (["one/a.png", "two/a.png"], Naming(), "one/a.png and two/a.png would both become out/a.png"),
        (["one", "two"], Naming(), "one/a.png and two/a.png would both become out/a.png"),
        (["one/a.png", "one/b.png"], Naming("same.png"), "one/a.png and one/b.png would both become out/same.png"),
        (["more"], Naming(), "more/a.png and more/a.ppm would both become out/a.png"),
        (["one/a.png", "more/a.ppm"], Naming(suffix=".webp"), "would both become out/a.webp"),
        (["one/a.png"], Naming("{stem}.xyz"), "the suffix '.xyz'"),
    ],
)
def test_collisions_are_found_before_any_work(
    tree: Callable[..., None], places: list[str], naming: Naming, message: str
) -> None:
    tree("one/a.png", "one/b.png", "two/a.png", "more/a.png", "more/a.ppm")
    with pytest.raises(UsageError, match=message):
        plan_batch(places, "out/", naming)
    assert not Path("out").exists()


def test_many_collisions_are_counted(tree: Callable[..., None]) -> None:
    tree(*(f"{folder}/{number}.png" for folder in ("one", "two") for number in range(9)))
    with pytest.raises(UsageError, match=r"one/2.png and two/2.png would both become out/2.png; and 6 more$"):
        plan_batch(["one", "two"], "out", Naming())


@pytest.mark.parametrize(("ignores", "count"), [(False, 2), (True, 0)])
def test_names_that_differ_in_case_collide_if_the_file_system_ignores_case(
    tree: Callable[..., None], monkeypatch: pytest.MonkeyPatch, ignores: bool, count: int
) -> None:
    tree("one/É.png", "two/é.png")
    monkeypatch.setattr(planning, "ignores_case", lambda _: ignores)
    if ignores:
        with pytest.raises(UsageError, match="would both become"):
            plan_batch(["one", "two"], "out", Naming())
    else:
        assert len(plan_batch(["one", "two"], "out", Naming()).tasks) == count


def test_checking_case_leaves_no_file(tmp_path: Path) -> None:
    assert ignores_case(tmp_path / "not/yet/there") == (tmp_path.with_name(tmp_path.name.upper())).exists()
    assert not list(tmp_path.iterdir())


def test_the_same_picture_twice_is_one_task(tree: Callable[..., None]) -> None:
    tree("in/a.png")
    assert targets(plan_batch(["in", "in/a.png", "in/a.png"], "out", Naming())) == {"in/a.png": "out/a.png"}


@pytest.mark.parametrize(
    ("places", "out", "message"),
    [
        (["in"], "in", "in/a.png is the input itself"),
        (["in/a.png"], "in/a.png", "in/a.png is the input itself"),
        (["in/a.png"], "link.png", "link.png is the input itself"),
        (["other/b.png", "in/b.png"], "in", "in/b.png is an input too"),
        (["in", "other"], "file.png", "file.png is one file"),
        (["in", "other"], "new.png", "new.png is one file"),
        (["in/a.png", "in/b.png"], "noted.txt", "noted.txt is one file"),
    ],
)
def test_inputs_are_never_overwritten(tree: Callable[..., None], places: list[str], out: str, message: str) -> None:
    tree("in/a.png", "in/b.png", "other/b.png", "file.png", "noted.txt")
    Path("link.png").symlink_to("in/a.png")
    with pytest.raises(UsageError, match=message) as caught:
        plan_batch(places, out, Naming())
    assert caught.value.hint


def test_outputs_below_the_input_are_not_inputs(tree: Callable[..., None]) -> None:
    tree("in/a.png", "in/large/a.png", "in/larger/b.png")
    assert targets(plan_batch(["in"], "in/large", Naming())) == {
        "in/a.png": "in/large/a.png",
        "in/larger/b.png": "in/large/larger/b.png",
    }


def test_a_folder_without_pictures_does_not_stop_the_others(tree: Callable[..., None]) -> None:
    tree("in/a.png", "empty/notes.txt")
    planned = plan_batch(["empty", "in"], "out", Naming())
    assert [task.target for task in planned.tasks] == [Path("out/a.png")]
    assert [(place, problem.message) for place, problem in planned.errors] == [(Path("empty"), "no pictures in empty")]


def test_a_missing_input_is_no_matter_of_its_output(tree: Callable[..., None]) -> None:
    tree("a.png")
    Path("out.png").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"out\.png exists already"):
        plan_batch(["a.png"], "out.png", Naming())
    assert plan_batch(["a.pgn"], "out.png", Naming()).tasks


def test_an_output_in_a_missing_folder_is_an_error(tree: Callable[..., None]) -> None:
    tree("a.png")
    with pytest.raises(SrganError, match="no such folder: nowhere"):
        plan_batch(["a.png"], "nowhere/out.png", Naming())


def test_no_output_leaves_its_folder(tree: Callable[..., None], tmp_path: Path) -> None:
    tree("one/a.png", "...png", "elsewhere/b.png")
    Path("out").mkdir()
    Path("out/a.png").symlink_to(tmp_path / "elsewhere/b.png")
    with pytest.raises(UsageError, match=r"out/a\.png leads out of out"):
        plan_batch(["one"], "out", Naming())
    Path("out/a.png").unlink()
    Path("out/sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=r"out/sub/a\.png leads out of out"):
        plan_batch(["one"], "out", Naming("sub/{stem}{suffix}"))
    with pytest.raises(UsageError, match=r"out/\.\./a\.png leads out of out"):
        plan_batch(["...png"], "out/", Naming("{stem}/a.png"))
    Path("linked").symlink_to("elsewhere")
    assert targets(plan_batch(["one"], "linked", Naming())) == {"one/a.png": "linked/a.png"}


def test_circular_links_are_planned_and_names_with_nul_are_errors(tree: Callable[..., None]) -> None:
    tree("one/a.png")
    Path("one/b.png").symlink_to("b.png")
    assert len(plan_batch(["one/a.png", "one/b.png"], "out", Naming()).tasks) == 2
    with pytest.raises(UsageError, match="has a NUL"):
        Naming("{stem}\0")


@pytest.mark.parametrize(
    ("place", "naming", "out"),
    [
        ("deep/a.png", Naming(), "deep/a_x4.png"),
        ("a.ppm", Naming(), "a_x4.png"),
        ("a.png", Naming(suffix=".webp"), "a_x4.webp"),
        ("a.png", Naming("{stem}-{scale}{suffix}", scale=4), "a-4.png"),
        ("deep/", Naming(), "deep_x4/"),
        ("deep/..", Naming(), "{here}_x4/"),
    ],
)
def test_a_single_input_goes_beside_itself(tree: Callable[..., None], place: str, naming: Naming, out: str) -> None:
    tree("deep/a.png", "a.png")
    assert default_output(Path(place), naming, "x4")[0] == out.format(here=Path.cwd())


def test_two_outputs_in_one_file_through_a_link_collide(tree: Callable[..., None]) -> None:
    tree("in/a.png", "in/b.png", "out/b.png")
    Path("out/a.png").symlink_to("b.png")
    with pytest.raises(UsageError, match="would both become"):
        plan_batch(["in"], "out", Naming())


def test_files_of_others_are_neither_replaced_nor_kept_silently(tree: Callable[..., None]) -> None:
    tree("in/a.png", "in/b.png", "in/c.png", "out/c.png")
    for name in "ab":
        Path(f"out/{name}.png").write_text("precious")
    with pytest.raises(UsageError, match=r"out/a\.png and 1 more exist already"):
        plan_batch(["in"], "out", Naming())
    assert len(plan_batch(["in"], "out", Naming(), overwrite="keep").tasks) == 3
    manifest = Manifest(Path("out"))
    for name in "ab":
        manifest.record(Path(f"out/{name}.png"), "key")
    assert len(plan_batch(["in"], "out", Naming()).tasks) == 3
