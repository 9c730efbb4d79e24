"""QTI 1.2, as Canvas and others export quizzes: items with choices.

Options that a response condition excludes (`not`) are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from llmexam.exam.parsers.markup import html_to_text
from llmexam.exam.parsers.qti_item import attribute, name_of
from llmexam.exam.question import Question, split_right

ROOT = "questestinterop"
# Multiply and Divide change no points of an option.
_SIGNS = {"set": 1, "add": 1, "subtract": -1}


@dataclass(frozen=True)
class QtiV1Record:
    """An item with one choice.

    Attributes:
        file: Name of the file in its package; empty for a single file.
        item: The element of the item.
        category: Title of the assessment or the bank.
    """

    file: str
    item: Any
    category: str = ""


def items_of(root: Any) -> list[tuple[Any, str]]:
    """Return the items of a file, each with its kind; the kind is empty if it can be read."""
    return [(item, _kind(item)) for item in root.iter() if name_of(item) == "item"]


def title_of(root: Any) -> str:
    """Return the title of the assessment, or of a bank of questions."""
    for element in root.iter():
        if name_of(element) in ("assessment", "objectbank"):
            title = attribute(element, "title").strip()
            return title or _metadata(element, "bank_title") or ""
    return ""


def to_question(record: QtiV1Record, row: int) -> Question:
    """Return the question of an item."""
    item = record.item
    (choice,) = _responses(item)
    labels = [e for e in choice.iter() if name_of(e) == "responselabel"]
    names = [attribute(label, "ident").strip() for label in labels]
    options = tuple(_material(label) for label in labels)
    asked = _right(item)
    answer, right = split_right(i for i, name in enumerate(names) if name in asked)
    presentation = next(e for e in item.iter() if name_of(e) == "presentation")
    title = attribute(item, "title").strip()
    metadata = {"category": record.category, "title": title, "file": record.file}
    return Question(
        id=attribute(item, "ident").strip() or str(row - 1),
        prompt=_material(presentation, without=choice) or title,
        options=options,
        answer=answer,
        metadata={key: value for key, value in metadata.items() if value},
        right=right,
    )


def _kind(item: Any) -> str:
    named = _metadata(item, "question_type")
    responses = _responses(item)
    is_choice = len(responses) == 1 and any(
        name_of(element) == "renderchoice" for element in responses[0].iter()
    )
    if is_choice and named not in ("multiple_dropdowns_question", "matching_question"):
        return ""
    return named or "item without a choice"


def _responses(item: Any) -> list[Any]:
    kinds = ("responselid", "responsestr", "responsenum", "responsexy", "responsegrp")
    return [element for element in item.iter() if name_of(element) in kinds]


def _metadata(element: Any, label: str) -> str:
    """Return an entry of `qtimetadata`, or empty."""
    for field in element.iter():
        if name_of(field) == "qtimetadatafield":
            values = {name_of(part): (part.text or "").strip() for part in field}
            if values.get("fieldlabel") == label:
                return values.get("fieldentry", "")
    return ""


def _material(element: Any, without: Any = None) -> str:
    """Return the text of the first material of an element."""
    stack = [element]
    parts = []
    while stack:
        node = stack.pop()
        if node is without:
            continue
        if name_of(node) in ("mattext", "matemtext"):
            text = "".join(node.itertext())
            is_plain = attribute(node, "texttype").lower() == "text/plain"
            parts.append(text.strip() if is_plain and "<" not in text else html_to_text(text))
        stack.extend(child for child in reversed(node) if not name_of(child).startswith("render"))
    return "\n".join(part for part in parts if part)


def _right(item: Any) -> set[str]:
    """Return the names of the options that earn points.

    They are those of the best condition, or of all if several options are to be chosen and each
    has a condition of its own.
    """
    best = 0.0
    found: set[str] = set()
    is_multiple = any(
        attribute(one, "rcardinality").lower() == "multiple" for one in _responses(item)
    )
    for condition in item.iter():
        if name_of(condition) != "respcondition":
            continue
        points = _points(condition)
        names = _asked(condition)
        if points <= 0 or not names:
            continue
        if is_multiple or points == best:
            best, found = max(best, points), found | names
        elif points > best:
            best, found = points, names
    return found


def _asked(condition: Any) -> set[str]:
    """Return the options that a condition asks for, without those that it excludes."""
    found = set()
    stack = [condition]
    while stack:
        node = stack.pop()
        if name_of(node) == "not":
            continue
        if name_of(node) == "varequal":
            found.add((node.text or "").strip())
        stack.extend(node)
    return found


def _points(condition: Any) -> float:
    """Return the points of a condition: what it sets the score to, or adds to it or subtracts.

    Other variables count only if the score is not changed.
    """
    changes = [element for element in condition.iter() if name_of(element) == "setvar"]
    # SCORE is the default name.
    of_score = [one for one in changes if "score" in (attribute(one, "varname") or "score").lower()]
    return max((_change(one) for one in of_score or changes), default=0.0)


def _change(element: Any) -> float:
    sign = _SIGNS.get((attribute(element, "action") or "Set").strip().lower(), 0)
    try:
        points = float((element.text or "").strip())
    except ValueError:
        return 0.0
    return sign * points if isfinite(points) else 0.0
