"""The folder of a run: weights, settings, samples and log."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, count, takewhile
from pathlib import Path
from typing import Any

from torch import Tensor

from srgan_cli.errors import UsageError
from srgan_cli.networks import Generator
from srgan_cli.system.files import atomic_write, lock, remove_stale_temporaries, translate_write_errors
from srgan_cli.training.config import SETTINGS_FILE, TrainConfig
from srgan_cli.training.run.checkpoints import CHECKPOINT, has_checkpoint, write_checkpoint
from srgan_cli.training.run.contact_sheet import PARTNERS, SAMPLES, add_to_sheet
from srgan_cli.training.run.loggers import Logger, open_logger
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import save_weights
from srgan_cli.weights.formats import SAFETENSORS

LOG = "metrics.jsonl"


class RunFolder:
    """Writes the files of a run."""

    def __init__(self, folder: Path, name: str, *, log: str = "none") -> None:
        """`log` is the kind of logger that receives the values, as `open_logger` takes it."""
        self.folder, self.name = folder, name
        self.weights = folder / f"{name}{SAFETENSORS}"
        self._log = log
        self._logger, self._lock = Logger(), -1

    def lock(self) -> None:
        """Keep other processes out until the folder is closed.  Raises UsageError where one trains in it."""
        with suppress(OSError):  # Windows opens no folders
            self._lock = os.open(self.folder, os.O_RDONLY)
            if lock(self._lock, wait=False) is False:
                hint = "wait until it ends, or name another folder with --run"
                raise UsageError("another process trains in {path}", hint, path=self.folder)

    def save_weights(self, generator: Generator, card: WeightsCard) -> None:
        """Write weights that `srgan upscale` takes, under the card's name."""
        save_weights(self.folder / f"{card.name}{SAFETENSORS}", generator, card)

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Write the checkpoint; the previous one is kept beside it."""
        write_checkpoint(self.folder, state)

    def save_settings(self, config: TrainConfig) -> None:
        """Write the settings as a recipe that repeats the run."""
        with atomic_write(self.folder / SETTINGS_FILE) as temporary:
            temporary.write_text(json.dumps(config.to_recipe(), indent=2) + "\n", encoding="utf8")

    def save_samples(self, step: int, originals: list[Tensor], outputs: list[Tensor], name: str = SAMPLES) -> None:
        """Add to the contact sheet of this name; pictures are (3, H, W), values 0…1."""
        add_to_sheet(self.folder / name, step, originals, outputs)

    def open_log(self, step: int) -> list[dict[str, Any]]:
        """Drop the lines after this step and stale temporary files; returns the others.  Raises as `open_logger`."""
        remove_stale_temporaries(self.folder)
        path = self.folder / LOG
        lines = path.read_bytes().splitlines() if path.is_file() and step else []
        kept = [line.decode() for line in lines if _step_of(line) <= step]
        with atomic_write(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf8")
        self._logger = open_logger(self._log, self.folder, self.name, resumed=step > 0)
        return [json.loads(line) for line in kept]

    def log(self, line: dict[str, Any]) -> None:
        """Append a line of JSON to the log, and hand its numbers to the logger."""
        path = self.folder / LOG
        with translate_write_errors(path), path.open("a", encoding="utf8") as file:
            file.write(json.dumps(line) + "\n")
        numbers = {name: value for name, value in line.items() if isinstance(value, float) and name != "seconds"}
        self._logger.log(line["step"], numbers)

    def close(self) -> None:
        """Close the logger, and let others in."""
        self._logger.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


class NullRunFolder(RunFolder):
    """The run folder of a process that does not write."""

    def _do_nothing(self, *_: Any, **__: Any) -> None: ...

    lock = save_weights = save_checkpoint = save_settings = save_samples = log = _do_nothing

    def open_log(self, step: int) -> list[dict[str, Any]]:  # noqa: ARG002
        """No lines."""
        return []


def unused_folder(folder: Path) -> Path:
    """The folder, or the first of folder-2, folder-3 and so on that does not exist or is empty."""
    return next(path for path in _numbered(folder) if not path.exists() or not any(path.iterdir()))


def latest_folder(folder: Path) -> Path:
    """The last of folder, folder-2 and so on that holds a run; the folder itself if none does."""
    return [folder, *filter(has_checkpoint, takewhile(Path.exists, _numbered(folder)))][-1]


def is_run_folder(folder: Path) -> bool:
    """Whether a run of this tool has written this folder."""
    return (folder / SETTINGS_FILE).is_file() and any((folder / name).is_file() for name in (LOG, CHECKPOINT))


def check_unused(folder: Path, name: str) -> None:
    """Raises UsageError if the folder holds a run that can be resumed, or files of others that a run would replace."""
    if has_checkpoint(folder):
        hint = "continue it with --resume, or name another folder with --run"
        raise UsageError("{path} already holds a run", hint, path=folder)
    weights = [f"{name}{part}{SAFETENSORS}" for part in ("", "-best", "-fidelity")]
    written = [folder / each for each in (SETTINGS_FILE, LOG, SAMPLES, PARTNERS, *weights)]
    for path in filter(Path.exists, written if not is_run_folder(folder) else ()):
        message = "{path} exists already, and no run has written it"
        raise UsageError(message, "name another folder with --run", path=path)


def _numbered(folder: Path) -> Iterator[Path]:
    return chain([folder], (folder.with_name(f"{folder.name}-{number}") for number in count(2)))


def _step_of(line: bytes) -> float:
    """The step of a line of the log; infinite for a truncated line."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf
