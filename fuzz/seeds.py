"""Valid files to mutate: small generated ones, and pictures of a corpus."""

import builtins
import io
import json
import os
import pickle
import shutil
import struct
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
import torch
from PIL import Image, ImageCms
from safetensors.torch import save

from srgan_cli.errors import UsageError
from srgan_cli.image.codec.capabilities import FORMATS, format_of
from srgan_cli.networks import GENERATORS
from srgan_cli.weights.card import WeightsCard

CALLED = "called-by-a-pickle"
"""The file that the code of hostile pickles creates."""
_LARGEST_FILE = 2**18
_RECIPES = Path(__file__).parents[1] / "examples/recipes"
_SMALL: dict[str, dict[str, Any]] = {
    "srresnet": {"scale": 2, "channels": 4, "blocks": 1},
    "rrdb": {"scale": 2, "channels": 4, "blocks": 1},
    "compact": {"scale": 2, "channels": 4, "blocks": 1},
    "span": {"scale": 2, "channels": 4, "blocks": 1},
    "swinir": {"scale": 2, "channels": 6, "blocks": 1},
    "unet": {"scale": 2, "channels": 4},
    "srcnn": {"scale": 2},
}


@dataclass(frozen=True)
class Seed:
    """A valid file."""

    suffix: str
    data: bytes


@cache
def pictures(corpus: Path | None = None) -> list[Seed]:
    """Small pictures in every format that can be written here, and the files of a corpus that are not too large."""
    for suffix in FORMATS:
        with suppress(UsageError):
            format_of(Path(f"a{suffix}"))  # registers its plugin
    return [*_written_by_pillow(), *_written_by_vips(), *_video(), *(_read_corpus(corpus) if corpus else ())]


@cache
def weights() -> list[Seed]:
    """Weights of every generator, weights of another project, and hostile pickles."""
    torch.manual_seed(0)
    built = {name: GENERATORS[name](**_SMALL.get(name, {})) for name in GENERATORS}
    seeds = []
    for name, generator in built.items():
        tensors = {key: value.contiguous() for key, value in generator.state_dict().items()}
        card = json.dumps(asdict(WeightsCard.for_generator(generator, name)))
        seeds.append(Seed(".safetensors", save(tensors, {"srgan": card})))
    torch.nn.init.constant_(next(built["srresnet"].parameters()), float("nan"))
    card = json.dumps(asdict(WeightsCard.for_generator(built["srresnet"], "not finite")))
    plain = {key: value.contiguous() for key, value in built["srresnet"].state_dict().items()}
    seeds += [Seed(".safetensors", save(plain, {"srgan": card})), Seed(".safetensors", save(plain))]
    seeds += [Seed(".pth", _pickled({"params": plain}, zipped)) for zipped in (True, False)]
    return [*seeds, Seed(".pth", _pickled(_compact(), True)), *_hostile_pickles()]


@cache
def settings() -> list[dict[str, Any]]:
    """The recipes of the shipped weights."""
    return [tomllib.loads(path.read_text(encoding="utf8")) for path in sorted(_RECIPES.glob("*.toml"))]


def _generated(mode: str = "RGB", size: tuple[int, int] = (20, 14)) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    return Image.fromarray(noise, "RGBA").convert(mode)


def _written_by_pillow() -> Iterator[Seed]:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010E: "a picture", 0x011A: 72.0, 0x011B: 72.0})
    metadata = {"exif": exif, "icc_profile": profile, "dpi": (72, 72)}
    animation = {
        "save_all": True,
        "append_images": [_generated().rotate(90), _generated().rotate(180)],
        "duration": 50,
        "loop": 0,
    }
    stills = {
        ".png": ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"],
        ".jpg": ["RGB", "L", "CMYK"],
        ".webp": ["RGB", "RGBA"],
        ".tif": ["RGB", "RGBA", "L", "P", "1", "CMYK", "F", "I;16", "LAB"],
        ".bmp": ["RGB", "L", "P", "1"],
        ".gif": ["P"],
        ".avif": ["RGB"],
        ".heic": ["RGB"],
        ".jxl": ["RGB"],
        ".jp2": ["RGB"],
        ".ppm": ["RGB"],
        ".tga": ["RGB"],
    }
    for suffix, modes in stills.items():
        for mode in modes:
            image = _generated("L").convert("I;16") if mode == "I;16" else _generated("RGB").convert(mode)
            yield from _saved(image, suffix, {})
    yield from _saved(_generated("RGBA"), ".png", metadata)
    yield from _saved(_generated("RGB"), ".png", {"dpi": (72, 72), "exif": exif})
    for suffix in (".jpg", ".webp", ".tif", ".avif", ".heic"):
        yield from _saved(_generated(), suffix, metadata)
    yield from _saved(_generated(), ".jpg", {"progressive": True, "comment": b"words"})
    for suffix in (".gif", ".png", ".webp", ".tif", ".avif"):
        yield from _saved(_generated(), suffix, animation)
    for compression in ("tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits"):
        yield from _saved(_generated(), ".tif", {"compression": compression})


