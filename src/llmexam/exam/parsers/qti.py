"""QTI of 1EdTech: single items, tests, and packages of versions 1.2, 2 and 3.

Items with choice interactions are read; others are left out and counted. The options keep the order
of the file, whatever `shuffle` says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.parsers import qti_item, qti_v1
from llmexam.exam.parsers.moodle_xml import left_out_note
from llmexam.exam.parsers.qti_item import QtiRecord, attribute, choices_of, name_of
from llmexam.exam.parsers.qti_package import MANIFEST, Package, is_package, open_package
from llmexam.exam.parsers.qti_v1 import QtiV1Record
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.parsers.xml_file import first_name, parse_source, parse_xml, root_name
from llmexam.exam.question import Passage, Question

_OF_SEVERAL = frozenset({"assessmenttest", "assessmentsection", "manifest"})
_ROOTS = _OF_SEVERAL | {"assessmentitem", qti_v1.ROOT}


@dataclass
class _Found:
    """What a file or a package holds."""

    records: list[QtiRecord | QtiV1Record] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def looks_like(source: SourceFile) -> bool:
    """Return whether this is an item, a test, a manifest, or an archive with such files."""
    return qti_item.canonical(root_name(source)) in _ROOTS or is_package(source)


def records(source: SourceFile) -> Iterator[QtiRecord | QtiV1Record]:
    """Return the choices of all items, in the order of the test.

    Raises:
        ExamError: A file is not well-formed, or there are no items.
    """
    found = _read(source)
    if not found.records and not found.left_out:
        raise source.error(
            "no item was found in this QTI file",
            hint="Give the whole package (.zip), or the file of an item",
        )
    return iter(_with_unique_ids(found.records))


def notes(source: SourceFile) -> tuple[str, ...]:
    """Return what was left out: items of other types, with their numbers."""
    return left_out_note(_read(source).left_out)


def to_question(record: QtiRecord | QtiV1Record, row: int) -> Question:
    """Return the question of a choice.

    Raises:
        ExamError: It has too few options, or the right option is none of them.
    """
    try:
        if isinstance(record, QtiV1Record):
            return qti_v1.to_question(record, row)
        return qti_item.to_question(record, row)
    except ExamError as error:
        if not record.file:
            raise
        raise ExamError(
            f"{record.file}: {error.message}", field=error.field, hint=error.hint
        ) from None


def _with_unique_ids(
    found: list[QtiRecord | QtiV1Record],
) -> list[QtiRecord | QtiV1Record]:
    """Return the records with identifiers that tell them apart, where a package repeats one."""
    names = Counter(_identifier(one) for one in found)
    for one in found:
        if names[_identifier(one)] > 1 and one.file:
            one.item.set("identifier", f"{one.file}#{_identifier(one)}")
            one.item.set("ident", f"{one.file}#{_identifier(one)}")
    return found


def _identifier(record: QtiRecord | QtiV1Record) -> str:
    return attribute(record.item, "identifier") or attribute(record.item, "ident")


def _read(source: SourceFile) -> _Found:
    found = _Found()
    root = None if is_package(source) else parse_source(source)
    if root is not None and name_of(root) not in _OF_SEVERAL:
        _add_file(found, root, None, "", "")
        return found
    package = open_package(source)
    base = "" if root is None else source.path.name
    seen: set[str] = set()
    for name, category in _order(package, root, base):
        if name in seen:
            continue
        seen.add(name)
        _add_file(found, parse_xml_of(package, name), package, name, category)
    return found


def parse_xml_of(package: Package, name: str) -> Any:
    """Return the first element of a file of a package; errors name the file."""
    try:
        return parse_xml(package.read(name))
    except ExamError as error:
        if error.file is not None:
            raise
        raise ExamError(f"{name}: {error.message}", hint=error.hint) from None


def _order(package: Package, root: Any, base: str) -> Iterator[tuple[str, str]]:
    """Yield the names of item files, each with the title of its section or empty.

    The order is that of the tests; items that are in no test follow in the order of the manifest
    or of their names.
    """
    if root is not None and name_of(root) != "manifest":
        yield from _items_of_test(package, root, base, {base})
        return
    manifest = base or next((n for n in package.names if n.rpartition("/")[2] == MANIFEST), "")
    files: list[str] = []
    if manifest:
        element = root if root is not None else parse_xml_of(package, manifest)
        hrefs = [
            attribute(one, "href") for one in element.iter() if name_of(one) in ("resource", "file")
        ]
        listed = [name for href in hrefs if (name := package.resolve(manifest, href))]
        files = list(dict.fromkeys(listed))
    files = files or list(package.names)
    kinds = {name: _kind(package, name) for name in files}
    for name in files:
        if kinds[name] in ("assessmenttest", "assessmentsection"):
            yield from _items_of_test(package, parse_xml_of(package, name), name, {name})
    for name in files:
        if kinds[name] in ("assessmentitem", qti_v1.ROOT):
            yield name, ""


def _items_of_test(
    package: Package, root: Any, base: str, seen: set[str]
) -> Iterator[tuple[str, str]]:
    """Yield the items of a test or a section; `seen` are the files of those read before."""
    stack = [(root, "")]
    while stack:
        element, section = stack.pop()
        kind = name_of(element)
        if kind == "assessmentsection":
            section = attribute(element, "title").strip() or section
        if kind in ("assessmentitemref", "assessmentsectionref"):
            name = package.resolve(base, attribute(element, "href"))
            if not name:
                raise ExamError(
                    f"{base} refers to '{attribute(element, 'href')}', which is not there",
                    hint="Add the file, or give the whole package",
                )
            if kind == "assessmentitemref":
                yield name, section
            elif name not in seen:
                seen.add(name)
                yield from _items_of_test(package, parse_xml_of(package, name), name, seen)
        stack.extend((child, section) for child in reversed(element))


def _kind(package: Package, name: str) -> str:
    try:
        return qti_item.canonical(first_name(package.read(name)))
    except ExamError:
        # A package may hold other files, such as texts, which do not concern the items.
        return ""


def _add_file(found: _Found, root: Any, package: Package | None, name: str, category: str) -> None:
    if name_of(root) == qti_v1.ROOT:
        title = qti_v1.title_of(root)
        for item, kind in qti_v1.items_of(root):
            if kind:
                found.left_out[kind] += 1
            else:
                found.records.append(QtiV1Record(name, item, category or title))
        return
    for item in qti_item.items_in(root):
        choices, other = choices_of(item)
        if other:
            found.left_out[other] += 1
            continue
        passages = _passages(item, package, name)
        found.records += [
            QtiRecord(name, item, choice, len(choices), passages, category) for choice in choices
        ]


def _passages(item: Any, package: Package | None, base: str) -> tuple[Passage, ...]:
    """Return the texts that an item refers to and that are in its package."""
    found = []
    for element in item.iter():
        if package is not None and name_of(element) == "assessmentstimulusref":
            name = package.resolve(base, attribute(element, "href"))
            if name:
                root = parse_xml_of(package, name)
                title = attribute(root, "title").strip()
                found.append(Passage(qti_item.stimulus_text(root), title, name))
    return tuple(found)
