"""Questions as JSON lines, field by field, for other processes: nothing is lost or repaired."""

from __future__ import annotations

import json
from collections.abc import Sequence

from llmexam.exam.question import Passage, Question


def pack_questions(questions: Sequence[Question]) -> bytes:
    """Return questions with their evidence as bytes.

    >>> question = Question("q", "Why?", ("yes", "no"), 0, (Passage("text", score=0.1),))
    >>> unpack_questions(pack_questions([question])) == [question]
    True
    """
    # ASCII only, because a damaged file may have given lone surrogates.
    return b"".join(
        json.dumps(_as_list(question), separators=(",", ":")).encode("ascii") + b"\n"
        for question in questions
    )


def unpack_questions(content: bytes) -> list[Question]:
    """Return the questions that `pack_questions` packed."""
    return [_from_list(*json.loads(line)) for line in content.splitlines()]


def _as_list(question: Question) -> list[object]:
    return [
        question.id,
        question.prompt,
        question.options,
        question.answer,
        [[one.text, one.title, one.id, one.score] for one in question.passages],
        dict(question.metadata),
        question.right,
    ]


def _from_list(
    id: str,
    prompt: str,
    options: list[str],
    answer: int | None,
    passages: list[list[object]],
    metadata: dict[str, str],
    right: list[int],
) -> Question:
    found = tuple(Passage(*one) for one in passages)  # type: ignore[arg-type]
    return Question(id, prompt, tuple(options), answer, found, metadata, tuple(right))
