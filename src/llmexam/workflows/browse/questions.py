"""Filter and search the questions of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import SettingsError, nearest
from llmexam.exam.letters import letter_of
from llmexam.workflows.browse.choice_run import ChoiceRun

VERDICTS = ("wrong", "right", "unsure", "truncated", "leaked")
"""Marks of questions that can be filtered by."""
SORTS = ("exam", "rank", "margin", "lead")
"""Orders: of the exam; worst rank of the right option; worst margin; least certain first."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Filter:
    """Which questions are wanted; empty values want all.

    Attributes:
        text: Words that id, question or options contain, in any case; "in quotes" as a whole.
        passages: Whether the words may also be in the passages.
        marks: Some of `VERDICTS`; all of them must hold.
        by: A property of `ChoiceRun.slices`.
        value: Its value.
        right: Letter of a right option.
        chosen: Letter of the first choice.
        shortest: Least number of characters of the question text.
        longest: Largest number of them; 0 for no bound.
        sort: One of `SORTS`.
    """

    text: str = ""
    passages: bool = False
    marks: tuple[str, ...] = ()
    by: str = ""
    value: str = ""
    right: str = ""
    chosen: str = ""
    shortest: int = 0
    longest: int = 0
    sort: str = "exam"

    def __post_init__(self) -> None:
        for one in self.marks:
            if one not in VERDICTS:
                raise SettingsError(f"unknown mark '{one}'", hint=nearest(one, VERDICTS))
        if self.sort not in SORTS:
            raise SettingsError(f"unknown order '{self.sort}'", hint=nearest(self.sort, SORTS))


def find_questions(run: ChoiceRun, wanted: Filter) -> list[int]:
    """Return the rows of the questions that fit, counted from 0.

    Args:
        run: The run.
        wanted: Which questions.

    Raises:
        SettingsError: The run has no such property.
    """
    fits = np.ones(len(run.content.exam), dtype=bool)
    for name in wanted.marks:
        fits &= mark(run, name)
    if wanted.by:
        fits &= _slice(run, wanted.by, wanted.value)
    if wanted.right:
        fits &= np.array([wanted.right in q.right_letters.split(", ") for q in run.content.exam])
    if wanted.chosen:
        fits &= _chosen(run) == ord(wanted.chosen[0]) - ord("A")
    if wanted.shortest or wanted.longest:
        lengths = np.array([len(question.prompt) for question in run.content.exam])
        fits &= (lengths >= wanted.shortest) & (lengths <= (wanted.longest or np.inf))
    rows = np.flatnonzero(fits)
    words = words_of(wanted.text)
    if words:
        rows = np.array(_having(run, rows.tolist(), words, wanted.passages), dtype=np.int64)
    return _sorted(run, rows, wanted.sort)


def mark(run: ChoiceRun, name: str) -> Mask:
    """Return which questions have a mark of `VERDICTS`, shape `[n_questions]`."""
    ranks = run.grades.answer_rank
    masks: Mapping[str, Mask] = {
        "wrong": ranks > 1,
        "right": ranks == 1,
        "unsure": run.grades.uncertain,
        "truncated": run.truncated,
        "leaked": run.leaked,
    }
    return masks[name]


def count_marks(run: ChoiceRun) -> dict[str, int]:
    """Return the number of questions with each mark that any question has."""
    counts = {name: int(mark(run, name).sum()) for name in VERDICTS}
    return {name: n for name, n in counts.items() if n}


def right_letters(run: ChoiceRun) -> list[str]:
    """Return the letters of the options that questions have."""
    width = max((len(question.options) for question in run.content.exam), default=0)
    return [letter_of(i) for i in range(width)]


def words_of(text: str) -> list[str]:
    """Return the words of a search in lower case; what is in quotes is one.

    >>> words_of('Milk "salt solution"')
    ['salt solution', 'milk']
    """
    parts = text.casefold().split('"')
    quoted = [one.strip() for one in parts[1::2] if one.strip()]
    return quoted + [word for one in parts[::2] for word in one.split()]


def neighbours(rows: list[int], row: int) -> tuple[int | None, int | None]:
    """Return the rows before and after one in a list; of one that is not in it, the first.

    >>> neighbours([4, 2, 7], 2), neighbours([4, 2], 9)
    ((4, 7), (None, 4))
    """
    if row not in rows:
        return None, (rows[0] if rows else None)
    place = rows.index(row)
    return (
        rows[place - 1] if place else None,
        rows[place + 1] if place + 1 < len(rows) else None,
    )


def _slice(run: ChoiceRun, by: str, value: str) -> Mask:
    if by not in run.slices:
        raise SettingsError(f"no question has '{by}'", hint=nearest(by, run.slices))
    return np.array([one == value for one in run.slices[by]], dtype=bool)


def _chosen(run: ChoiceRun) -> NDArray[np.int64]:
    ranking = run.grades.ranking
    return ranking[:, 0] if ranking.size else np.zeros(0, dtype=np.int64)


def _having(run: ChoiceRun, rows: Iterable[int], words: list[str], passages: bool) -> list[int]:
    texts = run.texts
    if not passages:
        return [row for row in rows if all(word in texts[row] for word in words)]
    wanted = set(rows)
    return [
        row
        for row, more in enumerate(run.passage_texts())
        if row in wanted and all(word in texts[row] or word in more for word in words)
    ]


def _sorted(run: ChoiceRun, rows: NDArray[np.int64], sort: str) -> list[int]:
    grades = run.grades
    keys: Mapping[str, NDArray[np.float64]] = {
        "rank": -grades.answer_rank.astype(np.float64),
        "margin": grades.answer_margin,
        "lead": grades.lead,
    }
    if sort in keys:
        rows = rows[np.argsort(keys[sort][rows], kind="stable")]
    return [int(row) for row in rows]
