"""The manifest of an output folder: what each file was made from, so that it is not made again."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import IO, Any

import torch

from srgan_cli import __version__
from srgan_cli.system.files import digest, lock, translate_write_errors
from srgan_cli.upscaling.upscaler import Upscaler

FILE = ".srgan.jsonl"


class Manifest:
    """A file with a line of JSON for each output: its key, size, time and SHA-256.  The last line of an output counts.

    Outputs that were truncated or edited do not match their lines, and truncated lines are ignored; both are made
    again.  An output is claimed by a line with its name alone before it appears: a killed process may leave it
    without its other line.  Threads and processes can share a folder.
    """

    def __init__(self, folder: Path, settings_digest: str = "") -> None:
        """`settings_digest` stands for everything that outputs depend on except their inputs."""
        self.folder, self.settings_digest = folder, settings_digest
        self.path, self.lock = folder / FILE, Lock()
        self.lines = _read(self.path)

    def key(self, source: Path, beside: Sequence[Path] = (), *, weights: str = "") -> str:
        """A digest of the input's content, of files beside it, of all settings, and of `weights` chosen for it."""
        content = " ".join([*map(digest, (source, *beside)), *([weights] if weights else [])])
        return hashlib.sha256(f"{content} {self.settings_digest}".encode()).hexdigest()

    def is_current(self, target: Path, key: str) -> bool:
        """Whether the file was made with this key and has not changed since."""
        return self.lines.get(self._name(target), {}).get("key") == key and self.is_own_output(target)

    def is_own_output(self, target: Path) -> bool:
        """Whether the file was made by srgan, with any key, and has not changed since."""
        if (line := self.lines.get(self._name(target))) is None or not target.is_file():
            return False
        if not line:  # claimed
            return True
        if target.stat().st_size != line.get("bytes"):
            return False
        return target.stat().st_mtime_ns == line.get("mtime_ns") or digest(target) == line.get("sha256")

    def claim(self, target: Path) -> None:
        """Add an output that is about to appear.  Raises SrganError as `record` does."""
        self._append(target, {})

    def record(self, target: Path, key: str) -> None:
        """Add an output that has been written.  Raises SrganError if the manifest cannot be written."""
        stat = target.stat()
        line = {"key": key, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": digest(target)}
        self._append(target, line)

    def _append(self, target: Path, line: dict[str, Any]) -> None:
        self.lines[self._name(target)] = line
        with translate_write_errors(self.path), self.lock, self.path.open("ab+") as file:
            lock(file)
            file.write(_end_of_line(file) + json.dumps({"out": self._name(target), **line}).encode() + b"\n")

    def _name(self, target: Path) -> str:
        return Path(os.path.relpath(target, self.folder)).as_posix()


def settings_digest(upscaler: Upscaler, options: Mapping[str, object]) -> str:
    """Everything that outputs depend on except inputs: this version, the generator's parameters, the options."""
    found = hashlib.sha256(f"{__version__} {upscaler.name}".encode())
    for name, tensor in upscaler.generator.state_dict().items():
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return f"{found.hexdigest()} {json.dumps(options, sort_keys=True, default=str)}"


def own_outputs(folder: Path, paths: Iterable[Path]) -> set[Path]:
    """Those of the paths that srgan has written into a folder, and that have not changed since."""
    unknown = set(paths)
    for _ in range(2):  # another process may have replaced an output since the first reading
        manifest = Manifest(folder)
        unknown -= {path for path in unknown if manifest.is_own_output(path)}
        if not unknown:
            break
    return set(paths) - unknown


def _end_of_line(file: IO[bytes]) -> bytes:
    """The line end that is missing after a truncated line."""
    if not file.seek(0, os.SEEK_END):
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    lines: dict[str, dict[str, Any]] = {}
    if not path.is_file():
        return lines
    for text in path.read_bytes().splitlines():
        try:
            line = json.loads(text)
            lines[line.pop("out")] = line
        except (ValueError, KeyError, TypeError, AttributeError):  # truncated
            continue
    return lines
