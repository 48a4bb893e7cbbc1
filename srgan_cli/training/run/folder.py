"""The folder of a run: weights, checkpoint and log; and what a run starts from."""

import json
import math
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from srgan_cli.errors import WeightsError
from srgan_cli.networks import Generator
from srgan_cli.system.files import atomic_write, remove_stale_temporaries, translate_write_errors
from srgan_cli.training.config import SETTINGS_FILE, TrainConfig
from srgan_cli.training.legacy import LEGACY_DEFAULTS, current_names
from srgan_cli.training.run.contact_sheet import SAMPLES, ContactSheet
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import save_weights
from srgan_cli.weights.formats import SAFETENSORS

CHECKPOINT, CHECKPOINT_BEFORE = "checkpoint.pt", "checkpoint-before.pt"
LOG = "metrics.jsonl"


class RunFolder:
    """Where a run keeps what it makes."""

    def __init__(self, place: Path, name: str) -> None:
        self.place = place
        self.weights = place / f"{name}{SAFETENSORS}"
        self._events: Any = None

    def save_weights(self, generator: Generator, card: WeightsCard) -> None:
        """Write deployable weights under the card's name."""
        save_weights(self.place / f"{card.name}{SAFETENSORS}", generator, card)

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Write the checkpoint; the one before is kept beside it."""
        path = self.place / CHECKPOINT
        with atomic_write(path) as temporary:
            temporary.write_bytes(serialised(state))
            if path.exists():
                path.replace(self.place / CHECKPOINT_BEFORE)

    def save_settings(self, config: TrainConfig) -> None:
        """Write the settings, so that `--config` makes the same run of them again."""
        with atomic_write(self.place / SETTINGS_FILE) as temporary:
            temporary.write_text(json.dumps(config.to_recipe(), indent=2) + "\n", encoding="utf8")

    def save_samples(self, step: int, originals: list[Tensor], made: list[Tensor], name: str = SAMPLES) -> None:
        """Add to the contact sheet of this name; pictures are (3, H, W), values 0…1."""
        ContactSheet(self.place / name).add(step, originals, made)

    def open_log(self, step: int) -> None:
        """Keep the lines up to this step; what came after it is about to happen again.

        What a process that was killed was writing goes, too.
        """
        remove_stale_temporaries(self.place)
        path = self.place / LOG
        lines = path.read_bytes().splitlines() if path.is_file() and step else []
        kept = [line.decode() for line in lines if _step_of(line) <= step]
        with atomic_write(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf8")

    def log(self, line: dict[str, Any]) -> None:
        """Add a line of JSON to the log."""
        path = self.place / LOG
        with translate_write_errors(path), path.open("a", encoding="utf8") as file:
            file.write(json.dumps(line) + "\n")
        self._show_events(line)

    def _show_events(self, line: dict[str, Any]) -> None:
        """The same for TensorBoard, where it is installed; it writes to no place whose name is not Unicode."""
        if find_spec("tensorboard") is None or not _is_unicode(self.place):
            return
        from torch.utils.tensorboard import SummaryWriter

        self._events = self._events or SummaryWriter(str(self.place / "events"))
        for name, value in line.items():
            if isinstance(value, float) and name != "seconds":
                self._events.add_scalar(name, value, line["step"])
        self._events.flush()


class NullRunFolder(RunFolder):
    """The run folder of a process that leaves writing to another."""

    def save_weights(self, generator: Generator, card: WeightsCard) -> None:
        """Nothing."""

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Nothing."""

    def save_settings(self, config: TrainConfig) -> None:
        """Nothing."""

    def save_samples(self, step: int, originals: list[Tensor], made: list[Tensor], name: str = SAMPLES) -> None:
        """Nothing."""

    def open_log(self, step: int) -> None:
        """Nothing."""

    def log(self, line: dict[str, Any]) -> None:
        """Nothing."""


def serialised(state: dict[str, Any]) -> bytes:
    """A checkpoint as it is written."""
    buffer = BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def has_checkpoint(run: Path) -> bool:
    """Whether there is a run in this folder to go on with."""
    return bool(_checkpoints(run))


def read_checkpoint(run: Path) -> dict[str, Any]:
    """What a run left to go on from.  No code in it is ever executed.

    Where the last checkpoint is damaged or missing, the one before it is taken.  Raises WeightsError if there is none.
    """
    paths = _checkpoints(run)
    if not paths:
        raise WeightsError(f"no checkpoint in {run}", "name the run's folder with --run")
    for path in paths:
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            return {**state, "config": {**LEGACY_DEFAULTS, **current_names(state["config"])}}
        except Exception as error:  # reading a damaged file fails in many ways
            reason = error
    raise WeightsError(f"cannot read {paths[0]}: it is damaged", "train anew in another folder") from reason


def _is_unicode(path: Path) -> bool:
    return str(path).isascii() or str(path).encode("utf8", "replace").decode() == str(path)


def _step_of(line: bytes) -> float:
    """The step that a line of the log is of; beyond all steps for one that was cut short."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def _checkpoints(run: Path) -> list[Path]:
    """The last checkpoint and the one before it, as far as they are there."""
    return [run / name for name in (CHECKPOINT, CHECKPOINT_BEFORE) if (run / name).is_file()]
