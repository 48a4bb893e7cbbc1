"""Loggers: programs that draw the values of a run, beside its own log."""

import io
import os
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from srgan_cli.errors import UsageError

EVENTS = "events"  # the folder inside the run folder that TensorBoard reads
_REMOTE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_WEBHOOK_URL")
"""Environment variables by which Trackio sends values to other machines."""


class Logger:
    """Receives the values of a run; by default it drops them."""

    def log(self, _step: int, _values: dict[str, float], /) -> None:
        """Record the losses and scores of a validation."""

    def close(self) -> None:
        """Write what is not written yet."""


class _TensorBoardLogger(Logger):
    """Writes event files, for `tensorboard --logdir`."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder / EVENTS))

    def log(self, step: int, values: dict[str, float], /) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class _TrackioLogger(Logger):
    """Writes into Trackio's database on this machine, for `trackio show`; nothing is sent anywhere."""

    def __init__(self, folder: Path, name: str, *, resumed: bool) -> None:
        """The project is the name of the weights, and the run its folder."""
        import trackio

        options = {"resume": "allow" if resumed else "never", "auto_log_gpu": False, "auto_log_cpu": False}
        with redirect_stdout(io.StringIO()):  # stdout is for the path of the weights
            self._run = trackio.init(name, str(folder.resolve()), embed=False, **options)
        self._finish = trackio.finish

    def log(self, step: int, values: dict[str, float], /) -> None:
        self._run.log(values, step=step)

    def close(self) -> None:
        """Wait until the values are in the database."""
        with redirect_stdout(io.StringIO()):
            self._finish()


def open_logger(kind: str, folder: Path, name: str, *, resumed: bool) -> Logger:
    """The logger of this kind: auto, tensorboard, trackio or none.  Raises as `check_logger` does."""
    check_logger(kind, folder)
    if kind == "trackio":
        return _TrackioLogger(folder, name, resumed=resumed)
    return _TensorBoardLogger(folder) if logs_events(kind, folder) else Logger()


def check_logger(kind: str, folder: Path) -> None:
    """Raises UsageError for a program that is not installed, or cannot log this run without another machine."""
    if kind in ("tensorboard", "trackio") and find_spec(kind) is None:
        raise UsageError(f"--log {kind} needs the package {kind}", f"pip install 'srgan-cli[{kind}]'")
    if kind == "tensorboard" and not _is_unicode(folder):
        raise UsageError("TensorBoard cannot write to a folder whose name is not Unicode", "take another --run")
    if kind == "trackio" and (remote := [name for name in _REMOTE if os.environ.get(name)]):
        raise UsageError(f"{', '.join(remote)} is set, and --log trackio logs on this machine alone", "unset it")


def logs_events(kind: str, folder: Path) -> bool:
    """Whether this kind of logger writes to the folder EVENTS; auto does if TensorBoard is installed."""
    available = find_spec("tensorboard") is not None and _is_unicode(folder)
    return kind == "tensorboard" or (kind == "auto" and available)


def _is_unicode(path: Path) -> bool:
    return str(path).isascii() or str(path).encode("utf8", "replace").decode() == str(path)
