"""The choice of weights by file: compressed photographs get others, which are loaded when one is enlarged."""

from pathlib import Path
from typing import Any

from PIL import Image

from srgan_cli.batch.processor import ImageProcessor
from srgan_cli.batch.resume import Manifest
from srgan_cli.batch.task import Task
from srgan_cli.batch.weights_choice import WeightsChoice
from srgan_cli.upscaling.upscaler import Upscaler


def test_weights_for_photographs_are_loaded_when_one_is_enlarged_and_not_when_it_is_kept(tmp_path: Path) -> None:
    upscaler, loads = Upscaler.load("bicubic", device="cpu"), list[dict[str, Any]]()

    def load(**options: Any) -> Upscaler:
        loads.append(options)
        return Upscaler.load("nearest", device="cpu", takes_turns_with=upscaler)

    for name in ("clean.png", "photo.jpg"):
        Image.new("RGB", (8, 6), "teal").save(tmp_path / name, quality=75)

    def run(name: str) -> Any:
        choice = WeightsChoice(upscaler, "photo", load)
        processor = ImageProcessor(upscaler, manifest=Manifest(tmp_path / "out"), choice=choice)
        return processor.process(Task(tmp_path / name, tmp_path / "out" / name))

    (tmp_path / "out").mkdir()
    assert (run("clean.png").status, loads) == ("enlarged", [])
    first = run("photo.jpg")
    assert (first.status, first.model, first.reason) == ("enlarged", "nearest", "a JPEG of quality 75")
    assert [options["takes_turns_with"] for options in loads] == [upscaler]
    kept = run("photo.jpg")
    assert (kept.status, kept.output_size, kept.reason, len(loads)) == ("kept", (24, 32), first.reason, 1)
    assert (kept.model, len(kept.sha256)) == ("photo-x4", 64)
