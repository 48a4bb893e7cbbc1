"""A request to enlarge files, checked before any work."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from srgan_cli.batch.manifest import settings_digest
from srgan_cli.batch.naming import Naming
from srgan_cli.batch.task import UpscaleOptions
from srgan_cli.batch.workers import WorkerSpec
from srgan_cli.cli.console import warn
from srgan_cli.cli.stdio import STANDARD, is_stream
from srgan_cli.cli.weights.fetch import resolve_model
from srgan_cli.errors import UsageError
from srgan_cli.system.distributed import World
from srgan_cli.system.storage import Location, is_remote
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.upscaling.video.options import VideoOptions
from srgan_cli.weights.formats import list_weights

_IRRELEVANT_OPTIONS = {
    *("places", "model", "purpose", "strength", "name", "form", "from_file", "as_json", "overwrite", "no_clobber"),
    *("offline", "device", "devices", "on", "debug", "max_pixels", "compile", "no_config"),
}
"""Options that do not change the pictures, or do so through the weights, which have a digest of their own."""
_VIDEO_OPTIONS = ("codec", "crf", "preset", "start", "duration", "deinterlace", "steady")
"""Options that concern video alone."""
_PICTURE_OPTIONS = ("consistent", "rgb_bands", "verify_tiles", "cog")
"""Options that concern pictures alone."""
_TILING_OPTIONS = {"tile", "max_memory", "verify_tiles"}
"""Options that do not change the pictures where tiled equals whole."""


@dataclass(frozen=True, kw_only=True)
class UpscalerFactory:
    """Loads the upscaler, in this process or in another one."""

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


@dataclass(frozen=True, kw_only=True)
class UpscaleRequest:
    """The arguments and options of srgan upscale."""

    inputs: list[str]
    out: str
    from_file: str
    """A file that lists further inputs, if not empty."""
    naming: Naming
    options: UpscaleOptions
    video: VideoOptions
    factory: UpscalerFactory
    device: str
    """The device of this process, unless `devices` or `on` are given."""
    devices: str
    """Devices of worker processes, if not empty."""
    on: str
    """A Ray cluster, if not empty."""
    as_json: bool
    debug: bool
    given: Mapping[str, object]
    """All options by name, for the manifest."""

    def check(self, world: World) -> None:
        """Raises UsageError for combinations that several processes cannot share."""
        if world.size > 1 and (self.devices or self.on):
            raise UsageError("under torchrun every process is a worker already", "leave --devices and --on out")
        places = [*self.inputs, self.out, self.from_file]
        if (world.size > 1 or self.on) and (self.from_file == STANDARD or any(map(is_stream, places[:-1]))):
            raise UsageError("standard input and output, and pipes, belong to one process", "name files and folders")
        if (world.size > 1 or self.on or self.devices) and any(place.startswith("memory:") for place in places):
            raise UsageError("memory:// is in one process alone", "name a place that all workers reach")

    def check_video_options(self, has_videos: bool) -> None:
        """Raises UsageError for an option that concerns video alone where there is none, or pictures alone."""
        for name in _PICTURE_OPTIONS if has_videos else _VIDEO_OPTIONS:
            if self.given.get(name):
                kind = "pictures" if has_videos else "video"
                raise UsageError(f"--{name.replace('_', '-')} is for {kind}", "leave it out")

    def sharing_machine(self, world: World) -> "UpscaleRequest":
        """The same, with tiles that leave memory to the other workers on this machine, if there are any."""
        shared = bool(world.size > 1 or self.devices or self.on)
        return replace(self, factory=replace(self.factory, policy=replace(self.factory.policy, shared_machine=shared)))

    def model_label(self, upscaler: Upscaler) -> str:
        """The name of the model; with its file or address too, if it is named like shipped weights and is none."""
        shipped = list_weights()
        is_shipped = self.factory.model in {*shipped, *(name.rpartition("-x")[0] for name in shipped)}
        named_alike = upscaler.name in shipped and not is_shipped
        return f"{upscaler.name} of {self.factory.model}" if named_alike else upscaler.name

    def upscaler(self, world: World) -> Upscaler:
        """The upscaler of this process.  Where only workers enlarge, it serves for the model's name and scale."""
        if self.devices or self.on:
            return replace(self.factory, precision="auto", compile=False)("cpu")
        return self.factory(world.device(self.device))

    def worker_spec(self, upscaler: Upscaler, folder: Location | None, scale: float) -> WorkerSpec:
        """The work of all workers; with a manifest if the outputs go into a local folder."""
        if folder is None or is_remote(folder):
            return WorkerSpec(self.factory, self.options)
        return WorkerSpec(self.factory, self.options, folder, self.settings_digest(upscaler, scale))

    def settings_digest(self, upscaler: Upscaler, scale: float) -> str:
        """Everything that outputs depend on except inputs; options of some kinds of files only where they are given."""
        irrelevant = _IRRELEVANT_OPTIONS | (_TILING_OPTIONS if upscaler.generator.exact_tiles else set())
        irrelevant |= {name for name in (*_VIDEO_OPTIONS, "cog", "rgb_bands") if not self.given.get(name)}
        options = {key: value for key, value in self.given.items() if key not in irrelevant}
        return settings_digest(upscaler, {**options, "scale": float(scale)})
