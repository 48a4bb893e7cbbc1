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


@dataclass(frozen=True)
class Streams:
    """Inputs and the output as files, also where they are standard input and output.

    names: what a file stands for.  spooled_output: the file whose content belongs on standard output, or None.
    """

    inputs: list[str]
    out: str
    names: dict[str, str] = field(default_factory=dict)
    spooled_output: Path | None = None

    def with_spooled_input(self, spooled: Path) -> "Streams":
        """The same with standard input held in a file."""
        inputs = [str(spooled) if place == STANDARD else place for place in self.inputs]
        return replace(self, inputs=inputs, names={**self.names, str(spooled): "standard input"})

    def with_spooled_output(self, file: Path) -> "Streams":
        """The same with a file for standard output."""
        return replace(self, out=str(file), names={**self.names, str(file): "standard output"}, spooled_output=file)

    def display_path(self, path: Location) -> str:
        """`-` for what came from standard input or goes to standard output."""
        return STANDARD if str(path) in self.names else str(path)

    def display(self, text: str) -> str:
        """The path, or the name of the standard stream that it stands for."""
        return self.names.get(text, text)

    def name_in(self, error: SrganError) -> SrganError:
        """The error, with standard input and output called so."""
        for path, name in self.names.items():
            error.rename(path, name)
        return error

    def copy_to_stdout(self) -> None:
        """Hand what was written for it to standard output.  Raises OutputClosed when nobody reads it any more."""
        if self.spooled_output and self.spooled_output.exists():
            try:
                with self.spooled_output.open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
            except BrokenPipeError as error:
                raise OutputClosed from error


@contextmanager
def open_streams(inputs: list[str], out: str, suffix: str) -> Iterator[Streams]:
    """What `-` stands for, held in a folder that goes away.

    `suffix` is that of standard output; without it, its format is that of the input's content.  Raises UsageError where
    a picture would go to a terminal or come from one, and where `-` makes no sense.  Errors that come out call standard
    input and output so.
    """
    _check(inputs, out)
    if STANDARD not in (*inputs, out):
        yield Streams(inputs, out)
        return
    with scratch_folder() as folder:
        files = Streams(inputs, out)
        try:
            if STANDARD in inputs:
                files = files.with_spooled_input(_spool(folder))
            if out == STANDARD:
                files = files.with_spooled_output(
                    folder / f"stdout{suffix or _suffix(parse_location(files.inputs[0]))}"
                )
            yield files
        except SrganError as error:
            files.name_in(error)
            raise


@contextmanager
def open_binary(source: str, target: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Bytes in and bytes out, of files or of standard input and output, as they come."""
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
    """The names in a file or on standard input, separated by NUL where there is one, else by line ends."""
    with nullcontext(sys.stdin.buffer) if source == STANDARD else _open_input(source) as file:
        data = file.read()
    names = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(name) for name in names if name]


def _check(inputs: list[str], out: str) -> None:
    if inputs.count(STANDARD) > 1:
        raise UsageError("standard input is named twice", "it holds one picture")
    if STANDARD in inputs and sys.stdin.isatty():
        raise UsageError("standard input is a terminal", "redirect it: srgan upscale - out.png < in.png")
    if out == STANDARD and (len(inputs) != 1 or Path(inputs[0]).is_dir()):
        raise UsageError("standard output holds one picture", "name a folder for many")
    if out == STANDARD and sys.stdout.isatty():
        raise UsageError("standard output is a terminal", "redirect it: srgan upscale in.png - > out.png")


def _spool(folder: Path) -> Path:
    """Standard input as a file whose suffix tells what it holds."""
    path = folder / "stdin"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    if not path.stat().st_size:
        raise SrganError("standard input is empty", "was there an error before the pipe?")
    try:
        return path.rename(path.with_suffix(_suffix(path)))
    except SrganError:
        return path  # it is told like any other file that is no picture


def _suffix(location: Location) -> str:
    """That of the format in which a file's content would be written.  Raises PictureError for what is no picture."""
    from srgan_cli.image.io import writable_suffix

    with local_copy(location) as path:
        return writable_suffix(path)
