"""The fuzz targets: everything that reads files from others.  Each gets one odd file or command line.

A case is accepted if the result is sound, and refused by an SrganError with a message and a hint.  Everything else is a
finding.
"""

import io
import json
import math
import os
import re
import shutil
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import seeds
import torch
from mutation import ODD_VALUES, mutate, mutate_value

from srgan_cli import __main__
from srgan_cli.batch.naming import Naming
from srgan_cli.batch.planning import plan_batch
from srgan_cli.errors import SrganError
from srgan_cli.image.io import picture_size, read_picture
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import open_pictures, write_picture
from srgan_cli.system.pairing import pair_by_name
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.recipe import read_recipe
from srgan_cli.training.run.checkpoints import CHECKPOINT, read_checkpoint
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.upscaling.video.raw import upscale_video
from srgan_cli.weights.file import read_card

MAX_PIXELS = 2**24
"""The limit on pictures, so that the memory of a case does not depend on what a file claims."""
_BUG = "this is a bug in srgan"
_LONGEST_MESSAGE = 4000
_NAMES = (
    "a", "A", "b", "c.d", " ", "blank end ", "two\nlines", "tab\t", "-", "--help", "-r", "~", "$HOME", "%s{}", "{stem}",
    "\N{GRINNING FACE}", "e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\udcff\udc80", "日本",
    "con", "x" * 200, "\\", "'", '"', "a;b", "\x1b[31m", "\r", "*", "[a]", "..a", "a..", ".", "..", "[bold]", "&amp;",
    "<b>",
)  # fmt: skip


def picture(random: Random, folder: Path, corpus: Path | None) -> str:
    """Read a damaged picture, or upscale a damaged video."""
    path = _damaged_file(random, folder, seeds.pictures(corpus))
    if path.suffix == ".y4m":
        return _verdict(lambda: _upscale_video(path))
    verdict = _verdict(lambda: _check_read(path))
    _verdict(lambda: open_pictures(path, max_pixels=MAX_PIXELS))
    return verdict


def weights(random: Random, folder: Path, _: Path | None) -> str:
    """Load damaged weights, and resume from a damaged checkpoint."""
    before = Path.cwd()
    os.chdir(folder)  # where the code of a pickle would create a file
    try:
        path = _damaged_weights(random, folder)
        verdict = _verdict(lambda: _check_weights(path))
        path.rename(folder / CHECKPOINT)
        _verdict(lambda: read_checkpoint(folder))
    finally:
        os.chdir(before)
    assert not (folder / seeds.CALLED).exists(), "the code of a pickle was run"
    return verdict


def settings(random: Random, folder: Path, _: Path | None) -> str:
    """Read settings with odd values, or in a damaged file."""
    values = random.choice(seeds.settings())
    for _turn in range(random.randint(1, 3)):
        values = mutate_value(values, random)
    path = folder / random.choice(("odd.json", "odd.toml"))
    text = json.dumps(values) if path.suffix == ".json" else _toml(values)
    data = text.encode("utf8", "surrogatepass")
    path.write_bytes(mutate(data, [data], random) if random.random() < 0.3 else data)
    return _verdict(lambda: _configure(path, folder))


def pairing(random: Random, folder: Path, _: Path | None) -> str:
    """Pair two trees of odd names, and plan a batch of one of them with an odd template."""
    names = random.choices(_NAMES, k=4)
    for name in ("one", "two"):
        _create_odd_tree(random, folder / name, names)

    def pair() -> None:
        found = pair_by_name(folder / "one", folder / "two")
        names = {name for name, _, _ in found.pairs}
        assert len(names) == len(found.pairs), "a name is paired twice"
        assert not names & {*found.only_reference, *found.only_candidate}, "a name is paired and unpaired"
        for name, *paths in found.pairs:
            own = [
                path.relative_to(folder / root).with_suffix("")
                for path, root in zip(paths, ("one", "two"), strict=True)
            ]
            assert own[0].as_posix() == name, "a pair has another name than its reference"
            assert own[0].parent == own[1].parent, "the folders of a pair differ"

    verdict = _verdict(pair)
    template = "".join(random.choices(_TEMPLATE_PARTS, k=random.randint(1, 4)))
    if random.random() < 0.3:
        (folder / "out").mkdir()
        with suppress(OSError):
            (folder / f"out/{random.choice(names)}").symlink_to("../..")
    _verdict(lambda: _check_plan(folder, template))
    return verdict


