"""Several data sets, scored one after the other for one table with a group of columns for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from srgan_cli.errors import UsageError


@dataclass(frozen=True)
class DataSet:
    """A set of references, and a folder of results for each method."""

    name: str
    reference: Path
    candidates: list[Path]


def parse_sets(names: Sequence[str], paths: Sequence[Path], *, has_baselines: bool = False) -> list[DataSet]:
    """The sets with these names, among which the paths are divided evenly: a reference, then a result of each method.

    Raises UsageError if the paths cannot be divided, and for a name that stands twice or is empty.
    """
    share, rest = divmod(len(paths), len(names))
    if rest or share < 2 - has_baselines or len(set(names)) < len(names) or "" in names:
        message = f"found --set {', --set '.join(map(repr, names))} and {len(paths)} paths"
        hint = "write --set NAME REF OUT for each set, with as many OUT and another NAME for each"
        raise UsageError(message, hint)
    parts = [paths[start : start + share] for start in range(0, len(paths), share)]
    return [DataSet(name, part[0], list(part[1:])) for name, part in zip(names, parts, strict=True)]


def sets_in(reference: Path, candidates: Sequence[Path]) -> list[DataSet]:
    """The folders of references as sets, with those of the same names of each candidate.  Raises UsageError."""
    names = sorted(path.name for path in reference.iterdir() if path.is_dir()) if reference.is_dir() else []
    lacking = [str(path / name) for path in candidates for name in names if not (path / name).is_dir()]
    if not names or lacking:
        found = f"no folder {lacking[0]}" if lacking else f"no folders in {reference}"
        raise UsageError(found, "--by-folder takes REF/Set5, REF/Set14 and OUT/Set5, OUT/Set14", option="by-folder")
    return [DataSet(name, reference / name, [path / name for path in candidates]) for name in names]


def method_names(sets: Sequence[DataSet]) -> list[str]:
    """The names of the methods, as gan of gan/Set5 and gan/Set14; numbers where the folders do not distinguish them."""
    paths = [[path.resolve().parts for path in data.candidates] for data in sets]
    for place in range(1, min((len(parts) for row in paths for parts in row), default=0)):
        found = [[parts[-place] for parts in column] for column in zip(*paths, strict=True)]
        names = [column[0] for column in found if len(set(column)) == 1]
        if len(set(names)) == len(found):
            return names
    return [str(number) for number in range(1, len(sets[0].candidates) + 1)]
