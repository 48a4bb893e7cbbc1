"""Fit the model of natural pictures that NIQE measures the distance to.

    python examples/fit_niqe.py photographs/ niqe.safetensors [--story "what they are, and their licences"]

The pictures should be sharp and without artefacts.  `srgan score --metric niqe` takes the file instead of its own when
it lies in the folder that --metric-weights names.
"""

import json
from pathlib import Path

import torch
import typer
from safetensors.torch import save_file

from srgan_cli import read_picture
from srgan_cli.metrics.niqe import fit_niqe_model
from srgan_cli.system.discovery import find_pictures
from srgan_cli.system.files import atomic_write


def main(pictures: Path, target: Path, story: str = "") -> None:
    """Write the model; its metadata say what it was fitted to."""
    paths = find_pictures(pictures)
    natural, blocks = fit_niqe_model(read_picture(path).flatten_on_white.pixels for path in paths)
    told = {"pictures": len(paths), "blocks": blocks, "story": story}
    tensors = {key: torch.from_numpy(value) for key, value in natural._asdict().items()}
    with atomic_write(target) as temporary:
        save_file(tensors, temporary, {"niqe": json.dumps(told)})
    print(f"{blocks} blocks of {len(paths)} pictures")


if __name__ == "__main__":
    typer.run(main)
