"""What srgan upscale does once it knows what is asked for."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from srgan_cli.batch import ray as on_ray
from srgan_cli.batch import workers as crew
from srgan_cli.batch.manifest import Manifest, settings_digest
from srgan_cli.batch.naming import Naming
from srgan_cli.batch.planning import BatchPlan, plan_batch
from srgan_cli.batch.processor import ImageProcessor
from srgan_cli.batch.runner import BatchRunner, Worker
from srgan_cli.batch.task import Task, TaskResult, UpscaleOptions
from srgan_cli.cli.console import progress_bar, warn
from srgan_cli.cli.models import resolve_model
from srgan_cli.cli.upscale.report import Reporter
from srgan_cli.cli.upscale.streams import STANDARD, Streams, open_binary, open_streams, read_list
from srgan_cli.errors import UsageError
from srgan_cli.system.devices import pick_devices
from srgan_cli.system.distributed import SINGLE_PROCESS, World, shared_queue
from srgan_cli.system.storage import Location, is_remote, parse_location
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.upscaling.video import upscale_video

# Options that change nothing in the pictures, or by what the weights' own digest tells.
_IRRELEVANT_OPTIONS = {
    *("places", "model", "strength", "name", "form", "from_file", "as_json", "overwrite", "no_clobber"),
    *("offline", "device", "devices", "on", "debug", "max_pixels", "compile"),
}
# Nor do these where tiled equals whole.
_TILING_OPTIONS = {"tile", "max_memory", "verify_tiles"}


@dataclass(frozen=True)
class UpscalerFactory:
    """How the upscaler is had, here or in another process."""

    model: str
    offline: bool
    policy: TilePolicy
    scale: float | None
    strength: float | None
    seed: int | None
    self_ensemble: bool
    precision: str
    compile: bool

    def __call__(self, device: str) -> Upscaler:
        """The upscaler on a device.  Raises SrganError as Upscaler.load does."""
        return Upscaler.load(
            resolve_model(self.model, self.offline),
            device=device,
            policy=self.policy,
            scale=self.scale,
            strength=self.strength,
            seed=self.seed,
            self_ensemble=self.self_ensemble,
            precision=self.precision,
            compile=self.compile,
            warn=warn,
        )


@dataclass(frozen=True)
class UpscaleRequest:
    """What is asked for.

    devices: a worker for each of them, in processes of their own; on: on Ray; without both, `device` of this process.
    given: the command line as it was given.
    """

    inputs: list[str]
    out: str
    from_file: str
    naming: Naming
    options: UpscaleOptions
    factory: UpscalerFactory
    device: str
    devices: str
    on: str
    as_json: bool
    debug: bool
    given: Mapping[str, object]

    def check(self, world: World) -> None:
        """Raises UsageError for what cannot be shared by several processes."""
        if world.size > 1 and (self.devices or self.on):
            raise UsageError("under torchrun every process is a worker already", "leave --devices and --on out")
        places = [*self.inputs, self.out, self.from_file]
        if (world.size > 1 or self.on) and STANDARD in places:
            raise UsageError("standard input and output belong to one process", "name files and folders")
        if (world.size > 1 or self.on or self.devices) and any(place.startswith("memory:") for place in places):
            raise UsageError("memory:// is in one process alone", "name a place that all workers reach")

    def sharing_machine(self, world: World) -> "UpscaleRequest":
        """The same, if there are other workers with tiles that leave them memory."""
        among_others = bool(world.size > 1 or self.devices or self.on)
        return replace(
            self, factory=replace(self.factory, policy=replace(self.factory.policy, shared_machine=among_others))
        )

    def upscaler(self, world: World) -> Upscaler:
        """The one of this process; where others enlarge, it tells no more than the model's name and scale."""
        if self.devices or self.on:
            return replace(self.factory, precision="auto", compile=False)("cpu")
        return self.factory(world.device(self.device))

    def start_workers(self, upscaler: Upscaler, spec: crew.WorkerSpec) -> list[Worker]:
        """Who enlarges.  Raises UnknownDevice, and UsageError where there are not as many."""
        if self.on:
            return on_ray.start_workers(spec, self.devices, upscaler.policy)
        if self.devices:
            return crew.start_workers(spec, pick_devices(self.devices), upscaler.policy)
        return [ImageProcessor(upscaler, spec.options, spec.manifest)]


