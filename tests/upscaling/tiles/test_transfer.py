"""Tiles go to a device and come back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from srgan_cli.networks import Generator
from srgan_cli.upscaling.precision import MixedPrecision
from srgan_cli.upscaling.tiles.transfer import TileTransfer

CPU = torch.device("cpu")


class Nearest(Generator):
    """Twice as large, and `broken` where it computes in half precision."""

    def __init__(self, broken: float | None = None) -> None:
        super().__init__(scale=2)
        self.broken, self.asked = broken, 0

    def forward(self, x: Tensor) -> Tensor:
        self.asked += 1
        half = torch.is_autocast_enabled("cpu")
        enlarged = nn.functional.interpolate(x, scale_factor=2)
        return enlarged if self.broken is None or not half else torch.full_like(enlarged, self.broken)


def whole(enlarged: Tensor) -> Tensor:
    return enlarged


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_what_is_collected_is_what_was_cut_out_of_the_result() -> None:
    seen = noise(3, 5, 4)
    expected = seen.repeat_interleave(2, 1).repeat_interleave(2, 2)
    for generator in (Nearest(), MixedPrecision(Nearest())):
        collect = TileTransfer(generator, CPU).submit(seen, lambda enlarged: enlarged[:, 2:7, 1:])
        assert torch.equal(collect(), expected[:, 2:7, 1:])


@pytest.mark.parametrize(("broken", "asked"), [(None, 1), (float("nan"), 2), (0.0, 2)])
def test_what_broke_in_half_precision_is_computed_again_when_it_is_collected(broken: float | None, asked: int) -> None:
    generator = Nearest(broken)
    collect = TileTransfer(MixedPrecision(generator, torch.bfloat16), CPU).submit(torch.full((3, 4, 4), 0.5), whole)
    assert generator.asked == 1
    torch.testing.assert_close(collect(), torch.full((3, 8, 8), 0.5))
    assert generator.asked == asked


class Line:
    """Stands in for a stream and its events, and writes down what happens."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def wait_stream(self, other: str) -> None:
        self.log.append(f"wait for {other}")

    def record_event(self, event: str) -> "Line":
        self.log.append(event)
        return self

    def synchronize(self) -> None:
        self.log.append("arrived")


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> tuple[TileTransfer, list[str]]:
    """A passage that does on a CPU all that it does on CUDA, and the order of it."""
    log: list[str] = []
    line: Any = Line(log)

    @contextmanager
    def stream(_: Line) -> Iterator[None]:
        log.append("to the side")
        yield
        log.append("back")

    def copy(self: Tensor, source: Tensor, non_blocking: bool) -> Tensor:
        log.append("copy" if non_blocking else "wait and copy")
        return self.set_(source.clone())

    def empty(*shape: int, **options: Any) -> Tensor:
        log.append("pinned" if options.pop("pin_memory") else "pageable")
        return torch.zeros(*shape, **options)

    monkeypatch.setattr("torch.cuda.current_stream", lambda _: "computing")
    monkeypatch.setattr("torch.cuda.stream", stream)
    monkeypatch.setattr("torch.cuda.Event", lambda blocking: "event" if blocking else "spinning event")
    monkeypatch.setattr("torch.empty", empty)
    monkeypatch.setattr(Tensor, "copy_", copy)
    monkeypatch.setattr(Tensor, "record_stream", lambda *_: log.append("kept until then"))
    monkeypatch.setattr(Tensor, "pin_memory", lambda self: log.append("pin") or self)
    passage = TileTransfer(Nearest(), CPU)
    passage.copy_stream = line
    return passage, log


def test_on_a_card_results_come_back_beside_the_computing_and_only_who_collects_waits(
    rehearsal: tuple[TileTransfer, list[str]],
) -> None:
    passage, log = rehearsal
    seen = noise(3, 4, 3)
    collect = passage.submit(seen, lambda enlarged: enlarged[:, ::2, ::2])
    assert log == ["pin", "pinned", "wait for computing", "to the side", "copy", "back", "kept until then", "event"]
    assert torch.equal(collect(), seen)
    assert log[-1] == "arrived"


def test_a_card_is_sent_a_tile_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.Stream", lambda device: device)
    assert TileTransfer(Nearest(), torch.device("cuda")).prefetch == 1
    assert TileTransfer(Nearest(), CPU).prefetch == 0
