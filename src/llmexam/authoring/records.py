"""Authored questions as rows of an exam file, and back.

What an exam question has no field for is stored as metadata: `quote`, `cluster`, `style`,
`generator`, `prompt_version`, `option_notes` (a JSON list) and `difficulty`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import cast, get_args

from llmexam.authoring.item import AuthoredItem, Style
from llmexam.errors import ExamError
from llmexam.exam.question import Question

_FIELDS = (
    "quote",
    "cluster",
    "style",
    "generator",
    "prompt_version",
    "option_notes",
    "difficulty",
)


def to_question(item: AuthoredItem) -> Question:
    """Return an item as a question, with its provenance as metadata."""
    metadata = {
        **item.question.metadata,
        "quote": item.quote,
        "cluster": item.cluster,
        "style": item.style,
        "generator": item.generator,
        "prompt_version": item.prompt_version,
        "option_notes": json.dumps(list(item.distractor_notes), ensure_ascii=False),
    }
    if item.difficulty is not None:
        metadata["difficulty"] = f"{item.difficulty:.3f}"
    return replace(item.question, metadata=metadata)


def to_item(question: Question) -> AuthoredItem:
    """Return the item that a question was written from.

    Fields that are missing stay empty, so questions of any exam can be checked.

    Raises:
        ExamError: A field has a value that no authored question has.
    """
    given = question.metadata
    style, known = given.get("style") or "statement", get_args(Style)
    if style not in known:
        raise ExamError(
            f"question '{question.id}': expected one of {', '.join(known)}, got '{style}'",
            field="style",
            hint="Correct the style, or remove the field",
        )
    return AuthoredItem(
        question=replace(
            question, metadata={key: text for key, text in given.items() if key not in _FIELDS}
        ),
        quote=given.get("quote", ""),
        cluster=given.get("cluster", ""),
        style=cast(Style, style),
        generator=given.get("generator", ""),
        prompt_version=given.get("prompt_version", ""),
        distractor_notes=_notes(question),
        difficulty=_difficulty(question),
    )


def _notes(question: Question) -> tuple[str, ...]:
    text = question.metadata.get("option_notes")
    if not text:
        return ("",) * len(question.options)
    try:
        notes = json.loads(text)
    except ValueError:
        notes = None
    if not _are_texts(notes) or len(notes) != len(question.options):
        raise ExamError(
            f"question '{question.id}': expected a JSON list with one note per option",
            field="option_notes",
            hint="Correct the list, or remove the field",
        )
    return tuple(notes)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(note, str) for note in value)


def _difficulty(question: Question) -> float | None:
    text = question.metadata.get("difficulty")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise ExamError(
            f"question '{question.id}': expected a difficulty from 0 to 1, got '{text}'",
            field="difficulty",
            hint="Correct it, or remove the field",
        )
    return value
