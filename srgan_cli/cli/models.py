"""srgan models."""

import json
from typing import Annotated

import typer

from srgan_cli.cli.loading import gc_paused
from srgan_cli.cli.options import Debug


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Debug = False,
) -> None:
    """List the weights that come with srgan, and those that were fetched into the cache."""
    with gc_paused():
        from srgan_cli.cli.console import print_models, write_line
        from srgan_cli.weights.registry import list_models

    entries = list(list_models())
    if as_json:
        write_line(json.dumps([entry.to_json() for entry in entries], indent=2))
        return
    print_models(entries)


def resolve_model(model: str, offline: bool) -> str:
    """The model, or the file in the cache that its address stands for; what is fetched is told."""
    from srgan_cli.cli.console import info, progress_bar
    from srgan_cli.weights.hub import fetch, is_cached, is_reference

    if not is_reference(model):
        return model
    fetched = not is_cached(model)
    with progress_bar(model) as progress:
        cached = fetch(model, offline=offline, progress=progress)
    if fetched:
        licence = cached.licence or "unknown, see where it comes from"
        info(f"{cached.name}: licence {licence}; sha256 {cached.sha256}; kept in {cached.path.parent}")
    return str(cached.path)
