"""The same work on a Ray of two workers, one of which is killed."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from batches import assert_whole, descendants, started
from conftest import Outcome

pytestmark = pytest.mark.usefixtures("one_core")


def test_ray_is_asked_for_where_it_is_missing(
    srgan: Callable[..., Outcome], picture: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for command in (["upscale", picture, f"{picture.parent}/out/", "-m", weights], ["score", picture, picture]):
        outcome = srgan(*command, "--on", "ray")
        assert outcome.code == 2
        assert "pip install 'srgan-cli[ray]'" in outcome.err


def test_a_worker_of_ray_that_is_killed_is_replaced(mixture: Path, weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="pip install 'srgan-cli[ray]'")
    out = tmp_path / "out"
    options = ("--json", "--on", "ray", "--devices", "cpu,cpu")
    with started(f"file://{mixture}", weights, out, *options) as process:
        actors = [pid for pid, line in descendants(process.pid).items() if line.startswith("ray::Station")]
        assert len(actors) == 2, process.poll()
        os.kill(actors[0], signal.SIGKILL)
        text, err = process.communicate(timeout=240)
    assert process.returncode == 1, err  # for the two that are no pictures
    (summary,) = re.findall(r"^(\d+) enlarged, (?:(\d+) kept, )?2 failed:$", err, re.MULTILINE)
    assert sum(int(count or 0) for count in summary) == 40
    told = [json.loads(line)["in"] for line in text.splitlines()]
    assert told == sorted(map(str, mixture.rglob("*.[pj]*")))
    assert_whole(out, 40)
    assert not list(out.rglob(".*.srgan-*"))


def test_pictures_are_judged_on_ray_as_they_are_here_without_a_home(mixture: Path) -> None:
    pytest.importorskip("ray", reason="pip install 'srgan-cli[ray]'")
    command = [sys.executable, "-m", "srgan_cli", "score", mixture / "deep", mixture / "deep", "--csv"]
    homeless = {**os.environ, "HOME": os.devnull}
    here, there = (
        subprocess.run([*command, *on], env=homeless, capture_output=True, text=True) for on in ([], ["--on", "ray"])
    )
    assert (there.returncode, there.stdout) == (here.returncode, here.stdout) == (0, here.stdout), there.stderr
