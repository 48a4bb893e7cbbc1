"""Lines and progress bars."""

import io

import pytest

from srgan_cli.cli import console
from srgan_cli.cli.stdio import translate_stdout_errors
from srgan_cli.errors import SrganError


@pytest.mark.parametrize(("screen", "seen"), [(True, True), (False, False)], indirect=["screen"])
def test_a_bar_is_only_drawn_on_a_terminal(screen: io.StringIO, seen: bool) -> None:
    with console.progress_bar("cat.png") as advance:
        advance(1, 2)
        advance(2, 2)
    assert ("cat.png" in screen.getvalue()) == seen


def test_control_characters_of_names_do_not_reach_the_terminal(screen: io.StringIO) -> None:
    console.info("a\x1b[31mb\r\n c\x9b.png\té")
    assert screen.getvalue() == "a\\x1b[31mb c\\x9b.png\\té\n"


@pytest.mark.parametrize("screen", [True], indirect=True)
def test_quiet_leaves_warnings(screen: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "is_quiet", True)
    console.info("small")
    with console.progress_bar("cat.png") as advance:
        advance(1, 2)
    console.warn("large")
    assert "large" in screen.getvalue()
    assert "small" not in screen.getvalue()
    assert "cat.png" not in screen.getvalue()


def test_messages_with_brackets_are_not_markup(screen: io.StringIO) -> None:
    console.info("file [red] :cat:.png")
    console.warn("file [/b].png")
    assert screen.getvalue() == "file [red] :cat:.png\nsrgan: file [/b].png\n"


@pytest.mark.parametrize(("place", "named"), [((".bashrc",), ".bashrc"), ((), "standard output")])
def test_what_cannot_be_written_is_named(place: tuple[str, ...], named: str) -> None:
    with pytest.raises(SrganError) as raised, translate_stdout_errors():
        raise PermissionError(13, "Permission denied", *place)
    assert named in str(raised.value)
