"""Batches and scores on Ray, with a worker that is killed."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from batches import PATIENCE, assert_whole, descendants, started, wait_until
from support import Outcome

from srgan_cli.batch.ray import RAY

pytestmark = pytest.mark.usefixtures("one_core")


def test_missing_ray_is_an_error_with_a_hint(
    srgan: Callable[..., Outcome], picture: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for command in (["upscale", picture, f"{picture.parent}/out/", "-m", weights], ["score", picture, picture]):
        outcome = srgan(*command, "--on", "ray")
        assert outcome.code == 2
        assert "pip install 'srgan-cli[ray]'" in outcome.err


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, str]]:
    """The process and the address of a cluster that requires a token."""
    pytest.importorskip("ray", reason="pip install 'srgan-cli[ray]'")
    pytest.importorskip("grpc", reason="pip install 'ray[client]'")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef" * 4)
    inner, outer = free_port(), free_port()
    with TemporaryDirectory(prefix="ray") as folder:  # names of sockets are limited in length
        options = ("--head", "--block", "--port", inner, "--ray-client-server-port", outer, "--num-cpus", 2)
        limits = ("--object-store-memory", 2**27, "--include-dashboard", "false", "--temp-dir", folder)
        program = "from ray.scripts.scripts import main; main()"
        environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
        line = [sys.executable, "-c", program, "start", *map(str, (*options, *limits))]
        head = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: answers(outer) or head.poll() is not None)
        yield head.pid, f"ray://127.0.0.1:{outer}"
        parts = descendants(head.pid)
        head.terminate()
        head.wait(PATIENCE)
        for pid in parts:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_killed_worker_is_replaced(mixture: Path, weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="pip install 'srgan-cli[ray]'")
    assert_replaced(mixture, weights, tmp_path / "out", RAY)


@pytest.mark.slow
def test_a_killed_worker_of_a_remote_cluster_is_replaced(
    mixture: Path, weights: Path, tmp_path: Path, far: tuple[int, str]
) -> None:
    assert_replaced(mixture, weights, tmp_path / "out", far[1], far[0])


def assert_replaced(mixture: Path, weights: Path, out: Path, on: str, cluster: int | None = None) -> None:
    """Kill a worker, a descendant of the cluster or of the command, as soon as some pictures are written."""
    with started(f"file://{mixture}", weights, out, "--json", "--on", on, "--devices", "cpu,cpu") as process:
        os.kill(actors(cluster or process.pid)[0], signal.SIGKILL)
        text, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, err  # two files are not pictures
    (summary,) = re.findall(r"^(\d+) enlarged, (?:(\d+) kept, )?2 failed:$", err, re.MULTILINE)
    assert sum(int(count or 0) for count in summary) == 40
    inputs = [json.loads(line)["in"] for line in text.splitlines()]
    assert inputs == sorted(map(str, mixture.rglob("*.[pj]*")))
    assert_whole(out, 40)
    assert not list(out.rglob(".*.srgan-*"))


def actors(pid: int) -> list[int]:
    """The workers that descend from a process.  One is enough: the second may start later."""
    return [child for child, line in descendants(pid).items() if line.startswith("ray::RemoteWorker")]


def test_scores_on_ray_equal_local_scores_without_a_home_folder(mixture: Path) -> None:
    pytest.importorskip("ray", reason="pip install 'srgan-cli[ray]'")
    command = [sys.executable, "-m", "srgan_cli", "score", mixture / "deep", mixture / "deep", "--csv"]
    environment = {**os.environ, "HOME": os.devnull}
    here, there = (
        subprocess.run([*command, *on], env=environment, capture_output=True, text=True) for on in ([], ["--on", "ray"])
    )
    assert (there.returncode, there.stdout) == (here.returncode, here.stdout) == (0, here.stdout), there.stderr
