"""Several processes that share a training run or a folder of pictures."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from batches import PATIENCE, assert_whole, descendants, started
from support import Outcome
from torch.distributed import HashStore  # type: ignore[attr-defined]

from srgan_cli.system.distributed import World, shared_queue

PROGRAM = Path(__file__).with_name("distributed_run.py")


def torchrun(processes: int, restarts: int = 0) -> list[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return [*launch, f"--nproc-per-node={processes}", f"--max-restarts={restarts}"]


def train(processes: int, *arguments: object, restarts: int = 0) -> list[dict[str, float]]:
    command = [*torchrun(processes, restarts), PROGRAM, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_without_torchrun_the_world_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    world = World.from_environment()
    assert (world.rank, world.size, world.is_main) == (0, 1, True)
    assert world.gather([1, 2]) == [1, 2]
    assert world.broadcast("me") == "me"
    assert world.all_true(True)
    assert not world.all_true(False)


def test_a_rank_without_a_world_is_the_only_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("RANK", "1")
    assert World.from_environment().is_main


@pytest.mark.parametrize(
    ("name", "backend", "selected"),
    [
        ("cpu", "gloo", []),
        ("auto", "nccl", [torch.device("cuda:1")]),
        ("cuda", "nccl", [torch.device("cuda:1")]),
        ("cuda:0", "nccl", [torch.device("cuda:0")]),
    ],
)
def test_processes_use_gpus_only_where_the_device_is_one(
    monkeypatch: pytest.MonkeyPatch, name: str, backend: str, selected: list[torch.device]
) -> None:
    """On a machine with two GPUs, as seen by the second process on it."""
    backends: list[str] = []
    devices: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", devices.append)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda chosen, **_: backends.append(chosen))
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: None)
    monkeypatch.setattr("srgan_cli.system.distributed.TCPStore", lambda *_: HashStore())
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "1")
    with World(rank=1, size=2, local_rank=1).join(name):
        assert (backends, devices) == ([backend], selected)


def test_two_processes_have_the_losses_of_one_with_twice_the_batch(smooth_pictures: Path, tmp_path: Path) -> None:
    one = train(1, smooth_pictures, tmp_path / "one", 4)
    two = train(2, smooth_pictures, tmp_path / "two", 2)
    assert [row["step"] for row in two] == list(range(1, 9))
    for left, right in zip(one, two, strict=True):
        assert right == pytest.approx(left, rel=1e-3)
    assert (tmp_path / "two/srgan-x4.safetensors").exists()


def test_a_run_continues_after_one_of_its_processes_died(smooth_pictures: Path, tmp_path: Path) -> None:
    rows = train(2, smooth_pictures, tmp_path / "run", 2, "die", restarts=1)
    before, after = ([row["step"] for row in rows if row["restarts"] == count] for count in (0, 1))
    assert before[-1] in (5, 6)
    assert after == list(range(int(after[0]), 9))
    assert after[0] > 1


def test_a_shared_queue_yields_every_item_once() -> None:
    store = HashStore()
    one, two = shared_queue(store, "abcde"), shared_queue(store, "abcde")
    assert [next(one), next(two), next(two), *one, *two] == list("abcde")


def test_a_single_process_collects_its_own_value() -> None:
    assert World().collect(HashStore(), [{"a": 1}, ["\udc80"]]) == [[{"a": 1}, ["\udc80"]]]


def test_processes_share_a_folder_and_continue_when_one_is_killed(mixture: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    launch = [*torchrun(2, restarts=1), "-m", "--", "srgan_cli", "upscale"]
    with started(mixture, weights, out, "--json", launch=launch) as process:
        ranks = [pid for pid, line in descendants(process.pid).items() if "upscale" in line]
        assert len(ranks) == 2
        os.kill(ranks[1], signal.SIGKILL)
        text, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, err  # two files are not pictures
    (summary,) = re.findall(r"^(\d+) enlarged, (\d+) kept, 2 failed:$", err, re.MULTILINE)
    assert sum(map(int, summary)) == 40
    assert {Path(json.loads(line)["in"]).name for line in text.splitlines()} == {
        path.name for path in mixture.rglob("*.[pj]*")
    }
    assert_whole(out, 40)
    assert not list(out.rglob(".*.srgan-*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("- out.png", "standard input and output, and pipes, belong to one process"),
        ("in out --devices cpu", "under torchrun"),
    ],
)
def test_what_several_processes_cannot_share_is_refused(
    srgan: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, arguments: str, message: str
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    outcome = srgan("upscale", *arguments.split())
    assert outcome.code == 2
    assert message in outcome.err
