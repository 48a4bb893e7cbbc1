"""Feed damaged, hostile and odd files to srgan.

    python fuzz [--cases 20000] [--seed 0] [--corpus FOLDER] [--skip 4000] [--target picture --case 17]

A case depends only on its target, its number, the seed and the corpus, so --target and --case reproduce a finding.  The
targets take turns.  Progress goes to stderr after every hundred cases; --skip continues from there.  Prints every
finding, similar ones once, and for each target the number of accepted and refused cases and the largest amount of
memory of a case.  Exits with 1 if there are findings.  Ctrl-C ends the run and prints the sums so far.
"""

import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from supervisor import CaseResult, Limits, run_cases
from targets import TARGETS


def main(
    cases: Annotated[int, typer.Option(help="Number of cases of all targets.")] = 20_000,
    skip: Annotated[int, typer.Option(help="Number of cases to skip, to continue an earlier run.")] = 0,
    seed: int = 0,
    corpus: Annotated[Path | None, typer.Option(help="Folder of pictures to damage, beside generated ones.")] = None,
    target: Annotated[str, typer.Option(help=f"Run only this target: {', '.join(TARGETS)}.")] = "",
    case: Annotated[int | None, typer.Option(help="Run only the case with this number.")] = None,
    seconds: Annotated[float, typer.Option(help="Longest time for a case.")] = 120,
    memory: Annotated[int, typer.Option(help="MiB that a case may take.")] = 1536,
) -> None:
    """Run cases and print the results."""
    targets = [target] if target else list(TARGETS)
    chosen = [(name, case) for name in targets] if case is not None else _schedule(cases, targets)[skip:]
    counts: Counter[tuple[str, str]] = Counter()
    peaks: Counter[str] = Counter()
    findings: dict[str, list[CaseResult]] = {}
    began = time.monotonic()
    with suppress(KeyboardInterrupt):
        for result in run_cases(chosen, seed, corpus, Limits(seconds, memory * 2**20)):
            counts[result.target, result.verdict] += 1
            peaks[result.target] = max(peaks[result.target], result.memory)
            if result.verdict == "finding":
                findings.setdefault(_signature(result), []).append(result)
                if len(findings[_signature(result)]) == 1:
                    print(f"--target {result.target} --case {result.number}\n{result.report}\n", flush=True)
            if counts.total() % 100 == 0:
                progress = f"{skip + counts.total()} of {cases} cases, {len(findings)} findings"
                print(f"{progress}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    for similar in findings.values():
        numbers = ", ".join(str(result.number) for result in similar[:9])
        print(f"{len(similar)} similar: --target {similar[0].target}, cases {numbers}")
    for name in targets:
        row = ", ".join(f"{counts[name, verdict]} {verdict}" for verdict in ("accepted", "refused", "finding"))
        print(f"{name}: {row}; at most {peaks[name] / 2**20:.0f} MiB for a case")
    print(f"{counts.total()} cases in {time.monotonic() - began:.0f} s")
    sys.exit(1 if findings else 0)


def _schedule(cases: int, targets: list[str]) -> list[tuple[str, int]]:
    """The targets and numbers of all cases, in turns, by the shares of the targets."""
    shares = {name: TARGETS[name].share for name in targets}
    scheduled = [(name, number) for name in targets for number in range(cases * shares[name] // sum(shares.values()))]
    return sorted(scheduled, key=lambda case: case[1] / shares[case[0]])


def _signature(result: CaseResult) -> str:
    """What similar findings have in common: the last place in the traceback, or the start of the report."""
    places = [line for line in result.report.splitlines() if line.startswith("  File ")]
    return f"{result.target} {places[-1] if places else result.report.split(' ')[0]}"


if __name__ == "__main__":
    typer.run(main)
