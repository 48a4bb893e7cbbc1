"""What tests share: where the repository is, and what a command line came to."""

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


@dataclass
class Outcome:
    """Exit code, standard output and standard error of a command."""

    code: int
    out: str
    err: str
