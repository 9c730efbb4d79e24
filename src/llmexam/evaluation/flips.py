"""Questions that one of two results answers right and the other wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmexam.evaluation.rankings import Rankings
from llmexam.evaluation.results import Flip
from llmexam.exam.exam import Exam
from llmexam.exam.letters import letter_of
from llmexam.exam.question import Passage


def find_flips(exam: Exam, a: Rankings, b: Rankings, k: int) -> tuple[Flip, ...]:
    """Return the questions whose first choice is right in one result only, in exam order.

    Args:
        exam: The questions, with answers.
        a: Rankings of the first result, shape `[n_questions, n_ranked]`, padded with -1.
        b: Those of the second.
        k: How many letters of each ranking to keep.
    """
    found = []
    for question, first, second in zip(exam, a.tolist(), b.tolist(), strict=True):
        is_right_a, is_right_b = (
            bool(ranked) and ranked[0] in question.right_options for ranked in (first, second)
        )
        if is_right_a == is_right_b:
            continue
        evidence = _texts(question.passages)
        found.append(
            Flip(
                id=question.id,
                prompt=question.prompt,
                options=question.options,
                answer=question.right_letters.replace(",", ""),
                right="a" if is_right_a else "b",
                ranking_a=_letters(first[:k]),
                ranking_b=_letters(second[:k]),
                evidence_a=evidence,
                evidence_b=evidence,
            )
        )
    return tuple(found)


def with_evidence(
    flips: Sequence[Flip],
    a: Mapping[str, Sequence[Passage]] | None,
    b: Mapping[str, Sequence[Passage]] | None,
) -> tuple[Flip, ...]:
    """Return flips with the passages that each result was given.

    Args:
        flips: The flips, with the passages of the exam.
        a: Passages of the first result by question; None for those of the exam.
        b: Those of the second.
    """
    found = []
    for flip in flips:
        given = {
            name: _texts(passages.get(flip.id, ()))
            for name, passages in (("evidence_a", a), ("evidence_b", b))
            if passages is not None
        }
        found.append(flip.model_copy(update=given))
    return tuple(found)


def _letters(ranking: Sequence[int]) -> str:
    return " ".join(letter_of(place) for place in ranking if place >= 0)


def _texts(passages: Sequence[Passage]) -> tuple[str, ...]:
    return tuple(f"{one.title}: {one.text}" if one.title else one.text for one in passages)
