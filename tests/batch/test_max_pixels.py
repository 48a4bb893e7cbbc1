"""The limit on pixels belongs to a processor, not to the process."""

from pathlib import Path

import pytest
from PIL import Image

from srgan_cli.batch.processor import ImageProcessor
from srgan_cli.batch.task import Task, UpscaleOptions
from srgan_cli.system.remote_storage import Location
from srgan_cli.upscaling.upscaler import Upscaler


@pytest.mark.parametrize("suffix", [".gif", ".png", ".jpg"])
def test_a_limit_does_not_outlive_its_processor(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"a{suffix}"
    Image.new("L", (30, 20)).save(source)
    upscaler = Upscaler.load("bicubic", scale=2)
    strict = ImageProcessor(upscaler, UpscaleOptions(max_pixels=599))
    free = ImageProcessor(upscaler, UpscaleOptions())
    results = [processor.process(_task(source, number)) for number, processor in enumerate((strict, free, strict))]
    assert [result.status for result in results] == ["failed", "enlarged", "failed"]
    assert results[0].error is not None
    assert "600 pixels, more than --max-pixels (599)" in results[0].error.message


def _task(source: Path, number: int) -> Task:
    target: Location = source.with_name(f"out{number}.png")
    return Task(source, target)
