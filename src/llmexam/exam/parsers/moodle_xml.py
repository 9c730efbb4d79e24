"""Moodle XML: question banks as Moodle exports them.

Questions of types `multichoice`, `truefalse`, `multichoiceset` and `oumultiresponse` are read;
those of other types are left out and counted. HTML becomes plain text. Of a question with one right
option, all options of the highest credit are right; of one with several, all that earn credit.
Category, name, general feedback and tags become metadata; feedback to single options is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.parsers.markup import formatted_text, local_name
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.parsers.xml_file import child_text, children, parse_source, root_name
from llmexam.exam.question import Question, split_right

_MANY = frozenset({"multichoiceset", "oumultiresponse"})
_CHOICE = frozenset({"multichoice", "truefalse"}) | _MANY
_TOP = ("$course$", "$system$", "$module$", "$cat1$", "top")


@dataclass(frozen=True)
class MoodleRecord:
    """A question of a Moodle XML file.

    Attributes:
        element: The element `question`.
        category: Path of its category, or empty.
        id: Its id number if all questions have different ones, else empty.
    """

    element: Any
    category: str
    id: str


def looks_like(source: SourceFile) -> bool:
    """Return whether the first element is `quiz`."""
    return root_name(source) == "quiz"


def records(source: SourceFile) -> Iterator[MoodleRecord]:
    """Return the questions to choose from, in order.

    Raises:
        ExamError: The file is not well-formed XML.
    """
    found = _questions(source)
    ids = [child_text(element, "idnumber").strip() for element, _ in found]
    are_ids = all(ids) and len(set(ids)) == len(ids)
    for (element, category), own in zip(found, ids, strict=True):
        yield MoodleRecord(element, category, own if are_ids else "")


def notes(source: SourceFile) -> tuple[str, ...]:
    """Return what was left out: questions of other types, with their numbers."""
    counts = Counter(
        kind
        for element in children(parse_source(source), "question")
        if (kind := element.get("type", "")) not in {*_CHOICE, "category"}
    )
    return left_out_note(counts)


def left_out_note(counts: Counter[str]) -> tuple[str, ...]:
    """Return the sentence on questions that are not multiple choice; empty without any.

    >>> left_out_note(Counter({"essay": 2, "matching": 1}))
    ('3 questions of other types were left out: 2 essay, 1 matching',)
    """
    if not counts:
        return ()
    n = counts.total()
    listed = ", ".join(f"{count:,} {kind or 'without a type'}" for kind, count in counts.items())
    what = "1 question of another type was" if n == 1 else f"{n:,} questions of other types were"
    return (f"{what} left out: {listed}",)


def to_question(record: MoodleRecord, row: int) -> Question:
    """Return one question.

    Raises:
        ExamError: It has too few options, or a fraction is not a number.
    """
    element = record.element
    answers = children(element, "answer")
    kind = element.get("type", "")
    options = [_text(answer, "") for answer in answers]
    if kind == "truefalse":
        options = [option.capitalize() for option in options]
    format = _format(element, "questiontext")
    prompt = formatted_text(child_text(element, "questiontext", "text"), format)
    name = child_text(element, "name", "text").strip()
    metadata = {
        "category": record.category,
        "name": "" if squeezed(prompt).startswith(squeezed(name)) else name,
        "idnumber": child_text(element, "idnumber").strip() if not record.id else "",
        "generalfeedback": formatted_text(
            child_text(element, "generalfeedback", "text"), _format(element, "generalfeedback")
        ),
        "tags": ", ".join(
            child_text(tag, "text").strip() for part in children(element, "tags") for tag in part
        ),
    }
    fractions = [_fraction(answer, place) for place, answer in enumerate(answers)]
    answer, right = split_right(_right(element, kind, fractions))
    return Question(
        id=record.id or str(row - 1),
        prompt=prompt or name,
        options=tuple(options),
        answer=answer,
        metadata={key: value for key, value in metadata.items() if value},
        right=right,
    )


def right_by_credit(fractions: list[float], *, is_single: bool) -> list[int]:
    """Return the right options by the share of the points that each of them earns, in percent.

    Args:
        fractions: The credit of each option; negative for a penalty.
        is_single: Whether one option is to be chosen: then those of the highest credit are right.
    """
    highest = max(fractions, default=0.0)
    if highest <= 0:
        return []
    return [i for i, one in enumerate(fractions) if (one == highest if is_single else one > 0)]


def squeezed(text: str) -> str:
    """Return a text with single spaces."""
    return " ".join(text.split())


def _right(element: Any, kind: str, fractions: list[float]) -> list[int]:
    if kind == "oumultiresponse" and not any(fractions):
        marks = [child_text(one, "correctanswer").strip() for one in children(element, "answer")]
        return [i for i, mark in enumerate(marks) if mark == "1"]
    single = child_text(element, "single").strip().lower()
    # Moodle's own default is a single right option.
    is_single = kind not in _MANY and single not in ("false", "0")
    return right_by_credit(fractions, is_single=is_single)


def _questions(source: SourceFile) -> list[tuple[Any, str]]:
    """Return the questions to choose from, and the category of each."""
    root = parse_source(source)
    if local_name(root.tag) != "quiz":
        raise source.error(
            f"expected Moodle XML with the first element <quiz>, got <{local_name(root.tag)}>",
            hint="Choose another --format",
        )
    found, category = [], ""
    for element in children(root, "question"):
        kind = element.get("type", "")
        if kind == "category":
            category = _category(child_text(element, "category", "text"))
        elif kind in _CHOICE:
            found.append((element, category))
    return found


def _category(path: str) -> str:
    """Return the path of a category without Moodle's names for where it begins.

    >>> _category("$course$/top/Default for Physics/Waves")
    'Default for Physics/Waves'
    """
    # Two slashes stand for one inside a name.
    parts = [part.strip() for part in path.strip().replace("//", "\0").split("/")]
    while parts and parts[0] in (*_TOP, ""):
        parts.pop(0)
    return "/".join(parts).replace("\0", "//")


def _text(element: Any, default: str) -> str:
    return formatted_text(child_text(element, "text"), element.get("format") or default)


def _format(element: Any, name: str) -> str:
    found = children(element, name)
    return (found[0].get("format") or "") if found else ""


def _fraction(answer: Any, place: int) -> float:
    text = (answer.get("fraction") or "0").strip()
    try:
        fraction = float(text)
    except ValueError:
        fraction = nan
    if not isfinite(fraction):
        raise ExamError(
            f"expected a number as fraction of option {place + 1}, got '{text}'",
            field="answer",
            hint="Write the credit in percent, such as 100 or 0",
        )
    return fraction
