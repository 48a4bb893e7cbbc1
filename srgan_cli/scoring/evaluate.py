"""Scoring many pictures by many methods: what is paired with what, on all cores, in order."""

import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from srgan_cli.errors import MismatchError, SrganError
from srgan_cli.image.codec.samples import read_on_white
from srgan_cli.image.luma import Array
from srgan_cli.metrics import extract_features
from srgan_cli.metrics.distribution.sets import FeatureAccumulator
from srgan_cli.scoring.methods import BICUBIC_OF_LUMA, BaselineSettings, Method
from srgan_cli.scoring.plan import ScoringPlan, plan_scoring
from srgan_cli.scoring.protocol import Protocol, compare
from srgan_cli.scoring.report.crops import Crop, disagreement
from srgan_cli.scoring.report.report import Report, Score
from srgan_cli.system.processes import context, init_worker
from srgan_cli.system.progress import Progress

Features = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class PictureResult:
    """A picture's scores by every method, what set metrics saw of it by method, and where the methods disagree most."""

    name: str
    scores: list[Score]
    features: dict[str, Features]
    crop: Crop | None = None


class Scoring:
    """A run over a plan: iterate it once for the scores, in the order of the names; then ask for the report.

    Memory: the pictures of one name by every method, for each process; and what metrics of sets keep of every picture.
    """

    def __init__(self, plan: ScoringPlan, progress: Progress | None = None, pool: Executor | None = None) -> None:
        """`pool`: who judges instead of processes of this machine, the plan's `jobs` at once."""
        self.plan, self.pool = plan, pool
        self.progress = progress
        self.scores: list[Score] = []
        self.crops: dict[str, Crop] = {}
        self._sets = FeatureAccumulator(plan.protocol.of_sets)

    def __iter__(self) -> Iterator[Score]:
        for done, result in enumerate(_score_all(self.plan, self.pool), 1):
            self.scores += result.scores
            self._sets.add(result.features)
            if result.crop:
                self.crops[result.name] = result.crop
            if self.progress:
                self.progress(done, len(self.plan.references))
            yield from result.scores

    def report(self) -> Report:
        """The report of what has been scored so far."""
        plan = self.plan
        values, refused = self._sets.values()
        baselines = tuple(method.name for method in plan.methods if method.baseline)
        unavailable = [*plan.unavailable, *refused]
        return Report(
            plan.protocol, self.scores, plan.only_reference, plan.only_candidate, values, unavailable, baselines
        )


def score(
    reference: Path | str, candidate: Path | str, protocol: Protocol | None = None, progress: Progress | None = None
) -> Report:
    """Score a picture against its reference, or the pictures of a folder against those of another by name.

    Transparent pictures are laid on white.
    Pictures that cannot be read or differ in size are reported, not raised.  Raises SrganError when nothing can
    be paired.  `progress` is called with the pictures done and in all.
    """
    scoring = Scoring(plan_scoring(Path(reference), [Path(candidate)], [], protocol or Protocol()), progress)
    deque(scoring, maxlen=0)
    return scoring.report()


def load_pictures(plan: ScoringPlan, name: str) -> tuple[Array, dict[str, Array]]:
    """The reference of this name, and the picture by every method that has one of its size; (1 or 3, H, W)."""
    reference = read_on_white(plan.references[name], max_pixels=plan.max_pixels)
    found = {}
    for method in _methods_with(plan, name):
        try:
            left, right = _fit_pair(method, name, reference, plan)
        except SrganError:  # it is among the report's problems
            continue
        if left.shape[-2:] == right.shape[-2:]:
            found[method.name] = right
    height, width = (min(sides) for sides in zip(*(p.shape[-2:] for p in (reference, *found.values())), strict=True))
    return reference[:, :height, :width], {name: pixels[:, :height, :width] for name, pixels in found.items()}


def load_pair(
    method: Method, name: str, reference: Array, baseline_settings: BaselineSettings, *, max_pixels: int | None = None
) -> tuple[Array, Array]:
    """What of the reference is compared, and the method's picture of this name.

    Raises PictureError, and WeightsError for a model that cannot be used.
    """
    if not method.baseline:
        return reference, read_on_white(method.files[name], max_pixels=max_pixels)
    from srgan_cli.scoring.baselines import (
        downscale_and_restore,  # torch, which takes longer than to score two pictures
    )

    return downscale_and_restore(method.baseline, reference, baseline_settings)


