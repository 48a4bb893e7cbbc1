"""Outputs made from the same input, weights and options are recognised."""

import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from srgan_cli.batch.processor import ImageProcessor
from srgan_cli.batch.resume import FILE, Manifest, settings_digest
from srgan_cli.batch.task import Task
from srgan_cli.networks import GENERATORS
from srgan_cli.system.files import digest
from srgan_cli.upscaling.upscaler import Upscaler


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_text("source")
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "out/deep/target"
    path.parent.mkdir(parents=True)
    path.write_text("target")
    return path


@pytest.fixture
def folder(source: Path, target: Path, tmp_path: Path) -> Path:
    manifest = Manifest(tmp_path / "out", "settings")
    manifest.record(target, manifest.key(source))
    return tmp_path / "out"


def is_current(folder: Path, source: Path, target: Path, settings: str = "settings") -> bool:
    manifest = Manifest(folder, settings)
    return manifest.is_current(target, manifest.key(source))


def test_an_unchanged_output_is_current(folder: Path, source: Path, target: Path) -> None:
    assert is_current(folder, source, target)
    assert Manifest(folder, "another").is_own_output(target)


def test_other_settings_and_another_input_are_recognised(folder: Path, source: Path, target: Path) -> None:
    assert not is_current(folder, source, target, "another")
    source.write_text("edited")
    assert not is_current(folder, source, target)


def test_paths_and_times_do_not_matter(folder: Path, source: Path, target: Path) -> None:
    for path in (source, target):
        os.utime(path, (1, 1))
    moved = folder.rename(folder.with_name("moved"))
    other = source.rename(source.with_name("other name"))
    assert is_current(moved, other, moved / "deep/target")


@pytest.mark.parametrize("content", ["tar", "TARGET", ""])
def test_an_edited_or_truncated_output_is_not_current(folder: Path, source: Path, target: Path, content: str) -> None:
    target.write_text(content)
    assert not is_current(folder, source, target)
    assert not Manifest(folder, "settings").is_own_output(target)


def test_deleted_and_unknown_outputs_are_not_current(folder: Path, source: Path, target: Path) -> None:
    other = target.with_name("other")
    other.write_text("target")
    assert not is_current(folder, source, other)
    target.unlink()
    assert not is_current(folder, source, target)


@pytest.mark.parametrize("kept", [20, -1, 0])
def test_a_truncated_line_is_ignored_and_the_next_one_counts(
    folder: Path, source: Path, target: Path, kept: int
) -> None:
    path = folder / FILE
    path.write_bytes(path.read_bytes()[:kept])
    assert is_current(folder, source, target) == (kept == -1)
    manifest = Manifest(folder, "settings")
    manifest.record(target, manifest.key(source))
    assert is_current(folder, source, target)


@pytest.mark.parametrize("text", ["\0\0\0", "[]", "7", '{"key": 1}', '{"out": "deep/target"}', '{"out": []}'])
def test_invalid_lines_are_ignored(folder: Path, source: Path, target: Path, text: str) -> None:
    path = folder / FILE
    path.write_text(f"{text}\n{path.read_text()}")
    assert is_current(folder, source, target)
    path.write_text(f"{path.read_text()}{text}\n")
    assert is_current(folder, source, target) == (text != '{"out": "deep/target"}')


def test_settings_digest_depends_on_version_parameters_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    upscaler = Upscaler(GENERATORS["srresnet"](scale=2, channels=4, blocks=1), torch.device("cpu"), name="tiny")
    first = settings_digest(upscaler, {"scale": 2, "seed": None})
    assert settings_digest(upscaler, {"seed": None, "scale": 2}) == first
    assert settings_digest(upscaler, {"seed": None, "scale": 3}) != first
    with torch.no_grad():
        next(upscaler.generator.parameters())[0, 0, 0, 0] += 1e-6
    second = settings_digest(upscaler, {"scale": 2, "seed": None})
    assert second != first
    monkeypatch.setattr("srgan_cli.batch.resume.__version__", "9.9.9")
    assert settings_digest(upscaler, {"scale": 2, "seed": None}) != second


def test_digest_equals_sha256sum(source: Path) -> None:
    assert digest(source) == "41cf6794ba4200b839c53531555f0f3998df4cbb01a4d5cb0b94e3ca5e23947d"


def test_a_changed_file_beside_the_input_makes_its_output_stale(tmp_path: Path) -> None:
    for name in ("in.png", "in.pgw"):
        (tmp_path / name).write_text(name)
    manifest = Manifest(tmp_path)
    source, beside = tmp_path / "in.png", [tmp_path / "in.pgw"]
    before = manifest.key(source, beside)
    assert before == manifest.key(source, beside)
    beside[0].write_text("changed")
    assert before != manifest.key(source, beside)


def test_an_xmp_file_that_is_added_later_is_written(tmp_path: Path) -> None:
    Image.new("RGB", (4, 3)).save(tmp_path / "in.png")
    statuses = []
    for name, packet in (("other", ""), ("in.png.xmp", "<x"), ("in.png.xmp", "<x/>"), ("other", "")):
        (tmp_path / name).write_text(packet)
        processor = ImageProcessor(Upscaler.load("nearest", device="cpu"), manifest=Manifest(tmp_path))
        statuses.append(processor.process(Task(tmp_path / "in.png", tmp_path / "out.png")).status)
    assert statuses == ["enlarged", "kept", "enlarged", "kept"]
    assert (tmp_path / "out.png.xmp").read_text() == "<x/>"
