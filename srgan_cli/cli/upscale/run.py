"""Running srgan upscale: files by workers, or a raw video frame by frame."""

import os
import time
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from torch.distributed import Store  # type: ignore[attr-defined]

from srgan_cli.batch.naming import Naming, default_output
from srgan_cli.batch.planning import BatchPlan, count_videos, is_folder, plan_batch
from srgan_cli.batch.ray import ray_session, start_ray_workers
from srgan_cli.batch.runner import Worker, run_batch
from srgan_cli.batch.task import Task, TaskResult
from srgan_cli.batch.worker_processes import WorkerSpec, start_process_workers
from srgan_cli.cli.console import info, progress_bar
from srgan_cli.cli.stdio import STANDARD, SpooledFiles, is_stream, open_binary, read_list, spool_stdio
from srgan_cli.cli.upscale.reporter import Reporter
from srgan_cli.cli.upscale.request import UpscaleRequest
from srgan_cli.errors import UsageError
from srgan_cli.image.codec.capabilities import format_of
from srgan_cli.system.devices import pick_devices
from srgan_cli.system.distributed import SINGLE_PROCESS, World, shared_queue
from srgan_cli.system.files import check_writable
from srgan_cli.system.remote_storage import as_pure_path, is_dir, parse_location
from srgan_cli.upscaling.scale import Size
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.upscaling.video.options import check_installed, is_video_name
from srgan_cli.upscaling.video.raw import upscale_video


def run(request: UpscaleRequest) -> None:
    """Enlarge files and report each.  Raises SrganError, and Exit with 1 where a file failed."""
    world, arguments = World.from_environment(), request.arguments
    request.check(world)
    request = request.sharing_machine(world)
    listed = read_list(arguments.from_file) if arguments.from_file and world.is_main else None
    ray = ray_session(arguments.on, arguments.devices) if arguments.on else nullcontext()
    spooled = spool_stdio(request.inputs, request.out, request.naming.suffix)
    with spooled as files, world.join(arguments.device) as store, ray:
        upscaler = request.upscaler(world)
        naming = replace(request.naming, scale=request.arguments.scale or upscaler.scale, model=request.name(upscaler))
        plan = world.broadcast(_plan(request, files, naming, listed) if world.is_main else BatchPlan([]))
        spec = request.worker_spec(upscaler, plan.folder, naming.scale, for_video=False)
        start_workers = partial(_start_workers, request, upscaler)
        if world.is_main and (left := count_videos(request.inputs)):
            info(f"videos in folders are not enlarged: {left} left out; name them, such as photos/*.mp4")
        reporter = Reporter(request, upscaler, files, plan, world)
        videos = [task for task in plan.tasks if is_video_name(as_pure_path(task.target))]
        pictures = [task for task in plan.tasks if task not in videos]
        _check_kinds(request, plan, pictures, videos)
        if world.is_main and request.purpose_note:
            info(request.purpose_note)
        if pictures:
            _enlarge_pictures(pictures, start_workers(spec), reporter, world, store)
        if videos:
            if request.video.steady is None:
                request = replace(request, video=replace(request.video, steady=not upscaler.is_kernel))
            check_installed(request.video)
            os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 prints its settings otherwise
            from srgan_cli.cli.upscale.video_run import VideoRun

            spec = request.worker_spec(upscaler, plan.folder, naming.scale, for_video=True)
            for result in VideoRun(request, world, store, upscaler, spec, start_workers).results(videos):
                reporter.report(result)
        files.copy_to_stdout()
        reporter.summarise(world.collect(store, (reporter.counts, reporter.failures)))


def _plan(request: UpscaleRequest, files: SpooledFiles, naming: Naming, listed: list[str] | None) -> BatchPlan:
    """The plan; without a named output, that is beside the input."""
    out, scale = files.out, request.options.scale
    if not out:
        label = str(scale) if isinstance(scale, Size) else f"x{naming.scale:g}"
        source = parse_location(files.inputs[0])
        out, naming = default_output(source, naming, label)
        if not is_dir(source) and is_folder(out):
            raise UsageError(f"{out} is a folder", f"name another file, or {out}/ to write into it")
    return plan_batch(files.inputs, out, naming, listed=listed, overwrite=request.options.overwrite)


def _check_kinds(request: UpscaleRequest, plan: BatchPlan, pictures: list[Task], videos: list[Task]) -> None:
    """Print what formats do not do of what is asked for.  Raises UsageError for options that fit none of the files."""
    if not plan.errors:
        request.check_video_options(pictures=bool(pictures), videos=bool(videos))
    for note in request.options.encoding.check(sorted({format_of(task.target) for task in pictures})):
        info(note)


def _enlarge_pictures(tasks: list[Task], workers: list[Worker], reporter: Reporter, world: World, store: Store) -> None:
    with (
        progress_bar(reporter.label, then="writing") if world.size == 1 else nullcontext() as progress,
        closing(run_batch(workers, tasks, progress=progress, share=partial(shared_queue, store))) as results,
    ):
        for result in results:
            reporter.report(result)


def _start_workers(request: UpscaleRequest, upscaler: Upscaler, spec: WorkerSpec) -> list[Worker]:
    """Raises UnknownDevice, and UsageError where there are too few devices."""
    arguments = request.arguments
    if arguments.on:
        return start_ray_workers(spec, arguments.devices, upscaler.policy)
    if arguments.devices:
        return start_process_workers(spec, pick_devices(arguments.devices), upscaler.policy)
    return [spec.processor(upscaler)]


def run_video(request: UpscaleRequest) -> None:
    """Enlarge a raw video frame by frame.  Raises SrganError."""
    inputs, out = request.inputs, request.out
    request.check(World.from_environment())
    if not out:
        raise UsageError("OUT is missing", "srgan upscale in.y4m out.y4m")
    if len(inputs) > 1:
        raise UsageError("raw video takes one file or stream in and one out", "srgan upscale in.y4m out.y4m")
    task = Task(Path(inputs[0]), Path(out))
    if STANDARD not in (inputs[0], out) and task.source.resolve() == task.target.resolve():
        raise UsageError(f"{out} is the input itself", "name another file to write")
    if not is_stream(out):
        check_writable(Path(out), overwrite=request.options.overwrite == "overwrite")
    with open_binary(inputs[0], out) as (incoming, outgoing):
        upscaler, began = request.upscaler(SINGLE_PROCESS), time.monotonic()
        if request.purpose_note:
            info(request.purpose_note)
        size, enlarged, count = upscale_video(incoming, outgoing, upscaler, scale=request.options.scale)
    seconds = time.monotonic() - began
    reporter = Reporter(request, upscaler, SpooledFiles(inputs, out), BatchPlan([task]), SINGLE_PROCESS)
    result = TaskResult(task, "enlarged", input_size=size, output_size=enlarged, count=count, seconds=seconds)
    reporter.report(replace(result, device=str(upscaler.device)))
