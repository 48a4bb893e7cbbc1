"""Standard input and output, FIFOs and other streams: pictures through them, and lists of names."""

import codecs
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from stat import S_ISFIFO, S_ISSOCK
from typing import IO, Literal

from srgan_cli.errors import OutputClosed, OutputExists, SrganError, UsageError, errors_as, to_srgan_error
from srgan_cli.system.files import atomic_write, scratch_folder, translate_write_errors
from srgan_cli.system.remote_storage import Location, local_copy, parse_location

STANDARD = "-"  # the name of standard input or output on the command line
_DESCRIPTORS = ("/dev/fd/", "/proc/self/fd/")
_STDIN, _STDOUT = (("/dev/stdin", 0), ("/dev/stdout", 1))
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_kept: dict[str, bytes] = {}
"""What was read from streams, which are empty then, for a command that runs again."""


@dataclass(frozen=True)
class SpooledFiles:
    """The inputs and the output of a command, with temporary files in place of streams."""

    inputs: list[str]
    out: str
    streams: dict[str, str] = field(default_factory=dict)
    """The stream that each temporary file stands for, as it was named on the command line."""
    stdout: Path | None = None
    """The temporary file for an output that is a stream."""

    def with_input(self, stream: str, file: Path) -> "SpooledFiles":
        """The same with the content of a stream in a file."""
        inputs = [str(file) if place == stream else place for place in self.inputs]
        return replace(self, inputs=inputs, streams={**self.streams, str(file): stream})

    def with_output(self, file: Path) -> "SpooledFiles":
        """The same with a file for an output that is a stream."""
        return replace(self, out=str(file), streams={**self.streams, str(file): self.out}, stdout=file)

    def argument(self, path: Location) -> str:
        """The file as it was named on the command line: `-` for standard input and output."""
        return self.streams.get(str(path), str(path))

    def display_name(self, path: Location) -> str:
        """The file's name for messages."""
        name = self.argument(path)
        return _display(name, "output" if path == self.stdout else "input") if str(path) in self.streams else name

    def name_in(self, error: SrganError) -> None:
        """Replace the temporary files by their display names in an error."""
        for path in self.streams:
            error.rename(path, self.display_name(Path(path)))

    def copy_to_stdout(self) -> None:
        """Copy the output to its stream.  Raises OutputClosed when its reader has closed it."""
        if self.stdout and self.stdout.exists():
            name, target = self.display_name(self.stdout), self.argument(self.stdout)
            with translate_stdout_errors(name), self.stdout.open("rb") as file, _open_output(target) as stream:
                shutil.copyfileobj(file, stream)
                stream.flush()


def standard_names(inputs: Iterable[str], out: str) -> tuple[list[str], str]:
    """The inputs and the output of a command, with `-` for /dev/stdin and /dev/stdout."""
    return [_standard_name(place, *_STDIN) for place in inputs], _standard_name(out, *_STDOUT)


def is_stream(place: str) -> bool:
    """Whether this is `-`, a file descriptor as `<(command)` gives it, a FIFO or a socket: what is read only once."""
    if place == STANDARD or place.startswith(_DESCRIPTORS):
        return True
    try:
        mode = Path(place).stat().st_mode
    except (OSError, ValueError):  # missing, or no valid path, which is reported later
        return False
    return S_ISFIFO(mode) or S_ISSOCK(mode)


def confirm_overwrite(error: OutputExists, arguments: Iterable[str]) -> bool:
    """Whether a person at a terminal agrees to overwrite; not under torchrun, nor where inputs cannot be read again."""
    interactive = sys.stdin.isatty() and sys.stderr.isatty() and "RANK" not in os.environ
    if not interactive or any(map(is_stream, arguments)):
        return False
    sys.stderr.write(f"{error.message}. Overwrite? [y/N] ")
    sys.stderr.flush()
    if not (answer := sys.stdin.readline()):
        sys.stderr.write("\n")
    return answer.strip().lower() in ("y", "yes")


@contextmanager
def translate_stdout_errors(name: str = "standard output") -> Iterator[None]:
    """Turn an OSError from printing into an SrganError: OutputClosed where the reader has closed the stream."""
    with translate_write_errors(Path(name)), errors_as(OutputClosed, caught=BrokenPipeError):
        try:
            yield
        except OSError as error:
            if error.filename:  # a file, as of the shell's completion
                raise to_srgan_error(error) from error
            raise


@contextmanager
def keep_streams() -> Iterator[None]:
    """Let a command that failed because of an option read its streams again."""
    try:
        yield
    finally:
        _kept.clear()


