"""Knowledge distillation: the output of other generators as the target, computed for each batch or cached."""

import json
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from srgan_cli.errors import UsageError
from srgan_cli.image.ops import to_bytes
from srgan_cli.image.picture import Picture
from srgan_cli.system.distributed import SINGLE_PROCESS, World
from srgan_cli.system.files import atomic_write
from srgan_cli.system.progress import Progress
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import Dataset, Pair, TeacherSample
from srgan_cli.training.data.degradations import DEGRADATIONS
from srgan_cli.training.data.random import bernoulli, seeded
from srgan_cli.training.data.sampling import Batch
from srgan_cli.training.data.store import map_file
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.weights.file import read_card
from srgan_cli.weights.registry import find_weights

CACHE_FILE = "teacher.cache"
SLOW = 3.0
"""A teacher that takes more than this many times as long as the student is slow: longer than a training step."""
_PROBE, _RUNS = 48, 3
_RELEVANT = (
    *("teacher_input", "teacher_draws", "teacher_fraction", "teacher_self_ensemble"),
    *("degradation", "degradation_prob", "scale", "seed"),
)
"""Settings that change the cached output."""


class Teacher:
    """The mean of one or several generators."""

    def __init__(self, upscalers: Sequence[Upscaler], licences: Sequence[str], weight: float) -> None:
        """`weight` is the fraction of the teacher in a target, 0…1."""
        self.upscalers, self.licences, self.weight = upscalers, licences, weight

    @classmethod
    def load(cls, config: TrainConfig, device: torch.device) -> "Teacher":
        """The teacher of a run.  Raises UsageError for another scale, WeightsError as load_weights does."""
        paths = [find_weights(name, config.scale) for name in config.teacher.models]
        licences = [read_card(path).licence for path in paths]
        upscalers = [Upscaler.load(p, device=str(device), self_ensemble=config.teacher.self_ensemble) for p in paths]
        for upscaler in upscalers:
            if upscaler.scale != config.scale:
                found = f"the teacher {upscaler.name} enlarges {upscaler.scale} times, the run {config.scale}"
                hint = "give a teacher of the same scale, or the scale of the teacher as --scale"
                raise UsageError(found, hint, option="scale teacher")
        return cls(upscalers, licences, config.teacher.weight)

    def target(self, batch: Batch) -> Tensor:
        """The teacher's output for a batch, blended with the originals by `weight`."""
        given = batch.low[:, :3] if batch.teacher is None else batch.teacher
        output = given if given.shape == batch.high.shape else self.enlarge(given)
        return torch.lerp(batch.high, output, self.weight)

    @torch.no_grad()
    def enlarge(self, low: Tensor) -> Tensor:
        """The output for patches (N, 3, H, W), values 0…1."""
        return torch.stack([upscaler.generator(low) for upscaler in self.upscalers]).mean(0).clamp_(0, 1)

    def upscale(self, low: Tensor) -> Tensor:
        """The output for a picture, uint8 (3, H, W), computed in tiles."""
        picture = Picture(low / 255)
        return to_bytes(torch.stack([u.upscale(picture).pixels.clamp(0, 1) for u in self.upscalers]).mean(0))

    @property
    def description(self) -> list[dict[str, str]]:
        """Name, licence and SHA-256 of each generator, for the weights card."""
        known = zip(self.upscalers, self.licences, strict=True)
        return [{"name": each.name, "licence": licence or "unknown", "sha256": each.sha256} for each, licence in known]


def resolve_cache(config: TrainConfig, teacher: Teacher, student: Callable[[], nn.Module]) -> TrainConfig:
    """The settings with teacher_cache "on" or "off".  Raises UsageError where it cannot be on."""
    if config.data.unpaired:
        if config.teacher.cache == "on":
            raise UsageError("a learned degradation cannot be cached", 'set teacher_cache to "off"')
        return config.replace(teacher_cache="off")
    if config.teacher.cache != "auto":
        return config
    return config.replace(teacher_cache="on" if relative_cost(teacher, student()) > SLOW else "off")


def relative_cost(teacher: Teacher, student: nn.Module) -> float:
    """Seconds that the teacher takes for a patch per second that the student takes."""
    device = teacher.upscalers[0].device
    patch = torch.rand(1, 3, _PROBE, _PROBE, generator=torch.Generator().manual_seed(0)).to(device)
    student.to(device).eval()
    with torch.no_grad():
        own = _seconds(lambda: student(patch).sum().item())
    return _seconds(lambda: teacher.enlarge(patch).sum().item()) / own


