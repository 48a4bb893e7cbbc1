"""Errors: their messages, and how they travel."""

import ast
import pickle
from pathlib import Path

import pytest
from support import REPOSITORY

from srgan_cli import errors
from srgan_cli.errors import OutputClosed, PictureError, SrganError, errors_as, to_srgan_error


def test_values_fill_the_message() -> None:
    error = PictureError("cannot read {path}: {reason}", "try again", path=Path("a.png"), reason="{odd}")
    assert (str(error), error.message, error.hint) == (*["cannot read a.png: {odd}"] * 2, "try again")


def test_a_message_without_values_may_hold_braces() -> None:
    assert str(SrganError("the name {stem")) == "the name {stem"


def test_a_file_can_be_renamed_in_the_message() -> None:
    error = PictureError("not a picture: {path}", path=Path("/tmp/x/stdin"))
    error.rename(Path("/tmp/x/stdin"), "standard input")
    error.rename(Path("/tmp/x"), "something else")
    assert error.message == "not a picture: standard input"


def test_errors_travel_between_processes() -> None:
    error = pickle.loads(pickle.dumps(PictureError("no such file: {path}", "look", path=Path("a.png"))))
    assert (type(error), error.message, error.hint) == (PictureError, "no such file: a.png", "look")
    assert type(pickle.loads(pickle.dumps(OutputClosed("")))) is OutputClosed


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device", "/x"), "No space left on device: /x"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (MemoryError(), "out of memory"),
        (RuntimeError("sparks\nand smoke"), "RuntimeError: sparks"),
    ],
)
def test_other_errors_become_one_line(error: Exception, message: str) -> None:
    assert to_srgan_error(error).message == message


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("one\n {two}"), "odd a.png: one {two}"),
        (AssertionError(), "odd a.png: AssertionError"),
        (PictureError("known"), "known"),
    ],
)
def test_errors_of_libraries_are_translated_once(error: Exception, message: str) -> None:
    with pytest.raises(PictureError) as caught, errors_as(PictureError, "odd {path}: {reason}", path=Path("a.png")):
        raise error
    assert caught.value.message == message


@pytest.mark.parametrize("module", sorted((REPOSITORY / "srgan_cli").rglob("*.py")), ids=str)
def test_every_error_says_what_to_try(module: Path) -> None:
    classes = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, SrganError)}
    classes.remove("OutputClosed")
    for node in ast.walk(ast.parse(module.read_text(encoding="utf8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in classes:
            hint = node.args[1:2] or [word.value for word in node.keywords if word.arg == "hint"]
            assert hint, f"line {node.lineno}: no hint"
            assert not (isinstance(hint[0], ast.Constant) and not hint[0].value), f"line {node.lineno}: an empty hint"


def test_the_words_of_gdal_stand_for_those_of_rasterio() -> None:
    with pytest.raises(SrganError, match=r"^a: no block$"), errors_as(SrganError, "a: {reason}", "b"):
        raise ValueError("Read failed. See previous exception for details.") from ValueError(
            "/gdal/block.cpp, 11: no block"
        )
