"""Finding pictures in folders."""

import os
from pathlib import Path

import pytest

from srgan_cli.errors import SrganError
from srgan_cli.system.discovery import find_pictures


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_pictures_are_found_in_nested_folders_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b.png", "a/deep/c.jpeg", "a/B.TIF", "notes.txt", "png")
    found = [path.relative_to(tmp_path).as_posix() for path in find_pictures(tmp_path)]
    assert found == ["a/B.TIF", "a/deep/c.jpeg", "b.png"]


def test_suffixes_that_other_files_have_are_found_by_content(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "a.png.asc", "disk.img", "envi.img", "envi.hdr")
    (tmp_path / "grid.ASC").write_text(" NCOLS 5\n")
    (tmp_path / "erdas.img").write_bytes(b"EHFA_HEADER_TAG")
    assert {path.name for path in find_pictures(tmp_path)} == {"a.png", "grid.ASC", "erdas.img", "envi.img"}


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


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "b.png").symlink_to("nowhere")
    (tmp_path / "c.png").symlink_to("a.png")
    assert [path.name for path in find_pictures(tmp_path)] == ["a.png", "b.png", "c.png"]


def test_a_folder_that_cannot_be_listed_is_an_error_or_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.png", "locked/b.png")
    scandir = os.scandir

    def refuse(path: str) -> object:  # chmod does not stop root
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SrganError, match=r"cannot list the folder .*locked: Permission denied"):
        find_pictures(tmp_path)
    reported: list[Path] = []
    assert find_pictures(tmp_path, report=lambda path, _: reported.append(path)) == [tmp_path / "a.png"]
    assert reported == [tmp_path / "locked"]
    with pytest.raises(SrganError, match="locked: Permission denied"):  # not that it holds no pictures
        find_pictures(tmp_path / "locked", report=lambda *_: None)
