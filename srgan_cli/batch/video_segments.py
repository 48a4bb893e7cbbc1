"""Enlarging one video: its segments are tasks of a batch, whose results are joined at the end."""

import hashlib
import shutil
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from math import ceil
from pathlib import Path

from srgan_cli.batch.processor import Processor, failure
from srgan_cli.batch.task import Task, TaskResult
from srgan_cli.errors import PictureError, SrganError
from srgan_cli.image.codec.limits import check_max_pixels
from srgan_cli.system.files import atomic_write, lock, make_folder, remove_stale_temporaries
from srgan_cli.system.memory_usage import peak_rss
from srgan_cli.system.progress import Progress
from srgan_cli.upscaling.scale import Scale
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.upscaling.video.encoder import check_encoder, choose_encoder
from srgan_cli.upscaling.video.frames import side_data_loss
from srgan_cli.upscaling.video.mux import losses, mux
from srgan_cli.upscaling.video.options import VideoOptions
from srgan_cli.upscaling.video.pipeline import VideoWork, enlarge_segment
from srgan_cli.upscaling.video.segments import EncodedPacket, Segment, TimeRange, cut, read_packets, read_summary
from srgan_cli.upscaling.video.source import DEINTERLACE_HINT, probe, scan

_SETTINGS, _LOCK = "settings", "lock"
_DEINTERLACE_LEAD, _STEADY_LEAD = 2, 20
"""Frames before a segment that deinterlacing looks at, and from which `--steady` carries on: after so many, less
than 5 % of a frame is left."""


@dataclass(frozen=True)
class SegmentTask(Task):
    """A segment of a video; the target is the file of its packets."""

    segment: Segment


@dataclass(frozen=True)
class VideoPlan:
    """How a video is enlarged."""

    task: Task
    """The video and its output."""
    work: VideoWork
    """How each segment is enlarged."""
    segments: tuple[SegmentTask, ...]
    """Its parts, in order."""
    losses: tuple[str, ...]
    """What the output will not hold of the input, a sentence each."""
    damage: str = ""
    """Why the input could not be read to its end."""

    @property
    def remaining(self) -> list[SegmentTask]:
        """The segments that have not been enlarged."""
        return [task for task in self.segments if not task.target.exists()]


class SegmentProcessor(Processor):
    """Enlarges the segments of a video, one after the other: each keeps decoder, generator and encoder busy."""

    concurrency = 1

    def __init__(self, upscaler: Upscaler, work: VideoWork) -> None:
        super().__init__()
        self.upscaler, self.work = upscaler, work

    def process(self, task: Task, progress: Progress) -> TaskResult:
        """The result of a segment; an error is part of it.  `progress` ends with 1 of 1."""
        assert isinstance(task, SegmentTask)
        target = Path(str(task.target))
        try:
            done = enlarge_segment(
                self.work, task.segment, self.upscaler, target, progress=progress, check_cancelled=self.check_cancelled
            )
        except Exception as error:  # a bad segment does not stop the others
            return failure(task, error, [])
        finally:
            progress(1, 1)
        return TaskResult(task, "enlarged", count=done.frames, device=str(self.upscaler.device), peak_memory=peak_rss())


