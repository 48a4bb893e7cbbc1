"""Enlarge pictures with a generative adversarial network."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from srgan_cli.version import __version__

if TYPE_CHECKING:
    from srgan_cli.errors import MismatchError as MismatchError
    from srgan_cli.errors import OutputClosed as OutputClosed
    from srgan_cli.errors import PictureError as PictureError
    from srgan_cli.errors import SrganError as SrganError
    from srgan_cli.errors import UnknownDevice as UnknownDevice
    from srgan_cli.errors import UnknownModel as UnknownModel
    from srgan_cli.errors import UsageError as UsageError
    from srgan_cli.errors import WeightsError as WeightsError
    from srgan_cli.image.codec.capabilities import Encoding as Encoding
    from srgan_cli.image.codec.raster import BandLayout as BandLayout
    from srgan_cli.image.convert.tensors import Channels as Channels
    from srgan_cli.image.geo.place import Place as Place
    from srgan_cli.image.io import read_picture as read_picture
    from srgan_cli.image.io import write_picture as write_picture
    from srgan_cli.image.metadata.gain_map import GainMap as GainMap
    from srgan_cli.image.metadata.icc import Colour as Colour
    from srgan_cli.image.metadata.record import Metadata as Metadata
    from srgan_cli.image.metadata.record import Text as Text
    from srgan_cli.image.picture import ImageStream as ImageStream
    from srgan_cli.image.picture import Picture as Picture
    from srgan_cli.image.sequence import ImageSequence as ImageSequence
    from srgan_cli.image.sequence import open_pictures as open_pictures
    from srgan_cli.image.sequence import write_pictures as write_pictures
    from srgan_cli.networks import Generator as Generator
    from srgan_cli.scoring.evaluate import score as score
    from srgan_cli.scoring.protocol import Protocol as Protocol
    from srgan_cli.scoring.report.summary import Difference as Difference
    from srgan_cli.scoring.report.summary import Report as Report
    from srgan_cli.scoring.report.summary import Score as Score
    from srgan_cli.scoring.report.summary import Summary as Summary
    from srgan_cli.upscaling.back_projection import Consistency as Consistency
    from srgan_cli.upscaling.back_projection import back_project as back_project
    from srgan_cli.upscaling.scale import Size as Size
    from srgan_cli.upscaling.tiles.layers import Layers as Layers
    from srgan_cli.upscaling.tiles.memory_limit import ReservedMemory as ReservedMemory
    from srgan_cli.upscaling.tiles.memory_limit import TilePlan as TilePlan
    from srgan_cli.upscaling.tiles.memory_limit import TilePolicy as TilePolicy
    from srgan_cli.upscaling.upscaler import Upscaler as Upscaler

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
    "upscaling.tiles.memory_limit": "ReservedMemory TilePlan TilePolicy",
    "upscaling.upscaler": "Upscaler",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}
__all__ = ["__version__", *_MODULE_OF]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import srgan_cli` does not import torch."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
