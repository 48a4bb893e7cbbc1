"""Evaluation: scores every picture of a plan, in several processes, and returns the report."""

import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from srgan_cli.errors import MismatchError, SrganError
from srgan_cli.image.codec.limits import set_pillow_limit
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.image.luma import as_float64
from srgan_cli.metrics import METRICS, extract_features
from srgan_cli.metrics.distribution.sets import Features, compare_sets
from srgan_cli.scoring.methods import BICUBIC_OF_LUMA, Method
from srgan_cli.scoring.pairs import Reference, load_pairs, load_pictures
from srgan_cli.scoring.plan import ScoringPlan, plan_pictures, plan_scoring
from srgan_cli.scoring.protocol import Protocol, compare
from srgan_cli.scoring.report.crops import Crop, find_crop
from srgan_cli.scoring.report.summary import Report, Score
from srgan_cli.system.arguments import checked
from srgan_cli.system.processes import context, init_worker
from srgan_cli.system.progress import Progress

if TYPE_CHECKING:
    from srgan_cli.image.convert.kinds import Pictures


@dataclass(frozen=True)
class PictureResult:
    """The result of one picture."""

    name: str
    scores: list[Score]
    """One for each method."""
    features: dict[str, Features]
    """The features for the metrics of sets, by method."""
    crop: Crop | None = None
    """Where the methods differ most, if the plan asks for it."""


def evaluate(
    plan: ScoringPlan,
    *,
    progress: Progress | None = None,
    on_score: Callable[[Score], None] | None = None,
    pool: Executor | None = None,
) -> Report:
    """Score the pictures of a plan in the order of their names, and return the report.

    `progress` is called with the number of finished pictures and of all. `on_score` is called with every score as soon
    as its picture is scored. `pool` is used instead of processes on this machine, for `plan.jobs` pictures at once.
    Memory: in each process the pictures of one name, and the features of all pictures for the metrics of sets.
    """
    scores: list[Score] = []
    crops: dict[str, Crop] = {}
    features: dict[tuple[str, str], Features] = {}
    for done, result in enumerate(_score_all(plan, pool), 1):
        scores += result.scores
        features |= {(method, result.name): pair for method, pair in result.features.items()}
        if result.crop:
            crops[result.name] = result.crop
        if on_score:
            for picture_score in result.scores:
                on_score(picture_score)
        if progress:
            progress(done, len(plan.references))
    protocol, scores, missing = _without_missing(plan.protocol, scores)
    of_sets = defaultdict[str, list[Features]](list)
    for picture in scores:
        if not picture.error and (pair := features.get((picture.method, picture.name))):
            of_sets[picture.method].append(pair)
    set_scores, errors = compare_sets(of_sets, plan.protocol.set_metrics)
    unavailable = [*plan.unavailable, *missing, *errors]
    baselines = tuple(method.name for method in plan.methods if method.baseline)
    lonely = plan.only_reference, plan.only_candidate
    return Report(
        protocol, scores, *lonely, set_scores=set_scores, unavailable=unavailable, baselines=baselines, crops=crops
    )


def _without_missing(protocol: Protocol, scores: list[Score]) -> tuple[Protocol, list[Score], list[str]]:
    """Leave out the metrics that no picture has, with a message for each.  Pictures that lack another one failed."""
    known = {name for score in scores for name in score.values}
    missing = {name: text for score in scores for name, text in score.lacking.items() if name not in known}
    failed = [next((text for name, text in s.lacking.items() if name in known), "") for s in scores]
    kept = [replace(s, values={}, error=text) if text else s for s, text in zip(scores, failed, strict=True)]
    metrics = tuple(name for name in protocol.metrics if name not in missing)
    return replace(protocol, metrics=metrics), kept, [f"{name} is left out: {text}" for name, text in missing.items()]


@checked
def score(
    reference: "Pictures",
    candidate: "Pictures",
    protocol: Protocol | None = None,
    *,
    value_range: ValueRange | None = None,
    progress: Progress | None = None,
) -> Report:
    """Score a picture against its reference, or a folder of pictures against references of the same names.

    Both are paths, or what `Upscaler.upscale` takes: arrays, images, tensors, Pictures, paths, or lists or iterators
    of these, which are paired by position. Floats are 0…1 unless `value_range` names the values of black and white.
    Transparent pictures are flattened on white. Pictures that cannot be read or differ in size are listed in the
    report. Raises SrganError if nothing can be paired, and UsageError for a picture that is not taken. `progress` is
    called with the number of finished pictures and of all.
    """
    settings = protocol or Protocol()
    if isinstance(reference, Path | str) and isinstance(candidate, Path | str):
        return evaluate(plan_scoring(Path(reference), [Path(candidate)], [], settings), progress=progress)
    from srgan_cli.image.convert.kinds import list_pictures

    references, candidates = (
        [as_float64(picture.flatten_on_white().unit_pixels) for picture in list_pictures(pictures, value_range)]
        for pictures in (reference, candidate)
    )
    return evaluate(plan_pictures(references, candidates, settings), progress=progress)


