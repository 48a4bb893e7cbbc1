"""Names of output files."""

from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from string import Formatter

from srgan_cli.errors import UsageError
from srgan_cli.image.codec.capabilities import FALLBACK_SUFFIX, FORMATS, format_of
from srgan_cli.system.discovery import RASTER_SUFFIXES
from srgan_cli.system.remote_storage import Location, is_dir, is_remote
from srgan_cli.upscaling.video import options
from srgan_cli.upscaling.video.options import CONTAINERS, is_video_input

DEFAULT_NAME = "{stem}{suffix}"
NAME_FIELDS = ("stem", "suffix", "scale", "model")
_FIELDS_HINT = f"available fields: {' '.join(f'{{{name}}}' for name in NAME_FIELDS)}"


@dataclass(frozen=True)
class Naming:
    """How output files in a folder are named."""

    template: str = DEFAULT_NAME
    """A format string with NAME_FIELDS."""
    suffix: str = ""
    """The suffix of all outputs.  If empty, each output has its input's, or .tif or .png if that cannot be written."""
    scale: float = 1
    """The value of {scale}; a placeholder until the model is loaded."""
    model: str = "model"
    """The value of {model}; a placeholder until the model is loaded."""

    def __post_init__(self) -> None:
        """Raises UsageError for an invalid template."""
        try:
            unknown = sorted({name for _, name, _, _ in Formatter().parse(self.template) if name} - set(NAME_FIELDS))
            sample = "" if unknown else self.of(PurePath("a.png"))
        except KeyError as error:  # a field within a field
            raise UsageError(f"the name {self.template!r} has {{{error.args[0]}}}", _FIELDS_HINT) from error
        except (ValueError, IndexError) as error:
            raise UsageError(f"cannot read the name {self.template!r}: {error}", _FIELDS_HINT) from error
        if unknown:
            raise UsageError(f"the name {self.template!r} has {{{unknown[0]}}}", _FIELDS_HINT)
        if "\0" in sample:
            raise UsageError(f"the name {self.template!r} has a NUL in it", _FIELDS_HINT)
        if PurePath(sample).is_absolute() or ".." in PurePath(sample).parts or not PurePath(sample).name:
            raise UsageError(f"the name {self.template!r} leaves the output folder", _FIELDS_HINT)

    def of(self, name: PurePath) -> str:
        """The name of the output for an input of this name."""
        suffix = self.suffix or _writable(name.suffix)
        return self.template.format(stem=name.stem, suffix=suffix, scale=f"{self.scale:g}", model=self.model)


def default_output(location: Location, naming: Naming, label: str) -> tuple[str, Naming]:
    """Where a single input goes if nothing is named, and the names there: for `x4` to `a_x4.png`, or `photos_x4/`."""
    if not is_dir(location):
        template = f"{{stem}}_{label}{{suffix}}" if naming.template == DEFAULT_NAME else naming.template
        name = replace(naming, template=template).of(PurePath(location.name))
        return str(location.parent / name), replace(naming, template=DEFAULT_NAME)
    folder = location if is_remote(location) or location.name not in ("", "..") else location.resolve()
    return f"{folder.parent / f'{folder.name}_{label}'}/", naming


def suffix_of(form: str) -> str:
    """The suffix for `--format`, which may lack the dot; "" for "".  Raises UsageError for an unknown format."""
    suffix = f".{form.lower().removeprefix('.')}" if form else ""
    if suffix and suffix not in FORMATS and suffix not in CONTAINERS:
        raise UsageError(f"no format {form!r}", f"use one of: {' '.join(name[1:] for name in (*FORMATS, *CONTAINERS))}")
    return suffix


def _writable(suffix: str) -> str:
    """The suffix if its format can be written, else .tif for rasters, and .png."""
    if is_video_input(PurePath(f"name{suffix}")):
        return suffix if suffix.lower() in CONTAINERS else options.FALLBACK_SUFFIX
    try:
        format_of(Path(f"name{suffix}"))
    except UsageError:
        return ".tif" if suffix.lower() in RASTER_SUFFIXES else FALLBACK_SUFFIX
    return suffix
