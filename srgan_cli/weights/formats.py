"""The suffixes of weights files."""

SAFETENSORS = ".safetensors"
"""Files that srgan writes, and those of other projects that cannot contain code."""
TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin")
"""Files that torch.save wrote."""
ONNX_SUFFIX = ".onnx"
WEIGHTS_SUFFIXES = (SAFETENSORS, *TORCH_SUFFIXES, ONNX_SUFFIX)
