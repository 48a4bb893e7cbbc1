"""A request to enlarge files, checked before any work."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from srgan_cli.batch.naming import Naming, suffix_of
from srgan_cli.batch.resume import settings_digest
from srgan_cli.batch.task import UpscaleOptions
from srgan_cli.batch.weights_choice import weights_for
from srgan_cli.batch.worker_processes import WorkerSpec
from srgan_cli.cli.console import warn
from srgan_cli.cli.stdio import STANDARD, is_stream
from srgan_cli.cli.upscale.options import PurposeName, UpscaleArguments
from srgan_cli.cli.weights.fetch import resolve_model
from srgan_cli.errors import UsageError
from srgan_cli.image.codec.capabilities import Encoding
from srgan_cli.system.distributed import World
from srgan_cli.system.remote_storage import Location, is_remote
from srgan_cli.upscaling.scale import Scale, Size
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy, parse_bytes
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.upscaling.video.options import VideoOptions, parse_time
from srgan_cli.weights.formats import family_name, list_weights
from srgan_cli.weights.registry import AUTOMATIC

_IRRELEVANT_OPTIONS = {
    *("places", "model", "purpose", "strength", "name", "form", "from_file", "as_json", "overwrite", "no_clobber"),
    *("offline", "device", "devices", "on", "debug", "max_pixels", "compile", "no_config", "quiet"),
}
"""Options that do not change the pictures, or do so through the weights, which have a digest of their own."""
VIDEO_OPTIONS = ("codec", "crf", "preset", "start", "duration", "deinterlace", "steady")
PICTURE_OPTIONS = ("consistent", "rgb_bands", "verify_tiles", "cog")
ENCODING_OPTIONS = ("quality", "lossless")
"""Options for pictures that may stand where there are videos beside them."""
_TILING_OPTIONS = {"tile", "max_memory", "verify_tiles"}
"""Options that do not change the pictures where tiled equals whole."""


@dataclass(frozen=True, kw_only=True)
class UpscalerFactory:
    """Loads the upscaler, in this process or in another one."""

    arguments: UpscaleArguments
    """The options of the network, such as --strength."""
    model: str
    """A name, a file or an address of weights, or a kernel."""
    compressed: str
    """The name of the weights for compressed files; "" to use the same weights for all files."""
    policy: TilePolicy

    def __call__(self, device: str, *, model: Path | None = None, takes_turns_with: Upscaler | None = None) -> Upscaler:
        """The upscaler on a device, of this or another model.  Raises SrganError as Upscaler.load does."""
        given = self.arguments
        return Upscaler.load(
            model or resolve_model(self.model, given.offline),
            device=device,
            takes_turns_with=takes_turns_with,
            policy=self.policy,
            scale=given.scale,
            strength=given.strength,
            seed=given.seed,
            self_ensemble=given.self_ensemble,
            precision=given.precision,
            compile=given.compile,
            warn=warn,
        )


@dataclass(frozen=True, kw_only=True)
class UpscaleRequest:
    """What srgan upscale is asked for."""

    arguments: UpscaleArguments
    """The command line, with the defaults of the file."""
    named: Sequence[str]
    """Those of the options above that the command line itself has, as it spells them."""
    inputs: list[str]
    out: str
    """The output; "" beside the only input."""
    naming: Naming
    options: UpscaleOptions
    video: VideoOptions
    factory: UpscalerFactory

    @classmethod
    def of(
        cls, arguments: UpscaleArguments, inputs: list[str], out: str, *, named: Sequence[str], is_raw_video: bool
    ) -> "UpscaleRequest":
        """The request of a command line with these inputs and output.  Raises UsageError."""
        policy = TilePolicy(arguments.tile, parse_bytes(arguments.max_memory) if arguments.max_memory else None)
        model, compressed = _weights(arguments)
        return cls(
            arguments=arguments,
            named=named,
            inputs=inputs,
            out=out,
            naming=Naming(arguments.name, "" if is_raw_video else suffix_of(arguments.form)),
            options=_options(arguments, named),
            video=_video_options(arguments),
            factory=UpscalerFactory(arguments=arguments, model=model, compressed=compressed, policy=policy),
        )

    @property
    def purpose_note(self) -> str:
        """What `--for` has chosen; "" without it."""
        purpose, compressed, scale = self.arguments.purpose, self.factory.compressed, self.arguments.scale or 4
        if purpose == PurposeName.pixels:
            return f"--for pixels: nearest, every pixel becomes {scale:g} x {scale:g} pixels"
        also = f", and {compressed} for compressed files" if compressed else ""
        return f"--for {purpose}: the weights {self.factory.model}{also}" if purpose else ""

    @property
    def has_workers(self) -> bool:
        """Whether other processes enlarge, here or on a Ray cluster."""
        return bool(self.arguments.devices or self.arguments.on)

    def check(self, world: World) -> None:
        """Raises UsageError for combinations that several processes cannot share."""
        if world.size > 1 and self.has_workers:
            hint = "leave --devices and --on out"
            raise UsageError("under torchrun every process is a worker already", hint, option="devices on")
        from_file, on = self.arguments.from_file, self.arguments.on
        places = [*self.inputs, self.out, from_file]
        if (world.size > 1 or on) and (from_file == STANDARD or any(map(is_stream, places[:-1]))):
            message = "standard input and output, and pipes, belong to one process"
            raise UsageError(message, "name files and folders", option="on from-file")
        if (world.size > 1 or self.has_workers) and any(place.startswith("memory:") for place in places):
            hint = "name a place that all workers reach"
            raise UsageError("memory:// is in one process alone", hint, option="devices on")

    def check_video_options(self, *, pictures: bool, videos: bool) -> None:
        """Raises UsageError for an option of video where there is none, or one that videos do not take."""
        of_pictures = PICTURE_OPTIONS if pictures else (*PICTURE_OPTIONS, *ENCODING_OPTIONS)
        kind, unfit = ("pictures", of_pictures) if videos else ("video", VIDEO_OPTIONS)
        for option in self.named:
            if option.removeprefix("--").removeprefix("no-").replace("-", "_") in unfit:
                raise UsageError(f"{option} is for {kind}", "leave it out")

    def sharing_machine(self, world: World) -> "UpscaleRequest":
        """The same, with tiles that leave memory to the other workers on this machine, if there are any."""
        shared = world.size > 1 or self.has_workers
        return replace(self, factory=replace(self.factory, policy=replace(self.factory.policy, shared_machine=shared)))

    def name(self, upscaler: Upscaler) -> str:
        """The name of the model in the names of outputs; with its folder, if it is only called as shipped weights."""
        if self.factory.compressed:
            return str(self.arguments.purpose or AUTOMATIC)
        path = Path(self.factory.model).absolute()
        return f"{path.parent.name}-{path.stem}" if self._is_namesake(upscaler) else upscaler.name

    def model_label(self, upscaler: Upscaler) -> str:
        """The name of the model; with its file or address too, if it is only called as shipped weights."""
        return f"{upscaler.name} of {self.factory.model}" if self._is_namesake(upscaler) else upscaler.name

    def _is_namesake(self, upscaler: Upscaler) -> bool:
        """Whether weights have the name of shipped ones and are others."""
        shipped = list_weights()
        return upscaler.name in shipped and self.factory.model not in {*shipped, *map(family_name, shipped)}

    def upscaler(self, world: World) -> Upscaler:
        """The upscaler of this process.  Where only workers enlarge, it serves for the model's name and scale."""
        if self.has_workers:
            return replace(self.factory, arguments=replace(self.arguments, precision="auto", compile=False))("cpu")
        return self.factory(world.device(self.arguments.device))

    def worker_spec(self, upscaler: Upscaler, folder: Location | None, scale: float, *, for_video: bool) -> WorkerSpec:
        """The work of all workers; with a manifest if the outputs go into a local folder."""
        if folder is None or is_remote(folder):
            return WorkerSpec(self.factory, self.options, self.factory.compressed)
        digest = self.settings_digest(upscaler, scale, for_video=for_video)
        return WorkerSpec(self.factory, self.options, self.factory.compressed, folder, digest)

    def settings_digest(self, upscaler: Upscaler, scale: float, *, for_video: bool) -> str:
        """Everything that outputs depend on except inputs; options of some kinds of files only where they are given."""
        irrelevant = _IRRELEVANT_OPTIONS | (_TILING_OPTIONS if upscaler.generator.exact_tiles else set())
        given, of_kinds = vars(self.arguments), (*VIDEO_OPTIONS, "cog", "rgb_bands")
        unset = {name for name in of_kinds if given[name] in (None, "") or (given[name] is False and name != "steady")}
        irrelevant |= unset if for_video else {*unset, *VIDEO_OPTIONS}
        options = {key: value for key, value in given.items() if key not in irrelevant}
        return settings_digest(upscaler, {**options, "scale": float(scale)})


