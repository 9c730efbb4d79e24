"""XML files of question banks, parsed without entities and without anything from outside."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from llmexam.errors import ExamError
from llmexam.exam.parsers.markup import local_name
from llmexam.exam.parsers.source import SourceFile


def is_xml(data: bytes) -> bool:
    """Return whether a file starts like XML."""
    start = data[:200].replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf")
    return start.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").lstrip()[:1] == b"<"


def root_name(source: SourceFile) -> str:
    """Return the name of a file's first element; empty if it is not XML.

    Raises:
        ExamError: The file ends or is faulty before its first element, or defines entities.
    """
    if not is_xml(source.data):
        return ""
    try:
        return first_name(source.data)
    except ExamError as error:
        raise source.error(error.message, hint=error.hint) from None


def first_name(data: bytes) -> str:
    """Return the name of the first element of an XML text.

    Raises:
        ExamError: The text ends or is faulty before its first element, or defines entities.
    """
    with _errors_of_xml():
        for _, element in ElementTree.iterparse(io.BytesIO(data), events=("start",)):
            return local_name(element.tag)
    return ""


def parse_xml(data: bytes) -> Any:
    """Return the first element of an XML text.

    Raises:
        ExamError: The text is not well-formed, or defines entities.
    """
    with _errors_of_xml():
        return ElementTree.fromstring(data)


def parse_source(source: SourceFile) -> Any:
    """Return the first element of an XML file; errors name the file.

    Raises:
        ExamError: The file is not well-formed, or defines entities.
    """
    try:
        return parse_xml(source.data)
    except ExamError as error:
        raise source.error(error.message, hint=error.hint) from None


@contextmanager
def _errors_of_xml() -> Iterator[None]:
    try:
        yield
    except DefusedXmlException:
        raise ExamError(
            "the XML defines entities, which are not read: they can hide other files or "
            "grow without bound",
            hint="Replace the entities with their texts and remove <!ENTITY ...>",
        ) from None
    except ParseError as error:
        line, column = error.position
        raise ExamError(
            f"invalid XML in line {line}, column {column + 1}: {str(error).partition(':')[0]}",
            hint="Check that the file is complete; texts with < or & belong in <![CDATA[...]]>",
        ) from None
    except (ValueError, LookupError, RecursionError) as error:
        raise ExamError(f"invalid XML: {error}", hint="Save the file as UTF-8") from None


def child_text(element: Any, *path: str) -> str:
    """Return the text of the element at a path of names, or empty."""
    for name in path:
        element = next((child for child in element if local_name(child.tag) == name), None)
        if element is None:
            return ""
    return "".join(element.itertext())


def children(element: Any, name: str) -> list[Any]:
    """Return the elements of a name directly below an element."""
    return [child for child in element if local_name(child.tag) == name]