def _saved(image: Image.Image, suffix: str, options: dict[str, Any]) -> Iterator[Seed]:
    buffer = io.BytesIO()
    with suppress(KeyError, OSError, ValueError):  # this Pillow cannot write it
        image.save(buffer, Image.registered_extensions()[suffix], **options)
        yield Seed(suffix, buffer.getvalue())


def _written_by_vips() -> Iterator[Seed]:
    """Kinds of PNG, TIFF and PGM that Pillow does not write."""
    values = np.random.default_rng(0).integers(0, 2**16, (14, 20, 3), dtype=np.uint16)
    deep = pyvips.Image.new_from_array(values).copy(interpretation="rgb16")
    shallow = (deep >> 8).cast("uchar").copy(interpretation="srgb")
    yield Seed(".png", deep.pngsave_buffer())
    yield Seed(".png", shallow.pngsave_buffer(interlace=True))
    yield Seed(".png", deep.pngsave_buffer(interlace=True))
    for image, options in (
        (deep, {"compression": "deflate", "predictor": "horizontal"}),
        (deep.cast("float") / 65_535, {"compression": "deflate", "predictor": "float"}),
        (deep, {"tile": True, "tile_width": 16, "tile_height": 16, "bigtiff": True}),
        (shallow, {"compression": "lzw", "tile": True, "pyramid": True}),
    ):
        with tempfile.NamedTemporaryFile(suffix=".tif") as file:
            image.tiffsave(file.name, **options)
            yield Seed(".tif", Path(file.name).read_bytes())
    yield Seed(".pgm", b"P5\n# words\n20 14\n65535\n" + values[..., 0].astype(">u2").tobytes())


def _video() -> Iterator[Seed]:
    yield Seed(".y4m", b"YUV4MPEG2 W8 H6 F25:1 Ip C420jpeg\n" + 2 * (b"FRAME\n" + bytes(range(72))))
    yield Seed(".y4m", b"YUV4MPEG2 W8 H6 F25:1 C444p10 XCOLORRANGE=FULL\n" + b"FRAME\n" + bytes(288))


def _read_corpus(corpus: Path) -> list[Seed]:
    files = sorted(path for path in corpus.rglob("*") if path.is_file() and path.stat().st_size <= _LARGEST_FILE)
    return [Seed(path.suffix or ".png", path.read_bytes()) for path in files]


def _pickled(content: Any, zipped: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def _compact() -> dict[str, torch.Tensor]:
    """Tensors of a compact SRVGG with one layer, named as by Real-ESRGAN."""
    shapes = {"0.weight": (8, 3, 3, 3), "0.bias": (8,), "1.weight": (8,), "2.weight": (12, 8, 3, 3), "2.bias": (12,)}
    return {f"body.{key}": torch.rand(shape) / 10 for key, shape in shapes.items()}


class _Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def _hostile_pickles() -> Iterator[Seed]:
    calls = (
        _Call(os.system, f"touch {CALLED}"),
        _Call(builtins.exec, f"open({CALLED!r}, 'w')"),
        _Call(builtins.eval, f"open({CALLED!r}, 'w')"),
        _Call(subprocess.check_call, ["touch", CALLED]),
        _Call(shutil.copyfile, "/dev/null", CALLED),
        _Call(Path(CALLED).touch),
    )
    for call in calls:
        for content in (call, {"params": {"weight": torch.zeros(1)}, "more": call}):
            yield Seed(".pth", _pickled(content, True))
            yield Seed(".pt", _pickled(content, False))
            yield Seed(".bin", pickle.dumps(content))
    yield Seed(".ckpt", pickle.dumps(torch.zeros(1)) + struct.pack("<Q", 2**40))