def _score_all(plan: ScoringPlan, pool: Executor | None) -> Iterator[PictureResult]:
    """The results in order. At most two pictures per process are in progress or waiting to be taken."""
    processes = plan.processes
    if processes == 1 and not pool:
        yield from (_score_picture(plan, name) for name in plan.references)
        return
    pool = pool or ProcessPoolExecutor(processes, context(__name__, *({"torch"} & sys.modules.keys())), _init_worker)
    try:
        names = iter(plan.references)
        pending: deque[Future[PictureResult]] = deque()
        while True:
            free = 2 * processes - len(pending)
            pending.extend(pool.submit(_score_in_worker, plan.for_picture(name), name) for name in islice(names, free))
            if not pending:
                return
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _score_in_worker(plan: ScoringPlan, name: str) -> PictureResult:
    set_pillow_limit(plan.max_pixels)
    return _score_picture(plan, name)


def _score_picture(plan: ScoringPlan, name: str) -> PictureResult:
    methods = plan.methods_of(name)
    try:
        reference = Reference.open(plan, name)
    except SrganError as error:
        return PictureResult(name, [_failure(plan, method, name, error) for method in methods], {})
    scores: list[Score] = []
    features: dict[str, Features] = {}
    of_reference: dict[tuple[int, ...], NDArray[Any]] = {}
    for method in methods:
        try:
            score, found = _score_frames(plan, method, name, reference, of_reference)
        except SrganError as error:
            score, found = _failure(plan, method, name, error), None
        scores.append(score)
        features |= {method.name: found} if found else {}
    return PictureResult(name, scores, features, _find_crop(plan, name))


def _score_frames(
    plan: ScoringPlan,
    method: Method,
    name: str,
    reference: Reference,
    of_reference: dict[tuple[int, ...], NDArray[Any]],
) -> tuple[Score, Features | None]:
    """The score of all frames of a picture, and their features if the protocol has a metric of sets.

    `of_reference` keeps the features of each frame of the reference, by number and shape, for the other methods.
    """
    scale, is_luma = reference.scale, method.baseline == BICUBIC_OF_LUMA and plan.protocol.channels == "y"
    protocol = replace(plan.protocol, channels="y-grey") if is_luma else plan.protocol  # not converted again
    compare_frames = partial(compare, value_range=scale.range, measured=scale.is_measured)
    extract = partial(extract_features, extractor=protocol.features, patch=protocol.patch)
    values: list[dict[str, float]] = []
    features: list[Features] = []
    lacking: dict[str, str] = {}
    excluded, notes = [0, 0], dict[str, None]()
    for pair in load_pairs(plan, method, name, reference):
        values.append(compare_frames(pair.reference, pair.candidate, protocol, valid=pair.valid, lacking=lacking))
        if protocol.set_metrics:
            frame = len(features), *pair.reference.shape  # methods may be cropped differently
            if frame not in of_reference:
                of_reference[frame] = extract(pair.reference)
            features.append((of_reference[frame], extract(pair.candidate)))
        excluded = [total + count for total, count in zip(excluded, pair.excluded, strict=True)]
        notes |= dict.fromkeys(pair.notes)
    score = Score(
        name,
        {key: METRICS[key].pool([row[key] for row in values]) for key in values[0] if key not in lacking},
        method=method.name,
        frames=len(values),
        value_range=scale.range,
        excluded=(excluded[0], excluded[1]),
        notes=tuple(notes),
        lacking=lacking,
    )
    joined = (np.concatenate(side) for side in zip(*features, strict=True))
    return score, (next(joined), next(joined)) if features else None


def _find_crop(plan: ScoringPlan, name: str) -> Crop | None:
    if not plan.crop_side:
        return None
    reference, pictures = load_pictures(plan, name)
    return find_crop(reference, list(pictures.values()), plan.crop_side)


def _failure(plan: ScoringPlan, method: Method, name: str, error: SrganError) -> Score:
    skipped = isinstance(error, MismatchError) and plan.protocol.mismatch == "skip"
    return Score(name, {}, method=method.name, error=error.with_hint, skipped=skipped)


def _init_worker() -> None:
    """The processes share the cores, so each uses one thread."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    init_worker()
