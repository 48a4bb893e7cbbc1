"""Turns the weights of a finished run into shipped weights: completes their card, scores them and prints their rows.

    python benchmarks/publish.py run/fidelity-x4.safetensors --recipe examples/recipes/fidelity-x4.toml \\
        --index pictures/index.json --bench BENCH --machine "2 cores of an AMD EPYC (Zen 4), bfloat16 autocast"

INDEX is a JSON list with `source` and `licence` of every training picture. BENCH contains <set>/x<scale>/HR and LR with
pictures of equal names. --mean-with averages the weights with those of an earlier stage of the run (M. Wortsman et al.,
Model Soups, ICML 2022, arXiv:2203.05482).

The file is written to weights/ under the name of the card, with the licence Apache-2.0.
"""

import datetime
import json
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import torch
import typer
from peers import multiply_adds, read_cases

from srgan_cli.image.ops import quantise
from srgan_cli.networks import Generator
from srgan_cli.scoring.protocol import Protocol, compare
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.weights.card import WeightsCard
from srgan_cli.weights.file import load_weights, save_weights
from srgan_cli.weights.interpolation import interpolate

REPOSITORY = Path(__file__).parents[1]


def main(
    weights: Path,
    recipe: Annotated[Path, typer.Option(help="The settings of the run.")],
    index: Annotated[Path, typer.Option(help="Sources and licences of the training pictures.")],
    bench: Annotated[Path, typer.Option(help="The benchmarks to score on.")],
    machine: Annotated[str, typer.Option(help="The machine of the run.")],
    counterpart: Annotated[str, typer.Option(help="Shipped fidelity weights for interpolation by --strength.")] = "",
    strength: Annotated[float, typer.Option(help="The default of --strength for these weights.")] = 1.0,
    mean_with: Annotated[Path | None, typer.Option(help="Weights to average with.")] = None,
) -> None:
    """Write weights/<name>.safetensors and print its rows for the tables of the READMEs."""
    generator, card = load_weights(weights)
    earlier: dict[str, Any] = {}
    if mean_with:
        other, its_card = load_weights(mean_with)
        average(generator, other)
        earlier = {"mean_with": its_card.training}
        card = replace(card, scores={})  # they belong to the run alone
    training = {
        "data": sources(index),
        **card.training,
        "seed": card.training["settings"]["seed"],
        "machine": machine,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "recipe": recipe.resolve().relative_to(REPOSITORY).as_posix(),
        **earlier,
    }
    different = differences(recipe, card)
    if different:
        raise typer.BadParameter(f"{recipe} is not the recipe of {weights}: {', '.join(different)} differ")
    card = replace(card, training=training, licence="Apache-2.0", counterpart=counterpart, strength=strength)
    target = REPOSITORY / "weights" / f"{card.name}.safetensors"
    save_weights(target, generator, card)
    interpolated = interpolate(target)[0]
    protocol = f"BT.601 luma, border {card.scale}, MATLAB-bicubic input"
    scores = {"protocol": protocol, **card.scores, **benchmarks(interpolated, bench)}
    save_weights(target, generator, replace(card, scores=scores))
    print(row(interpolated, replace(card, scores=scores)))


def average(generator: Generator, other: Generator) -> None:
    """Average the weights of a generator, in place, with those of another."""
    for own, theirs in zip(generator.state_dict().values(), other.state_dict().values(), strict=True):
        own.lerp_(theirs, 0.5)


def sources(index: Path) -> list[dict[str, Any]]:
    """The number of pictures by source and licence."""
    counted = Counter((entry["source"], entry["licence"]) for entry in json.loads(index.read_text(encoding="utf8")))
    return [
        {"source": source, "pictures": count, "licence": licence}
        for (source, licence), count in sorted(counted.items())
    ]


def differences(recipe: Path, card: WeightsCard) -> list[str]:
    """The settings in which the run differs from the recipe."""
    settings, wanted = card.training["settings"], tomllib.loads(recipe.read_text(encoding="utf8"))
    return [key for key, value in wanted.items() if settings.get(key, value) != value]


def benchmarks(generator: Generator, bench: Path) -> dict[str, dict[str, float]]:
    """Mean PSNR and SSIM of every benchmark."""
    upscaler = Upscaler(generator, torch.device("cpu"))
    protocol = Protocol(border=generator.scale, scale=generator.scale)
    found: dict[str, list[dict[str, float]]] = {}
    for case in read_cases(bench, generator.scale):
        upscaled = quantise(upscaler.upscale(case.low).flatten_on_white().rgb)
        found.setdefault(case.benchmark, []).append(compare(case.high, upscaled, protocol))
    return {
        benchmark: {key: round(fmean(row[key] for row in rows), 4) for key in ("psnr", "ssim")}
        for benchmark, rows in found.items()
    }


def row(generator: Generator, card: WeightsCard) -> str:
    """The row for weights/README.md."""
    shape = ", ".join(f"{card.config[key]} {key}" for key in ("channels", "blocks") if key in card.config)
    cost = f"{generator.parameter_count:,} | {multiply_adds(generator, torch.device('cpu')):,.0f}"
    scores = [f"{card.scores[name]['psnr']:.2f} / {card.scores[name]['ssim']:.4f}" for name in ("Set5", "Set14")]
    return f"| `{card.name}` | {card.architecture}, {shape} | {cost} | {card.receptive_radius} | {' | '.join(scores)} |"


if __name__ == "__main__":
    typer.run(main)