def _options(arguments: UpscaleArguments, named: Sequence[str]) -> UpscaleOptions:
    return UpscaleOptions(
        scale=_scale(arguments),
        strict=arguments.strict,
        cog=arguments.cog,
        overwrite="overwrite" if arguments.overwrite else "keep" if arguments.no_clobber else "update",
        consistent=arguments.consistent,
        rgb_bands=_bands(arguments.rgb_bands),
        verify_tiles=arguments.verify_tiles,
        encoding=Encoding(arguments.quality, arguments.lossless),
        max_pixels=arguments.max_pixels,
        optional=tuple({"cog", "rgb-bands", "consistent"} - {name.removeprefix("--") for name in named}),
    )


def _video_options(arguments: UpscaleArguments) -> VideoOptions:
    return VideoOptions(
        codec=arguments.codec,
        crf=arguments.crf,
        preset=arguments.preset,
        start=parse_time(arguments.start or "0", "--start"),
        duration=parse_time(arguments.duration, "--duration") if arguments.duration else None,
        deinterlace=arguments.deinterlace,
        steady=arguments.steady,
        strict=arguments.strict,
    )


def _scale(arguments: UpscaleArguments) -> Scale:
    if arguments.size and "{scale" in arguments.name:
        hint = "leave {scale} out of --name"
        raise UsageError("with --size every picture has its own scale", hint, option="size name")
    return Size.parse(arguments.size) if arguments.size else arguments.scale


