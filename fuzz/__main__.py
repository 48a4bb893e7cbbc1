"""Throw broken, hostile and odd files at srgan.

    python fuzz [--cases 20000] [--seed 0] [--corpus FOLDER] [--skip 4000] [--door picture --case 17]

A case is made from its door, its number and the seed alone, so that --door and --case make a finding again.  The doors
take turns, and stderr tells every hundred cases how many are done: --skip goes on from there.  Prints how many cases
each door took and refused and the most memory that one held, and every finding, those that look alike once; exits 1 if
there is one.  Ctrl-C ends it with the sums so far.
"""

import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from doors import DOORS
from watch import Case, Limits, watched


def main(
    cases: Annotated[int, typer.Option(help="How many, over all doors.")] = 20_000,
    skip: Annotated[int, typer.Option(help="How many of them were done before.")] = 0,
    seed: int = 0,
    corpus: Annotated[Path | None, typer.Option(help="A folder of pictures to break, beside those drawn here.")] = None,
    door: Annotated[str, typer.Option(help=f"Only this one of {', '.join(DOORS)}.")] = "",
    case: Annotated[int | None, typer.Option(help="Only the case of this number.")] = None,
    seconds: Annotated[float, typer.Option(help="The most that a case may take.")] = 120,
    memory: Annotated[int, typer.Option(help="MiB that a case may hold at most.")] = 1536,
) -> None:
    """Knock at the doors and tell what happened."""
    doors = [door] if door else list(DOORS)
    dealt = [(name, case) for name in doors] if case is not None else _deal(cases, doors)[skip:]
    counts: Counter[tuple[str, str]] = Counter()
    most: Counter[str] = Counter()
    alike: dict[str, list[Case]] = {}
    began = time.monotonic()
    with suppress(KeyboardInterrupt):
        for done in watched(dealt, seed, corpus, Limits(seconds, memory * 2**20)):
            counts[done.door, done.verdict] += 1
            most[done.door] = max(most[done.door], done.memory)
            if done.verdict == "finding":
                alike.setdefault(_likeness(done), []).append(done)
                if len(alike[_likeness(done)]) == 1:
                    print(f"--door {done.door} --case {done.number}\n{done.story}\n", flush=True)
            if counts.total() % 100 == 0:
                told = f"{skip + counts.total()} of {cases} cases, {len(alike)} findings"
                print(f"{told}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    for found in alike.values():
        print(f"{len(found)} alike: --door {found[0].door}, cases {', '.join(str(done.number) for done in found[:9])}")
    for name in doors:
        row = ", ".join(f"{counts[name, verdict]} {verdict}" for verdict in ("taken", "refused", "finding"))
        print(f"{name}: {row}; at most {most[name] / 2**20:.0f} MiB for a case")
    print(f"{counts.total()} cases in {time.monotonic() - began:.0f} s")
    sys.exit(1 if alike else 0)


def _deal(cases: int, doors: list[str]) -> list[tuple[str, int]]:
    """So many cases, each a door and a number, by the doors' shares and in turns."""
    shares = {name: DOORS[name][1] for name in doors}
    dealt = [(name, number) for name in doors for number in range(cases * shares[name] // sum(shares.values()))]
    return sorted(dealt, key=lambda case: case[1] / shares[case[0]])


def _likeness(case: Case) -> str:
    """The place that a traceback ends at, or the story."""
    places = [line for line in case.story.splitlines() if line.startswith("  File ")]
    return f"{case.door} {places[-1] if places else case.story.split(' ')[0]}"


if __name__ == "__main__":
    typer.run(main)
