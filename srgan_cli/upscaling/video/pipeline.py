"""Enlarging a segment: frames are decoded and encoded in threads of their own while the generator enlarges others."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Generator as Stream
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from srgan_cli.image.picture import ImageStream, Picture
from srgan_cli.system.files import atomic_write
from srgan_cli.system.progress import Progress
from srgan_cli.upscaling.scale import Scale
from srgan_cli.upscaling.tiles.layers import Layers
from srgan_cli.upscaling.tiles.memory_limit import ReservedMemory
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.upscaling.video.encoder import EncoderSettings, SegmentEncoder, to_units
from srgan_cli.upscaling.video.frames import layout_like, read_planes, to_frame, to_pixels
from srgan_cli.upscaling.video.options import VideoOptions
from srgan_cli.upscaling.video.segments import Segment, SegmentSummary, TimeRange, write_packet, write_summary
from srgan_cli.upscaling.video.source import FrameReader, VideoSource

_QUEUED = 2  # frames that wait between two threads
_FLOAT_RGB = 12
_ENCODER_FRAMES = 60  # frames that an encoder looks ahead and keeps
Item = TypeVar("Item")


@dataclass(frozen=True)
class VideoWork:
    """Everything that the segments of a video have in common."""

    source: VideoSource
    encoder: EncoderSettings
    options: VideoOptions
    part: TimeRange
    scale: Scale

    def to_output_time(self, time: int) -> int:
        """A time stamp of the source in units of the encoder, of the output's time."""
        return to_units(time * self.source.time_base - self.part.shift, self.encoder.time_base)

    def to_output_duration(self, duration: int) -> int:
        """A duration in units of the encoder."""
        return round(duration * self.source.time_base / self.encoder.time_base)


@dataclass(frozen=True)
class _Frame:
    time: int
    """Time stamp in the source."""
    duration: int
    """In the same unit; 0 if unknown."""
    pixels: Tensor
    """(C, H, W), 0…1."""
    is_new: bool
    """Whether it differs from the frame before."""


def enlarge_segment(
    work: VideoWork,
    segment: Segment,
    upscaler: Upscaler,
    target: Path,
    *,
    progress: Progress,
    check_cancelled: Callable[[], None],
) -> SegmentSummary:
    """Enlarge a segment and write its packets to `target`, which appears complete or not at all.

    `progress` gets the frames done and their total.  Raises SrganError as FrameReader does, and what
    `check_cancelled` raises between two tiles.
    """
    reader = FrameReader(work.source, segment, work.options.deinterlace, work.options.strict)
    count = 0
    with (
        closing(SegmentEncoder(work.encoder)) as encoder,
        closing(background(_read(reader))) as frames,
        closing(background(_enlarged(frames, work, upscaler, check_cancelled))) as enlarged,
        atomic_write(target) as temporary,
        temporary.open("wb") as file,
    ):
        made = None
        for frame, duration in _with_durations(enlarged, work, segment):
            if frame.is_new or made is None:
                made = to_frame(frame.pixels, work.encoder.layout)
            for packet in encoder.encode(made, work.to_output_time(frame.time), duration):
                write_packet(packet, file)
            count += 1
            progress(min(count, segment.frames), segment.frames)
        for packet in encoder.flush() if count else ():
            write_packet(packet, file)
        missing = max(0, segment.frames - count) if work.source.has_frame_of_each_packet else 0
        summary = SegmentSummary(count, max(reader.damaged, missing), sorted(reader.side_data - work.source.side_data))
        write_summary(summary, file)
    return summary


def _read(reader: FrameReader) -> Iterator[_Frame]:
    unit, before, pixels = reader.source.time_base, None, None
    for time, frame in reader.frames():
        duration = round((frame.duration or 0) * (frame.time_base or unit) / unit)
        layout = layout_like(reader.source.layout, frame)
        planes = read_planes(frame, layout)
        is_new = before is None or before[0] != layout or not all(map(torch.equal, planes, before[1]))
        pixels = to_pixels(planes, layout) if is_new or pixels is None else pixels
        before = layout, planes
        yield _Frame(time, duration, pixels, is_new)


def _enlarged(
    frames: Iterable[_Frame], work: VideoWork, upscaler: Upscaler, check_cancelled: Callable[[], None]
) -> Iterator[_Frame]:
    """The enlarged frames; one that equals the frame before is not computed again."""
    source, target = work.source, work.encoder
    reserved = ReservedMemory(frame_memory(source.height * source.width, target.height * target.width))
    layers = Layers(((0,),)) if source.layout.is_grey else Layers()
    plan = upscaler.plan(source.height, source.width, scale=work.scale, layers=layers, reserved=reserved)
    steady = pixels = None
    if work.options.steady:
        from srgan_cli.upscaling.video.steady import Steadier  # imports OpenCV

        steady = Steadier().steady
    for frame in frames:
        check_cancelled()
        if frame.is_new or pixels is None:
            stream = ImageStream.from_picture(Picture(frame.pixels))
            enlarged = upscaler.upscale_stream(stream, plan, progress=lambda _done, _total: check_cancelled())
            pixels = enlarged.to_picture().pixels
            pixels = steady(frame.pixels, pixels) if steady else pixels
        yield replace(frame, pixels=pixels)


def frame_memory(input_pixels: int, output_pixels: int) -> int:
    """The bytes of frames that wait between threads, and of those in the encoder."""
    return _FLOAT_RGB * (_QUEUED + 2) * (input_pixels + output_pixels) + _ENCODER_FRAMES * 2 * output_pixels


def _with_durations(frames: Iterable[_Frame], work: VideoWork, segment: Segment) -> Iterator[tuple[_Frame, int]]:
    """The frames of a segment, without those before its start, and how long each is shown."""
    before, duration = None, round(1 / work.source.rate / work.source.time_base)
    for frame in frames:
        if before is not None and before.time >= segment.start:
            duration = frame.time - before.time
            yield before, work.to_output_duration(duration)
        before = frame
    if before is not None and before.time >= segment.start:
        until_stop = 0 if segment.stop is None else segment.stop - before.time
        yield before, work.to_output_duration(until_stop or before.duration or duration)


def background(items: Iterator[Item]) -> Stream[Item]:
    """The items of an iterator that runs in a thread, up to _QUEUED ahead; closing this one ends the thread."""
    thread, end = ThreadPoolExecutor(1), object()
    ahead = deque(thread.submit(next, items, end) for _ in range(_QUEUED))
    try:
        while (item := ahead.popleft().result()) is not end:
            ahead.append(thread.submit(next, items, end))
            yield item  # type: ignore[misc]
            del item  # before the next one is made
    finally:
        thread.shutdown(cancel_futures=True)
        getattr(items, "close", bool)()
