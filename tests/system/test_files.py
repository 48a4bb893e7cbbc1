"""Writing files safely."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from srgan_cli.errors import SrganError
from srgan_cli.system.files import atomic_write, check_writable, lock, remove_stale_temporaries, scratch_folder


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write_half(path: Path, error: BaseException) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("half")
        raise error


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("name", ["a.png", "é" * 120 + ".png", "\N{GRINNING FACE}" * 62 + ".png"])
def test_a_write_appears_complete_and_leaves_nothing_else(tmp_path: Path, name: str) -> None:
    with atomic_write(tmp_path / name) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".png"
        temporary.write_text("new")
        assert not (tmp_path / name).exists()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "new"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error):
        write_half(path, error())
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.txt": "old"}


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOSPC, "disk is full"), (errno.EDQUOT, "quota"), (errno.EROFS, "read-only"), (errno.EIO, "another path")],
)
def test_an_os_error_becomes_one_line_with_a_hint(tmp_path: Path, number: int, hint: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(SrganError, match=os.strerror(number)) as caught:
        write_half(path, OSError(number, os.strerror(number)))
    assert hint in caught.value.hint
    assert str(path) in caught.value.message
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.txt": "old"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing/a.png", "no such folder"),
        ("folder", "is a folder"),
        ("pipe", "is not a regular file"),
        ("x" * 300, os.strerror(errno.ENAMETOOLONG)),
    ],
)
def test_paths_that_cannot_be_written_are_errors_before_the_work(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SrganError, match=message) as caught:
        check_writable(tmp_path / name)
    assert caught.value.hint
    with pytest.raises(SrganError, match=message), atomic_write(tmp_path / name):
        pytest.fail("the body ran")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SrganError, match="no permission to write in"):
        check_writable(tmp_path / "a.png")


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_permissions_follow_the_umask(tmp_path: Path, mask: int) -> None:
    with umask(mask), atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o666 & ~mask


def test_the_target_of_a_symbolic_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to("real.txt")
    with atomic_write(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_only_stale_temporaries_are_removed(tmp_path: Path) -> None:
    touch(tmp_path, ".a.srgan-01234567.png", ".b.srgan-89abcdef", ".c.srgan-notours.png", "a.png", ".srgan.jsonl")
    with atomic_write(tmp_path / "d.png") as temporary:
        remove_stale_temporaries(tmp_path)
        assert temporary.exists()
        temporary.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".c.srgan-notours.png",
        ".srgan.jsonl",
        "a.png",
        "d.png",
    ]


def test_stale_scratch_folders_are_deleted_and_those_in_use_stay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stale, other = tmp_path / "srgan-scratch-stale", tmp_path / "other"
    for folder in (stale, other):
        folder.mkdir()
        (folder / "stdin.png").write_bytes(b"picture")
    (tmp_path / "srgan-scratch-link").symlink_to(other)
    touch(tmp_path, "srgan-scratch-stale.lock", "srgan-scratch-link.lock")
    with scratch_folder() as first, scratch_folder() as second:
        assert not stale.exists()
        assert stat.S_IMODE(first.stat().st_mode) & 0o077 == 0
        assert first.is_dir()
        assert second.is_dir()
        assert first != second
    assert not first.exists()
    assert not second.exists()
    assert (other / "stdin.png").exists()
    assert not list(tmp_path.glob("*.lock"))


def test_a_temporary_that_is_removed_before_it_is_locked_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed = []

    def late(file: IO[bytes], *, wait: bool = True) -> bool:
        if wait and not removed:
            removed.append(file.name)
            remove_stale_temporaries(tmp_path)
        return lock(file, wait=wait)

    monkeypatch.setattr("srgan_cli.system.files.lock", late)
    with atomic_write(tmp_path / "a.png") as temporary:
        assert str(temporary) not in removed
        temporary.write_text("whole")
    assert len(removed) == 1
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.png": "whole"}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.png"
    path.touch()
    path.chmod(mode)
    with umask(0o022), atomic_write(path) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == mode | 0o600
        temporary.write_text("private")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("private", mode)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_a_file_that_is_replaced_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    os.chown(path, 1234, 1235)
    with atomic_write(path) as temporary:
        temporary.touch()
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)


def test_only_empty_files_are_replaced_without_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    check_writable(path, overwrite=False)
    path.write_text("something")
    check_writable(path)
    with pytest.raises(SrganError, match="exists already"):
        check_writable(path, overwrite=False)
