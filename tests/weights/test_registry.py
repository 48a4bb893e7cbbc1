"""Finding weights by name, and listing the available ones."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from srgan_cli.cli import app
from srgan_cli.errors import UnknownModel, WeightsError
from srgan_cli.system.files import digest
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.weights.file import read_card
from srgan_cli.weights.formats import list_weights
from srgan_cli.weights.hub import CACHE_VARIABLE, CachedFile
from srgan_cli.weights.registry import find_weights, list_models


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


def test_a_file_is_shown_in_detail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(list_weights()["fidelity-x4"], tmp_path / "srgan-x4.safetensors")
    monkeypatch.chdir(tmp_path)
    details = CliRunner().invoke(app, ["models", "srgan-x4.safetensors"]).stdout
    assert details.startswith("name      fidelity-x4 of srgan-x4.safetensors\nfile      srgan-x4.safetensors\n")
    assert "for       unknown\n" in details
    assert "scale     x4\n" in details
    missing = CliRunner().invoke(app, ["models", str(tmp_path / "no.safetensors")]).exception
    assert isinstance(missing, WeightsError)
    assert "no such weights file" in missing.message


def test_shipped_and_cached_weights_are_listed(cached: list[CachedFile]) -> None:
    entries = {entry.name: entry for entry in list_models()}
    assert entries.keys() == {*list_weights(), *(entry.source for entry in cached)}
    for name, path in list_weights().items():
        shipped, card = entries[name], read_card(path)
        assert (shipped.source, shipped.path, shipped.card, shipped.licence) == ("shipped", path, card, card.licence)
    copy, broken = (entries[entry.source] for entry in cached)
    assert (copy.licence, copy.sha256, copy.card) == ("mit", cached[0].sha256, entries["fidelity-x4"].card)
    assert broken.card is None
    assert "damaged" in broken.reason


def test_a_corrupt_record_hides_no_other_weights(cached: list[CachedFile]) -> None:
    record = cached[1].path.with_name("about.json")
    record.write_text("{")
    *others, last = list_models()
    assert cached[0].source in [entry.name for entry in others]
    assert (last.name, last.path, last.card) == (str(record.parent), record, None)
    listed = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)[-1]
    assert f"cannot read {record}" in listed["reason"]


def test_the_command_prints_all_weights(cached: list[CachedFile]) -> None:
    psnr = read_card(list_weights()["fidelity-x4"]).scores["Set5"]["psnr"]
    table = CliRunner().invoke(app, ["models"]).stdout
    rule = "photo-x4 for JPEG below quality 98 and lossy WebP, else srgan-x4, or srgan-x2 up to x2"
    for expected in (*list_weights(), *(entry.source for entry in cached), "x4", f"{psnr:.2f}", "(default)", rule):
        assert expected in table
    details = CliRunner().invoke(app, ["models", "fidelity-x4"]).stdout
    for expected in ("Apache-2.0", f"Set5: psnr {psnr:g}", "closest to the original", "521"):
        assert expected in details
    assert "teachers: name realesrgan-x4plus, licence BSD" in CliRunner().invoke(app, ["models", "photo-x4"]).stdout
    listed = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    assert {entry["name"]: entry.get("scale") for entry in listed} == {
        **{name: read_card(path).scale for name, path in list_weights().items()},
        cached[0].source: 4,
        cached[1].source: None,
    }
    assert all(len(entry["sha256"]) == 64 and entry["bytes"] >= 0 for entry in listed)
    photo = next(entry for entry in listed if entry["name"] == "photo-x4")
    assert photo.items() >= {"counterpart": "photo-fidelity-x4", "source": "shipped"}.items()
    assert photo["config"]["channels"] == 64


def test_shipped_weights_are_found_by_name(shipped: Path) -> None:
    (shipped / "README.md").write_text("not weights")
    assert list_weights() == {name: shipped / f"{name}.safetensors" for name in ("fidelity-x4", "srgan-x2", "srgan-x4")}


@pytest.mark.parametrize(
    ("name", "scale", "found"),
    [
        ("srgan-x2", None, "srgan-x2"),
        ("srgan-x2", 4, "srgan-x2"),
        ("srgan", None, "srgan-x4"),
        ("srgan", 1, "srgan-x2"),
        ("srgan", 2, "srgan-x2"),
        ("srgan", 2.5, "srgan-x4"),
        ("srgan", 16, "srgan-x4"),
        ("fidelity", 2, "fidelity-x4"),
    ],
)
def test_a_name_without_scale_is_the_smallest_sufficient_scale(
    shipped: Path, name: str, scale: float | None, found: str
) -> None:
    assert find_weights(name, scale) == shipped / f"{found}.safetensors"


@pytest.mark.usefixtures("shipped")
def test_a_path_is_a_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_weights(str(file)) == file
    monkeypatch.chdir(file.parent)
    file.rename("without-suffix")
    assert find_weights("without-suffix") == Path("without-suffix")


def test_shipped_weights_have_priority_over_a_file_of_their_name(
    shipped: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    for name, found in (("srgan", "srgan-x4"), ("srgan-x4", "srgan-x4")):
        Path(name).write_bytes(file.read_bytes())
        assert find_weights(name) == shipped / f"{found}.safetensors"
        assert find_weights(f"./{name}") == Path(name)
        assert Upscaler.load(Path(name)).sha256 == digest(file)


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(("name", "similar"), [("srgna-x4", "srgan-x4"), ("fidelty", "fidelity")])
def test_the_error_for_an_unknown_name_suggests_a_similar_one(name: str, similar: str) -> None:
    with pytest.raises(UnknownModel, match=repr(name)) as caught:
        find_weights(name)
    assert f"did you mean {similar}?" in caught.value.hint
    assert all(shipped in caught.value.hint for shipped in list_weights())


@pytest.mark.usefixtures("shipped")
def test_the_error_for_an_unknown_name_lists_the_available_ones() -> None:
    with pytest.raises(UnknownModel) as caught:
        find_weights("???")
    assert "did you mean" not in caught.value.hint
    assert "srgan-x2" in caught.value.hint


def test_the_table_fits_a_small_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "dumb", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    lines = CliRunner().invoke(app, ["models"]).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert {line.split()[0] for line in lines if line.strip()} >= set(list_weights())


def test_unknown_names_are_errors() -> None:
    assert isinstance(CliRunner().invoke(app, ["models", "no-such"]).exception, UnknownModel)
