"""What is to be scored: candidates, baselines, metrics, processes."""

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.metrics import METRICS, load_extractor
from srgan_cli.scoring.methods import BaselineSettings, Method
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.system.discovery import by_name, pair_by_name
from srgan_cli.system.processes import cores

MIN_PICTURES_FOR_PROCESSES = 8
"""With fewer pictures, starting processes takes longer than it saves."""


@dataclass(frozen=True)
class ScoringPlan:
    """What is to be scored: references by picture name, and the methods that enlarge them.

    crop_side: the side of the crop to seek for a figure, 0 for none.  jobs: processes, 0 for all cores.
    max_pixels: of a picture, None for what Pillow allows.
    """

    protocol: Protocol
    references: dict[str, Path]
    methods: list[Method]
    only_reference: list[str] = field(default_factory=list)
    only_candidate: list[str] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)
    baseline_settings: BaselineSettings = field(default_factory=BaselineSettings)
    jobs: int = 1
    crop_side: int = 0
    max_pixels: int | None = None

    @property
    def processes(self) -> int:
        """How many processes are worth starting; one when a model runs on a device other than the CPU."""
        if self.jobs:
            return min(self.jobs, len(self.references))
        if len(self.references) < MIN_PICTURES_FOR_PROCESSES or not all(
            _runs_on_cpu(m, self.baseline_settings) for m in self.methods
        ):
            return 1
        return min(cores(), len(self.references))


def plan_scoring(
    reference: Path,
    candidates: list[Path],
    baselines: list[str],
    protocol: Protocol,
    baseline_settings: BaselineSettings | None = None,
) -> ScoringPlan:
    """Pair every candidate with the references by name, and find which metrics can be had.

    Raises UsageError without a candidate, and SrganError when nothing can be paired or no metric is left.
    """
    baseline_settings = baseline_settings or BaselineSettings(protocol.scale)
    if not candidates and not baselines:
        raise UsageError("nothing to judge", "name a picture or a folder after the reference, or a --baseline")
    candidates = list({path.resolve(): path for path in candidates}.values())
    names = _method_names(candidates)
    pairings = {name: pair_by_name(reference, path) for name, path in zip(names, candidates, strict=True)}
    references = by_name(reference)
    methods = [Method(name, {key: path for key, _, path in pairing.pairs}) for name, pairing in pairings.items()]
    for baseline in dict.fromkeys(baselines):
        method = Method(_free_name(baseline, names), baseline=baseline)
        _runs_on_cpu(method, baseline_settings)  # loads it, or says why it cannot be had
        methods.append(method)
    wanted = references if baselines else {key for method in methods for key in method.files}
    labels = {name: f" ({name})" if len(methods) > 1 else "" for name in names}
    available, unavailable = _available(protocol)
    return ScoringPlan(
        available,
        {name: path for name, path in references.items() if name in wanted},
        methods,
        [f"{left}{labels[name]}" for name, pairing in pairings.items() for left in pairing.only_reference],
        [f"{right}{labels[name]}" for name, pairing in pairings.items() for right in pairing.only_candidate],
        unavailable,
        baseline_settings,
    )


def _runs_on_cpu(method: Method, baseline_settings: BaselineSettings) -> bool:
    """Whether a method takes no other device.  Raises what a baseline's weights raise that cannot be had."""
    if not method.baseline:
        return True
    from srgan_cli.scoring.baselines import runs_on_cpu

    return runs_on_cpu(method.baseline, baseline_settings)


def _available(protocol: Protocol) -> tuple[Protocol, list[str]]:
    """The protocol with those metrics that can be computed here, and a sentence for each of the others."""
    reasons = {}
    for name in protocol.metrics:
        ready = METRICS[name].load if name in METRICS else partial(load_extractor, protocol.features)
        try:
            if ready:
                ready()
        except SrganError as error:
            reasons[name] = f"{name} is not available because {error.message}; {error.hint}"
    left = tuple(name for name in protocol.metrics if name not in reasons)
    if not left:
        raise SrganError(next(iter(reasons.values())), "ask for another --metric")
    return replace(protocol, metrics=left), list(reasons.values())


def _method_names(candidates: list[Path]) -> list[str]:
    """Names of folders and stems of files; where two are equal, as much of the paths' ends as tells them apart."""
    short = [path.resolve().name if path.is_dir() else path.stem for path in candidates]
    parts = [path.resolve().parts for path in candidates]
    longer = (["/".join(p[-length:]) for p in parts] for length in range(1, max(map(len, parts), default=0) + 1))
    return next(names for names in chain([short], longer) if len(set(names)) == len(names))


def _free_name(baseline: str, names: list[str]) -> str:
    return f"{baseline} (made here)" if baseline in names else baseline
