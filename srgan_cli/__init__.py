"""Enlarge pictures with a generative adversarial network."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from srgan_cli.version import __version__

if TYPE_CHECKING:
    from srgan_cli.errors import SrganError
    from srgan_cli.image.io import read_picture, write_picture
    from srgan_cli.image.picture import Picture
    from srgan_cli.image.sequence import ImageSequence, open_pictures, write_pictures
    from srgan_cli.scoring.evaluate import score
    from srgan_cli.scoring.report.report import Report
    from srgan_cli.upscaling.back_projection import back_project
    from srgan_cli.upscaling.scale import Size
    from srgan_cli.upscaling.tiles.tiling import TilePolicy
    from srgan_cli.upscaling.upscaler import Upscaler


__all__ = [
    "ImageSequence",
    "Picture",
    "Report",
    "Size",
    "SrganError",
    "TilePolicy",
    "Upscaler",
    "__version__",
    "back_project",
    "open_pictures",
    "read_picture",
    "score",
    "write_picture",
    "write_pictures",
]

_HOMES = {
    "Picture": "image.picture",
    "ImageSequence": "image.sequence",
    "Report": "scoring.report.report",
    "Size": "upscaling.scale",
    "SrganError": "errors",
    "TilePolicy": "upscaling.tiles.tiling",
    "Upscaler": "upscaling.upscaler",
    "back_project": "upscaling.back_projection",
    "open_pictures": "image.sequence",
    "read_picture": "image.io",
    "score": "scoring.evaluate",
    "write_picture": "image.io",
    "write_pictures": "image.sequence",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import srgan_cli` does not import torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
