"""Pairing the pictures of two folders by name."""

from pathlib import Path

import pytest

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.system.pairing import pair_by_name


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def paired(tmp_path: Path, references: str, candidates: str, template: str = "") -> dict[str, str]:
    """The names of candidates by those of references, from names with a space between."""
    touch(tmp_path / "ref", *(f"{name}.png" for name in references.split()))
    touch(tmp_path / "out", *(f"{name}.png" for name in candidates.split()))
    found = pair_by_name(tmp_path / "ref", tmp_path / "out", template=template)
    return {name: out.relative_to(tmp_path / "out").with_suffix("").as_posix() for name, _, out in found.pairs}


def test_folders_are_paired_by_nested_name_without_suffix(tmp_path: Path) -> None:
    reference, candidate = tmp_path / "ref", tmp_path / "out"
    touch(reference, "a.png", "deep/b.png", "deep/a.v2.png", "lost.png")
    touch(candidate, "a.jpg", "deep/b.PNG", "deep/a.v2.webp", "deep/extra.png")
    pairing = pair_by_name(reference, candidate)
    assert pairing.pairs == [
        ("a", reference / "a.png", candidate / "a.jpg"),
        ("deep/a.v2", reference / "deep/a.v2.png", candidate / "deep/a.v2.webp"),
        ("deep/b", reference / "deep/b.png", candidate / "deep/b.PNG"),
    ]
    assert pairing.only_reference == ["lost"]
    assert pairing.only_candidate == ["deep/extra"]


def test_two_files_are_a_pair_with_any_names(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.jpg")
    assert pair_by_name(tmp_path / "a.png", tmp_path / "b.jpg").pairs == [
        ("a", tmp_path / "a.png", tmp_path / "b.jpg"),
    ]


@pytest.mark.parametrize(
    ("reference", "candidate", "message"),
    [
        ("one", "one/a.png", "one is a file and the other a folder"),
        ("one/a.png", "one", "one is a file and the other a folder"),
        ("twice", "one", "differ only in their suffix"),
        ("one", "twice", "differ only in their suffix"),
        ("one", "other", "has the name of one in"),
        ("one", "missing", "no such file or folder"),
        ("one/a.png", "missing", "no such file or folder"),
        ("missing", "one/a.png", "no such file or folder"),
    ],
)
def test_inputs_that_cannot_be_paired_are_errors(tmp_path: Path, reference: str, candidate: str, message: str) -> None:
    touch(tmp_path, "one/a.png", "twice/a.png", "twice/a.jpg", "other/b.png")
    with pytest.raises(SrganError, match=message) as caught:
        pair_by_name(tmp_path / reference, tmp_path / candidate)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("references", "candidates", "template", "expected"),
    [
        ("a b", "a_x4 b_x4", "", {"a": "a_x4", "b": "b_x4"}),
        ("deep/a", "deep/a_x2.5", "", {"deep/a": "deep/a_x2.5"}),
        ("0801", "0801x4", "", {"0801": "0801x4"}),
        ("a_x4", "a", "", {"a_x4": "a"}),
        ("a", "a-4x", "", {"a": "a-4x"}),
        ("a a_x2 a_x4", "a a_x2 a_x4", "", {"a": "a", "a_x2": "a_x2", "a_x4": "a_x4"}),
        ("a", "a a_x4", "{stem}_x4", {"a": "a_x4"}),
        ("a", "a_x2 a_x4", "{stem}_x2", {"a": "a_x2"}),
        ("deep/a", "deep/SR-a", "SR-{stem}", {"deep/a": "deep/SR-a"}),
        ("baby_HR bird_HR", "baby_LR", "{stem}_HR={stem}_LR", {"baby_HR": "baby_LR"}),
        ("a", "a_x4", "{stem}_x{scale}{suffix}", {"a": "a_x4"}),
        ("a", "a+srgan", "{stem}+{model}", {"a": "a+srgan"}),
    ],
)
def test_names_may_differ_by_an_enlargement_or_as_the_template_says(
    tmp_path: Path, references: str, candidates: str, template: str, expected: dict[str, str]
) -> None:
    assert paired(tmp_path, references, candidates, template) == expected


@pytest.mark.parametrize(
    ("references", "candidates", "template", "message"),
    [
        ("a", "a_x2 a_x4", "", r"ref/a.png has two partners: .*out/a_x2.png and .*out/a_x4.png"),
        ("a", "a a_x4", "", r"two partners: .*out/a.png and .*out/a_x4.png"),
        ("a_x2 a_x4", "a", "", r"out/a.png is the partner of both .*ref/a_x2.png and .*ref/a_x4.png"),
        ("a", "a_x2 a_x4", "{stem}_x{scale}", r"two partners"),
        ("a_x2 a_x4", "a", "{stem}_x{scale}={stem}", r"a_x2 and a_x4 are one name"),
    ],
)
def test_ambiguous_names_are_an_error_that_names_both(
    tmp_path: Path, references: str, candidates: str, template: str, message: str
) -> None:
    with pytest.raises(SrganError, match=message) as caught:
        paired(tmp_path, references, candidates, template)
    assert "--pair" in caught.value.hint


def test_without_pairs_the_error_says_what_was_looked_for_and_shows_names(tmp_path: Path) -> None:
    with pytest.raises(SrganError, match=r"looked for equal names.*_x4.*found cat, dog, … and bird, …") as caught:
        paired(tmp_path, "cat dog emu", "bird")
    assert "--pair" in caught.value.hint
    with pytest.raises(SrganError, match=r"looked for --pair \{stem\}_sr"):
        paired(tmp_path, "cat", "bird", "{stem}_sr")


@pytest.mark.parametrize("template", ["_x4", "{stem}{stem}", "{name}_x4", "{stem}_x4=", "="])
def test_templates_that_cannot_be_read_are_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(UsageError, match="cannot read --pair"):
        paired(tmp_path, "a", "a", template)
