"""Report section of prompt recovery: the rows, with what changed and what was recovered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from re import findall

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import plural
from llmexam.recovery.metrics.share_removed import GAMED_LOSS
from llmexam.recovery.recoverer import Recovery
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.recovery.wording import Cleaned, clean_prompt
from llmexam.report.content import Result
from llmexam.report.formats import fixed, percent
from llmexam.report.sections.section import MOST_IN_FULL, SHOWN_OF_LONG, ReportData, Section
from llmexam.tasks.prompt_recovery.results import RecoveryResult, RowGrades
from llmexam.tasks.prompt_recovery.sections import template

Floats = NDArray[np.float64]

# Longer texts are shown as they are: comparing them word by word takes too long.
_MOST_WORDS = 1200
_N_CANDIDATES = 5
_HIGH = 0.5

Segments = tuple[tuple[str, bool], ...]
"""Parts of a text, and whether the other text lacks them."""


@dataclass(frozen=True, slots=True)
class FacetPair:
    """A facet of the true and of the recovered prompt; blank where the bank knows none."""

    facet: str
    truth: str
    found: str


@dataclass(frozen=True, slots=True)
class OtherAnswer:
    """What another recoverer answered, and its score."""

    name: str
    prompt: str
    score: str


@dataclass(frozen=True, slots=True)
class RewriteView:
    """One row: both texts, the prompt that was recovered, the true one, and how it was graded.

    `gamed` says how much a prompt owes to meaningless tokens; it is empty if that is little.
    """

    row: int
    id: str
    original: Segments
    rewritten: Segments
    predicted: str
    truth: str | None
    score: str
    verdict: str
    gamed: str
    removed: tuple[str, ...]
    share_removed: str
    metrics: tuple[tuple[str, str], ...]
    facets: tuple[FacetPair, ...]
    confidence: str
    candidates: tuple[tuple[str, str], ...]
    others: tuple[OtherAnswer, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """A button that shows some of the rows."""

    name: str
    label: str
    n: int


@dataclass(frozen=True, slots=True)
class RewritesView:
    """The rows that are shown; `note` says which these are, `gaming` what was found gamed."""

    rows: tuple[RewriteView, ...]
    note: str
    gaming: str
    filters: tuple[Filter, ...]


def rewrites_view(data: ReportData) -> RewritesView | None:
    """Return the rows with what changed and what was recovered."""
    exam, final = data.content.exam, data.content.final
    if not isinstance(exam, RewriteExam) or not isinstance(final, RecoveryResult):
        return None
    others = [one for one in data.content.solvers if one.name != final.name]
    cleaned = [
        clean_prompt(text, context=f"{row.original} {row.rewritten}")
        for text, row in zip(final.texts, exam, strict=True)
    ]
    shown = _shown(len(exam), final.scores)
    rows = tuple(_row(number, exam[number], final, cleaned[number], others) for number in shown)
    verdicts = Counter(row.verdict for row in rows)
    labels = {"right": f"{_HIGH} and more", "wrong": f"below {_HIGH}", "gamed": "Gamed"}
    filters = [
        Filter(name, label, verdicts[name]) for name, label in labels.items() if verdicts[name]
    ]
    return RewritesView(
        rows,
        _note(len(shown), len(exam), is_graded=final.scores is not None),
        _gaming(cleaned, final.rows),
        (Filter("all", "All", len(rows)), *filters) if len(filters) > 1 else (),
    )


def rewrite_view(
    number: int, row: Rewrite, final: RecoveryResult, others: Sequence[Result]
) -> RewriteView:
    """Return what is shown of one row.

    Args:
        number: Its number, from 0.
        row: The row.
        final: The final result.
        others: Results of other recoverers.
    """
    context = f"{row.original} {row.rewritten}"
    return _row(number, row, final, clean_prompt(final.texts[number], context=context), others)


def compared(a: str, b: str) -> tuple[Segments, Segments]:
    """Return both texts in parts, and whether the words of a part are only in this text.

    >>> compared("the red cat", "the blue cat")[1]
    (('the ', False), ('blue ', True), ('cat', False))
    """
    first, second = findall(r"\S+\s*|\s+", a), findall(r"\S+\s*|\s+", b)
    if max(len(first), len(second)) > _MOST_WORDS:
        return ((a, False),), ((b, False),)
    matcher = SequenceMatcher(
        None, [word.strip() for word in first], [word.strip() for word in second], autojunk=False
    )
    before: list[tuple[str, bool]] = []
    after: list[tuple[str, bool]] = []
    for kind, i, j, k, m in matcher.get_opcodes():
        if i < j:
            before.append(("".join(first[i:j]), kind != "equal"))
        if k < m:
            after.append(("".join(second[k:m]), kind != "equal"))
    return tuple(before), tuple(after)


def _row(
    number: int, row: Rewrite, final: RecoveryResult, cleaned: Cleaned, others: Sequence[Result]
) -> RewriteView:
    grades = final.rows
    recovery = final.recoveries[number] if final.recoveries else None
    before, after = compared(row.original, row.rewritten)
    score = float("nan") if grades is None else float(grades.scores[number])
    is_gamed = grades is not None and bool(grades.is_gamed[number])
    return RewriteView(
        row=number + 1,
        id=row.id,
        original=before,
        rewritten=after,
        predicted=final.texts[number],
        truth=row.prompt,
        score="" if grades is None else fixed(score),
        verdict="gamed" if is_gamed else _verdict(row, score),
        gamed=f"loses {grades.loss[number]:.2f} when cleaned" if grades and is_gamed else "",
        removed=cleaned.removed,
        share_removed=percent(cleaned.share),
        metrics=()
        if grades is None
        else tuple((label, fixed(float(own[number]))) for label, own in grades.metrics.items()),
        facets=() if grades is None else _facets(grades, number),
        confidence=""
        if recovery is None or np.isnan(recovery.confidence)
        else fixed(recovery.confidence, 3),
        candidates=_candidates(recovery),
        others=tuple(_other(one, number) for one in others),
    )


def _facets(grades: RowGrades, number: int) -> tuple[FacetPair, ...]:
    pairs = ((facet, *own[number]) for facet, own in grades.facets.items())
    return tuple(FacetPair(facet, truth, found) for facet, truth, found in pairs if truth or found)


def _other(result: Result, number: int) -> OtherAnswer:
    texts: Sequence[str] = getattr(result, "texts", ())
    scores: Floats | None = getattr(result, "scores", None)
    score = "" if scores is None else fixed(float(scores[number]))
    return OtherAnswer(result.name, texts[number], score)


def _note(n_shown: int, n_all: int, *, is_graded: bool) -> str:
    if n_shown == n_all:
        return f"All {n_all:,} rows."
    if is_graded:
        return f"{n_shown:,} of {n_all:,} rows: the best, the worst, and some between."
    return f"The first {n_shown:,} of {n_all:,} rows."


def _gaming(cleaned: Sequence[Cleaned], grades: RowGrades | None) -> str:
    """Return how many prompts have meaningless tokens, and how many owe their score to them.

    Empty if none has any.
    """
    n_noisy = sum(bool(one.removed) for one in cleaned)
    if not n_noisy:
        return ""
    told = f"{plural(n_noisy, 'prompt')} with meaningless tokens"
    if grades is None:
        return f"{told}."
    return (
        f"{told}; {int(grades.is_gamed.sum()):,} of them gamed: without these tokens the score "
        f"falls by {GAMED_LOSS} or more."
    )


def _shown(n: int, scores: Floats | None) -> list[int]:
    if n <= MOST_IN_FULL:
        return list(range(n))
    if scores is None:
        return list(range(SHOWN_OF_LONG))
    order = np.argsort(-scores, kind="stable")
    third = SHOWN_OF_LONG // 3
    between = order[np.linspace(third, n - third - 1, SHOWN_OF_LONG - 2 * third).astype(int)]
    return sorted({int(i) for i in (*order[:third], *between, *order[-third:])})


def _verdict(row: Rewrite, score: float) -> str:
    if row.prompt is None or np.isnan(score):
        return "unknown"
    return "right" if score >= _HIGH else "wrong"


def _candidates(recovery: Recovery | None) -> tuple[tuple[str, str], ...]:
    if recovery is None:
        return ()
    return tuple((one.text, f"{one.score:.3f}") for one in recovery.candidates[:_N_CANDIDATES])


REWRITES = Section("rewrites", "Rows", rewrites_view, template=template("rewrites.html"))
