"""The fuzz targets with a fixed selection of odd files; `python fuzz` runs many more."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import TARGETS, run_case

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.mark.parametrize("target", TARGETS)
@given(number=st.integers(0, 2**32))
@settings(max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_odd_files_are_accepted_or_refused(tmp_path: Path, target: str, number: int) -> None:
    assert run_case(target, 0, number, tmp_path / "case") in ("accepted", "refused")
