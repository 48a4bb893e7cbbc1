"""Planning: what is paired, and how many processes are started."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from scoring_pictures import noise

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.scoring.plan import plan_scoring
from srgan_cli.scoring.protocol import Protocol


def test_candidates_of_one_name_get_different_names(three: list[Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    twin = three[1].rename(tmp_path / "other/second")
    plan = plan_scoring(three[0], [twin, three[2]], [], Protocol())
    assert [method.name for method in plan.methods] == ["other/second", f"{tmp_path.name}/second"]
    files = noise(tmp_path / "out.png", 0), noise(tmp_path / "out.bmp", 1)
    plan = plan_scoring(three[0] / "0.png", [*files], [], Protocol())
    assert [method.name for method in plan.methods] == ["out.png", "out.bmp"]


def test_processes_are_started_only_for_many_pictures(tmp_path: Path) -> None:
    for index in range(8):
        noise(tmp_path / f"ref/{index}.png", index)
    plan = replace(plan_scoring(tmp_path / "ref", [], ["bicubic"], Protocol()), jobs=0)
    assert plan.processes == min(8, os.cpu_count() or 1, len(os.sched_getaffinity(0)))
    assert replace(plan, references=dict(list(plan.references.items())[:7])).processes == 1
    assert replace(plan, jobs=99).processes == 8


def test_unknown_baseline_is_refused(three: list[Path]) -> None:
    with pytest.raises(UsageError, match="no weights named 'cubic'"):
        plan_scoring(three[0], [], ["cubic"], Protocol())


def test_no_candidate_and_no_baseline_is_an_error(three: list[Path]) -> None:
    with pytest.raises(UsageError, match="nothing to score"):
        plan_scoring(three[0], [], [], Protocol())


def test_no_metric_is_an_error(three: list[Path]) -> None:
    with pytest.raises(UsageError, match="no metric to compute"):
        plan_scoring(three[0], three[1:], [], Protocol(metrics=()))


def test_a_candidate_named_twice_is_an_error(three: list[Path]) -> None:
    with pytest.raises(UsageError, match="is named twice"):
        plan_scoring(three[0], [*three[1:], three[1] / "../" / three[1].name], [], Protocol())


def test_candidate_named_like_a_baseline_keeps_its_name(three: list[Path], tmp_path: Path) -> None:
    results = three[1].rename(tmp_path / "bicubic")
    plan = plan_scoring(three[0], [results], ["bicubic"], Protocol())
    assert [method.name for method in plan.methods] == ["bicubic", "bicubic (baseline)"]


def test_no_pair_is_an_error(three: list[Path], tmp_path: Path) -> None:
    noise(tmp_path / "others/z.png", 0)
    with pytest.raises(SrganError, match="no picture in"):
        plan_scoring(three[0], [tmp_path / "others"], [], Protocol())
