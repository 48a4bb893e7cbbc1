"""The weights at hand, listed."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from srgan_cli.cli import app
from srgan_cli.system.files import digest
from srgan_cli.weights.file import read_card
from srgan_cli.weights.hub import CACHE_VARIABLE, CachedFile
from srgan_cli.weights.registry import list_models, list_weights


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[CachedFile]:
    """A cache with a copy of shipped weights, and with a file that is not weights."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    contents = {
        "hf://ann/nets/copy.safetensors": list_weights()["fidelity-x4"].read_bytes(),
        "hf://ann/nets/no.pth": b"",
    }
    entries = []
    for source, content in contents.items():
        entry = CachedFile(source, source.rpartition("/")[2], "", "mit" if content else "")
        entry.path.parent.mkdir()
        entry.path.write_bytes(content)
        entries.append(CachedFile(source, entry.name, digest(entry.path), entry.licence))
        entry.path.with_name("about.json").write_text(json.dumps(asdict(entries[-1])))
    return entries


def test_shipped_and_cached_weights_are_listed(cached: list[CachedFile]) -> None:
    entries = {entry.name: entry for entry in list_models()}
    assert entries.keys() == {*list_weights(), *(entry.source for entry in cached)}
    for name, path in list_weights().items():
        shipped = entries[name]
        assert (shipped.source, shipped.path, shipped.card) == ("shipped", path, read_card(path))
        assert shipped.licence == "Apache-2.0"
    copy, broken = (entries[entry.source] for entry in cached)
    assert (copy.licence, copy.sha256, copy.card) == ("mit", cached[0].sha256, entries["fidelity-x4"].card)
    assert broken.card is None
    assert "damaged" in broken.reason


def test_a_damaged_note_hides_no_others(cached: list[CachedFile]) -> None:
    note = cached[1].path.with_name("about.json")
    note.write_text("{")
    *others, last = list_models()
    assert cached[0].source in [entry.name for entry in others]
    assert (last.name, last.path, last.card) == (str(note.parent), note, None)
    told = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)[-1]
    assert f"cannot read {note}" in told["reason"]


def test_the_command_prints_them(cached: list[CachedFile]) -> None:
    psnr = read_card(list_weights()["fidelity-x4"]).scores["Set5"]["psnr"]
    table = CliRunner().invoke(app, ["models"]).stdout
    for expected in (*list_weights(), *(entry.source for entry in cached), "Apache-2.0", "x4", f"Set5 {psnr:.2f} / "):
        assert expected in table
    told = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    assert {entry["name"]: entry.get("scale") for entry in told} == {
        **{name: read_card(path).scale for name, path in list_weights().items()},
        cached[0].source: 4,
        cached[1].source: None,
    }
    assert all(len(entry["sha256"]) == 64 and entry["bytes"] >= 0 for entry in told)
