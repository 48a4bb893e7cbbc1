"""The doors that files come in by, knocked at with the same odd files each time; `python fuzz` has many more."""

from pathlib import Path

import pytest
from doors import DOORS, knock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.mark.parametrize("door", DOORS)
@given(number=st.integers(0, 2**32))
@settings(max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_odd_files_are_taken_or_refused(tmp_path: Path, door: str, number: int) -> None:
    assert knock(door, 0, number, tmp_path / "case") in ("taken", "refused")
