"""Compares our weights with classic filters and public models, in one run on the same pictures.

    python benchmarks/quality.py BENCH [--scale 4] [--community FOLDER] [--stored FOLDER] [--only NAME ...] [--markdown]

BENCH contains <set>/x<scale>/HR and LR with pictures of equal names. The compared methods are those of `peers.py`:
filters, the shipped weights, models with ncnn, weights files of other projects in a folder, and stored results.

Prints for each method: parameters, multiply-adds per output pixel, CPU seconds of all threads per output megapixel
(without reading), PSNR and SSIM on BT.601 luma with a border of `scale` pixels cut, and the feature distances SQD and
VGGD on whole RGB pictures, which need $SRGAN_METRIC_WEIGHTS or a download.
"""

import math
import time
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Annotated

import torch
import typer
from peers import Candidate, Case, community_models, filters, ncnn_models, ours, read_cases, stored_results
from tables import show

from srgan_cli.image.ops import quantise
from srgan_cli.metrics import METRICS
from srgan_cli.scoring.protocol import Protocol, compare

MEASURED = ("psnr", "ssim", "sqd", "vggd")


def main(
    bench: Path,
    scale: int = 4,
    community: Path | None = None,
    stored: Path | None = None,
    only: Annotated[list[str] | None, typer.Option(help="Methods to run. [default: all]")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Compare our weights with filters and public models and print a table."""
    cases = list(read_cases(bench, scale))
    candidates = [
        *filters(scale),
        *ours(scale),
        *ncnn_models(scale),
        *(community_models(community, scale) if community else []),
        *(stored_results(stored) if stored else []),
    ]
    protocol = Protocol(border=scale, scale=scale, metrics=MEASURED)
    chosen = [candidate for candidate in candidates if not only or candidate.name in only]
    for candidate in chosen:
        run(candidate, cases, protocol)
    report(chosen, list(dict.fromkeys(case.benchmark for case in cases)), protocol, markdown)


def run(candidate: Candidate, cases: list[Case], protocol: Protocol) -> None:
    """Upscale and score every picture; the first one twice, to warm up."""
    candidate.upscale(cases[0])
    megapixels = 0.0
    for case in cases:
        began = time.process_time()
        result = candidate.upscale(case)
        candidate.seconds += time.process_time() - began
        megapixels += result.shape[-1] * result.shape[-2] / 1e6
        scores = compare(case.high, quantise(result), protocol)
        candidate.scores.setdefault(case.benchmark, []).append(scores)
    candidate.seconds /= megapixels


def report(candidates: list[Candidate], benchmarks: list[str], protocol: Protocol, markdown: bool) -> None:
    """Print a row per method."""
    headings = ["model", "parameters", "multiply-adds / px", "CPU s / megapixel"]
    headings += [f"{benchmark} {' / '.join(METRICS[m].label for m in protocol.metrics)}" for benchmark in benchmarks]
    rows = [[*costs(entry), *(scores(entry, name, protocol) for name in benchmarks)] for entry in candidates]
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "pillow"))
    title = f"{protocol}; {torch.get_num_threads()} threads, {packages}"
    show(headings, rows, title, markdown)


def costs(entry: Candidate) -> list[str]:
    """Name, parameters, multiply-adds and seconds; empty if unknown."""
    return [
        entry.name,
        f"{entry.parameters:,}" if entry.parameters else "",
        f"{entry.multiply_adds:,.0f}" if entry.multiply_adds else "",
        f"{entry.seconds:.2f}" if entry.timed else "",
    ]


def scores(entry: Candidate, benchmark: str, protocol: Protocol) -> str:
    """The mean scores on a benchmark."""
    rows = entry.scores[benchmark]
    means = {name: fmean(row[name] for row in rows) for name in protocol.metrics}
    return " / ".join(f"{value:.{METRICS[name].decimals}f}" for name, value in means.items() if not math.isnan(value))


if __name__ == "__main__":
    typer.run(main)
