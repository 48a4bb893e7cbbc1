"""Several processes that share a training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from srgan_cli.world import World

PROGRAM = Path(__file__).with_name("distributed_run.py")


def train(processes: int, *arguments: object, restarts: int = 0) -> list[dict[str, float]]:
    launch = [
        "-m",
        "torch.distributed.run",
        f"--nproc-per-node={processes}",
        f"--max-restarts={restarts}",
        "--standalone",
    ]
    command = [sys.executable, *launch, PROGRAM, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=environment, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_alone_is_the_world_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    world = World.here()
    assert (world.rank, world.size, world.leads) == (0, 1, True)
    assert world.gather([1, 2]) == [1, 2]
    assert world.follow("me") == "me"
    assert world.all(True)
    assert not world.all(False)


def test_two_processes_lose_what_one_loses_on_the_doubled_batch(smooth_pictures: Path, tmp_path: Path) -> None:
    one = train(1, smooth_pictures, tmp_path / "one", 4)
    two = train(2, smooth_pictures, tmp_path / "two", 2)
    assert [row["step"] for row in two] == list(range(1, 9))
    for left, right in zip(one, two, strict=True):
        assert right == pytest.approx(left, rel=1e-3)
    assert (tmp_path / "two/srgan-x4.safetensors").exists()


def test_a_run_goes_on_after_one_of_its_processes_died(smooth_pictures: Path, tmp_path: Path) -> None:
    rows = train(2, smooth_pictures, tmp_path / "run", 2, "die", restarts=1)
    before, after = ([row["step"] for row in rows if row["restarts"] == count] for count in (0, 1))
    assert before[-1] in (5, 6)
    assert after == list(range(int(after[0]), 9))
    assert after[0] > 1