def _score_all(plan: ScoringPlan, pool: Executor | None) -> Iterator[PictureResult]:
    """Every picture, in order; in several processes no more than two for each lie ready."""
    processes = plan.processes
    if processes == 1 and not pool:
        yield from (_score_picture(plan, name) for name in plan.references)
        return
    pool = pool or ProcessPoolExecutor(processes, context(__name__, *({"torch"} & sys.modules.keys())), _init_worker)
    try:
        names = iter(plan.references)
        waiting: deque[Future[PictureResult]] = deque()
        while True:
            room = 2 * processes - len(waiting)
            waiting.extend(pool.submit(_score_picture, _plan_for(plan, name), name) for name in islice(names, room))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _score_picture(plan: ScoringPlan, name: str) -> PictureResult:
    methods = _methods_with(plan, name)
    try:
        reference = read_on_white(plan.references[name], max_pixels=plan.max_pixels)
    except SrganError as error:
        return PictureResult(name, [Score(name, {}, error.message, method.name) for method in methods], {})
    scores: list[Score] = []
    pictures: dict[str, Array] = {}
    features: dict[str, Features] = {}
    extract = _FeatureExtractor(plan.protocol)
    for method in methods:
        try:
            left, right = _fit_pair(method, name, reference, plan)
            values = compare(left, right, _protocol(method, plan))
            if plan.protocol.of_sets:
                features[method.name] = extract(left, right)
            scores.append(Score(name, values, method=method.name))
            pictures[method.name] = right
        except SrganError as error:
            skipped = plan.protocol.mismatch == "skip" and isinstance(error, MismatchError)
            scores.append(Score(name, {}, error.message, method.name, skipped))
    crop = disagreement(reference, list(pictures.values()), plan.crop_side) if plan.crop_side else None
    return PictureResult(name, scores, features, crop)


class _FeatureExtractor:
    """What metrics of sets see of a reference and of what methods make of it; of each part of the reference once."""

    def __init__(self, protocol: Protocol) -> None:
        self._extract = partial(extract_features, extractor=protocol.features, patch=protocol.patch)
        self._originals: dict[tuple[int, ...], NDArray[Any]] = {}

    def __call__(self, left: Array, right: Array) -> Features:
        """Raises PictureError where not one patch fits."""
        if left.shape not in self._originals:
            self._originals[left.shape] = self._extract(left)
        return self._originals[left.shape], self._extract(right)


def _protocol(method: Method, plan: ScoringPlan) -> Protocol:
    """The plan's, but pictures that are luma already are not turned into luma again."""
    is_luma = method.baseline == BICUBIC_OF_LUMA and plan.protocol.channels == "y"
    return replace(plan.protocol, channels="y-grey") if is_luma else plan.protocol


def _fit_pair(method: Method, name: str, reference: Array, plan: ScoringPlan) -> tuple[Array, Array]:
    """Reference and candidate, made one size as the protocol says."""
    left, right = load_pair(method, name, reference, plan.baseline_settings, max_pixels=plan.max_pixels)
    if plan.protocol.mismatch == "resize" and left.shape[-2:] != right.shape[-2:]:
        return left, _resized(right, *left.shape[-2:])
    if plan.protocol.mismatch == "crop":
        height, width = (min(sides) for sides in zip(left.shape[-2:], right.shape[-2:], strict=True))
        return left[:, :height, :width], right[:, :height, :width]
    return left, right


def _resized(pixels: Array, height: int, width: int) -> Array:
    import torch

    from srgan_cli.image.ops import resize

    made: Array = resize(torch.from_numpy(pixels), height, width).clamp(0, 1).numpy()
    return made


def _plan_for(plan: ScoringPlan, name: str) -> ScoringPlan:
    """What of the plan a process needs for one picture."""
    methods = [replace(m, files={name: m.files[name]} if m.files else {}) for m in _methods_with(plan, name)]
    return ScoringPlan(
        plan.protocol,
        {name: plan.references[name]},
        methods,
        baseline_settings=plan.baseline_settings,
        crop_side=plan.crop_side,
        max_pixels=plan.max_pixels,
    )


def _methods_with(plan: ScoringPlan, name: str) -> list[Method]:
    return [method for method in plan.methods if method.baseline or name in method.files]


def _init_worker() -> None:
    """Processes share the cores, so each computes on one."""
    torch = sys.modules.get("torch")
    if torch:
        torch.set_num_threads(1)
    init_worker()