def run(request: UpscaleRequest) -> None:
    """Enlarge, and tell of every file.  Raises SrganError, and Exit with 1 where a file failed."""
    world = World.from_environment()
    request.check(world)
    request = request.sharing_machine(world)
    listed = read_list(request.from_file) if request.from_file and world.is_main else None
    ray = on_ray.ray_session(request.on, request.devices) if request.on else nullcontext()
    with (
        open_streams(request.inputs, request.out, request.naming.suffix) as files,
        world.join(request.device) as store,
        ray,
    ):
        upscaler = request.upscaler(world)
        naming = replace(request.naming, scale=request.factory.scale or upscaler.scale, model=upscaler.name)
        is_own_output = _own_output_test(parse_location(files.out))
        plan = world.broadcast(
            plan_batch(files.inputs, files.out, naming, listed, is_own_output) if world.is_main else BatchPlan([])
        )
        spec = _worker_spec(request, upscaler, plan.folder, naming.scale)
        batch = BatchRunner(*request.start_workers(upscaler, spec))
        reporter = Reporter(upscaler, files, plan, request.as_json, request.debug, world)
        with (
            progress_bar(reporter.label) if world.size == 1 else nullcontext() as progress,
            closing(batch.run(plan.tasks, progress, partial(shared_queue, store))) as results,
        ):
            for result in results:
                reporter.report(result)
        files.copy_to_stdout()
        reporter.summarise(world.collect(store, (reporter.counts, reporter.failures)))


def _worker_spec(request: UpscaleRequest, upscaler: Upscaler, folder: Location | None, scale: float) -> crew.WorkerSpec:
    """With a manifest, if the outputs go into a folder here."""
    if folder is None or is_remote(folder):
        return crew.WorkerSpec(request.factory, request.options)
    irrelevant = _IRRELEVANT_OPTIONS | (_TILING_OPTIONS if upscaler.generator.exact_tiles else set())
    options = {key: value for key, value in request.given.items() if key not in irrelevant}
    return crew.WorkerSpec(
        request.factory, request.options, folder, settings_digest(upscaler, {**options, "scale": float(scale)})
    )


def _own_output_test(out: Location) -> Callable[[Path], bool]:
    """What tells the outputs of earlier runs there."""
    return (lambda _: False) if is_remote(out) else Manifest(out).is_own_output


def run_video(request: UpscaleRequest) -> None:
    """Enlarge raw video, frame by frame.  Raises SrganError."""
    inputs, out = request.inputs, request.out
    request.check(World.from_environment())
    if len(inputs) > 1:
        raise UsageError("--format y4m takes one stream in and one out", "srgan upscale --format y4m - -")
    task = Task(Path(inputs[0]), Path(out))
    if STANDARD not in (inputs[0], out) and task.source.resolve() == task.target.resolve():
        raise UsageError(f"{out} is the input itself", "name another file to write")
    with open_binary(inputs[0], out) as (incoming, outgoing):
        upscaler, began = request.upscaler(SINGLE_PROCESS), time.monotonic()
        size, enlarged, count = upscale_video(incoming, outgoing, upscaler, scale=request.options.scale)
    seconds = time.monotonic() - began
    reporter = Reporter(
        upscaler, Streams(inputs, out), BatchPlan([task]), request.as_json, request.debug, SINGLE_PROCESS
    )
    reporter.report(TaskResult(task, "enlarged", size, enlarged, count, seconds, device=str(upscaler.device)))
