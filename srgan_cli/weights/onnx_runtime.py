"""Networks in ONNX files, run by onnxruntime like every other generator.  They cannot be trained."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srgan_cli.errors import WeightsError, errors_as, import_extra
from srgan_cli.image.ops import LARGEST_SCALE
from srgan_cli.networks.generators.measured import MeasuredGenerator

BYTES_PER_PIXEL = 16_384
"""Estimated memory of the activations, per input pixel: onnxruntime does not report it. Twice what RRDB takes."""
_PROBE = 32
_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxGenerator(MeasuredGenerator):
    """A network for RGB 0…1 of any size, on the CPU, with as many threads as torch had when it was loaded."""

    architecture = "onnx"
    half_formats = ()
    memory_format = torch.contiguous_format
    native_bytes = BYTES_PER_PIXEL

    def __init__(self, session: Any, scale: int, parameter_count: int) -> None:
        super().__init__(scale=scale)
        self.session = session
        self.input = session.get_inputs()[0].name
        self.dtype = _DTYPES[session.get_inputs()[0].type]
        self._parameter_count = parameter_count

    @property
    def parameter_count(self) -> int:
        """Estimated from the size of the file."""
        return self._parameter_count

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged pictures."""
        if x.is_meta:
            return x.new_empty(len(x), 3, *(side * self.scale for side in x.shape[-2:]))
        return torch.from_numpy(run(self.session, self.input, x.cpu().numpy().astype(self.dtype))).to(x.device)


def load_onnx(path: Path) -> OnnxGenerator:
    """The generator in an ONNX file that enlarges RGB of any size.  Raises UsageError and WeightsError."""
    session = open_session(path)
    given, made = session.get_inputs(), session.get_outputs()
    if len(given) != 1 or len(made) != 1 or given[0].type not in _DTYPES or len(given[0].shape) != 4:
        raise WeightsError(f"{path} has other inputs than one picture, or several outputs", "give another model")
    size = np.dtype(_DTYPES[given[0].type]).itemsize
    return OnnxGenerator(session, _scale(session, path), path.stat().st_size // size)


def open_session(path: Path) -> Any:
    """A session of onnxruntime, on the CPU, that runs the network of a file.  Raises UsageError and WeightsError."""
    onnxruntime = import_extra("onnxruntime", "onnx", "onnxruntime is not installed")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    with errors_as(WeightsError, "cannot read {path}: {reason}", "fetch it again", path=path):
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])


def _scale(session: Any, path: Path) -> int:
    """Measured on pictures of two shapes."""
    first, second = (_probe(session, path, shape) for shape in ((_PROBE, 2 * _PROBE), (2 * _PROBE, _PROBE)))
    if first != second or first not in range(1, LARGEST_SCALE + 1):
        raise WeightsError(f"{path} does not enlarge pictures by a whole factor", "give another model")
    return int(first)


def _probe(session: Any, path: Path, shape: tuple[int, int]) -> float:
    """How many times larger than a black picture the result is; 0 where it is no RGB picture of the same shape."""
    given = session.get_inputs()[0]
    message, hint = (
        "{path} does not take RGB pictures of any size: {reason}",
        "export it for RGB, with dynamic height and width",
    )
    with errors_as(WeightsError, message, hint, path=path):
        made = run(session, given.name, np.zeros((1, 3, *shape), _DTYPES[given.type]))
    scale = made.shape[-1] / shape[-1]
    return scale if made.shape == (1, 3, round(shape[0] * scale), round(shape[1] * scale)) else 0


def run(session: Any, name: str, pictures: NDArray[Any]) -> NDArray[np.float32]:
    """The only output of a session for its only input, of this name."""
    (made,) = session.run(None, {name: pictures})
    return np.asarray(made, np.float32)