def _bands(numbers: str) -> tuple[int, ...]:
    found = tuple(int(number) for number in numbers.split(",") if number.strip().isdecimal())
    if numbers and (len(set(found)) != 3 or numbers.count(",") != 2 or 0 in found):
        raise UsageError(f"--rgb-bands {numbers} does not name three bands", "write it as 4,3,2")
    return found


def _weights(arguments: UpscaleArguments) -> tuple[str, str]:
    """The model, and that for compressed files or "".  Raises UsageError for a purpose with a broken factor."""
    purpose = arguments.purpose
    if purpose is None:
        return weights_for(AUTOMATIC) if arguments.model == AUTOMATIC else (arguments.model, "")
    if purpose != PurposeName.pixels:
        model, compressed = weights_for(purpose)
        if compressed and arguments.strength not in (None, 1):
            message = f"--for {purpose} takes weights of {model}, which have no --strength"
            raise UsageError(message, "leave out --strength or --for", option="strength purpose")
        return model, compressed
    scale = arguments.scale or 4
    if arguments.size or scale != int(scale):
        given = "size" if arguments.size else "scale"
        found = "takes no --size" if arguments.size else "takes a whole factor"
        raise UsageError(f"--for pixels {found}", "give a whole factor by --scale, such as -s 4", option=given)
    return "nearest", ""
