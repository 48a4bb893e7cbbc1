"""The trials of the benchmarks are runs that the trainer accepts."""

import tomllib
from pathlib import Path

import pytest
from support import REPOSITORY

from srgan_cli.training.config import TrainConfig

TRIALS = [
    (path, name)
    for path in sorted((REPOSITORY / "benchmarks/trials").glob("*.toml"))
    for name, value in tomllib.loads(path.read_text(encoding="utf8")).items()
    if isinstance(value, dict)
]


@pytest.mark.parametrize(("path", "name"), TRIALS, ids=[f"{path.stem}-{name}" for path, name in TRIALS])
def test_a_trial_is_a_valid_run(path: Path, name: str) -> None:
    settings = tomllib.loads(path.read_text(encoding="utf8"))
    common = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    seconds = {} if "seconds" in common else {"seconds": None}
    TrainConfig.from_json({"data": "data", **seconds, **common, **settings[name]})
