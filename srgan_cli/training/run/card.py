"""The weights card of a run."""

from typing import Any

from srgan_cli.networks import Generator
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.run.clock import RunProgress
from srgan_cli.training.run.validation import validation_protocol
from srgan_cli.weights.card import WeightsCard


def run_card(
    generator: Generator,
    name: str,
    config: TrainConfig,
    progress: RunProgress,
    facts: dict[str, Any],
    origins: dict[str, Any],
    scores: dict[str, float],
    *,
    is_adversarial: bool,
    value_range: tuple[float, float] | None = None,
) -> WeightsCard:
    """The card of a run's weights.

    `facts`, and those of `origins` that are not empty, go into the entry about the training; `scores` are those of the
    last validation.  `value_range` is that of measurements.
    After the discriminator has joined, the counterpart is the fidelity weights from which it started.
    """
    pretrained = config.schedule.pretrain_fraction > 0
    fidelity = config.run.fidelity_name if pretrained else str(origins.get("started_from", {}).get("name", ""))
    return WeightsCard.for_generator(
        generator,
        name,
        training={
            **facts,
            "steps": progress.steps,
            "hours": round(progress.seconds / 3600, 3),
            "settings": config.to_recipe(),
            **{origin: value for origin, value in origins.items() if value},
        },
        scores={"validation": {"protocol": str(validation_protocol(config.scale)), **scores}},
        counterpart=fidelity if is_adversarial else "",
        value_range=value_range,
    )
