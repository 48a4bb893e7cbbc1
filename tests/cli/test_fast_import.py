"""Loading without looking for garbage."""

import subprocess
import sys

PROGRAM = """
import gc
from srgan_cli.cli.fast_import import gc_paused
with gc_paused():
    assert not gc.isenabled()
    import torch
assert gc.isenabled() and gc.get_freeze_count() > 100_000
with gc_paused():  # there is nothing left to load
    assert gc.isenabled()
"""


def test_what_is_loaded_is_kept_from_the_collector() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)


def test_a_collector_that_is_off_stays_off() -> None:
    program = "import gc; gc.disable()\nfrom srgan_cli.cli.fast_import import gc_paused\nwith gc_paused(): pass\n"
    subprocess.run([sys.executable, "-c", program + "assert not gc.isenabled()"], check=True)
