"""Small generators with random weights, and files of them."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from srgan_cli.networks import GENERATORS, Generator
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import save_weights

DETAILS: dict[str, Any] = {
    "training": {"pictures": 3, "data": ["a", "b"]},
    "licence": "CC0-1.0",
    "scores": {"Set5": {"psnr": 30.5}},
}
CONFIG: dict[str, Any] = {
    "scale": 2,
    "channels": 3,
    "blocks": 1,
    "batch_norm": False,
    "dropout": 0.0,
    "noise": 0,
}


def small_generator(**changes: Any) -> Generator:
    """A generator with CONFIG, but for the changes."""
    built = GENERATORS["srresnet"](**{**CONFIG, **changes})
    torch.nn.init.normal_(built.get_parameter("tail.weight"))
    return built.eval()


def save_small_weights(folder: Path, *names: str) -> None:
    """Save weights of these names, which end in their scale."""
    for name in names:
        built = small_generator(scale=int(name.rpartition("-x")[2]))
        save_weights(folder / f"{name}.safetensors", built, WeightsCard.for_generator(built, name))


def rewrite_card(path: Path, card: dict[str, Any]) -> None:
    """Replace the card of a weights file."""
    with safe_open(path, framework="pt") as opened:
        tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    save_file(tensors, path, {"srgan": json.dumps(card)})
