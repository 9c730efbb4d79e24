"""JSON Lines with labelled choices: ARC and CommonsenseQA, in published and mirrored form.

Published: `{"id", "question": {"stem", "choices": [{"label", "text"}]}, "answerKey"}`. Mirrored on
dataset hubs: `{"id", "question", "choices": {"label": [...], "text": [...]}, "answerKey"}`. Labels
are A-E or 1-4; options keep the order of the file, and `answerKey` names a label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.parsers.fields import checked_text, id_of, list_of, metadata_of, text_of, texts_of
from llmexam.exam.parsers.source import JsonLine, SourceFile
from llmexam.exam.question import Question

_KNOWN = frozenset({"id", "question", "choices", "answerKey"})


def looks_like(source: SourceFile) -> bool:
    """Return whether the first line has a question with labelled choices and no concept."""
    return _has_choices(source.first_json) and not _has_concept(source.first_json)


def looks_like_commonsenseqa(source: SourceFile) -> bool:
    """Return whether the first line has a question with labelled choices and a concept."""
    return _has_choices(source.first_json) and _has_concept(source.first_json)


def records(source: SourceFile) -> Iterator[JsonLine]:
    """Return the lines."""
    return source.json_lines()


def to_question(line: JsonLine, row: int) -> Question:
    """Return the question on one line; without an answer if `answerKey` is missing or blank.

    Raises:
        ExamError: The line is not a valid question.
    """
    record = line.as_dict()
    question = record.get("question")
    if isinstance(question, Mapping):
        prompt = text_of(question, "stem")
        choices = list_of(question, "choices")
        labels = tuple(_part(choice, "label", i) for i, choice in enumerate(choices))
        options = tuple(_part(choice, "text", i) for i, choice in enumerate(choices))
        metadata = metadata_of(question, {"stem", "choices"})
    else:
        prompt = text_of(record, "question")
        columns = record.get("choices")
        if not isinstance(columns, Mapping):
            raise ExamError("expected an object with 'label' and 'text'", field="choices")
        labels, options = texts_of(columns, "label"), texts_of(columns, "text")
        metadata = {}
    if len(set(labels)) != len(options) or len(labels) != len(options):
        raise ExamError(
            f"expected distinct labels for {len(options)} options, got {', '.join(labels)}",
            field="choices",
            hint="Give every option a unique label",
        )
    return Question(
        id=id_of(record, row),
        prompt=prompt,
        options=options,
        answer=_answer(record, labels),
        metadata={**metadata_of(record, _KNOWN), **metadata},
    )


def _answer(record: Mapping[str, Any], labels: tuple[str, ...]) -> int | None:
    key = record.get("answerKey")
    if key is None or key == "":
        return None
    label = str(key).strip()
    if label not in labels:
        raise ExamError(
            f"expected as answer one of the labels {', '.join(labels)}, got '{label}'",
            field="answerKey",
        )
    return labels.index(label)


def _part(choice: Any, name: str, place: int) -> str:
    if not isinstance(choice, Mapping) or name not in choice:
        raise ExamError(f"choice {place + 1} has no '{name}'", field="choices")
    value = choice[name]
    return str(value) if isinstance(value, int) else checked_text(value, f"choices[{place}].{name}")


def _has_choices(record: Mapping[str, Any]) -> bool:
    question = record.get("question")
    if isinstance(question, Mapping):
        return "choices" in question
    return question is not None and isinstance(record.get("choices"), Mapping)


def _has_concept(record: Mapping[str, Any]) -> bool:
    question = record.get("question")
    return "question_concept" in record or (
        isinstance(question, Mapping) and "question_concept" in question
    )
