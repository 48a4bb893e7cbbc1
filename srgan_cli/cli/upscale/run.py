"""Running srgan upscale: files by workers, or a raw video frame by frame."""

import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from srgan_cli.batch.manifest import Manifest
from srgan_cli.batch.planning import BatchPlan, plan_batch
from srgan_cli.batch.processor import ImageProcessor
from srgan_cli.batch.ray import ray_session, start_ray_workers
from srgan_cli.batch.runner import BatchRunner, Worker
from srgan_cli.batch.task import Task, TaskResult
from srgan_cli.batch.workers import WorkerSpec, start_process_workers
from srgan_cli.cli.console import progress_bar
from srgan_cli.cli.stdio import STANDARD, SpooledFiles, is_stream, open_binary, read_list, spool_stdio
from srgan_cli.cli.upscale.reporter import Reporter
from srgan_cli.cli.upscale.request import UpscaleRequest
from srgan_cli.errors import UsageError
from srgan_cli.system.devices import pick_devices
from srgan_cli.system.distributed import SINGLE_PROCESS, World, shared_queue
from srgan_cli.system.files import check_writable
from srgan_cli.system.storage import Location, is_remote, parse_location
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.upscaling.video import upscale_video


def run(request: UpscaleRequest) -> None:
    """Enlarge files and report each.  Raises SrganError, and Exit with 1 where a file failed."""
    world = World.from_environment()
    request.check(world)
    request = request.sharing_machine(world)
    listed = read_list(request.from_file) if request.from_file and world.is_main else None
    ray = ray_session(request.on, request.devices) if request.on else nullcontext()
    spooled = spool_stdio(request.inputs, request.out, request.naming.suffix)
    with spooled as files, world.join(request.device) as store, ray:
        upscaler = request.upscaler(world)
        naming = replace(request.naming, scale=request.factory.scale or upscaler.scale, model=upscaler.name)
        is_own_output = _own_output_test(parse_location(files.out))
        plan = world.broadcast(
            plan_batch(
                files.inputs,
                files.out,
                naming,
                listed=listed,
                is_own_output=is_own_output,
                overwrite=request.options.overwrite,
            )
            if world.is_main
            else BatchPlan([])
        )
        spec = request.worker_spec(upscaler, plan.folder, naming.scale)
        batch = BatchRunner(*_start_workers(request, upscaler, spec))
        reporter = Reporter(upscaler, files, plan, world, as_json=request.as_json, debug=request.debug)
        with (
            progress_bar(reporter.label) if world.size == 1 else nullcontext() as progress,
            closing(batch.run(plan.tasks, progress=progress, share=partial(shared_queue, store))) as results,
        ):
            for result in results:
                reporter.report(result)
        files.copy_to_stdout()
        reporter.summarise(world.collect(store, (reporter.counts, reporter.failures)))


def _start_workers(request: UpscaleRequest, upscaler: Upscaler, spec: WorkerSpec) -> list[Worker]:
    """Raises UnknownDevice, and UsageError where there are too few devices."""
    if request.on:
        return start_ray_workers(spec, request.devices, upscaler.policy)
    if request.devices:
        return start_process_workers(spec, pick_devices(request.devices), upscaler.policy)
    return [ImageProcessor(upscaler, spec.options, spec.manifest)]


def _own_output_test(out: Location) -> Callable[[Path], bool]:
    """A test whether a file is the output of an earlier run."""
    return (lambda _: False) if is_remote(out) else Manifest(out).is_own_output


def run_video(request: UpscaleRequest) -> None:
    """Enlarge a raw video frame by frame.  Raises SrganError."""
    inputs, out = request.inputs, request.out
    request.check(World.from_environment())
    if len(inputs) > 1:
        raise UsageError("raw video takes one file or stream in and one out", "srgan upscale in.y4m out.y4m")
    task = Task(Path(inputs[0]), Path(out))
    if STANDARD not in (inputs[0], out) and task.source.resolve() == task.target.resolve():
        raise UsageError(f"{out} is the input itself", "name another file to write")
    if not is_stream(out):
        check_writable(Path(out), overwrite=request.options.overwrite == "overwrite")
    with open_binary(inputs[0], out) as (incoming, outgoing):
        upscaler, began = request.upscaler(SINGLE_PROCESS), time.monotonic()
        size, enlarged, count = upscale_video(incoming, outgoing, upscaler, scale=request.options.scale)
    seconds = time.monotonic() - began
    files, plan = SpooledFiles(inputs, out), BatchPlan([task])
    reporter = Reporter(upscaler, files, plan, SINGLE_PROCESS, as_json=request.as_json, debug=request.debug)
    reporter.report(
        TaskResult(
            task,
            "enlarged",
            input_size=size,
            output_size=enlarged,
            count=count,
            seconds=seconds,
            device=str(upscaler.device),
        )
    )
