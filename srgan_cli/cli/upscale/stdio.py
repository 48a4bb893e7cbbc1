"""Standard input and output: pictures through them, and lists of names."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from srgan_cli.errors import OutputClosed, SrganError, UsageError
from srgan_cli.system.files import atomic_write, scratch_folder
from srgan_cli.system.storage import Location, local_copy, parse_location

STANDARD = "-"
"""The name of standard input or output on the command line."""


@dataclass(frozen=True)
class SpooledFiles:
    """The inputs and the output of a command, with temporary files in place of standard input and output."""

    inputs: list[str]
    out: str
    names: dict[str, str] = field(default_factory=dict)
    """What to call each temporary file in messages."""
    stdout: Path | None = None
    """The temporary file for standard output."""

    def with_stdin(self, file: Path) -> "SpooledFiles":
        """The same with the content of standard input in a file."""
        inputs = [str(file) if place == STANDARD else place for place in self.inputs]
        return replace(self, inputs=inputs, names={**self.names, str(file): "standard input"})

    def with_stdout(self, file: Path) -> "SpooledFiles":
        """The same with a file for standard output."""
        return replace(self, out=str(file), names={**self.names, str(file): "standard output"}, stdout=file)

    def argument(self, path: Location) -> str:
        """The file as it was named on the command line: `-` for standard input and output."""
        return STANDARD if str(path) in self.names else str(path)

    def display_name(self, path: Location) -> str:
        """The file's name for messages."""
        return self.names.get(str(path), str(path))

    def name_in(self, error: SrganError) -> None:
        """Replace the temporary files by their display names in an error."""
        for path, name in self.names.items():
            error.rename(path, name)

    def copy_to_stdout(self) -> None:
        """Copy the output to standard output.  Raises OutputClosed when its reader has closed it."""
        if self.stdout and self.stdout.exists():
            try:
                with self.stdout.open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
            except BrokenPipeError as error:
                raise OutputClosed from error


@contextmanager
def spool_stdio(inputs: list[str], out: str, suffix: str) -> Iterator[SpooledFiles]:
    """Put standard input and output into temporary files, which are deleted at the end.

    `suffix` is the suffix of standard output; without it, its format is that of the input.  Raises UsageError where
    a picture would be read from or written to a terminal, and where `-` is ambiguous.
    """
    _check(inputs, out)
    if STANDARD not in (*inputs, out):
        yield SpooledFiles(inputs, out)
        return
    with scratch_folder() as folder:
        files = SpooledFiles(inputs, out)
        try:
            if STANDARD in inputs:
                files = files.with_stdin(_spool(folder))
            if out == STANDARD:
                files = files.with_stdout(folder / f"stdout{suffix or _suffix(parse_location(files.inputs[0]))}")
            yield files
        except SrganError as error:
            files.name_in(error)
            raise


@contextmanager
def open_binary(source: str, target: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """A stream to read and one to write, of files or of standard input and output."""
    _check([source], target)
    reading = nullcontext(sys.stdin.buffer) if source == STANDARD else _open_input(source)
    writing = nullcontext(sys.stdout.buffer) if target == STANDARD else _open_output(Path(target))
    try:
        with reading as incoming, writing as outgoing:
            yield incoming, outgoing
    except BrokenPipeError as error:
        raise OutputClosed from error


@contextmanager
def _open_output(path: Path) -> Iterator[IO[bytes]]:
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        yield file


@contextmanager
def _open_input(source: str) -> Iterator[IO[bytes]]:
    with ExitStack() as opened:
        try:
            file = opened.enter_context(Path(source).open("rb"))
        except OSError as error:
            raise SrganError(f"cannot read {source}: {error.strerror}", "check the path") from error
        yield file


def read_list(source: str) -> list[str]:
    """The names in a file or on standard input, separated by NUL bytes if there are any, else by line ends."""
    with nullcontext(sys.stdin.buffer) if source == STANDARD else _open_input(source) as file:
        data = file.read()
    names = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(name) for name in names if name]


def _check(inputs: list[str], out: str) -> None:
    """Raises UsageError."""
    if inputs.count(STANDARD) > 1:
        raise UsageError("standard input is named twice", "it holds one picture")
    if STANDARD in inputs and sys.stdin.isatty():
        raise UsageError("standard input is a terminal", "redirect it: srgan upscale - out.png < in.png")
    if out == STANDARD and (len(inputs) != 1 or Path(inputs[0]).is_dir()):
        raise UsageError("standard output holds one picture", "name a folder for many")
    if out == STANDARD and sys.stdout.isatty():
        raise UsageError("standard output is a terminal", "redirect it: srgan upscale in.png - > out.png")


def _spool(folder: Path) -> Path:
    """Standard input as a file with the suffix of its format."""
    path = folder / "stdin"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    if not path.stat().st_size:
        raise SrganError("standard input is empty", "did the command before the pipe fail?")
    try:
        return path.rename(path.with_suffix(_suffix(path)))
    except SrganError:
        return path  # reported later, like any other file that is not a picture


def _suffix(location: Location) -> str:
    """The suffix of the format that a file would be written in.  Raises PictureError if it is not a picture."""
    from srgan_cli.image.io import writable_suffix

    with local_copy(location) as path:
        return writable_suffix(path)
