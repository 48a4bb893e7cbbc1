"""A process that works off cases and is watched: how long each takes, what it holds, how it ends."""

import os
import resource
import signal
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

_FENCE = 6 * 2**30
"""Bytes of addresses beyond what the process has at first: whoever asks for more gets a MemoryError."""


@dataclass(frozen=True)
class Limits:
    """seconds: for a case.  memory: bytes that it may hold more than before."""

    seconds: float
    memory: int


@dataclass(frozen=True)
class Case:
    """What happened: `taken`, `refused` or a `finding` with its story.  memory: bytes that it took at most."""

    door: str
    number: int
    verdict: str
    story: str = ""
    memory: int = 0


def watched(cases: list[tuple[str, int]], seed: int, corpus: Path | None, limits: Limits) -> Iterator[Case]:
    """What happens in each case, a door and a number; a worker that dies or takes too long is replaced."""
    waiting = list(reversed(cases))
    with tempfile.TemporaryDirectory(prefix="srgan-fuzz-") as scratch:
        while waiting:
            yield from _until_lost(waiting, seed, corpus, limits, Path(scratch))


def _until_lost(
    waiting: list[tuple[str, int]], seed: int, corpus: Path | None, limits: Limits, scratch: Path
) -> Iterator[Case]:
    """Work the cases off, from the last one on, until none is left or a worker is lost."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=_work, args=(theirs, seed, corpus, scratch))
    worker.start()
    theirs.close()
    try:
        ours.recv()  # it is ready
        while waiting:
            door, number = waiting.pop()
            ours.send((door, number))
            if not ours.poll(limits.seconds):
                yield Case(door, number, "finding", f"no answer after {limits.seconds:g} seconds")
                return
            try:
                case: Case = ours.recv()
            except EOFError:
                worker.join()
                yield Case(door, number, "finding", f"the process died: {_ending(worker.exitcode)}")
                return
            if case.memory > limits.memory:
                case = Case(door, number, "finding", f"it held {case.memory >> 20} MiB", case.memory)
            yield case
    finally:
        worker.kill()
        worker.join()


def _work(line: Connection, seed: int, corpus: Path | None, scratch: Path) -> None:
    import torch
    from doors import knock

    warnings.simplefilter("ignore")  # as the command line does
    torch.set_num_threads(1)
    addresses = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (addresses + _FENCE, resource.RLIM_INFINITY))
    line.send("ready")
    while True:
        door, number = line.recv()
        before = _resident_now()
        try:
            verdict, story = knock(door, seed, number, scratch / f"case-{os.getpid()}", corpus), ""
        except BaseException:
            verdict, story = "finding", traceback.format_exc()
        line.send(Case(door, number, verdict, story, _resident_peak() - before))


def _resident_now() -> int:
    """Bytes held; the peak is counted anew from here."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _resident_peak() -> int:
    return _status("VmHWM")


def _status(key: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024


def _ending(code: int | None) -> str:
    return signal.Signals(-code).name if code and code < 0 else f"exit code {code}"