def command(random: Random, folder: Path, corpus: Path | None) -> str:
    """Run an odd command line on odd files."""
    (folder / "in").mkdir()
    for _turn in range(random.randint(1, 3)):
        seed = random.choice(seeds.pictures(corpus))
        data = seed.data if random.random() < 0.6 else mutate(seed.data, [seed.data], random)
        (folder / "in" / f"{random.choice(_NAMES)[:40].replace('/', '')}{seed.suffix}").write_bytes(data)
    tiny = min(seeds.weights(), key=lambda seed: (seed.suffix != ".safetensors", len(seed.data)))
    (folder / f"tiny{tiny.suffix}").write_bytes(tiny.data)
    before = _contents(folder)
    line = _command_line(random, folder)
    code, err = _run(line, folder)
    assert code in (0, 1, 2), f"exit code {code} of {line}: {err}"
    assert code == 0 or err.strip(), f"a failure without a message: {line}"
    assert "Traceback" not in err, f"a traceback from {line}: {err}"
    assert _BUG not in err, f"a bug in {line}: {err}"
    assert "out of memory" not in err, f"out of memory in {line}: {err}"
    after = _contents(folder)
    assert before.items() <= after.items(), f"existing files have changed after {line}"
    outside = [name for name in after.keys() - before.keys() if not name.startswith(("out", "run"))]
    assert not outside, f"files outside the output written by {line}: {outside}"
    assert not [name for name in after if ".srgan-" in name], f"temporary files left behind by {line}"
    return "accepted" if code == 0 else "refused"


class Target(NamedTuple):
    """A fuzz target."""

    run: Callable[[Random, Path, Path | None], str]
    """Runs a case in a folder, with pictures of a corpus if there is one; returns the verdict."""
    share: int
    """The number of its cases among twenty."""


TARGETS = {
    "picture": Target(picture, 10),
    "weights": Target(weights, 3),
    "settings": Target(settings, 3),
    "pairing": Target(pairing, 2),
    "command": Target(command, 2),
}


