"""Runs cases in a process of their own and watches their time, their memory, and how they end."""

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

_ADDRESS_SPACE = 6 * 2**30
"""Bytes of addresses that the worker may use beyond those at its start; more raises MemoryError."""


@dataclass(frozen=True)
class Limits:
    """What a case may take."""

    seconds: float
    memory: int
    """Bytes beyond those that the process held before."""


@dataclass(frozen=True)
class CaseResult:
    """The result of a case."""

    target: str
    number: int
    verdict: str
    """accepted, refused or finding."""
    report: str = ""
    """The traceback or description of a finding."""
    memory: int = 0
    """Bytes that the case took at its peak."""


def run_cases(cases: list[tuple[str, int]], seed: int, corpus: Path | None, limits: Limits) -> Iterator[CaseResult]:
    """The result of each case, a target and a number; a worker that dies or exceeds its time is replaced."""
    waiting = list(reversed(cases))
    with tempfile.TemporaryDirectory(prefix="srgan-fuzz-") as scratch:
        while waiting:
            yield from _run_until_worker_dies(waiting, seed, corpus, limits, Path(scratch))


def _run_until_worker_dies(
    waiting: list[tuple[str, int]], seed: int, corpus: Path | None, limits: Limits, scratch: Path
) -> Iterator[CaseResult]:
    """Take cases from the end of `waiting` until none is left or the worker is lost."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=_work, args=(theirs, seed, corpus, scratch))
    worker.start()
    theirs.close()
    try:
        ours.recv()  # it is ready
        while waiting:
            target, number = waiting.pop()
            ours.send((target, number))
            if not ours.poll(limits.seconds):
                yield CaseResult(target, number, "finding", f"no answer after {limits.seconds:g} seconds")
                return
            try:
                result: CaseResult = ours.recv()
            except EOFError:
                worker.join()
                yield CaseResult(target, number, "finding", f"the process died: {_ending(worker.exitcode)}")
                return
            if result.memory > limits.memory:
                report = f"it took {result.memory >> 20} MiB"
                result = CaseResult(target, number, "finding", report, result.memory)
            yield result
    finally:
        worker.kill()
        worker.join()


def _work(connection: Connection, seed: int, corpus: Path | None, scratch: Path) -> None:
    import torch
    from targets import run_case

    warnings.simplefilter("ignore")  # as the command line does
    torch.set_num_threads(1)
    addresses = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (addresses + _ADDRESS_SPACE, resource.RLIM_INFINITY))
    connection.send("ready")
    while True:
        target, number = connection.recv()
        before = _reset_peak_rss()
        try:
            verdict, report = run_case(target, seed, number, scratch / f"case-{os.getpid()}", corpus), ""
        except BaseException:
            verdict, report = "finding", traceback.format_exc()
        connection.send(CaseResult(target, number, verdict, report, _read_status("VmHWM") - before))


def _reset_peak_rss() -> int:
    """The resident bytes of this process; its peak is measured from here."""
    Path("/proc/self/clear_refs").write_text("5")
    return _read_status("VmRSS")


def _read_status(key: str) -> int:
    """A size in /proc/self/status, in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024


def _ending(code: int | None) -> str:
    return signal.Signals(-code).name if code and code < 0 else f"exit code {code}"
