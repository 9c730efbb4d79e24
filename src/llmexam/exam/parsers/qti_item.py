"""One item of QTI 2 or 3: its choice interactions as questions.

Names of QTI 3 (`qti-choice-interaction`, `response-identifier`) and of QTI 2 (`choiceInteraction`,
`responseIdentifier`) are compared without prefix, hyphens and case. The order of the options is
that of the file, whatever `shuffle` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.parsers.markup import element_text, local_name
from llmexam.exam.question import Passage, Question, split_right

ITEM = "assessmentitem"
_CHOICE = "choiceinteraction"
_INLINE = "inlinechoiceinteraction"
# Texts that are shown after an answer, or to graders.
_HIDDEN = frozenset(
    {"feedbackinline", "feedbackblock", "modalfeedback", "rubricblock", "templateblock"}
    | {"templateinline", "companionmaterialsinfo"}
)
_BLANK = "_____"
# Names of QTI elements that begin a line of their own.
_BLOCK_NAMES = {"prompt": "p", "itembody": "div", "simplechoice": "div"}


@dataclass(frozen=True)
class QtiRecord:
    """A choice of an item.

    Attributes:
        file: Name of the file in its package; empty for a single file.
        item: The element of the item.
        interaction: The element of the choice.
        n_choices: Choices of the item.
        passages: Texts that the item refers to.
        category: What the package says the item belongs to, such as the title of its section.
    """

    file: str
    item: Any
    interaction: Any
    n_choices: int
    passages: tuple[Passage, ...] = ()
    category: str = ""


def canonical(name: str) -> str:
    """Return the name of an element or attribute as all versions of QTI have it in common.

    >>> canonical("qti-choice-interaction"), canonical("choiceInteraction")
    ('choiceinteraction', 'choiceinteraction')
    """
    return name.lower().removeprefix("qti-").replace("-", "").replace("_", "")


def name_of(element: Any) -> str:
    """Return the canonical name of an element."""
    return canonical(local_name(element.tag))


def attribute(element: Any, name: str) -> str:
    """Return an attribute by its canonical name, or empty."""
    return next((value for key, value in element.items() if canonical(local_name(key)) == name), "")


def choices_of(item: Any) -> tuple[list[Any], str]:
    """Return the choices of an item, and the kind of what else it asks for.

    Returns:
        The interactions to choose from; and the name of the first other interaction, or empty.
        An item that asks for something else too cannot be read as questions.
    """
    found, other = [], ""
    for element in item.iter():
        name = name_of(element)
        if name in (_CHOICE, _INLINE):
            found.append(element)
        elif name.endswith("interaction") and not other:
            other = local_name(element.tag).removeprefix("qti-")
        elif name in ("templatedeclaration", "printedvariable") and not other:
            other = "item with random values"
    return found, other if other or found else "item without an interaction"


def to_question(record: QtiRecord, row: int) -> Question:
    """Return the question of a choice.

    Raises:
        ExamError: A right option is none of the choices.
    """
    is_choice = {"simplechoice", "inlinechoice"}
    choices = [e for e in record.interaction.iter() if name_of(e) in is_choice]
    options = tuple(_text(choice) for choice in choices)
    names = [attribute(choice, "identifier").strip() for choice in choices]
    own = attribute(record.interaction, "responseidentifier").strip()
    answer, right = split_right(_right(record.item, own, names))
    name = attribute(record.item, "identifier").strip()
    if name and record.n_choices > 1:
        name = f"{name}/{own}"
    title = attribute(record.item, "title").strip()
    metadata = {"category": record.category, "title": title, "file": record.file}
    return Question(
        id=name or str(row - 1),
        prompt=_prompt(record) or title,
        options=options,
        answer=answer,
        passages=record.passages,
        metadata={key: value for key, value in metadata.items() if value},
        right=right,
    )


def _prompt(record: QtiRecord) -> str:
    """Return the text of the body with only the prompt of this interaction."""
    body = next((e for e in record.item.iter() if name_of(e) == "itembody"), None)
    if body is None:
        return ""

    def instead(element: Any) -> str | None:
        name = name_of(element)
        if name == _INLINE:
            return f" {_BLANK} "
        is_other = name == _CHOICE and element is not record.interaction
        return "" if is_other or name == "simplechoice" or name in _HIDDEN else None

    return element_text(body, _html_name, instead)


def _right(item: Any, response: str, names: list[str]) -> list[int]:
    """Return the right options by the declaration of the response."""
    for declaration in item.iter():
        if name_of(declaration) != "responsedeclaration":
            continue
        if attribute(declaration, "identifier").strip() != response:
            continue
        values = [
            "".join(value.itertext()).strip()
            for part in declaration
            if name_of(part) == "correctresponse"
            for value in part
            if name_of(value) == "value"
        ]
        if not values:
            is_single = attribute(declaration, "cardinality").strip() != "multiple"
            values = _mapped(declaration, is_single=is_single)
        unknown = [value for value in values if value not in names]
        if unknown:
            raise ExamError(
                f"the right option '{unknown[0]}' is none of the choices: {', '.join(names)}",
                field="correctResponse",
                hint="Correct the value",
            )
        return [names.index(value) for value in values]
    return []


def _mapped(declaration: Any, *, is_single: bool) -> list[str]:
    """Return the values that earn points by a mapping."""
    points: dict[str, float] = {}
    for entry in declaration.iter():
        if name_of(entry) == "mapentry":
            try:
                value = float(attribute(entry, "mappedvalue"))
            except ValueError:
                continue
            if isfinite(value):
                points[attribute(entry, "mapkey").strip()] = value
    highest = max(points.values(), default=0.0)
    return [
        key
        for key, value in points.items()
        if (value == highest if is_single else value > 0) and highest > 0
    ]


def _text(element: Any) -> str:
    return element_text(element, _html_name, lambda one: "" if name_of(one) in _HIDDEN else None)


def _html_name(element: Any) -> str:
    name = name_of(element)
    return _BLOCK_NAMES.get(name, name)


def stimulus_text(element: Any) -> str:
    """Return the text of a stimulus that items refer to."""
    return _text(element)


def items_in(root: Any) -> Iterator[Any]:
    """Yield the items of a file: its first element, or those below it."""
    for element in root.iter():
        if name_of(element) == ITEM:
            yield element
