"""What srgan upscale does once it knows what is asked for."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from srgan_cli.batch import ray as on_ray
from srgan_cli.batch import workers as crew
from srgan_cli.batch.manifest import Manifest, recipe
from srgan_cli.batch.naming import Naming
from srgan_cli.batch.planning import Plan, plan
from srgan_cli.batch.processor import Bench
from srgan_cli.batch.runner import Batch, Worker
from srgan_cli.batch.task import Result, Task, Wishes
from srgan_cli.cli.console import progress_bar, warn
from srgan_cli.cli.models import at_hand
from srgan_cli.cli.upscale.report import Outcome
from srgan_cli.cli.upscale.streams import STANDARD, Streams, listed, raw, streams
from srgan_cli.errors import UsageError
from srgan_cli.system.devices import pick_devices
from srgan_cli.system.distributed import ALONE, World, dealt
from srgan_cli.system.storage import Place, is_remote, place_of
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.upscaling.video import upscale_video

# Options that change nothing in the pictures, or by what the weights' own digest tells.
_NO_MATTER = {
    *("places", "model", "strength", "name", "form", "from_file", "as_json", "overwrite", "no_clobber"),
    *("offline", "device", "devices", "on", "debug", "max_pixels", "compile"),
}
# Nor do these where tiled equals whole.
_TILING = {"tile", "max_memory", "verify_tiles"}


@dataclass(frozen=True)
class Loading:
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
            at_hand(self.model, self.offline),
            device,
            self.policy,
            self.scale,
            self.strength,
            self.seed,
            self.self_ensemble,
            self.precision,
            self.compile,
            warn,
        )


@dataclass(frozen=True)
class Request:
    """What is asked for.

    devices: a worker for each of them, in processes of their own; on: on Ray; without both, `device` of this process.
    options: the command line as it was given.
    """

    inputs: list[str]
    out: str
    from_file: str
    naming: Naming
    wishes: Wishes
    loading: Loading
    device: str
    devices: str
    on: str
    as_json: bool
    debug: bool
    options: Mapping[str, object]

    def check(self, world: World) -> None:
        """Raises UsageError for what cannot be shared by several processes."""
        if world.size > 1 and (self.devices or self.on):
            raise UsageError("under torchrun every process is a worker already", "leave --devices and --on out")
        places = [*self.inputs, self.out, self.from_file]
        if (world.size > 1 or self.on) and STANDARD in places:
            raise UsageError("standard input and output belong to one process", "name files and folders")
        if (world.size > 1 or self.on or self.devices) and any(place.startswith("memory:") for place in places):
            raise UsageError("memory:// is in one process alone", "name a place that all workers reach")

    def among(self, world: World) -> "Request":
        """The same, if there are other workers with tiles that leave them memory."""
        among_others = bool(world.size > 1 or self.devices or self.on)
        return replace(self, loading=replace(self.loading, policy=replace(self.loading.policy, frugal=among_others)))

    def upscaler(self, world: World) -> Upscaler:
        """The one of this process; where others enlarge, it tells no more than the model's name and scale."""
        if self.devices or self.on:
            return replace(self.loading, precision="auto", compile=False)("cpu")
        return self.loading(world.device(self.device))

    def workers(self, upscaler: Upscaler, order: crew.Order) -> list[Worker]:
        """Who enlarges.  Raises UnknownDevice, and UsageError where there are not as many."""
        if self.on:
            return on_ray.hire(order, self.devices, upscaler.policy)
        if self.devices:
            return crew.hire(order, pick_devices(self.devices), upscaler.policy)
        return [Bench(upscaler, order.wishes, order.manifest)]


def enlarge_pictures(request: Request) -> None:
    """Enlarge, and tell of every file.  Raises SrganError, and Exit with 1 where a file failed."""
    world = World.here()
    request.check(world)
    request = request.among(world)
    listing = listed(request.from_file) if request.from_file and world.leads else None
    ray = on_ray.connected(request.on, request.devices) if request.on else nullcontext()
    with streams(request.inputs, request.out, request.naming.suffix) as files, world.joined() as store, ray:
        upscaler = request.upscaler(world)
        naming = replace(request.naming, scale=request.loading.scale or upscaler.scale, model=upscaler.name)
        made = _made_in(place_of(files.out))
        planned = world.follow(plan(files.inputs, files.out, naming, listing, made) if world.leads else Plan([]))
        order = _order(request, upscaler, planned.folder, naming.scale)
        batch = Batch(*request.workers(upscaler, order))
        outcome = Outcome(upscaler, files, planned, request.as_json, request.debug, world)
        with (
            progress_bar(outcome.label) if world.size == 1 else nullcontext() as progress,
            closing(batch.run(planned.tasks, progress, partial(dealt, store))) as results,
        ):
            for result in results:
                outcome.tell(result)
        files.deliver()
        outcome.sum_up(world.collect(store, (outcome.counts, outcome.failures)))


def _order(request: Request, upscaler: Upscaler, folder: Place | None, scale: float) -> crew.Order:
    """With a manifest, if the outputs go into a folder here."""
    if folder is None or is_remote(folder):
        return crew.Order(request.loading, request.wishes)
    no_matter = _NO_MATTER | (_TILING if upscaler.generator.exact_tiles else set())
    options = {key: value for key, value in request.options.items() if key not in no_matter}
    return crew.Order(request.loading, request.wishes, folder, recipe(upscaler, {**options, "scale": float(scale)}))


def _made_in(out: Place) -> Callable[[Path], bool]:
    """What tells the outputs of earlier runs there."""
    return (lambda _: False) if is_remote(out) else Manifest(out).made


def enlarge_video(request: Request) -> None:
    """Enlarge raw video, frame by frame.  Raises SrganError."""
    inputs, out = request.inputs, request.out
    request.check(World.here())
    if len(inputs) > 1:
        raise UsageError("--format y4m takes one stream in and one out", "srgan upscale --format y4m - -")
    task = Task(Path(inputs[0]), Path(out))
    if STANDARD not in (inputs[0], out) and task.source.resolve() == task.target.resolve():
        raise UsageError(f"{out} is the input itself", "name another file to write")
    with raw(inputs[0], out) as (incoming, outgoing):
        upscaler, began = request.upscaler(ALONE), time.monotonic()
        size, enlarged, count = upscale_video(incoming, outgoing, upscaler, request.wishes.scale)
    seconds = time.monotonic() - began
    outcome = Outcome(upscaler, Streams(inputs, out), Plan([task]), request.as_json, request.debug, ALONE)
    outcome.tell(Result(task, "enlarged", size, enlarged, count, seconds, device=str(upscaler.device)))