@contextmanager
def spool_stdio(inputs: list[str], out: str, suffix: str) -> Iterator[SpooledFiles]:
    """Put inputs and an output that are streams into temporary files; errors name the streams.

    The files are deleted at the end.  `suffix` is the suffix of an output that is a stream; without it, its format is
    that of the input.  Raises UsageError where a picture would be read from or written to a terminal, and where a
    stream is named twice.
    """
    _check(inputs, out)
    if not any(map(is_stream, (*inputs, out))):
        yield SpooledFiles(inputs, out)
        return
    with scratch_folder() as folder:
        files = SpooledFiles(inputs, out)
        try:
            for number, place in enumerate(filter(is_stream, inputs)):
                files = files.with_input(place, _spool(place, folder / str(number)))
            if is_stream(out):
                files = files.with_output(folder / f"stdout{suffix or _suffix(parse_location(files.inputs[0]))}")
            yield files
        except SrganError as error:
            files.name_in(error)
            if error.option:
                _kept.update(
                    {place: Path(path).read_bytes() for path, place in files.streams.items() if path != files.out}
                )
            raise


@contextmanager
def open_binary(source: str, target: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """A stream to read and one to write, of files or of standard input and output."""
    _check([source], target)
    closed = errors_as(OutputClosed, caught=BrokenPipeError)
    with closed, _open_input(source) as incoming, _open_output(target) as outgoing:
        yield incoming, outgoing


def read_list(source: str) -> list[str]:
    """The names in a file or stream, of UTF-8 or UTF-16, separated by NUL bytes if there are any, else by line ends."""
    with _open_input(source) as file:
        data = file.read()
    if is_stream(source):
        _kept[source] = data
    data = data.decode("utf-16").encode() if data.startswith(_UTF16_MARKS) else data.removeprefix(codecs.BOM_UTF8)
    names = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(name) for name in names if name]


def _standard_name(place: str, device: str, number: int) -> str:
    return STANDARD if place in (device, *(f"{folder}{number}" for folder in _DESCRIPTORS)) else place


def _display(place: str, direction: str) -> str:
    return f"standard {direction}" if place == STANDARD else place


def _check(inputs: Sequence[str], out: str) -> None:
    streams = [place for place in inputs if is_stream(place)]
    if repeated := next((place for place in streams if inputs.count(place) > 1), None):
        raise UsageError(f"{_display(repeated, 'input')} is named twice", "it holds one picture")
    if STANDARD in inputs and sys.stdin.isatty():
        raise UsageError("standard input is a terminal", "redirect it: srgan upscale - out.png < in.png")
    if is_stream(out) and (len(inputs) != 1 or Path(inputs[0]).is_dir()):
        raise UsageError(f"{_display(out, 'output')} holds one picture", "name a folder for many")
    if out == STANDARD and sys.stdout.isatty():
        raise UsageError("standard output is a terminal", "redirect it: srgan upscale in.png - > out.png")


def _open_input(place: str) -> AbstractContextManager[IO[bytes]]:
    """A file or stream to read.  Raises SrganError when it cannot be opened."""
    if place in _kept:
        return BytesIO(_kept[place])
    if place == STANDARD:
        return nullcontext(sys.stdin.buffer)
    try:
        return _open(place, "rb")
    except OSError as error:
        raise SrganError(f"cannot read {place}: {error.strerror}", "check the path") from error


@contextmanager
def _open_output(place: str) -> Iterator[IO[bytes]]:
    if place == STANDARD:
        yield sys.stdout.buffer
    elif is_stream(place):
        with _open(place, "wb") as stream:
            yield stream
    else:
        with atomic_write(Path(place)) as temporary, temporary.open("wb") as file:
            yield file


def _open(place: str, mode: Literal["rb", "wb"]) -> IO[bytes]:
    """A file, or the open file of a descriptor: sockets cannot be opened by a path."""
    number = place.rpartition("/")[2] if place.startswith(_DESCRIPTORS) else ""
    return open(int(number), mode, closefd=False) if number.isdecimal() else Path(place).open(mode)


def _spool(stream: str, folder: Path) -> Path:
    """The content of a stream as a file with the suffix of its format."""
    folder.mkdir()
    path = folder / ("stdin" if stream == STANDARD else Path(stream).stem)
    with path.open("wb") as file, _open_input(stream) as content:
        shutil.copyfileobj(content, file)
    if not path.stat().st_size:
        raise SrganError(f"{_display(stream, 'input')} is empty", "did the command before the pipe fail?")
    try:
        return path.rename(path.with_suffix(_suffix(path)))
    except SrganError:
        return path  # reported later, like any other file that is not a picture


def _suffix(location: Location) -> str:
    """The suffix of the format that a file would be written in.  Raises PictureError if it is not a picture."""
    from srgan_cli.image.io import writable_suffix

    with local_copy(location) as path:
        return writable_suffix(path)
