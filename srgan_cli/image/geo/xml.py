"""Parsing XML of files that others have written, and writing it again."""

from collections.abc import Iterator
from xml.dom import minidom
from xml.parsers.expat import ExpatError

PARSE_ERRORS = (ExpatError, ValueError, TypeError, LookupError)
"""What damaged XML or XML with unexpected values raises."""


def parse(text: str | bytes) -> minidom.Document:
    """The document.  Raises ExpatError, and ValueError for entities, which may grow without bounds."""
    data = text.encode() if isinstance(text, str) else text
    data = data.strip(b"\x00 \r\n\t")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ValueError
    return minidom.parseString(data)


def elements(parent: minidom.Document | minidom.Element, name: str) -> Iterator[minidom.Element]:
    """The elements of this name, in any namespace, at any depth."""
    return iter([found for found in parent.getElementsByTagName("*") if found.tagName.rpartition(":")[2] == name])


def remove(found: minidom.Element) -> None:
    """Take an element out of its document."""
    if found.parentNode:
        found.parentNode.removeChild(found)


def text_of(found: minidom.Element) -> str:
    """The text of an element."""
    return "".join(node.data for node in found.childNodes if isinstance(node, minidom.Text))


def append(parent: minidom.Element, name: str, text: str = "") -> minidom.Element:
    """A new element at the end of another, with this text."""
    found = minidom.Document().createElement(name)
    set_text(found, text)
    parent.appendChild(found)
    return found


def set_text(found: minidom.Element, text: str) -> None:
    """Replace the text of an element."""
    while found.firstChild:
        found.removeChild(found.firstChild)
    found.appendChild((found.ownerDocument or minidom.Document()).createTextNode(text))
