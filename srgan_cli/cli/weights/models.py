"""srgan models."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from srgan_cli.cli.completion import complete_weights
from srgan_cli.cli.fast_import import gc_paused
from srgan_cli.cli.options import Debug
from srgan_cli.weights.formats import WEIGHTS_SUFFIXES, family_name

if TYPE_CHECKING:
    from srgan_cli.weights.registry import ModelInfo

_PURPOSES = {
    "srgan": "sharp, plausible detail",
    "photo": "photographs from the web",
    "photo-fidelity": "photographs from the web, softer",
    "srgan-fidelity": "clean pictures, softer",
    "fidelity": "closest to the original",
    "fidelity-jpeg": "compressed pictures",
    "srcnn": "a baseline for srgan score",
}
"""What the shipped weights are for, by their name without the scale."""


def models(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]", autocompletion=complete_weights, help="Show these, or a file, in detail; --json: in full."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Debug = False,
) -> None:
    """List the weights that come with srgan, and the fetched ones.

    `srgan upscale -m NAME` takes the names.  PSNR is that of the luma of Set5, in dB.
    """
    with gc_paused():
        from srgan_cli.cli.console import write_line
        from srgan_cli.weights.registry import list_models, read_model, unknown_model_error

    entries = [entry for entry in list_models() if not name or name in (entry.name, family_name(entry.name))]
    if not entries and Path(name).suffix in WEIGHTS_SUFFIXES:
        entries = [read_model(Path(name))]
    if not entries:
        raise unknown_model_error(name)
    if as_json:
        write_line(json.dumps([entry.to_json() for entry in entries], indent=2))
    elif name:
        for key, value in (row for entry in entries for row in _details(entry)):
            write_line(f"{key:9} {value}")
    else:
        _show_table(entries)


def _show_table(entries: "list[ModelInfo]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from srgan_cli.batch.weights_choice import PURPOSES, describe_rule
    from srgan_cli.cli.console import show
    from srgan_cli.weights.registry import AUTOMATIC

    table = Table(box=SIMPLE_HEAD)
    for heading in ("name", "scale", "for", "PSNR", "MB"):
        table.add_column(heading, justify="right" if heading in ("PSNR", "MB") else "left", overflow="fold")
    for entry in entries:
        table.add_row(*map(Text, _row(entry, PURPOSES[AUTOMATIC])))
    show(table, Text(f"default: {describe_rule(AUTOMATIC)}.\nPSNR is in dB, on Set5. srgan models NAME shows more."))


def _row(entry: "ModelInfo", defaults: Sequence[str]) -> tuple[str, ...]:
    card, size = entry.card, f"{entry.path.stat().st_size / 1e6:.1f}"
    if card is None:
        return entry.name, "?", entry.reason, "", size
    default = " (default)" if family_name(entry.name) in defaults else ""
    purpose = f"{_PURPOSES.get(family_name(entry.name), card.architecture)}{default}"
    psnr = card.scores.get("Set5", {}).get("psnr")
    return entry.name, f"x{card.scale}", purpose, f"{psnr:.2f}" if psnr else "", size


def _details(entry: "ModelInfo") -> Iterator[tuple[str, Any]]:
    own = entry.card and entry.name == str(entry.path)
    name = f"{entry.card.name} of {entry.path}" if entry.card and own else entry.name
    yield from (("name", name), ("file", entry.path), ("sha256", entry.sha256))
    yield "licence", entry.licence or "unknown"
    if (card := entry.card) is None:
        yield "unusable", entry.reason
        return
    yield "for", "unknown" if own else _PURPOSES.get(family_name(entry.name), "unknown")
    yield from (("scale", f"x{card.scale}"), ("network", f"{card.architecture} {_plain(card.config)}"))
    if card.counterpart:
        yield "strength", f"{card.strength:g} of 1 by default; 0 is {card.counterpart}"
    for name, scores in card.scores.items():
        yield "scores", f"{name}: {_plain(scores)}"
    for key, value in card.training.items():
        if key in ("started_from", "teachers") or not isinstance(value, dict | list):
            for part in value if isinstance(value, list) else [value]:
                yield "training", f"{key}: {_plain(part)}"


def _plain(values: Any) -> str:
    if not isinstance(values, dict):
        return str(values)
    shown = {key: f"{value:g}" if isinstance(value, float) else value for key, value in values.items()}
    return ", ".join(f"{key} {value}" for key, value in shown.items() if not isinstance(value, dict))