def run_case(target: str, seed: int, number: int, folder: Path, corpus: Path | None = None) -> str:
    """`accepted` or `refused`; raises everything else.  The same arguments make the same case."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return TARGETS[target].run(Random(f"{seed} {target} {number}"), folder, corpus)


def _verdict(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except SrganError as error:
        refusal = error
    else:
        return "accepted"
    assert refusal.message, "an error without a message"
    assert refusal.hint, f"an error without a hint: {refusal.message}"
    assert len(refusal.message) < _LONGEST_MESSAGE, "an error message that is too long"
    return "refused"


def _damaged_file(random: Random, folder: Path, good: Sequence[seeds.Seed]) -> Path:
    seed = random.choice(good)
    others = [random.choice(good).data for _ in range(2)]
    suffix = seed.suffix if random.random() < 0.9 else random.choice(good).suffix
    path = folder / f"odd{suffix}"
    path.write_bytes(mutate(seed.data, others, random))
    return path


def _check_read(path: Path) -> None:
    found, size = read_picture(path, max_pixels=MAX_PIXELS), picture_size(path)
    assert (found.height, found.width) == size, f"{size} in the header, {found.height, found.width} after reading"
    if found.depth <= 16 and not found.sample_type:  # data may have any values
        assert bool(torch.isfinite(found.pixels).all()), "NaN or infinite values"
        assert 0 <= float(found.pixels.amin()) <= float(found.pixels.amax()) <= 1, "values outside 0…1"
    small = Picture(
        found.pixels[:, :8, :8],
        None,
        found.depth,
        found.icc_profile,
        found.metadata,
        found.value_ranges,
        valid=None if found.valid is None else found.valid[:, :8, :8],
        sample_type=found.sample_type,
        declared_range=found.declared_range,
    )
    target = path.with_name(f"again{(path.suffix if path.suffix in ('.jpg', '.webp') else '.tif')}")
    write_picture(small, target)
    read_picture(target)


def _upscale_video(path: Path) -> None:
    with path.open("rb") as file:
        upscale_video(file, io.BytesIO(), Upscaler.load("bicubic", scale=2))


def _damaged_weights(random: Random, folder: Path) -> Path:
    good = seeds.weights()
    seed = random.choice(good)
    if seed.suffix == ".safetensors" and random.random() < 0.7:
        data = _mutate_header(seed.data, random)
    elif random.random() < 0.2:
        data = seed.data
    else:
        data = mutate(seed.data, [random.choice(good).data], random)
    path = folder / f"odd{seed.suffix if random.random() < 0.9 else random.choice(good).suffix}"
    path.write_bytes(data)
    return path


def _mutate_header(data: bytes, random: Random) -> bytes:
    """Safetensors with an odd card or an odd table of tensors."""
    length = int.from_bytes(data[:8], "little")
    header, rest = json.loads(data[8 : 8 + length]), data[8 + length :]
    text = header.get("__metadata__", {}).get("srgan")
    if text and random.random() < 0.8:
        card = json.loads(text)
        key = random.choice(list(card))
        card = mutate_value(card, random) if random.random() < 0.2 else {**card, key: mutate_value(card[key], random)}
        header["__metadata__"]["srgan"] = json.dumps(card)
    else:
        header = mutate_value(header, random)
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + rest


def _check_weights(path: Path) -> None:
    upscaler = Upscaler.load(str(path), device="cpu", precision="fp32")
    assert isinstance(upscaler.name, str), f"a name that is {upscaler.name!r}"
    assert isinstance(read_card(path).training, dict), "training is not a table"
    small = upscaler.upscale(Picture(torch.full((3, 8, 9), 0.5)))
    assert (small.height, small.width) == (8 * upscaler.scale, 9 * upscaler.scale), (
        "the size does not agree with the card"
    )
    assert bool(torch.isfinite(small.pixels).all()), "NaN or infinite values"


def _configure(path: Path, folder: Path) -> None:
    values = {"data": str(folder), "name": "odd", **read_recipe(path)}
    config = TrainConfig.from_json({**values, "run": folder})
    assert config.data.patch > 0
    assert math.isfinite(config.optim.learning_rate), f"a learning rate of {config.optim.learning_rate}"
    weights_file = (config.run.folder / f"{config.run.name}.safetensors").resolve()
    assert weights_file.parent == folder.resolve(), f"weights outside the folder of the run: {weights_file}"


def _toml(value: dict[str, Any]) -> str:
    return "".join(f"{key} = {_toml_value(item)}\n" for key, item in value.items()) if isinstance(value, dict) else ""


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {_toml_value(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    return json.dumps(value) if isinstance(value, str) else repr(value)


_TEMPLATE_PARTS = (
    "{stem}", "{suffix}", "{scale}", "{model}", "/", "..", "a", "{", "}", "{stem!r}", "{stem:>300}", "{0}", "\0",
    "{stem.__class__}", "{stem[0]}", "~", "\n", "//", "\udcff", "{suffix:\0}", "../", "{stem:/>3}",
)  # fmt: skip


def _create_odd_tree(random: Random, root: Path, names: Sequence[str]) -> None:
    """Create a folder of empty files, links, pipes and folders with odd names."""
    root.mkdir()
    for _turn in range(random.randint(0, 6)):
        parent = root / random.choice(("", "", "sub", random.choice(names)))
        suffix = ".png", ".png", ".PNG", ".jpg", ".txt", "", ".tif.png"
        path = parent / f"{random.choice(names)}{random.choice(suffix)}"
        with suppress(OSError):  # a file is in the way, or the name is too long
            parent.mkdir(exist_ok=True)
            random.choice(_CREATORS)(path)


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def _link_outside(path: Path) -> None:
    path.symlink_to("../..")


_CREATORS: tuple[Callable[[Path], object], ...] = (
    *(Path.touch,) * 5, Path.mkdir, _link_to_itself, _link_outside, os.mkfifo
)  # fmt: skip


def _check_plan(folder: Path, template: str) -> None:
    out = folder / "out"
    inputs = [folder / "one", *(folder / "one").iterdir()]
    planned = plan_batch([str(path) for path in inputs if path.is_dir() or path.suffix], str(out), Naming(template))
    for task in planned.tasks:
        target = Path(str(task.target)).resolve()
        assert target.is_relative_to(out), f"{template!r} leads out of {out} to {target}"


_OPTIONS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "upscale": (
        ("--scale", "--size", "--strength", "--seed", "--name", "--format", "--tile", "--max-memory", "--precision",
         "--device", "--devices", "--from-file", "--json", "--strict", "--consistent", "--self-ensemble", "--overwrite",
         "--no-clobber", "--verify-tiles", "--offline"),
        ("1", "2", "1.5", "0", "-1", "nan", "1e9", "16x16", "0x0", "99999x1", "x", "{stem}_{scale}{suffix}",
         "../{stem}.png", "png", "y4m", "1G", "1", "0.5", "fp32", "cpu", "cuda:99", "-", "in", "", "\N{GRINNING FACE}"),
    ),
    "score": (
        ("--scale", "--border", "--metric", "--baseline", "--json", "--csv", "--markdown", "--latex", "--protocol",
         "--channels", "--on-mismatch", "--crop", "--fail-under", "--fail-over", "--jobs", "--patch", "--figure",
         "--html"),
        ("1", "2", "0", "-1", "nan", "bicubic", "psnr", "ssim", "ms-ssim", "consistency", "psnr=1", "psnr=nan", "=",
         "rgb", "y", "crop", "skip", "resize", "0,0,4,4", "-9,0,99999,1", "skimage", "out.png", "out.html", ""),
    ),
    "train": (
        ("--scale", "--time", "--steps", "--batch", "--patch", "--generator", "--channels", "--blocks", "--gan-loss",
         "--discriminator", "--check", "--resume", "--config", "--name", "--seed", "--degradation",
         "--init-from"),
        ("1", "2", "0", "-1", "0s", "1s", "nan", "srcnn", "hinge", "patch", "in", "run", "../x", "",
         "real", "tiny.safetensors"),
    ),
    "models": (("--json",), ("", "x")),
}  # fmt: skip


def _command_line(random: Random, folder: Path) -> list[str]:
    """A command line; some are valid."""
    name = random.choices(list(_OPTIONS), (12, 5, 2, 1))[0]
    options, values = _OPTIONS[name]
    inputs = [*(f"in/{path.name}" for path in (folder / "in").iterdir()), "in", "in/"]
    inputs += ["missing", "."] if random.random() < 0.1 else []
    words = [name]
    if name == "upscale":
        words += [*random.choices(inputs, k=random.randint(1, 2)), random.choice(("out", "out/", "out.png", "out.jpg"))]
        words += ["-m", random.choice((*("bicubic", "tiny.safetensors") * 5, "nosuch", "in"))]
    elif name == "score":
        words += [random.choice(inputs), *random.choices(inputs, k=random.randint(0, 2)), "--jobs", "1"]
    elif name == "train":
        words += ["in", "--run", "run", "--steps", "1", "--channels", "2", "--blocks", "1", "--batch", "1"]
        words += [] if random.random() < 0.1 else ["--check"]
    words += [] if name == "models" else ["--max-pixels", str(MAX_PIXELS)]
    for _turn in range(random.choice((0, 0, 1, 1, 2, 3))):
        option = random.choice(options)
        words.append(option if random.random() < 0.4 else f"{option}={random.choice(values)}")
    if random.random() < 0.1:
        words.insert(1, re.sub("[\0\ud800]", "", str(random.choice(ODD_VALUES))))  # no system would pass these on
    return words


def _run(words: list[str], folder: Path) -> tuple[int, str]:
    """The exit code and stderr of a command line, run in this process and this folder."""
    with _redirected(folder, words) as err:
        try:
            __main__.main()
        except SystemExit as ended:
            code = ended.code
        err.flush()
        text = err.buffer.getvalue().decode("utf8", "replace")  # type: ignore[attr-defined]
    return (code if isinstance(code, int) else 0 if code is None else 1), text


@contextmanager
def _redirected(folder: Path, words: list[str]) -> Iterator[io.TextIOWrapper]:
    before = Path.cwd(), sys.argv, sys.stdin, sys.stdout, sys.stderr
    os.chdir(folder)
    sys.argv = ["srgan", *words]
    sys.stdin, sys.stdout, sys.stderr = (io.TextIOWrapper(io.BytesIO(), "utf8", "surrogateescape") for _ in range(3))
    err = sys.stderr
    try:
        yield err
    finally:
        os.chdir(before[0])
        sys.argv, sys.stdin, sys.stdout, sys.stderr = before[1:]


def _contents(folder: Path) -> dict[str, str]:
    """The digests of all files below a folder by name."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}
