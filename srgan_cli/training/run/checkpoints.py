"""Checkpoints: the state of a run, from which it is resumed."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from srgan_cli.errors import WeightsError
from srgan_cli.system.files import atomic_write
from srgan_cli.training.legacy import LEGACY_DEFAULTS, current_names

CHECKPOINT, CHECKPOINT_BEFORE = "checkpoint.pt", "checkpoint-before.pt"


def serialize(state: dict[str, Any]) -> bytes:
    """A checkpoint as bytes."""
    buffer = BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def write_checkpoint(run: Path, state: dict[str, Any]) -> None:
    """Write the checkpoint of a run; the previous one is kept beside it."""
    path = run / CHECKPOINT
    with atomic_write(path) as temporary:
        temporary.write_bytes(serialize(state))
        if path.exists():
            path.replace(run / CHECKPOINT_BEFORE)


def has_checkpoint(run: Path) -> bool:
    """Whether the folder holds a run that can be resumed."""
    return bool(_checkpoints(run))


def read_checkpoint(run: Path, warn: Callable[[str], None] | None = None) -> dict[str, Any]:
    """The last readable checkpoint of a run, with current names.  Runs no code of it.  Raises WeightsError.

    `warn` is called with a sentence for one that is damaged.
    """
    if not (paths := _checkpoints(run)):
        hint = "name the folder of a run with --run; without --resume, the run begins anew"
        raise WeightsError(f"no checkpoint in {run}", hint)
    for path in paths:
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            return {**state, "config": {**LEGACY_DEFAULTS, **current_names(state["config"])}}
        except Exception as error:  # reading a damaged file fails in many ways
            reason = error
            if warn and path != paths[-1]:
                warn(f"{path} is damaged: the run continues from the checkpoint before it")
    raise WeightsError(f"cannot read {paths[0]}: it is damaged", "start a new run in another folder") from reason


def _checkpoints(run: Path) -> list[Path]:
    return [run / name for name in (CHECKPOINT, CHECKPOINT_BEFORE) if (run / name).is_file()]
