"""Mining of hard negatives: options of other questions that are most similar to the right one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.exam.exam import Exam
from llmexam.exam.letters import MAX_OPTIONS
from llmexam.exam.normalise import normalise, words_of
from llmexam.lm.encoding.embedding import load_embedder
from llmexam.settings.base import Settings

Encode = Callable[[Sequence[str]], NDArray[np.float32]]

_QUESTIONS_AT_ONCE = 256
# Candidates per requested negative, because some have the same prompt and are skipped.
_SPARE = 20


class HardNegativeSettings(Settings):
    """Settings of hard-negative mining."""

    n: int = Field(2, ge=1, le=20, description="number of hard negatives per question")
    by: Literal["words", "meaning"] = Field(
        "words",
        description="similarity. words: rare words in common; meaning: cosine similarity of the "
        "bi-encoder",
    )


def hard_negatives(
    exam: Exam, settings: HardNegativeSettings | None, *, encode: Encode | None = None
) -> list[list[str]]:
    """Return hard negatives for each question, most similar first, possibly fewer than requested.

    They come from questions with another prompt, because options of the same prompt may be right
    too. Duplicates of each other and of the question's options are left out, compared without
    case and punctuation.

    Args:
        exam: The training questions; those without an answer get none.
        settings: Number and similarity measure; None gives none.
        encode: Maps texts to unit vectors, for `by: meaning`; None for the bundled bi-encoder.
    """
    if settings is None:
        return [[] for _ in exam]
    texts: dict[str, str] = {}
    of_prompt: defaultdict[str, set[str]] = defaultdict(set)
    for question in exam:
        keys = [normalise(option) for option in question.options]
        of_prompt[normalise(question.prompt)].update(keys)
        for key, option in zip(keys, question.options, strict=True):
            if key:
                texts.setdefault(key, option)
    known = list(texts.items())
    rows = [option for _, option in known]
    right = ["" if q.answer is None else q.options[q.answer] for q in exam]
    n_near = settings.n * _SPARE
    if not rows:
        orders: Iterator[NDArray[np.int64]] = iter([np.zeros(0, np.int64)] * len(right))
    elif settings.by == "words":
        orders = _by_words(right, rows, n_near)
    else:
        orders = _by_meaning(right, rows, n_near, encode)
    found = []
    for question, order in zip(exam, orders, strict=True):
        own = of_prompt[normalise(question.prompt)]
        room = min(settings.n, MAX_OPTIONS - len(question.options))
        fitting = [rows[i] for i in order if known[i][0] not in own]
        found.append(fitting[: room if question.answer is not None else 0])
    return found


def _by_words(wanted: list[str], texts: list[str], n: int) -> Iterator[NDArray[np.int64]]:
    from sklearn.feature_extraction.text import (  # type: ignore[import-untyped]
        TfidfVectorizer,
    )

    vectorizer = TfidfVectorizer(analyzer=words_of)
    try:
        known = vectorizer.fit_transform(texts).T.tocsc()
    except ValueError:  # no text has a word
        yield from (np.zeros(0, dtype=np.int64) for _ in wanted)
        return
    for start in range(0, len(wanted), _QUESTIONS_AT_ONCE):
        part = vectorizer.transform(wanted[start : start + _QUESTIONS_AT_ONCE])
        yield from _nearest((part @ known).toarray(), n)


def _by_meaning(
    wanted: list[str], texts: list[str], n: int, encode: Encode | None
) -> Iterator[NDArray[np.int64]]:
    if encode is None:
        encode = load_embedder().encode
    known, asked = encode(texts).T, encode(wanted)
    for start in range(0, len(wanted), _QUESTIONS_AT_ONCE):
        yield from _nearest(asked[start : start + _QUESTIONS_AT_ONCE] @ known, n)


def _nearest(nearness: NDArray[Any], n: int) -> Iterator[NDArray[np.int64]]:
    """Yield the indices of the n highest positive values of each row, best first."""
    for row in nearness:
        some = np.argpartition(-row, n - 1)[:n] if n < len(row) else np.arange(len(row))
        order = some[np.lexsort((some, -row[some]))]
        yield order[row[order] > 0]
