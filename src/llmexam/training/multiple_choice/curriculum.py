"""Difficulty of training questions, for a curriculum."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError
from llmexam.exam.question import Question
from llmexam.training.multiple_choice.settings import CurriculumSettings


def difficulties(
    questions: Sequence[Question], settings: CurriculumSettings, n_tokens: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the difficulty of each question, shape `[n_questions]`.

    Args:
        questions: The questions. Those without the field get the median of the others.
        settings: The field, or `n_tokens`.
        n_tokens: Tokens of each question, shape `[n_questions]`.

    Raises:
        ExamError: No question has the field, or one has a value that is not a finite number.
    """
    if settings.by == "n_tokens":
        return n_tokens.astype(np.float64)
    values = np.array([_value(question, settings.by) for question in questions])
    known = ~np.isnan(values)
    if not known.any():
        raise ExamError(
            f"no training question has metadata '{settings.by}'",
            field="settings.curriculum.by",
            hint="Name a metadata field with numbers, or n_tokens",
        )
    values[~known] = np.median(values[known])
    return values


def _value(question: Question, field: str) -> float:
    text = question.metadata.get(field)
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ExamError(
            f"question '{question.id}': expected a finite number, got '{text}'",
            field=field,
            hint="Correct the value, or choose another field",
        )
    return value
