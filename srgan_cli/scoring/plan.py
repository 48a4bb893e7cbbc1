"""Planning: pairs references with candidates, and finds the available metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from itertools import chain, count
from pathlib import Path

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.image.luma import Array
from srgan_cli.metrics import METRICS, load_extractor
from srgan_cli.scoring.methods import BaselineSettings, Method
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.system.pairing import by_name, pair_by_name
from srgan_cli.system.processes import cores

MIN_PICTURES_FOR_PROCESSES = 8  # with fewer pictures, starting processes takes longer than it saves


@dataclass(frozen=True)
class ScoringPlan:
    """What is scored."""

    protocol: Protocol
    references: Mapping[str, Path | Array]
    """The references by picture name, files or (1 or 3, H, W) with values 0…1."""
    methods: list[Method]
    _: KW_ONLY
    only_reference: list[str] = field(default_factory=list)
    only_candidate: list[str] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)
    """A message for each metric that is not available."""
    baseline_settings: BaselineSettings = field(default_factory=BaselineSettings)
    jobs: int = 1
    """Processes; 0 for all cores."""
    crop_side: int = 0
    """Side of the crop to find for a figure; 0 for none."""
    max_pixels: int | None = None
    """Larger pictures are refused; None for DEFAULT_MAX_PIXELS."""

    @property
    def processes(self) -> int:
        """The number of processes to start: 1 for few pictures, and if a model runs on a device other than the CPU."""
        if self.jobs:
            return min(self.jobs, len(self.references))
        few = len(self.references) < MIN_PICTURES_FOR_PROCESSES
        if few or not all(_runs_on_cpu(method, self.baseline_settings) for method in self.methods):
            return 1
        return min(cores(), len(self.references))

    def methods_of(self, name: str) -> list[Method]:
        """The methods that have a result for this picture."""
        return [method for method in self.methods if method.baseline or name in method.files]

    def for_picture(self, name: str) -> "ScoringPlan":
        """The part of the plan that a process needs to score this picture."""
        methods = [replace(m, files={name: m.files[name]} if m.files else {}) for m in self.methods_of(name)]
        part = replace(self, references={name: self.references[name]}, methods=methods)
        return replace(part, only_reference=[], only_candidate=[], unavailable=[])


def plan_scoring(
    reference: Path,
    candidates: list[Path],
    baselines: list[str],
    protocol: Protocol,
    baseline_settings: BaselineSettings | None = None,
    *,
    pair: str = "",
    names: list[str] | None = None,
) -> ScoringPlan:
    """Pair every candidate with the references by name, and find the available metrics.

    `pair` is a template as `pair_by_name` takes it, `names` the names of candidates (None: from their paths). Raises
    UsageError without candidates and baselines, without metrics, and for a candidate named twice; SrganError if nothing
    can be paired or no metric is available.
    """
    settings = baseline_settings or BaselineSettings(protocol.scale)
    if not candidates and not baselines:
        raise UsageError("nothing to score", "name a picture or a folder after the reference, or use --baseline")
    if names is None:
        names = _method_names(candidates)
    named = zip(names, candidates, strict=True)
    pairings = {name: pair_by_name(reference, path, template=pair) for name, path in named}
    references = by_name(reference)
    methods = [Method(name, {key: path for key, _, path in pairing.pairs}) for name, pairing in pairings.items()]
    for baseline in dict.fromkeys(baselines):
        methods.append(Method(f"{baseline} (baseline)" if baseline in names else baseline, baseline=baseline))
        _runs_on_cpu(methods[-1], settings)  # raises an error if its weights are not available
    paired = references if baselines else {key for method in methods for key in method.files}
    labels = {name: f" ({name})" if len(methods) > 1 else "" for name in names}
    available, unavailable = _available_metrics(protocol)
    return ScoringPlan(
        available,
        {name: path for name, path in references.items() if name in paired},
        methods,
        only_reference=[f"{left}{labels[name]}" for name, p in pairings.items() for left in p.only_reference],
        only_candidate=[f"{right}{labels[name]}" for name, p in pairings.items() for right in p.only_candidate],
        unavailable=unavailable,
        baseline_settings=settings,
    )


def plan_pictures(references: Sequence[Array], candidates: Sequence[Array], protocol: Protocol) -> ScoringPlan:
    """Pair pictures in memory by position, with numbers as names.  Raises UsageError for lists of other lengths."""
    if len(references) != len(candidates) or not references:
        message = f"found {len(references)} references and {len(candidates)} candidates, expected as many of both"
        raise UsageError(message, "give a picture for each reference, in the same order")
    available, unavailable = _available_metrics(protocol)
    pairs = {str(number): pair for number, pair in enumerate(zip(references, candidates, strict=True), 1)}
    method = Method("candidate", {name: candidate for name, (_, candidate) in pairs.items()})
    named = {name: reference for name, (reference, _) in pairs.items()}
    return ScoringPlan(available, named, [method], unavailable=unavailable)


def _runs_on_cpu(method: Method, settings: BaselineSettings) -> bool:
    """Whether a method runs on the CPU. Raises the errors of `load_model`."""
    if not method.baseline:
        return True
    from srgan_cli.scoring.baselines import BASELINES, load_model

    return method.baseline in BASELINES or load_model(method.baseline, settings).device.type == "cpu"


def _available_metrics(protocol: Protocol) -> tuple[Protocol, list[str]]:
    """The protocol with the available metrics, and a message for each of the others."""
    if not protocol.metrics:
        raise UsageError("no metric to compute", "name one, such as psnr")
    errors = {}
    for name in protocol.metrics:
        load = METRICS[name].load if name in METRICS else partial(load_extractor, protocol.features)
        try:
            if load:
                load()
        except SrganError as error:
            errors[name] = f"{name} is not available: {error.with_hint}"
    if not (available := tuple(name for name in protocol.metrics if name not in errors)):
        raise SrganError(next(iter(errors.values())), "use another --metric")
    return replace(protocol, metrics=available), list(errors.values())


def _method_names(candidates: list[Path]) -> list[str]:
    """The names of folders and the stems of files; equal names are extended by parent folders until they differ.

    Raises UsageError for a candidate named twice.
    """
    full = [path.resolve() for path in candidates]
    if twice := [path for path in candidates if full.count(path.resolve()) > 1]:
        raise UsageError(f"{twice[0]} is named twice", "name each OUT once; with --set give every set its own")
    short = [path.resolve().name if path.is_dir() else path.stem for path in candidates]
    longer = (["/".join(path.parts[-length:]) for path in full] for length in count(1))
    return next(names for names in chain([short], longer) if len(set(names)) == len(names))
