"""Importing with the garbage collector paused."""

import subprocess
import sys

PROGRAM = """
import gc
from srgan_cli.cli.fast_import import gc_paused
with gc_paused():
    assert not gc.isenabled()
    import torch
assert gc.isenabled() and gc.get_freeze_count() > 100_000
with gc_paused():  # already imported
    assert gc.isenabled()
"""


def test_imported_objects_are_exempt_from_collection() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)


def test_a_disabled_collector_stays_disabled() -> None:
    program = "import gc; gc.disable()\nfrom srgan_cli.cli.fast_import import gc_paused\nwith gc_paused(): pass\n"
    subprocess.run([sys.executable, "-c", program + "assert not gc.isenabled()"], check=True)
