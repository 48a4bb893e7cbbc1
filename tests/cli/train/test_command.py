"""srgan train: new and resumed runs, recipes, and --check."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from batches import PATIENCE, wait_until
from PIL import Image
from support import Outcome

from srgan_cli.cli.train.command import parse_duration
from srgan_cli.errors import UsageError
from srgan_cli.training.run.checkpoints import read_checkpoint
from srgan_cli.training.run.folder import latest_folder

TINY_RUN = ["--scale=2", "--channels=8", "--blocks=1", "--patch=8", "--batch=2", "--device=cpu"]


def test_the_path_of_usable_weights_is_printed(
    srgan: Callable[..., Outcome], photographs: Path, picture: Path, tmp_path: Path
) -> None:
    outcome = srgan("train", photographs, "--run", tmp_path / "run", "--steps", 4, *TINY_RUN)
    assert outcome.code == 0
    assert re.search(r"\b\d+ pictures to train on, \d+ held out, 0 skipped", outcome.err)
    path = Path(outcome.out.strip())
    assert path == tmp_path / "run/srgan-x2.safetensors"
    assert srgan("upscale", picture, picture.with_name("out.png"), "-m", path).code == 0
    again = srgan("train", photographs, "--run", tmp_path / "run", "--steps", 4, *TINY_RUN)
    assert again.code == 2
    assert "already holds a run" in again.err


def test_a_used_folder_gets_a_number_unless_it_is_named(
    srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    outcomes = [srgan("train", photographs, "--steps", 2, *TINY_RUN) for _ in range(3)]
    assert [Path(outcome.out.strip()).parent.name for outcome in outcomes] == ["run", "run-2", "run-3"]
    assert "run is used; this run goes to run-2" in outcomes[1].err
    assert srgan("train", "missing", "--steps", 2).err.startswith("srgan: no such file or folder: missing")
    assert "in run-4" in srgan("train", photographs, "--check", "--steps", 2, *TINY_RUN).out
    assert srgan("train", photographs, "--run", "run", "--steps", 2, *TINY_RUN).code == 2
    assert latest_folder(Path("run")) == Path("run-3")
    assert latest_folder(Path("other")) == Path("other")


def test_a_shift_of_partners_is_reported_before_training(
    srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path
) -> None:
    low = tmp_path / "low"
    low.mkdir()
    for path in photographs.iterdir():
        with Image.open(path) as image:
            moved = np.roll(np.asarray(image), 8, 1)
        Image.fromarray(moved).resize((image.width // 2, image.height // 2)).save(low / f"{path.stem}x2.png")
    outcome = srgan("train", photographs, "--low", low, "--run", tmp_path / "run", "--steps", 2, *TINY_RUN)
    assert outcome.code == 0
    assert re.search(r"is shifted -?0.0 low-resolution pixels down and -4.0 right of its partner", outcome.err)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_is_saved_and_can_be_resumed(
    srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "srgan_cli", "train", photographs, "--run", run, "--time", "1h", *TINY_RUN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: (run / "metrics.jsonl").exists() or process.poll() is not None)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (code, "")
    assert "continue with: srgan train" in err
    assert (run / "checkpoint.pt").exists()
    steps = read_checkpoint(run)["steps"]
    outcome = srgan("train", photographs, "--run", run, "--resume", "--steps", steps + 2)
    assert (outcome.code, outcome.out.strip()) == (0, str(run / "srgan-x2.safetensors"))


def test_a_resumed_run_keeps_its_settings(srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    srgan("train", photographs, "--run", run, "--steps", 2, *TINY_RUN)
    outcome = srgan("train", photographs, "--run", run, "--resume", "--steps", 4, "--channels", 8)
    assert (outcome.code, outcome.out) == (2, "")
    assert "found --channels" in outcome.err
    assert srgan("train", photographs, "--run", run, "--resume").code == 2
    assert srgan("train", photographs, "--run", run, "--resume", "--steps", 4).code == 0


def test_check_prints_findings_and_cost_and_writes_nothing(
    srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path
) -> None:
    (photographs / "broken.png").write_text("no picture")
    outcome = srgan("train", "--check", photographs, "--run", tmp_path / "run", "--steps", 4, *TINY_RUN)
    assert outcome.code == 0
    assert re.search(r"broken\.png +cannot be used", outcome.out)
    assert re.search(r"steps a second \(adversarial phase\); [\d.]+ hours", outcome.out)
    assert not (tmp_path / "run").exists()
    (tmp_path / "empty").mkdir()
    assert srgan("train", "--check", tmp_path / "empty", *TINY_RUN).code == 1


def test_options_override_the_recipe(srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('steps = 2\nscale = 2\nchannels = 4\nblocks = 1\npatch = 8\nbatch = 3\ndevice = "cpu"\n')
    outcome = srgan("train", photographs, "--run", tmp_path / "run", "--config", recipe, "--channels", 6)
    assert (outcome.code, outcome.out.strip()) == (0, str(tmp_path / "run/srgan-x2.safetensors"))
    settings = read_checkpoint(tmp_path / "run")["config"]
    assert (settings["channels"], settings["batch"], settings["steps"]) == (6, 3, 2)


def test_folders_of_the_recipe_are_remembered(srgan: Callable[..., Outcome], photographs: Path, tmp_path: Path) -> None:
    recipe, run = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(f'data = ["{photographs}:2"]\n')
    assert srgan("train", "--run", run, "--config", recipe, "--steps", 2, *TINY_RUN).code == 0
    assert read_checkpoint(run)["config"]["data"] == [f"{photographs}:2"]
    assert srgan("train", "--run", run, "--resume", "--steps", 4).code == 0
    outcome = srgan("train", "--run", tmp_path / "other", *TINY_RUN)
    assert (outcome.code, outcome.err.splitlines()[0]) == (2, "srgan: no pictures to train on")


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("30m", 1800), ("1h30m", 5400), ("1.5h", 5400), ("1H 30M", None)]
)
def test_durations(text: str, seconds: float | None) -> None:
    if seconds is None:
        with pytest.raises(UsageError):
            parse_duration(text)
    else:
        assert parse_duration(text) == seconds
