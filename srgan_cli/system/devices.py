"""Choosing the device and the number format."""

import torch

from srgan_cli.errors import UnknownDevice
from srgan_cli.system.memory_usage import peak_rss

_TENSOR_CORES = {torch.float16: (7, 0), torch.bfloat16: (8, 0)}
"""The first CUDA compute capability whose tensor cores support a format."""


def list_devices() -> list[str]:
    """The names of the devices of this machine, in the order in which `auto` prefers them."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return [*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device of this name; auto is CUDA, else Metal, else the CPU.  Raises UnknownDevice for a missing one."""
    available = list_devices()
    name = available[0] if device == "auto" else str(device)
    known = [*available, *(["cuda"] if "cuda:0" in available else [])]
    if name not in known:
        raise UnknownDevice(f"no device {name!r} on this machine", f"available: {', '.join(['auto', *known])}")
    return torch.device(name)


def pick_devices(names: str) -> list[str]:
    """The devices of a list such as 0,1 (of CUDA) or cpu,cpu; `all` accelerators, or cpu.  Raises UnknownDevice."""
    if names == "all":
        return list_devices()[:-1] or ["cpu"]
    return [str(pick_device(f"cuda:{name}" if name.isdecimal() else name)) for name in names.split(",")]


def has_fast(dtype: torch.dtype, device: torch.device) -> bool:
    """Whether a device multiplies faster in this format, float16 or bfloat16, than in float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= _TENSOR_CORES[dtype]
    supports = (getattr(torch.cpu, test, bool) for test in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return device.type == "cpu" and dtype == torch.bfloat16 and any(support() for support in supports)


def pick_dtype(device: torch.device) -> torch.dtype:
    """The format for multiplications in training: bfloat16 where the device is fast in it, else float32."""
    return torch.bfloat16 if has_fast(torch.bfloat16, device) else torch.float32


def peak_memory(device: torch.device) -> int:
    """Peak memory of this process in bytes, on the GPU if it computes there; 0 if the system does not report it."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_rss() or 0
