"""Which device computes."""

import pytest
import torch

from srgan_cli.errors import UnknownDevice
from srgan_cli.system.devices import pick_device, pick_dtype


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with nothing but its CPU, and what adds to it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    return monkeypatch


@pytest.fixture
def two_cards(bare: pytest.MonkeyPatch) -> None:
    """A machine with two CUDA devices."""
    bare.setattr(torch.cuda, "is_available", lambda: True)
    bare.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_without_an_accelerator_the_cpu_computes(name: str) -> None:
    assert pick_device(name) == torch.device("cpu")


@pytest.mark.usefixtures("two_cards")
@pytest.mark.parametrize(
    ("name", "expected"),
    [("auto", "cuda:0"), ("cuda", "cuda"), ("cuda:0", "cuda:0"), ("cuda:1", "cuda:1"), ("cpu", "cpu")],
)
def test_the_first_card_is_taken_unless_another_is_named(name: str, expected: str) -> None:
    assert pick_device(name) == torch.device(expected)


def test_metal_is_taken_where_there_is_no_cuda(bare: pytest.MonkeyPatch) -> None:
    bare.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("mps")


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:99", "mps", "gpu", "CPU", ""])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(UnknownDevice, match=f"no device '{name}'") as caught:
        pick_device(name)
    assert caught.value.hint == "there is: auto, cpu"


@pytest.mark.usefixtures("two_cards")
def test_a_card_beyond_the_last_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownDevice, match="cuda:99") as caught:
        pick_device("cuda:99")
    assert caught.value.hint == "there is: auto, cuda:0, cuda:1, cpu, cuda"


@pytest.mark.parametrize(
    ("capability", "expected"), [((7, 5), torch.float32), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)]
)
def test_a_card_computes_in_bfloat16_where_it_can(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert pick_dtype(torch.device("cuda:0")) is expected


@pytest.mark.parametrize(("native", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_cpu_computes_in_bfloat16_where_it_can(
    monkeypatch: pytest.MonkeyPatch, native: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr("srgan_cli.system.devices._cpu_has_bfloat16", lambda: native)
    assert pick_dtype(torch.device("cpu")) is expected


def test_metal_computes_in_float32() -> None:
    assert pick_dtype(torch.device("mps")) is torch.float32
