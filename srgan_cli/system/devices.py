"""Which device computes, and in which number format."""

import torch

from srgan_cli.errors import UnknownDevice

_TENSOR_CORES = {torch.float16: (7, 0), torch.bfloat16: (8, 0)}
"""The first CUDA devices whose tensor cores know a format."""


def list_devices() -> list[str]:
    """The names of this machine's devices, the one that auto takes first."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*cuda, *mps, "cpu"]


def pick_device(name: str = "auto") -> torch.device:
    """The device of this name: auto, cpu, cuda, cuda:N or mps.

    auto takes the first of CUDA, Apple's Metal and the CPU that works here.
    Raises UnknownDevice when this machine has no such device.
    """
    available = list_devices()
    if name == "auto":
        name = available[0]
    known = [*available, *(["cuda"] if "cuda:0" in available else [])]
    if name not in known:
        raise UnknownDevice(f"no device {name!r} on this machine", f"there is: {', '.join(['auto', *known])}")
    return torch.device(name)


def pick_devices(names: str) -> list[str]:
    """The devices of a list such as 0,1 or cpu,cpu, where a number is that of a CUDA device; of all, every accelerator.

    Without one, all is the CPU.  Raises UnknownDevice where there is no such device.
    """
    if names == "all":
        return list_devices()[:-1] or ["cpu"]
    chosen = [f"cuda:{name}" if name.isdecimal() else name for name in names.split(",")]
    return [str(pick_device(name)) for name in chosen]


def has_fast(dtype: torch.dtype, device: torch.device) -> bool:
    """Whether a device has hardware that multiplies in this format, float16 or bfloat16, quicker than in float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= _TENSOR_CORES[dtype]
    return device.type == "cpu" and dtype == torch.bfloat16 and _cpu_has_bfloat16()


def pick_dtype(device: torch.device) -> torch.dtype:
    """The format for the multiplications of training: bfloat16 where the device does it well, or float32."""
    return torch.bfloat16 if has_fast(torch.bfloat16, device) else torch.float32


def _cpu_has_bfloat16() -> bool:
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, test, bool)() for test in tests)
