"""Loggers: TensorBoard and Trackio receive the numbers of a run."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from srgan_cli.errors import UsageError
from srgan_cli.training.run import loggers
from srgan_cli.training.run.folder import RunFolder
from srgan_cli.training.run.loggers import Logger, check_logger, logs_events, open_logger


@pytest.mark.parametrize("kind", ["auto", "tensorboard"])
def test_events_are_written_where_tensorboard_is_installed(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[object] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path / "events")

        def add_scalar(self, *value: object) -> None:
            written.append(value)

        def flush(self) -> None:
            written.append("flushed")

        def close(self) -> None:
            written.append("closed")

    monkeypatch.setattr(loggers, "find_spec", lambda _: True)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))
    folder = RunFolder(tmp_path, "mine", log=kind)
    folder.open_log(0)
    folder.log({"step": 2, "seconds": 1.5, "phase": "pixel", "psnr": 20.5})
    folder.close()
    assert written == [("psnr", 20.5, 2), "flushed", "closed"]
    assert logs_events(kind, tmp_path)


def test_one_process_at_a_time_writes_into_a_folder(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path, "mine"), RunFolder(tmp_path, "mine")
    first.lock()
    with closing(second), pytest.raises(UsageError, match="another process trains in"):
        second.lock()
    first.close()
    with closing(second):
        second.lock()


def test_nothing_is_written_without_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda _: None)
    assert type(open_logger("auto", tmp_path, "mine", resumed=False)) is Logger
    assert type(open_logger("none", tmp_path, "mine", resumed=False)) is Logger


@pytest.mark.parametrize("kind", ["tensorboard", "trackio"])
def test_a_missing_program_is_named_with_its_extra(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=kind) as raised:
        check_logger(kind, tmp_path)
    assert raised.value.hint == f"pip install 'srgan-cli[{kind}]'"


@pytest.mark.parametrize("variable", ["TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_WEBHOOK_URL"])
def test_trackio_is_refused_where_it_would_send_values_away(
    tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda _: True)
    monkeypatch.setenv(variable, "somewhere")
    with pytest.raises(UsageError, match=variable):
        check_logger("trackio", tmp_path)


@pytest.mark.skipif(find_spec("trackio") is None, reason="trackio is not installed")
def test_trackio_writes_into_its_database_prints_nothing_and_opens_no_connection(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from srgan_cli.training.run.folder import RunFolder\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, _: opened.append(event) if event.startswith('socket.') else None)\n"
        "for resumed in (0, 2):\n"
        "    folder = RunFolder(Path('run'), 'mine', log='trackio')\n"
        "    folder.open_log(resumed)\n"
        "    folder.log({'step': resumed + 2, 'seconds': 1.5, 'psnr': 20.5})\n"
        "    folder.close()\n"
        "assert not {'socket.connect', 'socket.bind', 'socket.getaddrinfo'} & set(opened), opened\n"
    )
    (tmp_path / "run").mkdir()
    environment = {"TRACKIO_DIR": str(tmp_path / "trackio"), "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    with sqlite3.connect(tmp_path / "trackio/mine.db") as database:
        rows = database.execute("SELECT run_name, step, metrics FROM metrics").fetchall()
    assert [row[:2] for row in rows] == [(str((tmp_path / "run").resolve()), 2), (str((tmp_path / "run").resolve()), 4)]
    assert b"20.5" in rows[0][2]
