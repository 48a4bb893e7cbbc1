"""Choosing the device and the number format."""

from collections.abc import Callable

import pytest
import torch

from srgan_cli.errors import UnknownDevice
from srgan_cli.system.devices import pick_device, pick_dtype


@pytest.fixture
def cpu_only(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine without accelerators; tests add some."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    return monkeypatch


@pytest.fixture
def two_gpus(cpu_only: pytest.MonkeyPatch) -> None:
    """A machine with two CUDA devices."""
    cpu_only.setattr(torch.cuda, "is_available", lambda: True)
    cpu_only.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("cpu_only")
@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_without_an_accelerator_auto_is_the_cpu(name: str) -> None:
    assert pick_device(name) == torch.device("cpu")


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("name", "expected"),
    [("auto", "cuda:0"), ("cuda", "cuda"), ("cuda:0", "cuda:0"), ("cuda:1", "cuda:1"), ("cpu", "cpu")],
)
def test_the_first_gpu_is_used_unless_another_is_named(name: str, expected: str) -> None:
    assert pick_device(name) == torch.device(expected)


def test_metal_is_used_without_cuda(cpu_only: pytest.MonkeyPatch) -> None:
    cpu_only.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("mps")


@pytest.mark.usefixtures("cpu_only")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:99", "mps", "gpu", "CPU", ""])
def test_the_error_for_a_missing_device_lists_the_available_ones(name: str) -> None:
    with pytest.raises(UnknownDevice, match=f"no device '{name}'") as caught:
        pick_device(name)
    assert caught.value.hint == "available: auto, cpu"


@pytest.mark.usefixtures("two_gpus")
def test_the_error_for_a_missing_gpu_lists_the_available_ones() -> None:
    with pytest.raises(UnknownDevice, match="cuda:99") as caught:
        pick_device("cuda:99")
    assert caught.value.hint == "available: auto, cuda:0, cuda:1, cpu, cuda"


@pytest.mark.parametrize(
    ("capability", "expected"), [((7, 5), torch.float32), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)]
)
def test_gpus_use_bfloat16_from_compute_capability_8(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert pick_dtype(torch.device("cuda:0")) is expected


@pytest.mark.parametrize(("native", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_cpu_uses_bfloat16_if_it_is_native(
    cpu_bfloat16: Callable[[bool], None], native: bool, expected: torch.dtype
) -> None:
    cpu_bfloat16(native)
    assert pick_dtype(torch.device("cpu")) is expected


def test_metal_uses_float32() -> None:
    assert pick_dtype(torch.device("mps")) is torch.float32
