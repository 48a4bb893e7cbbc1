"""srgan export."""

from pathlib import Path
from typing import Annotated

import typer

from srgan_cli.cli.completion import complete_models
from srgan_cli.cli.fast_import import gc_paused
from srgan_cli.cli.options import Debug, Offline, Overwrite
from srgan_cli.errors import UsageError


def export(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The .onnx file to write.")],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            autocompletion=complete_models,
            help="Weights by name, file or address, as for srgan upscale.",
        ),
    ] = "srgan",
    overwrite: Overwrite = False,
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Write a model as ONNX, for pictures of any size, and compare its output with torch's.

    Requires the extra srgan-cli[onnx].  Prints the path.
    """
    with gc_paused():
        from srgan_cli.cli.console import info, write_line
        from srgan_cli.cli.weights.fetch import resolve_model
        from srgan_cli.system.files import check_writable
        from srgan_cli.weights.interpolation import interpolate
        from srgan_cli.weights.onnx import export_onnx
        from srgan_cli.weights.registry import find_weights

    if target.suffix.lower() != ".onnx":
        raise UsageError(f"{target} does not end in .onnx", f"srgan export {target.with_suffix('.onnx')}")
    check_writable(target, overwrite=overwrite)
    generator, card = interpolate(find_weights(resolve_model(model, offline)))
    difference = export_onnx(generator, target)
    info(f"{card.name}, x{card.scale}: differs from torch by at most {difference:.2g}")
    if card.value_range:
        low, high = card.value_range
        info(f"its input has {generator.bands} bands, with values {low:.6g} to {high:.6g} as 0 to 1")
    write_line(target)
