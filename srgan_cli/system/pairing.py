"""Pairing: the pictures of two folders, matched by their names."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from pathlib import Path, PurePosixPath

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.system.discovery import find_pictures, not_found_error

TEMPLATE_FIELDS = {"stem": "(.+)", "scale": r"\d+(?:\.\d+)?", "model": ".+", "suffix": ""}
"""The fields of a template, and what each stands for. Names are compared without suffix, so {suffix} is empty."""
_SCALE_MARK = re.compile(r"(.+?)(?:[_-]?x\d+(?:\.\d+)?|[_-]\d+x)", re.IGNORECASE | re.DOTALL)
"""A name with its enlargement: a_x4 as `srgan upscale` writes it, ax4 as DIV2K, a-4x."""
_EXAMPLES = 2  # names that an error shows of each folder


@dataclass(frozen=True)
class Pairing:
    """Pictures of two folders, matched by name."""

    pairs: list[tuple[str, Path, Path]]
    """Name, reference and candidate."""
    only_reference: list[str]
    """Names without a candidate."""
    only_candidate: list[str]
    """Names without a reference."""


def pair_by_name(reference: Path, candidate: Path, *, template: str = "") -> Pairing:
    """Match two files, or the pictures of two folders by their relative path without suffix.

    A template says how names differ: `{stem}_x4`, those of candidates, or `{stem}_HR={stem}_LR`, those of both.
    Without a template, a name also matches one with an enlargement behind it, such as a and a_x4. Raises SrganError if
    a path does not exist, if one is a file and the other a folder, if two pictures of a folder differ only in their
    suffix, if two pictures match the same one, and if nothing matches. Raises UsageError for an invalid template.
    """
    if template:
        _patterns(template)  # raises UsageError
    for path in (reference, candidate):
        if not path.exists():
            raise not_found_error(path)
    if reference.is_file() and candidate.is_file():
        return Pairing([(reference.stem, reference, candidate)], [], [])
    if reference.is_file() != candidate.is_file():
        message = f"{reference} and {candidate}: one is a file and the other a folder"
        raise SrganError(message, "name two files or two folders")
    return _pair_folders(reference, candidate, template)


def by_name(root: Path) -> dict[str, Path]:
    """The pictures of a folder, or a file, by their path without suffix.  Raises SrganError for equal ones."""
    if root.is_file():
        return {root.stem: root}
    named: dict[str, Path] = {}
    for path in find_pictures(root):
        if (name := path.relative_to(root).with_suffix("").as_posix()) in named:
            raise SrganError(f"{named[name]} and {path} differ only in their suffix", "keep one picture of each name")
        named[name] = path
    return named


def _pair_folders(reference: Path, candidate: Path, template: str) -> Pairing:
    left, right = by_name(reference), by_name(candidate)
    pairs = sorted(_match_template(left, right, template) if template else _match_names(left, right))
    for (name, first), (other, second) in pairwise(pairs):
        if name == other:
            message = f"{left[name]} has two partners: {right[first]} and {right[second]}"
            raise SrganError(message, "say which with --pair, such as --pair '{stem}_x4'")
    for (first, partner), (second, other) in pairwise(sorted(pairs, key=itemgetter(1))):
        if partner == other:
            message = f"{right[partner]} is the partner of both {left[first]} and {left[second]}"
            raise SrganError(message, "say which with --pair, such as --pair '{stem}_x4={stem}'")
    if not pairs:
        raise _no_pairs_error(reference, candidate, left, right, template)
    return Pairing(
        [(name, left[name], right[partner]) for name, partner in pairs],
        sorted(left.keys() - {name for name, _ in pairs}),
        sorted(right.keys() - {partner for _, partner in pairs}),
    )


def _match_names(left: Collection[str], right: Collection[str]) -> Iterator[tuple[str, str]]:
    """References and candidates of one name, or where one of the names has an enlargement more."""
    plain = {name: _common_part(name, _SCALE_MARK) or "" for name in {*left} ^ {*right}}
    yield from ((name, name) for name in left if name in right)
    yield from ((plain[name], name) for name in right if plain.get(name) in left)
    yield from ((name, plain[name]) for name in left if plain.get(name) in right)


def _match_template(left: Iterable[str], right: Iterable[str], template: str) -> list[tuple[str, str]]:
    references, candidates = map(_by_common_part, (left, right), _patterns(template))
    for names in references.values():
        if len(names) > 1:
            raise SrganError(f"{names[0]} and {names[1]} are one name for --pair {template}", "change --pair")
    return [(names[0], found) for part, names in references.items() for found in candidates.get(part, ())]


def _by_common_part(names: Iterable[str], pattern: re.Pattern[str]) -> dict[str, list[str]]:
    """The names that match, by the part that a reference and its candidate have in common."""
    found = defaultdict(list)
    for name in names:
        if part := _common_part(name, pattern):
            found[part].append(name)
    return found


def _common_part(name: str, pattern: re.Pattern[str]) -> str | None:
    """A relative path with the group of the pattern as its last part; None where that does not match."""
    path = PurePosixPath(name)
    found = pattern.fullmatch(path.name)
    return path.with_name(found[1]).as_posix() if found else None


def _patterns(template: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Those of the names of references and candidates, whose group is the common part.  Raises UsageError."""
    reference, _, candidate = template.rpartition("=")
    return _pattern(reference or "{stem}", template), _pattern(candidate, template)


def _pattern(template: str, whole: str) -> re.Pattern[str]:
    """Raises UsageError if {stem} does not occur exactly once, or a field is unknown."""
    texts_and_fields = re.split(r"\{(\w*)\}", template)
    texts, names = texts_and_fields[::2], texts_and_fields[1::2]
    if names.count("stem") != 1 or not set(names) <= TEMPLATE_FIELDS.keys():
        hint = "write {stem} for the common part of the names: '{stem}_x4', or '{stem}_HR={stem}_LR'"
        raise UsageError(f"cannot read --pair {whole!r}", hint)
    fields = [TEMPLATE_FIELDS[name] for name in names]
    parts = [piece for text, name in zip(texts, [*fields, ""], strict=True) for piece in (re.escape(text), name)]
    return re.compile("".join(parts), re.DOTALL)


def _no_pairs_error(
    reference: Path, candidate: Path, left: Iterable[str], right: Iterable[str], template: str
) -> SrganError:
    sought = f"--pair {template}" if template else "equal names, also with an enlargement such as _x4 behind"
    shown = [", ".join(sorted(names)[:_EXAMPLES]) for names in (left, right)]
    return SrganError(
        f"no picture in {candidate} has the name of one in {reference}: looked for {sought}; "
        f"found {shown[0]}, … and {shown[1]}, …",
        "say how the names differ, such as --pair '{stem}_x4' or --pair '{stem}_HR={stem}_LR'",
        option="pair" if template else "",
    )