def plan_video(
    task: Task, source: Path, out: Path, upscaler: Upscaler, scale: Scale, options: VideoOptions, max_pixels: int | None
) -> VideoPlan:
    """Plan the segments of the video `source`.  Raises PictureError, and UsageError for options that do not fit it."""
    found = probe(source)
    if found.is_interlaced and not options.deinterlace:
        raise PictureError("{path} is interlaced", DEINTERLACE_HINT, path=source)
    check_max_pixels(source, found.height, found.width, max_pixels=max_pixels)
    size = upscaler.target(found.height, found.width, scale)
    index = scan(source)
    part, unit = TimeRange.of(index, options), found.time_base
    stop = None if part.stop is None else ceil(part.stop / unit)
    first = bisect_left(index.times, ceil(part.start / unit)) if part.is_cut else 0
    times = index.times[first : None if stop is None else bisect_left(index.times, stop)]
    seconds = [time * unit - part.shift for time in times]
    if not times:
        limit = "" if options.duration is None else f", within {float(options.duration):g} s"
        message, start = f"{{path}} has no frames from {{start}} s on{limit}", f"{float(options.start):g}"
        raise PictureError(message, "choose an earlier --start or a longer --duration", path=source, start=start)
    settings, lost = choose_encoder(found, seconds, out, size, options)
    lost += losses(found, settings, part, check_encoder(settings))
    lead = max(_DEINTERLACE_LEAD * options.deinterlace, _STEADY_LEAD * bool(options.steady))
    found = replace(found, times=None if index.keys else tuple(index.times), order=index.order)
    work = VideoWork(found, settings, options, part, scale)
    folder = out.with_name(f".{out.name}.srgan-video")  # keeps the segments until the video is complete
    segments = (SegmentTask(source, folder / f"{part.number:06}", part) for part in cut(times, index.keys, stop, lead))
    return VideoPlan(task, work, tuple(segments), tuple(lost), index.damage)


@contextmanager
def resumable(plan: VideoPlan, settings: str) -> Iterator[None]:
    """Keep the finished segments of a plan while it is worked on, and after a failure; removes them at the end.

    Segments of other settings, or of another input, are deleted.  Raises SrganError if another process works on it.
    """
    folder = Path(str(plan.segments[0].target)).parent
    make_folder(folder)
    remove_stale_temporaries(folder)
    remove_stale_temporaries(folder.parent)
    with (folder / _LOCK).open("wb") as file:
        if lock(file, wait=False) is False:
            raise SrganError(f"another process is writing {plan.task.target}", "wait for it, or end it")
        _keep_if_same(folder, hashlib.sha256(f"{settings} {plan.work} {plan.segments}".encode()).hexdigest())
        yield
    shutil.rmtree(folder, ignore_errors=True)


def _keep_if_same(folder: Path, settings: str) -> None:
    noted = folder / _SETTINGS
    if not noted.exists() or noted.read_text() != settings:
        for path in folder.iterdir():
            if path.name != _LOCK:
                path.unlink()
        with atomic_write(noted) as temporary:
            temporary.write_text(settings)


def late_losses(plan: VideoPlan) -> list[str]:
    """What the output will not hold of frames after the first one, a sentence each, once all segments are finished."""
    summaries = (read_summary(Path(str(task.target))) for task in plan.segments)
    return [side_data_loss(name) for name in sorted({name for summary in summaries for name in summary.side_data})]


def join(plan: VideoPlan, source: Path, target: Path) -> tuple[int, SrganError | None]:
    """Write the output from all finished segments; returns its frames, and an error if the input was damaged."""
    files = [Path(str(task.target)) for task in plan.segments]
    summaries = [read_summary(file) for file in files]
    frames = sum(summary.frames for summary in summaries)
    if not frames:
        raise PictureError("{path} has no frame that can be decoded", "check the file with ffprobe", path=source)

    def packets(*, with_data: bool = True) -> Iterator[EncodedPacket]:
        return chain.from_iterable(read_packets(file, with_data=with_data) for file in files)

    with atomic_write(target) as temporary:
        incomplete = mux(source, temporary, plan.work.encoder, plan.work.part, packets)
    damaged = sum(summary.damaged for summary in summaries)
    unreadable = f"errors in {damaged} packets or frames" if damaged else ""
    if reason := "; ".join(filter(None, (plan.damage, unreadable, incomplete))):
        found, hint = "{path} is damaged ({reason}): {frames} frames were enlarged", "the output holds them"
        return frames, PictureError(found, hint, path=plan.task.source, reason=reason, frames=frames)
    return frames, None
