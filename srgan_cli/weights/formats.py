"""The suffixes of weights files, and the files that come with srgan."""

from pathlib import Path

SAFETENSORS = ".safetensors"  # files that srgan writes, and those of other projects that cannot contain code
TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin")  # files that torch.save wrote
ONNX_SUFFIX = ".onnx"
WEIGHTS_SUFFIXES = (SAFETENSORS, *TORCH_SUFFIXES, ONNX_SUFFIX)


def shipped_folder() -> Path:
    """The folder of the shipped weights: in the wheel, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    in_wheel = package / "shipped"
    return in_wheel if in_wheel.is_dir() else package.parent / "weights"


def family_name(name: str) -> str:
    """The name of weights without their scale: srgan for srgan-x4."""
    return name.rpartition("-x")[0] or name


def list_weights() -> dict[str, Path]:
    """The files of the shipped weights by name."""
    return {path.stem: path for path in sorted(shipped_folder().glob(f"*{SAFETENSORS}"))}
