"""Loading without looking for garbage."""

import subprocess
import sys

PROGRAM = """
import gc
from srgan_cli.cli.loading import loading
with loading():
    assert not gc.isenabled()
    import torch
assert gc.isenabled() and gc.get_freeze_count() > 100_000
with loading():  # there is nothing left to load
    assert gc.isenabled()
"""


def test_what_is_loaded_is_kept_from_the_collector() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)


def test_a_collector_that_is_off_stays_off() -> None:
    program = "import gc; gc.disable()\nfrom srgan_cli.cli.loading import loading\nwith loading(): pass\n"
    subprocess.run([sys.executable, "-c", program + "assert not gc.isenabled()"], check=True)
