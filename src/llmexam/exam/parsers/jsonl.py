"""The native format, which stores all fields of a question: JSON Lines, one question per line.

`{"id", "prompt", "options": [...], "answer": letter | index | list | null,
"passages": [{"text", "title", "id", "score"}], "metadata": {...}}`. Only `prompt` and `options`
are required; a list of letters or indices as answer names all right options; a passage may be a
plain text; a `context` text is split into passages; other keys become metadata.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.context import split_context
from llmexam.exam.parsers.fields import (
    answer_indices,
    checked_text,
    id_of,
    list_of,
    metadata_of,
    text_of,
    texts_of,
)
from llmexam.exam.parsers.source import JsonLine, SourceFile
from llmexam.exam.question import Passage, Question, split_right

_KNOWN = frozenset({"id", "prompt", "options", "answer", "passages", "context", "metadata"})


def looks_like(source: SourceFile) -> bool:
    """Return whether the first line is an object with a prompt or options."""
    return source.text.lstrip()[:1] == "{" and bool(
        {"prompt", "options"} & source.first_json.keys()
    )


def records(source: SourceFile) -> Iterator[JsonLine]:
    """Return the lines."""
    return source.json_lines()


def to_question(line: JsonLine, row: int) -> Question:
    """Return the question on one line.

    Raises:
        ExamError: The line is not a valid question.
    """
    record = line.as_dict()
    options = texts_of(record, "options")
    given = list_of(record, "passages") if record.get("passages") is not None else ()
    passages = tuple(_passage(value, i) for i, value in enumerate(given))
    if record.get("context") is not None:
        context = split_context(text_of(record, "context"))
        if passages and context:
            raise ExamError(
                "'context' and 'passages' are both set, but only one of them can be the evidence",
                field="context",
                hint="Remove 'passages' or 'context'",
            )
        passages = passages or context
    metadata = record.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise ExamError("expected an object", field="metadata", hint="Write it as {...}")
    answer, right = split_right(answer_indices(record.get("answer"), len(options)))
    return Question(
        id=id_of(record, row),
        prompt=text_of(record, "prompt"),
        options=options,
        answer=answer,
        passages=passages,
        metadata={**metadata_of(record, _KNOWN), **metadata_of(metadata, ())},
        right=right,
    )


def _passage(value: Any, place: int) -> Passage:
    name = f"passages[{place}]"
    if isinstance(value, str):
        return Passage(text=checked_text(value, name))
    if not isinstance(value, dict) or "text" not in value:
        raise ExamError(
            "expected text or an object with 'text'",
            field=name,
            hint='Write {"text": "..."}',
        )
    score = value.get("score")
    is_number = isinstance(score, int | float) and not isinstance(score, bool)
    if score is not None and not (is_number and math.isfinite(score)):
        raise ExamError(
            "expected a finite number as score", field=name, hint="Correct it, or leave it out"
        )
    return Passage(
        text=checked_text(value["text"], f"{name}.text"),
        title=checked_text(value.get("title") or "", f"{name}.title"),
        id=id_of(value, 0) if value.get("id") not in (None, "") else "",
        score=None if score is None else float(score),
    )
