"""Export of a generator to ONNX, checked against torch."""

import contextlib
import io
import logging
import warnings
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor

from srgan_cli.errors import SrganError, UsageError, import_extra
from srgan_cli.networks import Generator
from srgan_cli.system.files import atomic_write
from srgan_cli.weights.onnx_runtime import OnnxGenerator, open_session, run

INPUT, OUTPUT = "pictures", "enlarged"
LARGEST_DIFFERENCE = 1e-3
_EXAMPLE_SIZE, _CHECKED_SIZES = (2, 40, 48), ((1, 64, 48), (2, 32, 80))  # number of pictures, height and width


def export_onnx(generator: Generator, path: Path) -> float:
    """Write a generator on the CPU as ONNX; returns the largest difference between onnxruntime and torch.

    Batch and size are free.  Input: "pictures" (N, bands, H, W), RGB 0…1 or measurements in their range.  Output:
    "enlarged" (N, bands, scale x H, scale x W), not clamped.  Raises UsageError without the extra srgan-cli[onnx],
    SrganError if the network cannot be exported with free sizes or a result differs by more than LARGEST_DIFFERENCE.
    """
    for module in ("onnx", "onnxruntime", "onnxscript"):
        import_extra(module, "onnx", f"{module} is not installed")
    if isinstance(generator, OnnxGenerator):
        raise UsageError("the model is an ONNX file already", "copy it")
    with atomic_write(path) as temporary:
        try:
            _write(generator, temporary)
        except OSError:  # such as a full disk
            raise
        except Exception as error:  # networks that depend on sizes fail in many ways
            message = f"this network cannot be exported with free sizes: {shorten(str(error), 160)}"
            raise SrganError(message, "try another model") from error
        difference = max(_difference(generator, temporary, size) for size in _CHECKED_SIZES)
        if not difference <= LARGEST_DIFFERENCE:
            raise SrganError(f"the exported model differs from torch by {difference:.3g}", "try another model")
    return difference


def _write(generator: Generator, path: Path) -> None:
    with _silence():
        program = torch.onnx.export(
            generator,
            (_draw_pictures(generator, _EXAMPLE_SIZE),),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=(dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC),),
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        program.save(path)


def _draw_pictures(generator: Generator, size: tuple[int, int, int]) -> Tensor:
    count, height, width = size
    return torch.rand(count, generator.bands, height, width, generator=torch.Generator().manual_seed(0))


def _difference(generator: Generator, path: Path, size: tuple[int, int, int]) -> float:
    """The largest difference between onnxruntime and torch for random pictures of this size."""
    pictures = _draw_pictures(generator, size)
    try:
        found = torch.from_numpy(run(open_session(path), INPUT, pictures.numpy()))
    except Exception as error:  # the classes of onnxruntime have no common base
        message = f"the exported model fails for {size[2]} x {size[1]} pixels: {shorten(str(error), 120)}"
        raise SrganError(message, "this network cannot be exported with free sizes: try another model") from error
    with torch.no_grad():
        expected: Tensor = generator(pictures)
    if found.shape != expected.shape:
        sizes = f"{tuple(found.shape)}, expected {tuple(expected.shape)}"
        raise SrganError(f"the exported model returns {sizes}", "try another model")
    return float((found - expected).abs().max())


@contextlib.contextmanager
def _silence() -> Any:
    """Suppress what the exporter of torch prints and warns about its internals."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