@dataclass(frozen=True)
class TeacherCache:
    """The output of a teacher for the pictures of a run, in a memory-mapped file of the run folder."""

    config: TrainConfig
    pairs: list[Pair]
    """The pictures that are cached."""

    @classmethod
    def plan(cls, config: TrainConfig, dataset: Dataset) -> "TeacherCache":
        """The cache of `teacher_fraction` of the pictures, drawn by the seed; at least one."""
        pairs = dataset.training
        count = max(1, round(config.teacher.fraction * len(pairs)))
        order = torch.randperm(len(pairs), generator=seeded(config.run.seed, "cached pictures"))
        return cls(config, [pairs[index] for index in sorted(order[:count].tolist())])

    @property
    def draws(self) -> int:
        """Samples for each picture."""
        return 1 if self.config.teacher.input == "clean" else self.config.teacher.draws

    @property
    def sizes(self) -> list[int]:
        """Bytes of each sample, input and output."""
        return [pair.low.numel() + pair.high.numel() for pair in self.pairs for _ in range(self.draws)]

    def estimate_seconds(self, teacher: Teacher) -> float:
        """How long `fill` takes, from the time for a small picture."""
        low = torch.zeros(3, _PROBE, _PROBE, dtype=torch.uint8)
        pixels = self.draws * sum(pair.low[0].numel() for pair in self.pairs)
        return _seconds(lambda: teacher.upscale(low)) * pixels / _PROBE**2

    def placeholders(self, dataset: Dataset) -> Dataset:
        """The dataset with originals for outputs: training steps cost the same."""
        return self._with_samples(dataset, [(TeacherSample(pair.low, pair.high),) for pair in self.pairs])

    def fill(
        self, dataset: Dataset, teacher: Teacher, world: World = SINGLE_PROCESS, progress: Progress | None = None
    ) -> Dataset:
        """The dataset with the teacher's output for the cached pictures.

        Continues what an interrupted call with the same settings has computed.  With several processes each computes
        its part.  `progress` is called with the samples done and in all.
        """
        samples = self._open()
        state = self.config.run.folder / f"teacher-{world.rank}.json"
        own = range(world.rank, len(samples), world.size)
        key = self._key(dataset, teacher, world)
        for done in range(_read_state(state, key), len(own)):
            self._compute(own[done], samples[own[done]], teacher)
            with atomic_write(state) as temporary:
                temporary.write_text(json.dumps({"key": key, "done": done + 1}), encoding="utf8")
            if progress:
                progress(done + 1, len(own))
        world.all_true(True)  # waits for the others
        starts = range(0, len(samples), self.draws)
        return self._with_samples(dataset, [tuple(samples[start : start + self.draws]) for start in starts])

    def _with_samples(self, dataset: Dataset, samples: Sequence[tuple[TeacherSample, ...]]) -> Dataset:
        training = [replace(pair, teacher_samples=own) for pair, own in zip(self.pairs, samples, strict=True)]
        return replace(dataset, training=training)

    def _compute(self, number: int, sample: TeacherSample, teacher: Teacher) -> None:
        """Fill a sample; the low-resolution picture is degraded if the teacher sees what the student sees."""
        pair, rng = self.pairs[number // self.draws], seeded(self.config.run.seed, "cached degradation", number)
        degrade = DEGRADATIONS.get(self.config.degradation.kind) if self.config.teacher.input == "same" else None
        is_degraded = degrade and bernoulli(self.config.degradation.prob, rng)
        sample.low.copy_(degrade(pair.low, pair.high, rng) if degrade and is_degraded else pair.low)
        sample.output.copy_(teacher.upscale(sample.low))

    def _open(self) -> list[TeacherSample]:
        content = map_file(self.config.run.folder / CACHE_FILE, sum(self.sizes))
        pairs = [pair for pair in self.pairs for _ in range(self.draws)]
        return [_sample(part, pair) for part, pair in zip(torch.split(content, self.sizes), pairs, strict=True)]

    def _key(self, dataset: Dataset, teacher: Teacher, world: World) -> str:
        settings = self.config.to_settings()
        used = {name: settings[name] for name in _RELEVANT}
        hashes = [upscaler.sha256 for upscaler in teacher.upscalers]
        return sha256(json.dumps([dataset.digest, hashes, used, world.size]).encode()).hexdigest()


def _sample(content: Tensor, pair: Pair) -> TeacherSample:
    low, output = torch.split(content, [pair.low.numel(), pair.high.numel()])
    return TeacherSample(low.view(pair.low.shape), output.view(pair.high.shape))


def _read_state(path: Path, key: str) -> int:
    """The number of samples done; 0 if the file is missing or has another key."""
    try:
        state = json.loads(path.read_text(encoding="utf8"))
        return int(state["done"]) if state["key"] == key else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _seconds(run: Callable[[], object]) -> float:
    """The median of a few runs, after one to warm up."""
    run()
    return median(timeit.repeat(run, repeat=_RUNS, number=1))
