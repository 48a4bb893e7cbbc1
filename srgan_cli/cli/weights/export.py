"""srgan export."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from srgan_cli.cli.completion import complete_weights
from srgan_cli.cli.fast_import import gc_paused
from srgan_cli.cli.options import Debug, Offline, Overwrite, option, takes
from srgan_cli.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ExportArguments:
    """The argument and the options of srgan export."""

    target: Annotated[Path, typer.Argument(metavar="OUT", help="The .onnx file to write.")]
    model: str = option(
        "srgan",
        "Weights by name, file or address, as for srgan upscale.",
        *("--model", "-m"),
        autocompletion=complete_weights,
    )
    overwrite: Overwrite = False
    offline: Offline = False
    debug: Debug = False


@takes(ExportArguments)
def export(_context: typer.Context, arguments: ExportArguments) -> None:
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

    target = arguments.target
    if target.suffix.lower() != ".onnx":
        raise UsageError(f"{target} does not end in .onnx", f"srgan export {target.with_suffix('.onnx')}")
    check_writable(target, overwrite=arguments.overwrite)
    generator, card = interpolate(find_weights(resolve_model(arguments.model, arguments.offline)))
    difference = export_onnx(generator, target)
    info(f"{card.name}, x{card.scale}: differs from torch by at most {difference:.2g}")
    if card.value_range:
        low, high = card.value_range
        info(f"bands of its input: {generator.bands}, with values {low:.6g} to {high:.6g} as 0 to 1")
    write_line(target)
