"""Enlarging files on one device: some are decoded and encoded while the generator enlarges others."""

import os
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event, Lock
from traceback import format_exception

from srgan_cli.batch.job import Job, PixelBudget
from srgan_cli.batch.resume import Manifest
from srgan_cli.batch.task import Task, TaskResult, UpscaleOptions, cancelled_error
from srgan_cli.batch.weights_choice import WeightsChoice
from srgan_cli.errors import SrganError, to_srgan_error
from srgan_cli.image.codec.limits import check_streamed_pixels
from srgan_cli.image.decoders.tiff_reader import files_beside
from srgan_cli.image.geo.sidecar import find_xmp, sidecar_paths, xmp_path
from srgan_cli.image.sequence import ImageSequence, LossReporter, fit_to_format, open_pictures
from srgan_cli.system.files import is_file, remove_stale_temporaries
from srgan_cli.system.memory_usage import peak_rss, trim_heap
from srgan_cli.system.progress import Progress
from srgan_cli.system.remote_storage import Location, exists, is_remote, local_copy, upload_on_success
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler

_MAX_PIXELS_IN_FLIGHT = 2**23
_FILES_PER_TRIM = 32


def no_progress(_done: int, _total: int) -> None:
    """Ignore the progress."""


class Processor:
    """Processes tasks in this process, until it is stopped."""

    def __init__(self) -> None:
        self.stopped = Event()

    def stop(self) -> None:
        """Cancel all tasks at their next tile."""
        self.stopped.set()

    def check_cancelled(self) -> None:
        """Raises SrganError after `stop` was called."""
        if self.stopped.is_set():
            raise cancelled_error()

    def close(self) -> None:
        """Do nothing: it holds no resources."""


class ImageProcessor(Processor):
    """Enlarges files, in several threads at once.

    Each thread takes a file from reading to writing.  They share a generator, which one thread at a time runs.  At most
    _MAX_PIXELS_IN_FLIGHT input pixels are in progress at once, except for a single larger file.
    """

    def __init__(
        self,
        upscaler: Upscaler,
        options: UpscaleOptions | None = None,
        manifest: Manifest | None = None,
        *,
        choice: WeightsChoice | None = None,
    ) -> None:
        """`manifest` is that of the output folder; `choice` may choose other weights for some files."""
        super().__init__()
        self.upscaler, self.options, self.manifest = upscaler, options or UpscaleOptions(), manifest
        self.choice = choice or WeightsChoice(upscaler)
        self.budget = PixelBudget(_MAX_PIXELS_IN_FLIGHT)
        self.cleaned: set[Path] = set()
        self.finished = count(1)
        self.lock = Lock()

    @property
    def concurrency(self) -> int:
        """How many files to process at once."""
        return default_concurrency(self.upscaler.device.type, self.upscaler.policy)

    def process(self, task: Task, progress: Progress = no_progress) -> TaskResult:
        """The result of a task; an error is part of it.  `progress` ends with 1 of 1."""
        warnings: list[str] = []
        try:
            return self._process(task, warnings, progress)
        except Exception as error:  # a bad file does not stop the others
            return failure(task, error, warnings)
        finally:
            progress(1, 1)
            if next(self.finished) % _FILES_PER_TRIM == 0:
                trim_heap()

    def _process(self, task: Task, warnings: list[str], progress: Progress) -> TaskResult:
        self._clean(task.target.parent)
        overwrite, target_exists = self.options.overwrite, exists(task.target)
        if target_exists and (overwrite == "keep" or (overwrite == "update" and is_remote(task.target))):
            return TaskResult(task, "kept")
        upload = upload_on_success(task.target, kept=[f"{task.target.name}.xmp"])
        with local_copy(task.source, files_beside) as source, upload as target:
            pictures = open_pictures(source, max_pixels=self.options.max_pixels)
            for size in fit_to_format(pictures, target).sizes:
                check_streamed_pixels(source, *size, max_pixels=self.options.max_pixels)
            chosen = self.choice.of(source)
            found = [path for _, path in sidecar_paths(source)]
            weights = chosen.sha256 if chosen.reason else ""
            key = self.manifest.key(source, found, weights=weights) if self.manifest else ""
            known = self.manifest if target_exists and overwrite == "update" else None
            if known and known.is_current(target, key) and (is_file(xmp_path(target)) or not find_xmp(source)[0]):
                size = self.upscaler.target(*pictures.size, self.options.scale or chosen.scale)
                result = TaskResult(task, "kept", input_size=pictures.size, output_size=size, count=pictures.count)
                return replace(result, model=chosen.name, sha256=chosen.sha256, reason=chosen.reason)
            result = self._enlarge(task, pictures, chosen.load(), target, warnings, progress)
            if self.manifest:
                self.manifest.record(target, key)
        return replace(result, reason=chosen.reason, network_scale=chosen.scale)

    def _enlarge(
        self, task: Task, pictures: ImageSequence, chosen: Upscaler, target: Path, notes: list[str], progress: Progress
    ) -> TaskResult:
        report_losses = LossReporter(Path(task.target.name), notes.append, strict=self.options.strict)
        claim = partial(self.manifest.claim, target) if self.manifest else lambda: None
        job = Job(task, chosen, self.options, target, report_losses, progress, self.check_cancelled, claim)
        done = self._run(job, pictures, notes)
        done = replace(done, model=chosen.name, sha256=chosen.sha256, device=str(chosen.device))
        return replace(done, warnings=(*notes, *done.warnings), peak_memory=peak_rss())

    def _run(self, job: Job, pictures: ImageSequence, warnings: list[str]) -> TaskResult:
        """Run a job, without those of its optional options that do not fit the pictures."""
        try:
            return job.run(pictures, self.budget)
        except SrganError as error:
            if error.option not in job.options.optional:
                raise
            warnings.append(f"{error.option} is left out: {error.message}")
            name = error.option.replace("-", "_")
            options = replace(job.options, **{name: getattr(UpscaleOptions(), name)})
            return self._run(replace(job, options=options), pictures, warnings)

    def _clean(self, folder: Location) -> None:
        """Remove the temporary files of killed processes from a local folder, once."""
        with self.lock:
            if not is_remote(folder) and folder not in self.cleaned:
                self.cleaned.add(folder)
                remove_stale_temporaries(folder)


def default_concurrency(device: str, policy: TilePolicy, processes_sharing: int = 1) -> int:
    """How many files to process at once on a type of device, if so many processes share the CPU.

    One file if memory is limited.  On a CPU, the generator leaves little time for more than reading ahead; a GPU needs
    all cores for decoding and encoding.
    """
    if policy.max_memory is not None:
        return 1
    return 3 if device == "cpu" else max(3, (os.cpu_count() or 1) // processes_sharing)


def failure(task: Task, error: Exception, warnings: list[str]) -> TaskResult:
    """The error without its traceback's frames, which hold pictures and open files."""
    trace = "".join(format_exception(error))
    known = to_srgan_error(error).with_traceback(None)
    known.__context__ = known.__cause__ = None
    return TaskResult(task, "failed", warnings=tuple(warnings), error=known, traceback=trace)
