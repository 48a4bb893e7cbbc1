"""Enlarge pictures with a generative adversarial network."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from srgan_cli.version import __version__

if TYPE_CHECKING:
    from srgan_cli.errors import (
        MismatchError,
        OutputClosed,
        PictureError,
        SrganError,
        UnknownDevice,
        UnknownModel,
        UsageError,
        WeightsError,
    )
    from srgan_cli.image.codec.capabilities import Encoding
    from srgan_cli.image.codec.raster import BandLayout
    from srgan_cli.image.convert.tensors import Channels
    from srgan_cli.image.geo.place import Place
    from srgan_cli.image.io import read_picture, write_picture
    from srgan_cli.image.metadata.gain_map import GainMap
    from srgan_cli.image.metadata.icc import Colour
    from srgan_cli.image.metadata.record import Metadata, Text
    from srgan_cli.image.picture import ImageStream, Picture
    from srgan_cli.image.sequence import ImageSequence, open_pictures, write_pictures
    from srgan_cli.networks import Generator
    from srgan_cli.scoring.evaluate import score
    from srgan_cli.scoring.protocol import Protocol
    from srgan_cli.scoring.report.summary import Difference, Report, Score, Summary
    from srgan_cli.upscaling.back_projection import Consistency, back_project
    from srgan_cli.upscaling.scale import Size
    from srgan_cli.upscaling.tiles.layers import Layers
    from srgan_cli.upscaling.tiles.memory_limit import ReservedMemory, TilePolicy
    from srgan_cli.upscaling.tiles.plan import TilePlan
    from srgan_cli.upscaling.upscaler import Upscaler


__all__ = [
    "BandLayout",
    "Channels",
    "Colour",
    "Consistency",
    "Difference",
    "Encoding",
    "GainMap",
    "Generator",
    "ImageSequence",
    "ImageStream",
    "Layers",
    "Metadata",
    "MismatchError",
    "OutputClosed",
    "Picture",
    "PictureError",
    "Place",
    "Protocol",
    "Report",
    "ReservedMemory",
    "Score",
    "Size",
    "SrganError",
    "Summary",
    "Text",
    "TilePlan",
    "TilePolicy",
    "UnknownDevice",
    "UnknownModel",
    "Upscaler",
    "UsageError",
    "WeightsError",
    "__version__",
    "back_project",
    "open_pictures",
    "read_picture",
    "score",
    "write_picture",
    "write_pictures",
]

_MODULES = {
    "errors": "MismatchError OutputClosed PictureError SrganError UnknownDevice UnknownModel UsageError WeightsError",
    "image.codec.capabilities": "Encoding",
    "image.codec.raster": "BandLayout",
    "image.convert.tensors": "Channels",
    "image.geo.place": "Place",
    "image.io": "read_picture write_picture",
    "image.metadata.icc": "Colour",
    "image.metadata.gain_map": "GainMap",
    "image.metadata.record": "Metadata Text",
    "image.picture": "ImageStream Picture",
    "image.sequence": "ImageSequence open_pictures write_pictures",
    "networks": "Generator",
    "scoring.evaluate": "score",
    "scoring.protocol": "Protocol",
    "scoring.report.summary": "Difference Report Score Summary",
    "upscaling.back_projection": "Consistency back_project",
    "upscaling.scale": "Size",
    "upscaling.tiles.layers": "Layers",
    "upscaling.tiles.memory_limit": "ReservedMemory TilePolicy",
    "upscaling.tiles.plan": "TilePlan",
    "upscaling.upscaler": "Upscaler",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import srgan_cli` does not import torch."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
