"""Enlarge pictures with a generative adversarial network."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from srgan_cli.back_projection import back_project
    from srgan_cli.errors import SrganError
    from srgan_cli.picture import Picture, read_picture, write_picture
    from srgan_cli.scoring.report import Report
    from srgan_cli.scoring.score import score
    from srgan_cli.sequence import Pictures, open_pictures, write_pictures
    from srgan_cli.tiling import TilePolicy
    from srgan_cli.upscaler import Size, Upscaler

__version__ = "0.1.0"

__all__ = [
    "Picture",
    "Pictures",
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
    "Picture": "picture",
    "Pictures": "sequence",
    "Report": "scoring.report",
    "Size": "upscaler",
    "SrganError": "errors",
    "TilePolicy": "tiling",
    "Upscaler": "upscaler",
    "back_project": "back_projection",
    "open_pictures": "sequence",
    "read_picture": "picture",
    "score": "scoring.score",
    "write_picture": "picture",
    "write_pictures": "sequence",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import srgan_cli` does not import torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
