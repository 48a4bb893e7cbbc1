"""Finding pictures in folders, and pairing them by name."""

from pathlib import Path

import pytest

from srgan_cli.errors import SrganError
from srgan_cli.system.discovery import find_pictures, pair_by_name


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_pictures_are_found_in_nested_folders_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b.png", "a/deep/c.jpeg", "a/B.TIF", "notes.txt", "png")
    found = [path.relative_to(tmp_path).as_posix() for path in find_pictures(tmp_path)]
    assert found == ["a/B.TIF", "a/deep/c.jpeg", "b.png"]


def test_hidden_files_and_folders_below_the_root_are_skipped(tmp_path: Path) -> None:
    root = tmp_path / ".root"
    touch(root, "a.png", ".b.png", ".cache/c.png")
    (root / "folder.png").mkdir()
    assert find_pictures(root) == [root / "a.png"]


def test_a_named_file_is_found_with_any_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "picture.bin")
    assert find_pictures(tmp_path / "picture.bin") == [tmp_path / "picture.bin"]


@pytest.mark.parametrize(("name", "message"), [("missing", "no such file or folder"), ("empty", "no pictures in")])
def test_a_path_without_pictures_is_an_error(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SrganError, match=message) as caught:
        find_pictures(tmp_path / name)
    assert caught.value.hint


def test_folders_are_paired_by_nested_name_without_suffix(tmp_path: Path) -> None:
    reference, candidate = tmp_path / "ref", tmp_path / "out"
    touch(reference, "a.png", "deep/b.png", "deep/a.v2.png", "lost.png")
    touch(candidate, "a.jpg", "deep/b.PNG", "deep/a.v2.webp", "deep/extra.png")
    pairing = pair_by_name(reference, candidate)
    assert pairing.pairs == [
        ("a", reference / "a.png", candidate / "a.jpg"),
        ("deep/a.v2", reference / "deep/a.v2.png", candidate / "deep/a.v2.webp"),
        ("deep/b", reference / "deep/b.png", candidate / "deep/b.PNG"),
    ]
    assert pairing.only_reference == ["lost"]
    assert pairing.only_candidate == ["deep/extra"]


def test_two_files_are_a_pair_with_any_names(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.jpg")
    assert pair_by_name(tmp_path / "a.png", tmp_path / "b.jpg").pairs == [
        ("a", tmp_path / "a.png", tmp_path / "b.jpg"),
    ]


@pytest.mark.parametrize(
    ("reference", "candidate", "message"),
    [
        ("one", "one/a.png", "one is a file and the other a folder"),
        ("one/a.png", "one", "one is a file and the other a folder"),
        ("twice", "one", "differ only in their suffix"),
        ("one", "twice", "differ only in their suffix"),
        ("one", "other", "has the name of one in"),
        ("one", "missing", "no such file or folder"),
        ("one/a.png", "missing", "no such file or folder"),
        ("missing", "one/a.png", "no such file or folder"),
    ],
)
def test_inputs_that_cannot_be_paired_are_errors(tmp_path: Path, reference: str, candidate: str, message: str) -> None:
    touch(tmp_path, "one/a.png", "twice/a.png", "twice/a.jpg", "other/b.png")
    with pytest.raises(SrganError, match=message) as caught:
        pair_by_name(tmp_path / reference, tmp_path / candidate)
    assert caught.value.hint
