"""srgan models."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from srgan_cli.cli.fast_import import gc_paused
from srgan_cli.cli.options import Debug

if TYPE_CHECKING:
    from srgan_cli.weights.registry import ModelInfo


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Debug = False,
) -> None:
    """List the weights that come with srgan, and the fetched weights in the cache."""
    with gc_paused():
        from srgan_cli.cli.console import write_line
        from srgan_cli.weights.registry import list_models

    entries = list(list_models())
    if as_json:
        write_line(json.dumps([entry.to_json() for entry in entries], indent=2))
    else:
        _show_table(entries)


def _show_table(entries: "list[ModelInfo]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from srgan_cli.cli.console import show

    table = Table(box=SIMPLE_HEAD)
    for heading in ("model", "scale", "network", "MB", "licence", "PSNR / SSIM"):
        table.add_column(heading, justify="right" if heading in ("scale", "MB") else "left", overflow="fold")
    for entry in entries:
        table.add_row(*map(Text, _row(entry)))
    show(table)


def _row(entry: "ModelInfo") -> tuple[str, ...]:
    scale, network = (f"x{entry.card.scale}", entry.card.architecture) if entry.card else ("?", "?")
    size = f"{entry.path.stat().st_size / 1e6:.1f}"
    last = _format_scores(entry.card.scores) if entry.card else entry.reason
    return entry.name, scale, network, size, entry.licence or "unknown", last


def _format_scores(scores: dict[str, Any]) -> str:
    rows = {name: row for name, row in scores.items() if isinstance(row, dict) and {"psnr", "ssim"} <= row.keys()}
    return ", ".join(f"{name} {row['psnr']:.2f} / {row['ssim']:.4f}" for name, row in rows.items())
